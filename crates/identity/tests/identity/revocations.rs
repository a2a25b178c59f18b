//! What was revoked counts no longer, in any process.

use daybook_identity::session::end;
use daybook_identity::{Means, Revocations, Revoked, revoke_tokens};
use sqlx::{Connection, Executor};
use uuid::Uuid;

use crate::proofs::{Process, Proofs, of_generation};
use crate::site::{Site, holder, somebody, until};

#[tokio::test]
async fn another_process_hears_of_each_revocation_and_looks_nothing_up() {
    let site = Site::open().await;
    let (revoked, sound) = (Proofs::of(&site).await, Proofs::of(&site).await);
    let other = Process::start(&site).await;
    other.asks.close().await;
    for proof in revoked.all() {
        assert!(other.lets_in(proof).await, "{proof:?}");
    }
    revoked.revoke(&site.pool).await;
    for proof in revoked.all() {
        other.hears_of(proof).await;
    }
    for proof in sound.all() {
        assert!(other.lets_in(proof).await, "{proof:?}");
    }
}

#[tokio::test]
async fn a_process_that_starts_later_knows_what_was_revoked_before() {
    let site = Site::open().await;
    let (revoked, sound) = (Proofs::of(&site).await, Proofs::of(&site).await);
    revoked.revoke(&site.pool).await;
    let other = Process::start(&site).await;
    other.asks.close().await;
    for proof in revoked.all() {
        assert!(!other.lets_in(proof).await, "{proof:?}");
    }
    for proof in sound.all() {
        assert!(other.lets_in(proof).await, "{proof:?}");
    }
}

#[tokio::test]
async fn a_process_that_is_not_in_touch_asks_the_database() {
    let site = Site::open().await;
    let (revoked, sound) = (Proofs::of(&site).await, Proofs::of(&site).await);
    let never = Revocations::new(site.another_pool());
    let stopped = Process::start(&site).await.stop().await;
    revoked.revoke(&site.pool).await;
    for process in [never, stopped] {
        assert!(!process.is_in_touch());
        for proof in sound.all() {
            assert!(process.stands(proof).await.unwrap(), "{proof:?}");
        }
        for proof in revoked.all() {
            assert!(!process.stands(proof).await.unwrap(), "{proof:?}");
        }
    }
    site.pool.close().await;
    let cut_off = Revocations::new(site.pool.clone());
    assert!(
        cut_off.stands(&sound.session).await.is_err(),
        "nothing stands unasked"
    );
}

#[tokio::test]
async fn a_generation_that_counts_up_ends_those_before_it_and_stays() {
    let site = Site::open().await;
    let (ann, other) = (somebody(), Process::start(&site).await);
    for generation in 1..=3 {
        let revoked = revoke_tokens(&site.pool, ann).await.unwrap();
        assert_eq!(
            revoked,
            Revoked::Tokens {
                user_id: ann,
                generation
            }
        );
        other.hears_of(&of_generation(ann, generation - 1)).await;
        assert!(other.lets_in(&of_generation(ann, generation)).await);
    }
    // What comes late of an earlier one brings nothing back.
    other.known.note(Revoked::Tokens {
        user_id: ann,
        generation: 1,
    });
    assert!(!other.lets_in(&of_generation(ann, 2)).await);
}

#[tokio::test]
async fn who_has_just_revoked_something_needs_not_wait_to_hear_of_it() {
    let site = Site::open().await;
    let own = Process::start(&site).await;
    let ann = somebody();
    // Nothing is awaited in between that would let the announcement be heard.
    own.known.note(Revoked::Tokens {
        user_id: ann,
        generation: 1,
    });
    assert!(!own.lets_in(&of_generation(ann, 0)).await);
}

#[tokio::test]
async fn a_revocation_whose_announcement_was_lost_is_found_at_the_next_look() {
    let mut site = Site::open().await;
    let proofs = Proofs::of(&site).await;
    let other = Process::start(&site).await;
    let Means::Session { id, .. } = proofs.session.means else {
        panic!("{:?}", proofs.session);
    };
    let user = proofs.tokens.user_id;
    for unheard in [
        format!("insert into auth.generations (user_id, generation) values ('{user}', 1)"),
        format!("insert into auth.ended_sessions (session_id) values ('{id}')"),
        format!(
            "update auth.api_keys set revoked_at = now() where user_id = '{}'",
            proofs.api_key.user_id
        ),
    ] {
        assert_eq!(site.change(&unheard).await, 1);
    }
    for proof in proofs.all() {
        other.hears_of(proof).await;
    }
    assert!(other.known.is_in_touch());
}

#[tokio::test]
async fn an_announcement_that_it_cannot_read_makes_a_process_look() {
    let mut site = Site::open().await;
    let ann = somebody();
    let other = Process::start(&site).await;
    let unheard = format!("insert into auth.generations (user_id, generation) values ('{ann}', 1)");
    site.change(&unheard).await;
    for text in ["tokens", "tokens ann 1", "cookies 7", ""] {
        site.change(&format!("select pg_notify('daybook_revocation', '{text}')"))
            .await;
    }
    let readable = format!(
        "select pg_notify('daybook_revocation', 'session {}')",
        Uuid::now_v7()
    );
    until("it has looked", async || {
        // It is never quiet for so long that it would look by itself.
        site.change(&readable).await;
        !other.lets_in(&of_generation(ann, 0)).await
    })
    .await;
    assert!(other.known.is_in_touch());
}

#[tokio::test]
async fn a_process_whose_connection_is_cut_asks_until_it_is_back_and_then_knows_all() {
    let mut site = Site::open().await;
    let (before, meanwhile) = (somebody(), Proofs::of(&site).await);
    let other = Process::start(&site).await;
    // It has what it asks with; from now on only the superuser is let in.
    drop(other.asks.acquire().await.unwrap());
    let name = site.database.name().to_owned();
    site.change(&format!("alter database {name} connection limit 0"))
        .await;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and query like 'LISTEN %'";
    assert_eq!(site.change(cut).await, 1);
    until("it is out of touch", async || !other.known.is_in_touch()).await;
    let superuser = site.database.superuser_pool().unwrap();
    meanwhile.revoke(&superuser).await;
    for proof in meanwhile.all() {
        assert!(!other.lets_in(proof).await, "{proof:?}");
    }
    assert!(other.lets_in(&of_generation(before, 0)).await);

    site.change(&format!("alter database {name} connection limit -1"))
        .await;
    until("it is back in touch", async || other.known.is_in_touch()).await;
    other.asks.close().await;
    for proof in meanwhile.all() {
        assert!(!other.lets_in(proof).await, "{proof:?}");
    }
}

#[tokio::test]
async fn a_process_that_looks_and_gets_no_answer_asks_about_each_token() {
    let mut site = Site::open().await;
    let ann = somebody();
    let other = Process::start(&site).await;
    let mut session = site.another_session().await;
    let mut held = session.begin().await.unwrap();
    held.execute("lock table auth.api_keys in access exclusive mode")
        .await
        .unwrap();
    site.until_waiting(1).await;
    revoke_tokens(&site.pool, ann).await.unwrap();
    other.hears_of(&of_generation(ann, 0)).await;
    assert!(!other.known.is_in_touch());
    held.rollback().await.unwrap();
    until("it is back in touch", async || other.known.is_in_touch()).await;
    assert!(!other.lets_in(&of_generation(ann, 0)).await);
}

#[tokio::test]
async fn a_session_whose_end_was_given_up_in_the_middle_goes_on() {
    let mut site = Site::open().await;
    let ann = site.sign_in(somebody()).await;
    let other = Process::start(&site).await;
    // Its tokens are deleted, and then it waits.
    let mut session = site.another_session().await;
    let mut held = session.begin().await.unwrap();
    held.execute("lock table auth.ended_sessions in exclusive mode")
        .await
        .unwrap();
    let (pool, token) = (site.pool.clone(), ann.refresh_token.clone());
    let ending = tokio::spawn(async move { end(&pool, &token).await });
    site.until_waiting(1).await;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'";
    assert_eq!(site.change(cut).await, 1);
    ending.await.unwrap().unwrap_err();
    held.rollback().await.unwrap();
    // The next one that is announced comes after whatever came before.
    let last = somebody();
    revoke_tokens(&site.pool, last).await.unwrap();
    other.hears_of(&of_generation(last, 0)).await;
    assert!(other.lets_in(&holder(&ann)).await);
    assert!(end(&site.pool, &ann.refresh_token).await.unwrap().is_some());
}
