//! Refresh tokens that come back after their use.

use daybook_identity::Revocations;
use daybook_identity::session::{SessionError, of_user, refresh};
use sqlx::{Connection, Executor};
use uuid::Uuid;

use crate::site::{LIFETIMES, Site, holder, somebody};

fn ended(refused: &SessionError) -> Option<Uuid> {
    match refused {
        SessionError::Invalid { ended } => ended.map(|(_, id)| id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_its_session_and_no_other() {
    let site = Site::open().await;
    let ann = somebody();
    let (copied, other) = (site.sign_in(ann).await, site.sign_in(ann).await);
    let mut next = refresh(&site.pool, &copied.refresh_token, LIFETIMES)
        .await
        .unwrap();
    next = refresh(&site.pool, &next.refresh_token, LIFETIMES)
        .await
        .unwrap();

    let back = refresh(&site.pool, &copied.refresh_token, LIFETIMES).await;
    assert!(
        matches!(back, Err(SessionError::Invalid { ended: Some((user, id)) }) if user == ann && id == copied.id)
    );
    let newest = refresh(&site.pool, &next.refresh_token, LIFETIMES).await;
    assert_eq!(ended(&newest.unwrap_err()), None, "it is gone");
    let revocations = Revocations::new(site.pool.clone());
    assert!(!revocations.stands(&holder(&next)).await.unwrap());

    assert!(revocations.stands(&holder(&other)).await.unwrap());
    refresh(&site.pool, &other.refresh_token, LIFETIMES)
        .await
        .unwrap();
}

#[tokio::test]
async fn of_two_who_bring_a_refresh_token_at_once_one_is_given_the_next_and_then_none_counts() {
    let mut site = Site::open().await;
    let session = site.sign_in(somebody()).await;
    let mut other = site.another_session().await;
    let mut held = other.begin().await.unwrap();
    held.execute("select from auth.refresh_tokens for update")
        .await
        .unwrap();
    let bringing = [site.pool.clone(), site.another_pool()].map(|pool| {
        let token = session.refresh_token.clone();
        tokio::spawn(async move { refresh(&pool, &token, LIFETIMES).await })
    });
    site.until_waiting(2).await;
    held.rollback().await.unwrap();

    let (mut given, mut refused) = (Vec::new(), Vec::new());
    for brought in bringing {
        match brought.await.unwrap() {
            Ok(next) => given.push(next),
            Err(error) => refused.push(ended(&error)),
        }
    }
    assert_eq!(refused, [Some(session.id)]);
    let [next] = &given[..] else {
        panic!("{given:?}");
    };
    let last = refresh(&site.pool, &next.refresh_token, LIFETIMES).await;
    assert_eq!(ended(&last.unwrap_err()), None);
    let revocations = Revocations::new(site.pool.clone());
    assert!(!revocations.stands(&holder(&session)).await.unwrap());
    let kept = of_user(&site.pool, session.user_id).await.unwrap();
    assert!(kept.is_empty(), "{kept:?}");
}

#[tokio::test]
async fn a_copy_that_comes_after_its_time_ends_the_session_all_the_same() {
    let mut site = Site::open().await;
    let session = site.sign_in(somebody()).await;
    let next = refresh(&site.pool, &session.refresh_token, LIFETIMES).await;
    let next = next.unwrap().refresh_token;
    let age = "update auth.refresh_tokens set expires_at = now() - interval '1 second'
               where spent_at is not null";
    assert_eq!(site.change(age).await, 1);
    let back = refresh(&site.pool, &session.refresh_token, LIFETIMES).await;
    assert_eq!(ended(&back.unwrap_err()), Some(session.id));
    assert!(refresh(&site.pool, &next, LIFETIMES).await.is_err());
}

#[tokio::test]
async fn what_was_never_given_out_ends_nothing() {
    let site = Site::open().await;
    let session = site.sign_in(somebody()).await;
    for unknown in ["", "unknown", &session.id.to_string()] {
        let refused = refresh(&site.pool, unknown, LIFETIMES).await;
        assert_eq!(ended(&refused.unwrap_err()), None);
    }
    refresh(&site.pool, &session.refresh_token, LIFETIMES)
        .await
        .unwrap();
}
