//! How tokens take each other's place, and how many there are.

use daybook_identity::one_time::{OneTimeToken, Purpose, issue, spend, tidy};
use sqlx::Connection;

use crate::one_time::{address, counts, issued};
use crate::site::{Site, somebody};

const RESET: Purpose = Purpose::PasswordReset;

#[tokio::test]
async fn a_new_token_takes_the_place_of_those_of_its_account_and_purpose() {
    let site = Site::open().await;
    let (ann, bob) = (somebody(), somebody());
    let verification = issued(&site, ann, Purpose::EmailVerification).await;
    let others = issued(&site, bob, RESET).await.unwrap();
    let first = issued(&site, ann, RESET).await.unwrap();
    let second = issued(&site, ann, RESET).await.unwrap();
    assert!(!counts(&site, RESET, &first).await);
    assert!(!spend(&site.pool, RESET, &first).await.unwrap());
    for (purpose, token) in [
        (RESET, second),
        (RESET, others),
        (Purpose::EmailVerification, verification.unwrap()),
    ] {
        assert!(counts(&site, purpose, &token).await);
    }
}

#[tokio::test]
async fn where_the_message_is_not_written_the_token_before_goes_on_counting() {
    let site = Site::open().await;
    let ann = somebody();
    let present = issued(&site, ann, RESET).await.unwrap();
    let token = OneTimeToken::generate().unwrap();
    let mut connection = site.pool.acquire().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let counted = issue(&mut transaction, &token, ann, RESET, &address()).await;
    assert!(counted.unwrap());
    transaction.rollback().await.unwrap();
    assert!(!counts(&site, RESET, token.expose()).await);
    assert!(counts(&site, RESET, &present).await);
}

#[tokio::test]
async fn who_asks_for_many_in_anothers_name_leaves_them_the_fifth() {
    let site = Site::open().await;
    let ann = somebody();
    let mut last = String::new();
    for _ in 0..5 {
        last = issued(&site, ann, RESET).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(issued(&site, ann, RESET).await, None);
        assert!(counts(&site, RESET, &last).await);
    }
    assert!(
        issued(&site, ann, Purpose::EmailVerification)
            .await
            .is_some(),
        "counted by purpose"
    );
    assert!(issued(&site, somebody(), RESET).await.is_some());
}

#[tokio::test]
async fn who_has_none_that_may_count_is_issued_one_however_many_there_were() {
    let mut site = Site::open().await;
    let ann = somebody();
    for _ in 0..5 {
        issued(&site, ann, RESET).await.unwrap();
    }
    site.change("update auth.one_time_tokens set expires_at = clock_timestamp()")
        .await;
    assert!(issued(&site, ann, RESET).await.is_some());
    assert_eq!(issued(&site, ann, RESET).await, None);
}

#[tokio::test]
async fn after_an_hour_they_are_counted_no_longer() {
    let mut site = Site::open().await;
    let ann = somebody();
    for _ in 0..5 {
        issued(&site, ann, RESET).await.unwrap();
    }
    site.change("update auth.one_time_tokens set issued_at = issued_at - interval '1 hour'")
        .await;
    for _ in 0..5 {
        assert!(issued(&site, ann, RESET).await.is_some());
    }
    assert_eq!(issued(&site, ann, RESET).await, None);
}

#[tokio::test]
async fn of_two_that_are_asked_for_at_once_the_second_is_counted_after_the_first() {
    let mut site = Site::open().await;
    let ann = somebody();
    for _ in 0..4 {
        issued(&site, ann, RESET).await.unwrap();
    }
    let fifth = OneTimeToken::generate().unwrap();
    let mut connection = site.pool.acquire().await.unwrap();
    let mut first = connection.begin().await.unwrap();
    let counted = issue(&mut first, &fifth, ann, RESET, &address()).await;
    assert!(counted.unwrap());
    let pool = site.another_pool();
    let second = tokio::spawn(async move {
        let token = OneTimeToken::generate().unwrap();
        let mut connection = pool.acquire().await.unwrap();
        issue(&mut connection, &token, ann, RESET, &address()).await
    });
    site.until_waiting(1).await;
    first.commit().await.unwrap();
    assert!(!second.await.unwrap().unwrap());
    assert!(counts(&site, RESET, fifth.expose()).await);
}

#[tokio::test]
async fn a_person_who_was_erased_is_issued_none() {
    let mut site = Site::open().await;
    let ann = somebody();
    site.erase(ann).await;
    assert_eq!(issued(&site, ann, RESET).await, None);
    assert_eq!(site.count("auth.one_time_tokens").await, 0);
}

#[tokio::test]
async fn tokens_are_forgotten_once_they_are_counted_no_longer() {
    let mut site = Site::open().await;
    issued(&site, somebody(), RESET).await.unwrap();
    site.change("update auth.one_time_tokens set issued_at = issued_at - interval '59 minutes'")
        .await;
    let later = issued(&site, somebody(), RESET).await.unwrap();
    assert_eq!(tidy(&site.pool).await.unwrap(), 0);
    site.change("update auth.one_time_tokens set issued_at = issued_at - interval '1 minute'")
        .await;
    assert_eq!(tidy(&site.pool).await.unwrap(), 1);
    assert_eq!(site.count("auth.one_time_tokens").await, 1);
    assert!(counts(&site, RESET, &later).await);
}
