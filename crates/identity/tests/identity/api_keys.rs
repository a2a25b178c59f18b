//! Keys for machines.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::api_key::{
    ApiKeyError, ApiKeys, KeyPlace, NewApiKey, create, get, list, of_user, revoke,
};
use daybook_identity::{Means, Revocations};
use uuid::Uuid;

use crate::site::{Site, somebody};

pub(crate) fn new_key(user_id: UserId) -> NewApiKey {
    let now = Utc::now();
    NewApiKey {
        name: "the till".to_owned(),
        roles: vec![Role::User],
        user_id,
        created_at: now,
        expires_at: now + TimeDelta::days(1),
    }
}

#[tokio::test]
async fn who_holds_a_key_acts_for_its_owner_with_the_keys_roles() {
    let site = Site::open().await;
    let ann = somebody();
    let (key, text) = create(&site.pool, new_key(ann)).await.unwrap();
    assert!(text.starts_with(&key.prefix()));
    let keys = ApiKeys::new(site.pool.clone());
    // Looked up, and then known.
    for _ in 0..2 {
        let principal = keys.check(&text).await.unwrap().unwrap();
        assert_eq!(principal.user_id, ann);
        assert_eq!(principal.roles, [Role::User].into());
        assert_eq!(principal.means, Means::ApiKey { id: key.id });
        site.pool.close().await;
    }
}

#[tokio::test]
async fn of_a_key_only_a_hash_is_kept() {
    let site = Site::open().await;
    let (key, text) = create(&site.pool, new_key(somebody())).await.unwrap();
    let secret = &text[key.prefix().len() + 1..][..43];
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(secret).unwrap();
    let hash: Vec<u8> = sqlx::query_scalar("select secret_hash from auth.api_keys")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(hash, digest(&SHA256, &bytes).as_ref());
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for plain in [secret, &hex] {
        let kept = format!("auth.api_keys k where k::text like '%{plain}%'");
        assert_eq!(site.count(&kept).await, 0);
    }
}

#[tokio::test]
async fn another_keys_secret_proves_nothing() {
    let site = Site::open().await;
    let (_, own) = create(&site.pool, new_key(somebody())).await.unwrap();
    let (_, others) = create(&site.pool, new_key(somebody())).await.unwrap();
    // The id of one, the secret of the other, and what then has to follow.
    let id = 4 + 22;
    let mixed = format!("{}{}", &own[..id], &others[id..id + 44]);
    let check = digest(&SHA256, mixed.as_bytes());
    let mixed = mixed + &BASE64_URL_SAFE_NO_PAD.encode(&check.as_ref()[..4]);
    assert_eq!(mixed.len(), own.len());
    let keys = ApiKeys::new(site.pool.clone());
    for _ in 0..2 {
        assert_eq!(keys.check(&mixed).await.unwrap(), None);
        // Now the key is known.
        assert!(keys.check(&own).await.unwrap().is_some());
    }
    assert_eq!(keys.check("").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_good_until_it_expires() {
    let site = Site::open().await;
    let expired = NewApiKey {
        expires_at: Utc::now(),
        ..new_key(somebody())
    };
    let (_, text) = create(&site.pool, expired).await.unwrap();
    let keys = ApiKeys::new(site.pool.clone());
    for _ in 0..2 {
        assert_eq!(keys.check(&text).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_key_that_was_revoked_stays_so_and_counts_nowhere() {
    let site = Site::open().await;
    let (key, text) = create(&site.pool, new_key(somebody())).await.unwrap();
    let knowing = ApiKeys::new(site.pool.clone());
    let principal = knowing.check(&text).await.unwrap().unwrap();
    let revocations = Revocations::new(site.pool.clone());
    assert!(revocations.stands(&principal).await.unwrap());

    assert!(revoke(&site.pool, key.id).await.unwrap().is_some());
    let revoked = get(&site.pool, key.id).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    assert!(revoke(&site.pool, key.id).await.unwrap().is_some());
    assert_eq!(get(&site.pool, key.id).await.unwrap(), Some(revoked));

    assert_eq!(
        knowing.check(&text).await.unwrap(),
        Some(principal.clone()),
        "it is for the revocations to tell"
    );
    assert!(!revocations.stands(&principal).await.unwrap());
    let fresh = ApiKeys::new(site.pool.clone());
    assert_eq!(fresh.check(&text).await.unwrap(), None);
    assert_eq!(revoke(&site.pool, Uuid::now_v7()).await.unwrap(), None);
}

#[tokio::test]
async fn the_use_of_a_key_is_written_down_once_a_minute_and_never_goes_back() {
    let site = Site::open().await;
    let (key, _) = create(&site.pool, new_key(somebody())).await.unwrap();
    let used_at = async || {
        let key = get(&site.pool, key.id).await.unwrap();
        key.unwrap().last_used_at
    };
    let (one, other) = (
        ApiKeys::new(site.pool.clone()),
        ApiKeys::new(site.another_pool()),
    );
    one.record_uses().await.unwrap();
    assert_eq!(used_at().await, None);
    one.note_use(key.id);
    other.note_use(key.id);
    other.note_use(key.id);
    other.record_uses().await.unwrap();
    let first = used_at().await.unwrap();
    one.record_uses().await.unwrap();
    assert_eq!(used_at().await, Some(first), "an earlier use came later");
    other.note_use(key.id);
    other.record_uses().await.unwrap();
    assert_eq!(used_at().await, Some(first), "within the minute");
}

#[tokio::test]
async fn keys_are_listed_by_pages_the_newest_first() {
    let site = Site::open().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(create(&site.pool, new_key(somebody())).await.unwrap().0.id);
    }
    made.reverse();
    let page = async |place, limit| {
        let page = list(&site.pool, place, limit).await.unwrap();
        assert_eq!(page.total, 5);
        let ids: Vec<Uuid> = page.keys.iter().map(|key| key.id).collect();
        let from = made.iter().position(|id| ids.first() == Some(id)).unwrap();
        assert_eq!(ids, made[from..from + ids.len()]);
        (from, ids.len(), page.has_newer, page.has_older)
    };
    assert_eq!(page(KeyPlace::Offset(0), 2).await, (0, 2, false, true));
    assert_eq!(page(KeyPlace::Offset(3), 2).await, (3, 2, true, false));
    let older = KeyPlace::OlderThan(made[1]);
    assert_eq!(page(older, 2).await, (2, 2, true, true));
    assert_eq!(page(older, 3).await, (2, 3, true, false));
    let newer = KeyPlace::NewerThan(made[3]);
    assert_eq!(page(newer, 2).await, (1, 2, true, true));
    assert_eq!(page(newer, 3).await, (0, 3, false, true));
}

#[tokio::test]
async fn a_persons_keys_are_told_the_oldest_first_and_nobody_elses() {
    let site = Site::open().await;
    let (ann, bob) = (somebody(), somebody());
    let mut made = Vec::new();
    for user in [ann, bob, ann] {
        made.push(create(&site.pool, new_key(user)).await.unwrap().0);
    }
    let own = of_user(&site.pool, ann).await.unwrap();
    assert_eq!(own, [made[0].clone(), made[2].clone()]);
}

#[tokio::test]
async fn no_key_is_made_for_a_person_who_was_erased() {
    let mut site = Site::open().await;
    let ann = somebody();
    site.erase(ann).await;
    let refused = create(&site.pool, new_key(ann)).await;
    assert!(matches!(refused, Err(ApiKeyError::NoOwner)), "{refused:?}");
    assert_eq!(site.count("auth.api_keys").await, 0);
}
