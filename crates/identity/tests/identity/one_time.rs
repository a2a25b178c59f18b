//! Tokens that are sent, to be brought back once.

use daybook_domain::{Email, UserId};
use daybook_identity::one_time::{OneTimeToken, Purpose, find, issue, spend};
use sqlx::{Connection, Executor};

use crate::site::{Site, somebody};

pub(crate) fn address() -> Email {
    "Ann.Lee@example.com".parse().unwrap()
}

/// Issues a token in a transaction of its own; `None` where it is not to count.
pub(crate) async fn issued(site: &Site, user: UserId, purpose: Purpose) -> Option<String> {
    let token = OneTimeToken::generate().unwrap();
    let mut connection = site.pool.acquire().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let counts = issue(&mut transaction, &token, user, purpose, &address()).await;
    transaction.commit().await.unwrap();
    counts.unwrap().then(|| token.expose().to_owned())
}

pub(crate) async fn counts(site: &Site, purpose: Purpose, token: &str) -> bool {
    find(&site.pool, purpose, token).await.unwrap().is_some()
}

#[tokio::test]
async fn a_token_counts_until_it_is_spent_and_is_good_once() {
    let site = Site::open().await;
    let ann = somebody();
    let purpose = Purpose::EmailVerification;
    let token = issued(&site, ann, purpose).await.unwrap();
    for _ in 0..2 {
        let found = find(&site.pool, purpose, &token).await.unwrap().unwrap();
        assert_eq!(found.user_id, ann);
    }
    assert!(spend(&site.pool, purpose, &token).await.unwrap());
    assert!(!counts(&site, purpose, &token).await);
    assert!(!spend(&site.pool, purpose, &token).await.unwrap());
    assert!(!spend(&site.pool, purpose, "unknown").await.unwrap());
}

#[tokio::test]
async fn of_several_who_bring_a_token_at_once_one_is_told_that_it_counted() {
    let mut site = Site::open().await;
    let purpose = Purpose::PasswordReset;
    let token = issued(&site, somebody(), purpose).await.unwrap();
    let mut other = site.another_session().await;
    let mut held = other.begin().await.unwrap();
    held.execute("select from auth.one_time_tokens for update")
        .await
        .unwrap();
    let bringing = [(); 4].map(|()| {
        let (pool, token) = (site.another_pool(), token.clone());
        tokio::spawn(async move { spend(&pool, purpose, &token).await.unwrap() })
    });
    site.until_waiting(4).await;
    held.rollback().await.unwrap();
    let mut counted = 0;
    for brought in bringing {
        counted += usize::from(brought.await.unwrap());
    }
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn a_token_is_for_one_purpose() {
    let site = Site::open().await;
    let (reset, verification) = (Purpose::PasswordReset, Purpose::EmailVerification);
    let ann = somebody();
    for (own, other) in [(reset, verification), (verification, reset)] {
        let token = issued(&site, ann, own).await.unwrap();
        assert!(!counts(&site, other, &token).await);
        assert!(!spend(&site.pool, other, &token).await.unwrap());
        assert!(counts(&site, own, &token).await);
    }
}

#[tokio::test]
async fn a_token_is_for_the_address_that_it_was_sent_to() {
    let site = Site::open().await;
    let purpose = Purpose::EmailVerification;
    let ann = somebody();
    let token = issued(&site, ann, purpose).await.unwrap();
    let found = find(&site.pool, purpose, &token).await.unwrap().unwrap();
    assert!(found.was_sent_to(&address()));
    assert!(found.was_sent_to(&"ann.lee@EXAMPLE.com".parse().unwrap()));
    assert!(!found.was_sent_to(&"ann@example.com".parse().unwrap()));
}

#[tokio::test]
async fn neither_a_token_nor_its_address_is_kept() {
    let site = Site::open().await;
    let token = issued(&site, somebody(), Purpose::PasswordReset).await;
    let token = token.unwrap();
    assert_eq!(token.len(), 43, "256 bits in base64url");
    let hashed = format!("auth.one_time_tokens where token_hash = sha256('{token}')");
    assert_eq!(site.count(&hashed).await, 1);
    let known_without = format!(
        "auth.one_time_tokens t
         where t::text ilike '%{token}%' or t::text ilike '%ann.lee%'
             or sent_to in (sha256('ann.lee@example.com'), sha256('Ann.Lee@example.com'))"
    );
    assert_eq!(site.count(&known_without).await, 0);
}

#[tokio::test]
async fn a_token_is_good_for_half_an_hour() {
    let mut site = Site::open().await;
    let purpose = Purpose::PasswordReset;
    let token = issued(&site, somebody(), purpose).await.unwrap();
    let half_an_hour = "auth.one_time_tokens where expires_at - issued_at
        between interval '29 minutes 59 seconds' and interval '30 minutes 1 second'";
    assert_eq!(site.count(half_an_hour).await, 1);
    site.change("update auth.one_time_tokens set expires_at = clock_timestamp()")
        .await;
    assert!(!counts(&site, purpose, &token).await);
    assert!(!spend(&site.pool, purpose, &token).await.unwrap());
}
