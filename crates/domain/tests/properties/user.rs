use std::collections::BTreeSet;

use daybook_domain::Email;
use daybook_domain::user::{Role, User, UserCommand, UserEvent};
use proptest::collection::btree_set;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::journey::explore;

#[test]
fn a_user_comes_once_and_always_has_a_name_and_a_role() {
    explore(
        command(),
        User::decide,
        &[
            "user-not-found",
            "user-already-exists",
            "account-deactivated",
            "no-email",
            "invalid-field",
        ],
        |user, stream| {
            let came = |event: &UserEvent| {
                matches!(
                    event,
                    UserEvent::Registered { .. } | UserEvent::Imported { .. }
                )
            };
            let erased = stream
                .iter()
                .any(|event| matches!(event, UserEvent::Erased {}));
            assert_eq!(user.registered, !stream.is_empty());
            assert_eq!(
                stream.iter().filter(|event| came(event)).count(),
                usize::from(user.registered)
            );
            assert_eq!(user.exists(), user.registered && !erased);
            assert_eq!(user.roles.is_empty(), !user.exists());
            // A deactivated account stays as it was.
            let last_is_deactivation = matches!(stream.last(), Some(UserEvent::Deactivated {}));
            assert_eq!(user.deactivated, last_is_deactivation);
            let verifications = stream
                .iter()
                .filter(|event| matches!(event, UserEvent::EmailVerified {}))
                .count();
            assert!(verifications <= 1);
            assert_eq!(user.email_verified, verifications == 1 && !erased);
            assert!(!user.email_verified || user.email.known().is_some());
            if erased {
                assert_eq!(stream.last(), Some(&UserEvent::Erased {}));
                assert!(user.email.known().is_none());
            }
            for name in [&user.first_name, &user.last_name] {
                // Imported customers begin without a name.
                let Some(name) = name.known() else {
                    assert!(user.external_id.is_some() || !user.exists());
                    continue;
                };
                assert!(!erased);
                assert!((1..=User::NAME_MAX_CHARS).contains(&name.chars().count()));
                assert_eq!(name.trim(), name);
            }
        },
    );
}

fn command() -> impl Strategy<Value = UserCommand> {
    prop_oneof![
        1 => (email(), name(), name(), roles()).prop_map(
            |(email, first_name, last_name, roles)| UserCommand::Register {
                email,
                first_name,
                last_name,
                roles,
            }
        ),
        1 => "[0-9]{0,3}".prop_map(|external_id| UserCommand::Import {
            source: "old shop".to_owned(),
            external_id,
        }),
        2 => (option::of(name()), option::of(name()))
            .prop_map(|(first_name, last_name)| UserCommand::Rename { first_name, last_name }),
        2 => roles().prop_map(|roles| UserCommand::ChangeRoles { roles }),
        1 => Just(UserCommand::Deactivate),
        2 => Just(UserCommand::Reactivate),
        1 => Just(UserCommand::VerifyEmail),
        1 => Just(UserCommand::Erase),
    ]
}

fn email() -> impl Strategy<Value = Email> {
    "[A-Za-z]{1,8}@[a-z]{1,8}\\.example".prop_map(|email| email.parse().unwrap())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[A-Z][a-z ]{0,2}", 1 => "\\PC{0,110}", 1 => "[ \\x00]{0,2}"]
}

fn roles() -> impl Strategy<Value = BTreeSet<Role>> {
    btree_set(select(vec![Role::User, Role::Admin]), 0..=2)
}
