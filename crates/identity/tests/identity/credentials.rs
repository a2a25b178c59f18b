//! Password hashes, by user.

use daybook_identity::{credentials, password};

use crate::site::{Site, somebody};

#[tokio::test]
async fn an_accounts_hash_is_found_replaced_and_taken_back() {
    let site = Site::open().await;
    let (ann, bob) = (somebody(), somebody());
    let found = async |user| credentials::find(&site.pool, user).await.unwrap();
    assert_eq!(found(ann).await, None);
    for (user, hash) in [(ann, "first"), (bob, "bob's"), (ann, "second")] {
        credentials::store(&site.pool, user, hash).await.unwrap();
        assert_eq!(found(user).await.as_deref(), Some(hash));
    }
    credentials::remove(&site.pool, ann).await.unwrap();
    assert_eq!(found(ann).await, None);
    assert_eq!(found(bob).await.as_deref(), Some("bob's"));
    credentials::remove(&site.pool, ann).await.unwrap();
}

#[tokio::test]
async fn it_is_told_when_a_password_was_last_set() {
    let mut site = Site::open().await;
    let ann = somebody();
    assert_eq!(credentials::set_at(&site.pool, ann).await.unwrap(), None);
    credentials::store(&site.pool, ann, "first").await.unwrap();
    let first = credentials::set_at(&site.pool, ann).await.unwrap().unwrap();
    site.change("update auth.credentials set updated_at = updated_at - interval '1 year'")
        .await;
    credentials::store(&site.pool, ann, "second").await.unwrap();
    let again = credentials::set_at(&site.pool, ann).await.unwrap().unwrap();
    assert!(again >= first);
}

#[tokio::test]
async fn what_is_kept_of_a_password_is_its_hash_and_only_the_right_one_fits() {
    let site = Site::open().await;
    let ann = somebody();
    let own = "a password of ours";
    let hash = password::hash_new(own, "ann@example.com").await.unwrap();
    credentials::store(&site.pool, ann, &hash.unwrap())
        .await
        .unwrap();
    let kept = credentials::find(&site.pool, ann).await.unwrap().unwrap();
    assert!(kept.starts_with("$argon2id$"), "{kept}");
    assert!(!kept.contains(own));
    assert!(password::verify(own, &kept).await.unwrap());
    assert!(!password::verify("A password of ours", &kept).await.unwrap());
}
