//! From a sign-in to the end of a session.

use daybook_identity::Revocations;
use daybook_identity::session::{
    SessionError, end, end_all, generation, of_user, refresh, start, tidy,
};

use crate::site::{LIFETIMES, Site, holder, somebody};

#[tokio::test]
async fn a_refresh_token_is_followed_by_the_next_of_its_session() {
    let site = Site::open().await;
    let first = site.sign_in(somebody()).await;
    let mut given = vec![first.refresh_token.clone()];
    for _ in 0..3 {
        let next = refresh(&site.pool, given.last().unwrap(), LIFETIMES).await;
        let next = next.unwrap();
        assert_eq!(
            (next.user_id, next.id, next.generation),
            (first.user_id, first.id, first.generation)
        );
        assert!(!given.contains(&next.refresh_token));
        given.push(next.refresh_token);
    }
    let kept = of_user(&site.pool, first.user_id).await.unwrap();
    assert!(kept.iter().all(|token| token.family == first.id));
    let spent: Vec<bool> = kept.iter().map(|token| token.spent_at.is_some()).collect();
    assert_eq!(spent, [true, true, true, false], "the oldest first");
}

#[tokio::test]
async fn of_a_refresh_token_only_its_hash_is_kept_and_it_is_not_printed() {
    let site = Site::open().await;
    let session = site.sign_in(somebody()).await;
    let token = &session.refresh_token;
    assert_eq!(token.len(), 43, "256 bits in base64url");
    let hashed = format!("auth.refresh_tokens where token_hash = sha256('{token}')");
    assert_eq!(site.count(&hashed).await, 1);
    let plain = format!("auth.refresh_tokens t where t::text like '%{token}%'");
    assert_eq!(site.count(&plain).await, 0);
    assert!(!format!("{session:?}").contains(token));
}

#[tokio::test]
async fn a_session_that_is_not_used_ends() {
    let mut site = Site::open().await;
    let session = site.sign_in(somebody()).await;
    let kept = of_user(&site.pool, session.user_id).await.unwrap();
    let lives = kept[0].expires_at - kept[0].issued_at;
    assert_eq!(lives.to_std().unwrap(), LIFETIMES.idle);

    site.change("update auth.refresh_tokens set expires_at = now() - interval '1 second'")
        .await;
    let late = refresh(&site.pool, &session.refresh_token, LIFETIMES).await;
    // Nobody has copied it.
    assert!(
        matches!(late, Err(SessionError::Invalid { ended: None })),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_session_that_is_used_lives_on_until_its_time_since_the_sign_in_is_over() {
    let mut site = Site::open().await;
    let session = site.sign_in(somebody()).await;
    // Of 30 days an hour is left.
    let age = "update auth.refresh_tokens set session_expires_at = now() + interval '1 hour'";
    site.change(age).await;
    let mut token = session.refresh_token;
    for _ in 0..2 {
        token = refresh(&site.pool, &token, LIFETIMES)
            .await
            .unwrap()
            .refresh_token;
    }
    let beyond = "auth.refresh_tokens where spent_at is null and expires_at <> session_expires_at";
    assert_eq!(site.count(beyond).await, 0, "not idle for another week");
    let ends = "auth.refresh_tokens where session_expires_at > now() + interval '1 hour'";
    assert_eq!(site.count(ends).await, 0, "no use puts the end off");
}

#[tokio::test]
async fn nobody_is_signed_in_by_what_was_checked_before_a_revocation() {
    let site = Site::open().await;
    let ann = somebody();
    let before = generation(&site.pool, ann).await.unwrap();
    end_all(&site.pool, ann).await.unwrap();
    let refused = start(&site.pool, ann, before, LIFETIMES).await;
    assert!(matches!(refused, Err(SessionError::Revoked)), "{refused:?}");
    assert!(of_user(&site.pool, ann).await.unwrap().is_empty());
    assert_eq!(generation(&site.pool, ann).await.unwrap(), before + 1);
    assert_eq!(site.sign_in(ann).await.generation, before + 1);
}

#[tokio::test]
async fn signing_out_ends_one_session_with_any_of_its_tokens() {
    let site = Site::open().await;
    let ann = somebody();
    let revocations = Revocations::new(site.pool.clone());
    for by_spent in [true, false] {
        let (ended, other) = (site.sign_in(ann).await, site.sign_in(ann).await);
        let next = refresh(&site.pool, &ended.refresh_token, LIFETIMES).await;
        let next = next.unwrap().refresh_token;
        let brought = if by_spent {
            &ended.refresh_token
        } else {
            &next
        };
        let (whose, _) = end(&site.pool, brought).await.unwrap().unwrap();
        assert_eq!(whose, ann);
        for token in [&ended.refresh_token, &next] {
            let refused = refresh(&site.pool, token, LIFETIMES).await;
            assert!(matches!(
                refused,
                Err(SessionError::Invalid { ended: None })
            ));
            assert!(end(&site.pool, token).await.unwrap().is_none());
        }
        assert!(!revocations.stands(&holder(&ended)).await.unwrap());
        assert!(revocations.stands(&holder(&other)).await.unwrap());
        refresh(&site.pool, &other.refresh_token, LIFETIMES)
            .await
            .unwrap();
    }
    assert!(end(&site.pool, "nobody's").await.unwrap().is_none());
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_of_one_account() {
    let site = Site::open().await;
    let (ann, bob) = (somebody(), somebody());
    let sessions = [site.sign_in(ann).await, site.sign_in(ann).await];
    let others = site.sign_in(bob).await;
    let revocations = Revocations::new(site.pool.clone());
    end_all(&site.pool, ann).await.unwrap();
    for session in &sessions {
        assert!(!revocations.stands(&holder(session)).await.unwrap());
        let refused = refresh(&site.pool, &session.refresh_token, LIFETIMES).await;
        assert!(matches!(
            refused,
            Err(SessionError::Invalid { ended: None })
        ));
    }
    assert!(revocations.stands(&holder(&others)).await.unwrap());
    refresh(&site.pool, &others.refresh_token, LIFETIMES)
        .await
        .unwrap();
    let again = site.sign_in(ann).await;
    assert!(revocations.stands(&holder(&again)).await.unwrap());
}

#[tokio::test]
async fn a_sign_in_forgets_the_accounts_own_expired_tokens() {
    let mut site = Site::open().await;
    let (ann, bob) = (somebody(), somebody());
    for user in [ann, bob] {
        site.sign_in(user).await;
    }
    site.change("update auth.refresh_tokens set expires_at = now() - interval '1 second'")
        .await;
    let current = site.sign_in(ann).await;
    let kept = of_user(&site.pool, ann).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].family, current.id);
    assert_eq!(of_user(&site.pool, bob).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_kept_for_a_person_who_was_erased() {
    let mut site = Site::open().await;
    let ann = somebody();
    let session = site.sign_in(ann).await;
    site.erase(ann).await;
    for token in [
        site.sign_in(ann).await.refresh_token,
        refresh(&site.pool, &session.refresh_token, LIFETIMES)
            .await
            .unwrap()
            .refresh_token,
    ] {
        let refused = refresh(&site.pool, &token, LIFETIMES).await;
        assert!(matches!(
            refused,
            Err(SessionError::Invalid { ended: None })
        ));
    }
}

#[tokio::test]
async fn ended_sessions_are_forgotten_when_their_access_tokens_have_long_expired() {
    let mut site = Site::open().await;
    for _ in 0..2 {
        let session = site.sign_in(somebody()).await;
        end(&site.pool, &session.refresh_token).await.unwrap();
        site.change("update auth.ended_sessions set ended_at = ended_at - interval '12.5 hours'")
            .await;
    }
    assert_eq!(tidy(&site.pool).await.unwrap(), 1);
    assert_eq!(tidy(&site.pool).await.unwrap(), 0);
    assert_eq!(site.count("auth.ended_sessions").await, 1);
}
