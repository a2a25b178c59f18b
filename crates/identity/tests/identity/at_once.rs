//! Whoever is let in while all that was proven before is ended.

use daybook_domain::UserId;
use daybook_identity::Revocations;
use daybook_identity::session::{Session, SessionError, end_all, of_user, refresh, start};
use sqlx::{Connection, Executor, PgConnection, Postgres, Transaction, query};
use tokio::task::JoinHandle;

use crate::site::{LIFETIMES, Site, holder, somebody};

#[tokio::test]
async fn who_signs_in_while_a_password_is_changed_waits_and_is_refused() {
    let mut site = Site::open().await;
    let ann = somebody();
    site.sign_in(ann).await;
    let mut other = site.another_session().await;
    let mut changing = other.begin().await.unwrap();
    query("update auth.generations set generation = generation + 1")
        .execute(&mut *changing)
        .await
        .unwrap();
    let pool = site.pool.clone();
    let signing_in = tokio::spawn(async move { start(&pool, ann, 0, LIFETIMES).await });
    site.until_waiting(1).await;
    changing.commit().await.unwrap();
    let refused = signing_in.await.unwrap();
    assert!(matches!(refused, Err(SessionError::Revoked)), "{refused:?}");
}

/// From now on nobody is given a refresh token: that they were not erased is asked with it.
async fn hold(other: &mut PgConnection) -> Transaction<'_, Postgres> {
    let mut held = other.begin().await.unwrap();
    held.execute("lock table log.erasures in access exclusive mode")
        .await
        .unwrap();
    held
}

/// Who is just about to be let in is let in, and shut out at once.
async fn is_ended_too(
    site: &mut Site,
    ann: UserId,
    held: Transaction<'_, Postgres>,
    coming: JoinHandle<Result<Session, SessionError>>,
) {
    site.until_waiting(1).await;
    let pool = site.another_pool();
    let ending = tokio::spawn(async move { end_all(&pool, ann).await });
    site.until_waiting(2).await;
    held.rollback().await.unwrap();
    let session = coming.await.unwrap().unwrap();
    ending.await.unwrap().unwrap();
    assert!(of_user(&site.pool, ann).await.unwrap().is_empty());
    let revocations = Revocations::new(site.pool.clone());
    assert!(!revocations.stands(&holder(&session)).await.unwrap());
}

#[tokio::test]
async fn a_session_that_is_just_about_to_begin_is_ended_with_the_others() {
    let mut site = Site::open().await;
    let ann = somebody();
    site.sign_in(ann).await;
    let mut other = site.another_session().await;
    let held = hold(&mut other).await;
    let pool = site.pool.clone();
    let coming = tokio::spawn(async move { start(&pool, ann, 0, LIFETIMES).await });
    is_ended_too(&mut site, ann, held, coming).await;
}

#[tokio::test]
async fn a_refresh_token_that_is_just_about_to_be_given_out_is_ended_with_the_others() {
    let mut site = Site::open().await;
    let ann = somebody();
    let token = site.sign_in(ann).await.refresh_token;
    let mut other = site.another_session().await;
    let held = hold(&mut other).await;
    let pool = site.pool.clone();
    let coming = tokio::spawn(async move { refresh(&pool, &token, LIFETIMES).await });
    is_ended_too(&mut site, ann, held, coming).await;
}
