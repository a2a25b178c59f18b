use std::collections::BTreeSet;

use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use super::{Role, User, UserCommand, UserEvent, UserRejection};
use crate::email::Email;
use crate::personal::Personal;

fn given(events: Vec<UserEvent>) -> AggregateTestExecutor<User> {
    TestFramework::with(()).given(events)
}

fn email() -> Email {
    "Ann@example.com".parse().unwrap()
}

fn roles(roles: &[Role]) -> BTreeSet<Role> {
    roles.iter().copied().collect()
}

fn register(first_name: &str, last_name: &str, roles: BTreeSet<Role>) -> UserCommand {
    UserCommand::Register {
        email: email(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        roles,
    }
}

fn rename(first_name: Option<&str>, last_name: Option<&str>) -> UserCommand {
    UserCommand::Rename {
        first_name: first_name.map(str::to_owned),
        last_name: last_name.map(str::to_owned),
    }
}

fn registered() -> UserEvent {
    UserEvent::Registered {
        email: email().into(),
        first_name: "Ann".to_owned().into(),
        last_name: "Lee".to_owned().into(),
        roles: roles(&[Role::User]),
    }
}

fn renamed(first_name: &str, last_name: &str) -> UserEvent {
    UserEvent::Renamed {
        first_name: first_name.to_owned().into(),
        last_name: last_name.to_owned().into(),
    }
}

fn assert_refuses(events: Vec<UserEvent>, command: UserCommand, field: &str, code: &str) {
    match given(events).when(command).inspect_result().unwrap_err() {
        UserRejection::InvalidField(wrong) => {
            assert_eq!((wrong.field.as_ref(), wrong.code), (field, code));
        }
        other => panic!("expected {field} to be {code}, got: {other}"),
    }
}

#[test]
fn registers_and_trims_the_names() {
    given(vec![])
        .when(register("  Ann ", "Lee\u{a0}", roles(&[Role::User])))
        .then_expect_events(vec![registered()]);
}

#[test]
fn registers_once() {
    given(vec![registered()])
        .when(register("Ann", "Lee", roles(&[Role::User])))
        .then_expect_error(UserRejection::AlreadyExists);
}

#[test]
fn a_name_has_100_characters_at_most() {
    let longest = "é".repeat(100);
    given(vec![registered()])
        .when(rename(Some(&longest), Some(&longest)))
        .then_expect_events(vec![renamed(&longest, &longest)]);

    let longer = "é".repeat(101);
    let user = roles(&[Role::User]);
    assert_refuses(
        vec![],
        register(&longer, "Lee", user.clone()),
        "/firstName",
        "too-long",
    );
    assert_refuses(
        vec![],
        register("Ann", &longer, user),
        "/lastName",
        "too-long",
    );
    assert_refuses(
        vec![registered()],
        rename(Some(&longer), None),
        "/firstName",
        "too-long",
    );
    assert_refuses(
        vec![registered()],
        rename(None, Some(&longer)),
        "/lastName",
        "too-long",
    );
}

#[test]
fn a_name_says_something() {
    let user = roles(&[Role::User]);
    assert_refuses(
        vec![],
        register(" \t ", "Lee", user.clone()),
        "/firstName",
        "required",
    );
    assert_refuses(vec![], register("Ann", "", user), "/lastName", "required");
    assert_refuses(
        vec![registered()],
        rename(Some(""), None),
        "/firstName",
        "required",
    );
    assert_refuses(
        vec![registered()],
        rename(None, Some("\n")),
        "/lastName",
        "required",
    );
}

#[test]
fn a_name_has_no_control_characters() {
    for name in ["A\0n", "A\nn", "A\u{7f}n", "A\u{85}n"] {
        let command = register(name, "Lee", roles(&[Role::User]));
        assert_refuses(vec![], command, "/firstName", "control-character");
    }
}

#[test]
fn renames_and_keeps_what_is_left_out() {
    given(vec![registered()])
        .when(rename(None, Some("Kim")))
        .then_expect_events(vec![renamed("Ann", "Kim")]);
    given(vec![registered(), renamed("Ann", "Kim")])
        .when(rename(Some("Anna"), None))
        .then_expect_events(vec![renamed("Anna", "Kim")]);
}

#[test]
fn renaming_to_the_same_name_is_nothing() {
    given(vec![registered()])
        .when(rename(Some("Ann "), Some("Lee")))
        .then_expect_events(vec![]);
    given(vec![registered()])
        .when(rename(None, None))
        .then_expect_events(vec![]);
}

#[test]
fn what_is_erased_stays_erased() {
    let erased = UserEvent::Renamed {
        first_name: Personal::Erased,
        last_name: Personal::Erased,
    };
    let events = given(vec![registered(), erased])
        .when(rename(Some("Ann"), None))
        .inspect_result()
        .unwrap();
    let expected = UserEvent::Renamed {
        first_name: "Ann".to_owned().into(),
        last_name: Personal::Erased,
    };
    assert_eq!(events, vec![expected]);
}

#[test]
fn renames_only_who_is_there() {
    given(vec![])
        .when(rename(Some("Ann"), None))
        .then_expect_error(UserRejection::NotFound);
}

#[test]
fn changes_roles() {
    let both = roles(&[Role::User, Role::Admin]);
    given(vec![registered()])
        .when(UserCommand::ChangeRoles {
            roles: both.clone(),
        })
        .then_expect_events(vec![UserEvent::RolesChanged { roles: both }]);
}

#[test]
fn the_same_roles_are_no_change() {
    given(vec![registered()])
        .when(UserCommand::ChangeRoles {
            roles: roles(&[Role::User]),
        })
        .then_expect_events(vec![]);
}

#[test]
fn has_at_least_one_role() {
    assert_refuses(
        vec![],
        register("Ann", "Lee", roles(&[])),
        "/roles",
        "required",
    );
    let command = UserCommand::ChangeRoles { roles: roles(&[]) };
    assert_refuses(vec![registered()], command, "/roles", "required");
}

#[test]
fn changes_the_roles_only_of_who_is_there() {
    given(vec![])
        .when(UserCommand::ChangeRoles {
            roles: roles(&[Role::Admin]),
        })
        .then_expect_error(UserRejection::NotFound);
}

#[test]
fn the_state_is_what_happened() {
    let mut user = User::default();
    assert!(!user.exists());
    user.evolve(&registered());
    user.evolve(&renamed("Anna", "Kim"));
    user.evolve(&UserEvent::RolesChanged {
        roles: roles(&[Role::Admin]),
    });
    let expected = User {
        registered: true,
        erased: false,
        deactivated: false,
        email: email().into(),
        email_verified: false,
        first_name: "Anna".to_owned().into(),
        last_name: "Kim".to_owned().into(),
        roles: roles(&[Role::Admin]),
        external_id: None,
    };
    assert!(user == expected);
}

fn import(external_id: &str) -> UserCommand {
    UserCommand::Import {
        source: "old shop".to_owned(),
        external_id: external_id.to_owned(),
    }
}

fn imported() -> UserEvent {
    UserEvent::Imported {
        source: "old shop".to_owned(),
        external_id: "17850".to_owned().into(),
    }
}

#[test]
fn imports_a_customer_once() {
    given(vec![])
        .when(import(" 17850 "))
        .then_expect_events(vec![imported()]);
    given(vec![imported()])
        .when(import("17850"))
        .then_expect_events(vec![]);
    given(vec![registered()])
        .when(import("17850"))
        .then_expect_error(UserRejection::AlreadyExists);
    assert_refuses(vec![], import(" "), "/externalId", "required");
}

#[test]
fn an_imported_customer_has_no_name_and_is_a_user() {
    let mut user = User::default();
    user.evolve(&imported());
    assert!(user.exists());
    assert_eq!(user.first_name, Personal::Erased);
    assert_eq!(user.roles, roles(&[Role::User]));
}

#[test]
fn erases_a_person_once() {
    given(vec![registered(), renamed("Anna", "Kim")])
        .when(UserCommand::Erase)
        .then_expect_events(vec![UserEvent::Erased {}]);
    given(vec![registered(), UserEvent::Erased {}])
        .when(UserCommand::Erase)
        .then_expect_events(vec![]);
    given(vec![])
        .when(UserCommand::Erase)
        .then_expect_error(UserRejection::NotFound);
}

#[test]
fn who_was_erased_is_nobody_and_stays_so() {
    let mut user = User::default();
    user.evolve(&registered());
    user.evolve(&UserEvent::Erased {});
    assert!(!user.exists());
    assert_eq!(user.email, Personal::Erased);
    assert_eq!(user.last_name, Personal::Erased);
    assert!(user.roles.is_empty());

    let erased = || vec![registered(), UserEvent::Erased {}];
    given(erased())
        .when(rename(Some("Ann"), None))
        .then_expect_error(UserRejection::NotFound);
    given(erased())
        .when(UserCommand::ChangeRoles {
            roles: roles(&[Role::Admin]),
        })
        .then_expect_error(UserRejection::NotFound);
    given(erased())
        .when(register("Ann", "Lee", roles(&[Role::User])))
        .then_expect_error(UserRejection::AlreadyExists);
    given(vec![imported(), UserEvent::Erased {}])
        .when(import("17850"))
        .then_expect_events(vec![]);
}

#[test]
fn deactivates_and_reactivates_once() {
    let deactivated = || vec![registered(), UserEvent::Deactivated {}];
    given(vec![registered()])
        .when(UserCommand::Deactivate)
        .then_expect_events(vec![UserEvent::Deactivated {}]);
    given(deactivated())
        .when(UserCommand::Deactivate)
        .then_expect_events(vec![]);
    given(deactivated())
        .when(UserCommand::Reactivate)
        .then_expect_events(vec![UserEvent::Reactivated {}]);
    given(vec![registered()])
        .when(UserCommand::Reactivate)
        .then_expect_events(vec![]);
    given(vec![imported()])
        .when(UserCommand::Deactivate)
        .then_expect_events(vec![UserEvent::Deactivated {}]);
}

#[test]
fn deactivates_and_reactivates_only_who_is_there() {
    for command in [UserCommand::Deactivate, UserCommand::Reactivate] {
        for nobody in [vec![], vec![registered(), UserEvent::Erased {}]] {
            given(nobody)
                .when(command.clone())
                .then_expect_error(UserRejection::NotFound);
        }
    }
}

#[test]
fn a_deactivated_account_stays_as_it_was() {
    let deactivated = || vec![registered(), UserEvent::Deactivated {}];
    let roles = roles(&[Role::Admin]);
    for command in [
        rename(Some("Anna"), None),
        UserCommand::ChangeRoles { roles },
        UserCommand::VerifyEmail,
    ] {
        given(deactivated())
            .when(command)
            .then_expect_error(UserRejection::Deactivated);
    }
    given(deactivated())
        .when(UserCommand::Erase)
        .then_expect_events(vec![UserEvent::Erased {}]);
    given([deactivated(), vec![UserEvent::Reactivated {}]].concat())
        .when(rename(Some("Anna"), None))
        .then_expect_events(vec![renamed("Anna", "Lee")]);
}

#[test]
fn an_address_is_verified_once() {
    given(vec![registered()])
        .when(UserCommand::VerifyEmail)
        .then_expect_events(vec![UserEvent::EmailVerified {}]);
    given(vec![registered(), UserEvent::EmailVerified {}])
        .when(UserCommand::VerifyEmail)
        .then_expect_events(vec![]);
}

#[test]
fn only_an_account_has_an_address_to_verify() {
    given(vec![imported()])
        .when(UserCommand::VerifyEmail)
        .then_expect_error(UserRejection::NoEmail);
    for nobody in [vec![], vec![registered(), UserEvent::Erased {}]] {
        given(nobody)
            .when(UserCommand::VerifyEmail)
            .then_expect_error(UserRejection::NotFound);
    }
}

#[test]
fn whoever_is_deactivated_or_erased_acts_no_more() {
    let mut user = User::default();
    assert!(!user.is_active());
    user.evolve(&registered());
    user.evolve(&UserEvent::EmailVerified {});
    assert!(user.is_active() && user.email_verified);
    user.evolve(&UserEvent::Deactivated {});
    assert!(user.exists() && user.deactivated && !user.is_active());
    user.evolve(&UserEvent::Reactivated {});
    assert!(user.is_active());
    user.evolve(&UserEvent::Erased {});
    assert!(!user.is_active() && !user.email_verified);
}
