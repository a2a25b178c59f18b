use daybook_domain::category::{Category, CategoryCommand, CategoryEvent};
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};

use super::journey::explore;

#[test]
fn a_category_is_created_once_and_changes_until_it_is_deleted() {
    explore(
        command(),
        Category::decide,
        &[
            "category-not-found",
            "category-already-exists",
            "invalid-field",
        ],
        |category, stream| {
            let created = |event: &CategoryEvent| matches!(event, CategoryEvent::Created { .. });
            assert_eq!(
                stream.iter().position(created),
                (!stream.is_empty()).then_some(0)
            );
            assert!(!stream.iter().skip(1).any(created));
            let deleted = stream
                .iter()
                .position(|event| *event == CategoryEvent::Deleted);
            assert!(deleted.is_none_or(|index| index + 1 == stream.len()));
            assert_eq!(category.exists(), !stream.is_empty() && deleted.is_none());
        },
    );
}

fn command() -> impl Strategy<Value = CategoryCommand> {
    prop_oneof![
        3 => (name(), description())
            .prop_map(|(name, description)| CategoryCommand::Create { name, description }),
        6 => (option::of(name()), option::of(description()))
            .prop_map(|(name, description)| CategoryCommand::Change { name, description }),
        1 => Just(CategoryCommand::Delete),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![10 => "[A-Za-z ]{1,3}", 1 => Just("\0".to_owned())]
}

fn description() -> impl Strategy<Value = String> {
    "[a-z\n]{0,2}"
}
