//! What replaces a password or shuts somebody out ends everything that was proven before, or changes nothing.

use daybook_domain::UserId;
use daybook_identity::account::{change_password, reset_password, shut_out};
use daybook_identity::one_time::{OneTimeToken, Purpose, find, issue};
use daybook_identity::session::{Session, generation, refresh};
use daybook_identity::{Revocations, Revoked, credentials};
use sqlx::{Connection, Executor};

use crate::site::{LIFETIMES, Site, holder, somebody};

const OLD: &str = "the hash of the old one";
const NEW: &str = "the hash of the new one";

/// Somebody with a password who is signed in, and was sent a token of each purpose.
struct Account {
    id: UserId,
    session: Session,
    reset: String,
    verification: String,
}

/// What of it counts: the password, by its hash, and everything else.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    password: String,
    access_token: bool,
    session: bool,
    reset: bool,
    verification: bool,
}

impl Account {
    async fn open(site: &Site) -> Account {
        let id = somebody();
        credentials::store(&site.pool, id, OLD).await.unwrap();
        Account {
            id,
            session: site.sign_in(id).await,
            reset: sent(site, id, Purpose::PasswordReset).await,
            verification: sent(site, id, Purpose::EmailVerification).await,
        }
    }

    async fn standing(&self, site: &Site) -> Standing {
        let counts = async |purpose, token| {
            let found = find(&site.pool, purpose, token).await.unwrap();
            found.is_some()
        };
        let password = credentials::find(&site.pool, self.id).await.unwrap();
        let revocations = Revocations::new(site.pool.clone());
        let kept = format!("auth.refresh_tokens where user_id = '{}'", self.id);
        Standing {
            password: password.unwrap(),
            access_token: revocations.stands(&holder(&self.session)).await.unwrap(),
            session: site.count(&kept).await > 0,
            reset: counts(Purpose::PasswordReset, &self.reset).await,
            verification: counts(Purpose::EmailVerification, &self.verification).await,
        }
    }
}

/// As if nothing had happened.
fn untouched() -> Standing {
    Standing {
        password: OLD.to_owned(),
        access_token: true,
        session: true,
        reset: true,
        verification: true,
    }
}

/// Another password, and nothing that was proven with the old one.
fn replaced() -> Standing {
    Standing {
        password: NEW.to_owned(),
        access_token: false,
        session: false,
        reset: false,
        verification: true,
    }
}

async fn sent(site: &Site, user: UserId, purpose: Purpose) -> String {
    let token = OneTimeToken::generate().unwrap();
    let mut connection = site.pool.acquire().await.unwrap();
    let email = "ann@example.com".parse().unwrap();
    let issued = issue(&mut connection, &token, user, purpose, &email).await;
    assert!(issued.unwrap());
    token.expose().to_owned()
}

/// From now on nobody's sessions can be ended, which is the last that is done.
async fn fail_at_the_end(site: &mut Site) {
    for statement in [
        "create function auth.refuse() returns trigger language plpgsql as
         $$ begin raise exception 'refused'; end $$",
        "create trigger refused before delete on auth.refresh_tokens execute function auth.refuse()",
    ] {
        site.change(statement).await;
    }
}

#[tokio::test]
async fn another_password_ends_all_that_was_proven_with_the_one_before() {
    let site = Site::open().await;
    let (ann, bob) = (Account::open(&site).await, Account::open(&site).await);
    let before = generation(&site.pool, ann.id).await.unwrap();
    let changed = change_password(&site.pool, ann.id, before, NEW).await;
    let next = Revoked::Tokens {
        user_id: ann.id,
        generation: before + 1,
    };
    assert_eq!(changed.unwrap(), Some(next));
    assert_eq!(ann.standing(&site).await, replaced());
    let refused = refresh(&site.pool, &ann.session.refresh_token, LIFETIMES).await;
    assert!(refused.is_err());
    assert_eq!(bob.standing(&site).await, untouched());
}

#[tokio::test]
async fn a_password_that_was_found_right_before_something_changed_is_not_replaced() {
    let site = Site::open().await;
    let ann = Account::open(&site).await;
    let present = generation(&site.pool, ann.id).await.unwrap();
    for other in [present - 1, present + 1] {
        let refused = change_password(&site.pool, ann.id, other, NEW).await;
        assert_eq!(refused.unwrap(), None);
    }
    assert_eq!(ann.standing(&site).await, untouched());
}

#[tokio::test]
async fn of_two_who_change_a_password_at_once_one_is_told_that_something_has_changed() {
    let mut site = Site::open().await;
    let ann = Account::open(&site).await;
    let mut other = site.another_session().await;
    let mut held = other.begin().await.unwrap();
    held.execute("select from auth.generations for update")
        .await
        .unwrap();
    let changing = ["one", "two"].map(|hash| {
        let (pool, user) = (site.another_pool(), ann.id);
        tokio::spawn(async move { change_password(&pool, user, 0, hash).await.unwrap() })
    });
    site.until_waiting(2).await;
    held.rollback().await.unwrap();
    let mut done = Vec::new();
    for (changing, hash) in changing.into_iter().zip(["one", "two"]) {
        if changing.await.unwrap().is_some() {
            done.push(hash);
        }
    }
    assert_eq!(done, [ann.standing(&site).await.password]);
}

#[tokio::test]
async fn who_brings_a_reset_token_sets_one_password_with_it() {
    let site = Site::open().await;
    let (ann, bob) = (Account::open(&site).await, Account::open(&site).await);
    for wrong in [&ann.verification, "unknown"] {
        let refused = reset_password(&site.pool, wrong, ann.id, NEW).await;
        assert_eq!(refused.unwrap(), None);
    }
    assert_eq!(ann.standing(&site).await, untouched());

    let reset = reset_password(&site.pool, &ann.reset, ann.id, NEW).await;
    assert!(matches!(reset.unwrap(), Some(Revoked::Tokens { user_id, .. }) if user_id == ann.id));
    assert_eq!(ann.standing(&site).await, replaced());
    let again = reset_password(&site.pool, &ann.reset, ann.id, "another").await;
    assert_eq!(again.unwrap(), None);
    assert_eq!(ann.standing(&site).await, replaced());
    assert_eq!(bob.standing(&site).await, untouched());
}

#[tokio::test]
async fn who_is_shut_out_is_left_nothing_but_the_password() {
    let site = Site::open().await;
    let (ann, bob) = (Account::open(&site).await, Account::open(&site).await);
    shut_out(&site.pool, ann.id).await.unwrap();
    let left = Standing {
        password: OLD.to_owned(),
        verification: false,
        ..replaced()
    };
    assert_eq!(ann.standing(&site).await, left);
    assert_eq!(bob.standing(&site).await, untouched());
}

#[tokio::test]
async fn what_fails_at_its_last_step_has_changed_nothing() {
    let mut site = Site::open().await;
    let ann = Account::open(&site).await;
    fail_at_the_end(&mut site).await;
    let (pool, id) = (&site.pool, ann.id);
    change_password(pool, id, 0, NEW).await.unwrap_err();
    assert_eq!(ann.standing(&site).await, untouched());
    reset_password(pool, &ann.reset, id, NEW).await.unwrap_err();
    assert_eq!(ann.standing(&site).await, untouched());
    shut_out(pool, id).await.unwrap_err();
    assert_eq!(ann.standing(&site).await, untouched());
}
