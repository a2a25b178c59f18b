use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use super::{Category, CategoryCommand, CategoryEvent, CategoryName, CategoryRejection};

fn given(events: Vec<CategoryEvent>) -> AggregateTestExecutor<Category> {
    TestFramework::with(()).given(events)
}

fn create(name: &str, description: &str) -> CategoryCommand {
    CategoryCommand::Create {
        name: name.to_owned(),
        description: description.to_owned(),
    }
}

fn change(name: Option<&str>, description: Option<&str>) -> CategoryCommand {
    CategoryCommand::Change {
        name: name.map(str::to_owned),
        description: description.map(str::to_owned),
    }
}

fn name(name: &str) -> CategoryName {
    name.parse().unwrap()
}

fn created() -> CategoryEvent {
    CategoryEvent::Created {
        name: name("Garden"),
        description: "Tools".to_owned(),
    }
}

fn changed(new_name: &str, description: &str) -> CategoryEvent {
    CategoryEvent::Changed {
        name: name(new_name),
        description: description.to_owned(),
    }
}

fn assert_refuses(events: Vec<CategoryEvent>, command: CategoryCommand, field: &str, code: &str) {
    match given(events).when(command).inspect_result().unwrap_err() {
        CategoryRejection::InvalidField(wrong) => {
            assert_eq!((wrong.field.as_ref(), wrong.code), (field, code));
        }
        other => panic!("expected {field} to be {code}, got: {other}"),
    }
}

#[test]
fn creates_and_trims_the_name() {
    given(vec![])
        .when(create(" Garden ", "Tools"))
        .then_expect_events(vec![created()]);
}

#[test]
fn creates_once_even_after_deletion() {
    given(vec![created()])
        .when(create("Garden", ""))
        .then_expect_error(CategoryRejection::AlreadyExists);
    given(vec![created(), CategoryEvent::Deleted])
        .when(create("Garden", ""))
        .then_expect_error(CategoryRejection::AlreadyExists);
}

#[test]
fn a_name_has_1_to_100_characters_of_one_line() {
    let longest = "ü".repeat(100);
    given(vec![created()])
        .when(change(Some(&longest), None))
        .then_expect_events(vec![changed(&longest, "Tools")]);

    assert_refuses(vec![], create(&"ü".repeat(101), ""), "/name", "too-long");
    assert_refuses(vec![], create(" ", ""), "/name", "required");
    assert_refuses(
        vec![created()],
        change(Some("a\nb"), None),
        "/name",
        "control-character",
    );
}

#[test]
fn a_description_has_2000_characters_at_most_and_may_have_lines() {
    let longest = format!("a\n\tb{}", "x".repeat(1996));
    given(vec![created()])
        .when(change(None, Some(&longest)))
        .then_expect_events(vec![changed("Garden", &longest)]);

    assert_refuses(
        vec![],
        create("Garden", &"x".repeat(2001)),
        "/description",
        "too-long",
    );
    let command = change(None, Some("a\0b"));
    assert_refuses(
        vec![created()],
        command,
        "/description",
        "control-character",
    );
}

#[test]
fn changing_nothing_is_nothing() {
    given(vec![created()])
        .when(change(None, None))
        .then_expect_events(vec![]);
    given(vec![created()])
        .when(change(Some(" Garden"), Some("Tools")))
        .then_expect_events(vec![]);
}

#[test]
fn deletes() {
    given(vec![created()])
        .when(CategoryCommand::Delete)
        .then_expect_events(vec![CategoryEvent::Deleted]);
}

#[test]
fn changes_and_deletes_only_what_is_there() {
    for events in [vec![], vec![created(), CategoryEvent::Deleted]] {
        given(events.clone())
            .when(change(Some("House"), None))
            .then_expect_error(CategoryRejection::NotFound);
        given(events)
            .when(CategoryCommand::Delete)
            .then_expect_error(CategoryRejection::NotFound);
    }
}

#[test]
fn names_that_people_take_for_the_same_claim_the_same() {
    assert_eq!(name("Garden  Tools").claim_key(), "garden tools");
    assert_eq!(name("GARDEN\u{a0}TOOLS").claim_key(), "garden tools");
    assert_ne!(
        name("Gardentools").claim_key(),
        name("Garden tools").claim_key()
    );
}

#[test]
fn the_state_is_what_happened() {
    let mut category = Category::default();
    assert!(!category.exists());
    category.evolve(&created());
    assert!(category.exists());
    category.evolve(&changed("House", "Home"));
    category.evolve(&CategoryEvent::Deleted);
    assert!(!category.exists());
    let expected = Category {
        created: true,
        deleted: true,
        name: name("House"),
        description: "Home".to_owned(),
    };
    assert_eq!(category, expected);
}
