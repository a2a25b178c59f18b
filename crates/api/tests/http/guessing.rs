use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use daybook_identity::guessing::{Admission, GuessContext, Guessing};
use daybook_log::Secrets;
use futures::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use crate::shop::{Customer, PASSWORD, Reply, Shop};

const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.1";

async fn sign_in(shop: &Shop, email: &str, password: &str, address: &str) -> Reply {
    let address: SocketAddr = (address.parse::<std::net::IpAddr>().unwrap(), 4711).into();
    shop.post("users/login")
        .extension(ConnectInfo(address))
        .json(&json!({"email": email, "password": password}))
        .await
}

async fn guess(shop: &Shop, email: &str, times: usize, address: &str) {
    for n in 0..times {
        let refused = sign_in(shop, email, "wrong horse", address).await;
        assert_eq!(refused.code(), "invalid-credentials", "{n}: {refused:?}");
    }
}

#[track_caller]
fn delay(reply: &Reply) -> u64 {
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (429, "sign-in-delayed".to_owned())
    );
    reply.header("retry-after").parse().unwrap()
}

/// Changes the database as if time had passed.
async fn pass(shop: &Shop, seconds: i32) {
    sqlx::query(
        "update auth.sign_in_failures set failed_at = failed_at - make_interval(secs => $1)",
    )
    .bind(f64::from(seconds))
    .execute(&shop.pool)
    .await
    .unwrap();
}

/// The next guess must wait for a quarter of an hour, so that no test depends on how fast it runs.
async fn much_guessed(shop: &Shop) {
    sqlx::query("update auth.sign_in_failures set failures = 20")
        .execute(&shop.pool)
        .await
        .unwrap();
    pass(shop, 900).await;
}

async fn failures(shop: &Shop) -> i32 {
    sqlx::query_scalar("select failures from auth.sign_in_failures")
        .fetch_one(&shop.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn from_the_fifth_wrong_password_on_the_next_has_to_wait_twice_as_long_each_time() {
    let shop = Shop::open().await;
    for (failures, seconds) in [
        (4, 0),
        (5, 1),
        (6, 2),
        (7, 4),
        (14, 512),
        (15, 900),
        (400_000, 900),
    ] {
        let delay: f64 =
            sqlx::query_scalar("select extract(epoch from auth.sign_in_delay($1))::float8")
                .bind(failures)
                .fetch_one(&shop.pool)
                .await
                .unwrap();
        assert_eq!(delay, f64::from(seconds), "{failures}");
    }
    let ann = shop.customer().await;
    for email in [ann.email.as_str(), "nobody@example.com", "no address"] {
        guess(&shop, email, 5, HOME).await;
        assert_eq!(failures(&shop).await, 5);
        for (nth, seconds) in [(12, 128), (15, 900), (400_000, 900)] {
            sqlx::query("update auth.sign_in_failures set failures = $1")
                .bind(nth - 1)
                .execute(&shop.pool)
                .await
                .unwrap();
            pass(&shop, 900).await;
            guess(&shop, email, 1, HOME).await;
            let told = delay(&sign_in(&shop, email, PASSWORD, HOME).await);
            assert!((seconds - 60..=seconds).contains(&told), "{nth}: {told}");
            pass(&shop, 900).await;
        }
        sqlx::query("delete from auth.sign_in_failures")
            .execute(&shop.pool)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn while_it_waits_not_even_the_right_password_is_looked_at() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    guess(&shop, &ann.email, 1, HOME).await;
    much_guessed(&shop).await;
    guess(&shop, &ann.email, 1, HOME).await;
    let right = sign_in(&shop, &ann.email, PASSWORD, HOME).await;
    assert!(delay(&right) > 800);
    let upper_case = sign_in(&shop, &ann.email.to_uppercase(), PASSWORD, HOME).await;
    assert!(delay(&upper_case) > 800);
    pass(&shop, 900).await;
    let right = sign_in(&shop, &ann.email, PASSWORD, HOME).await;
    assert_eq!(right.status, 200, "{right:?}");
    guess(&shop, &ann.email, 4, HOME).await;
    let forgiven = sign_in(&shop, &ann.email, PASSWORD, HOME).await;
    assert_eq!(forgiven.status, 200, "{forgiven:?}");
}

#[tokio::test]
async fn wrong_passwords_are_forgotten_after_a_day() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    guess(&shop, &ann.email, 1, HOME).await;
    much_guessed(&shop).await;
    pass(&shop, 24 * 60 * 60).await;
    guess(&shop, &ann.email, 4, HOME).await;
    pass(&shop, 25 * 60 * 60).await;
    Guessing::new(shop.pool.clone()).tidy().await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from auth.sign_in_failures")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_stranger_who_guesses_keeps_nobody_from_their_account() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    for home in [HOME, "2001:db8:1:2::1"] {
        let known = sign_in(&shop, &ann.email, PASSWORD, home).await;
        assert_eq!(known.status, 200, "{known:?}");
    }
    guess(&shop, &ann.email, 1, "203.0.113.1").await;
    much_guessed(&shop).await;
    guess(&shop, &ann.email, 1, "203.0.113.2").await;
    delay(&sign_in(&shop, &ann.email, "wrong horse", "203.0.113.3").await);
    for home in [HOME, "2001:db8:1:2::ffff"] {
        let at_home = sign_in(&shop, &ann.email, PASSWORD, home).await;
        assert_eq!(at_home.status, 200, "{at_home:?}");
    }
    delay(&sign_in(&shop, &ann.email, PASSWORD, ELSEWHERE).await);
    delay(&sign_in(&shop, &ann.email, PASSWORD, "2001:db8:1:3::1").await);

    let guessing = Guessing::new(shop.pool.clone());
    guessing.forgive(&claim(&ann, ELSEWHERE)).await.unwrap();
    let elsewhere = sign_in(&shop, &ann.email, PASSWORD, ELSEWHERE).await;
    assert_eq!(elsewhere.status, 200, "{elsewhere:?}");
}

#[tokio::test]
async fn who_guesses_from_a_known_network_waits_there() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let known = sign_in(&shop, &ann.email, PASSWORD, HOME).await;
    assert_eq!(known.status, 200, "{known:?}");
    guess(&shop, &ann.email, 1, HOME).await;
    much_guessed(&shop).await;
    guess(&shop, &ann.email, 1, HOME).await;
    delay(&sign_in(&shop, &ann.email, PASSWORD, HOME).await);
    let elsewhere = sign_in(&shop, &ann.email, PASSWORD, ELSEWHERE).await;
    assert_eq!(elsewhere.status, 200, "{elsewhere:?}");

    sqlx::query("update auth.known_networks set seen_at = seen_at - interval '31 days'")
        .execute(&shop.pool)
        .await
        .unwrap();
    let a_stranger_again = sign_in(&shop, &ann.email, PASSWORD, HOME).await;
    assert_eq!(a_stranger_again.status, 200, "{a_stranger_again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_learns_no_more_than_a_queue() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    guess(&shop, &ann.email, 1, HOME).await;
    much_guessed(&shop).await;
    let crowd = (0..40).map(|n| {
        let address = format!("203.0.113.{n}");
        let (shop, email) = (&shop, &ann.email);
        async move { sign_in(shop, email, "wrong horse", &address).await }
    });
    let answers = join_all(crowd).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    let delayed = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((looked_at, delayed), (1, 39), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn right_passwords_that_come_at_once_are_all_let_in() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    guess(&shop, &ann.email, 3, HOME).await;
    let crowd = (0..16).map(|n| {
        let address = format!("203.0.113.{}", n % 8);
        let (shop, email) = (&shop, &ann.email);
        async move { sign_in(shop, email, PASSWORD, &address).await }
    });
    for answer in join_all(crowd).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// Two processes know only what is in the database of each other.
#[tokio::test]
async fn of_two_processes_one_checks_at_a_time() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let (one, other) = (
        Guessing::new(shop.pool.clone()),
        Guessing::new(shop.pool.clone()),
    );
    let Admission::Granted(first) = one.admit(claim(&ann, HOME)).await.unwrap() else {
        panic!("nothing was wrong yet");
    };
    let waiting = timeout(
        Duration::from_millis(300),
        other.admit(claim(&ann, ELSEWHERE)),
    );
    assert!(waiting.await.is_err(), "both at once");
    assert!(!first.check("wrong horse", None).await.unwrap());
    let second = other.admit(claim(&ann, ELSEWHERE)).await.unwrap();
    assert!(matches!(second, Admission::Granted(_)));
}

#[tokio::test]
async fn a_guess_that_was_given_up_counts() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let guessing = Guessing::new(shop.pool.clone());
    for _ in 0..2 {
        let admitted = guessing.admit(claim(&ann, HOME)).await.unwrap();
        assert!(matches!(admitted, Admission::Granted(_)));
        drop(admitted);
        // As if its process had died and its time had passed.
        sqlx::query("update auth.sign_in_failures set trying_until = clock_timestamp()")
            .execute(&shop.pool)
            .await
            .unwrap();
    }
    assert_eq!(failures(&shop).await, 2);
    guess(&shop, &ann.email, 1, HOME).await;
    assert_eq!(failures(&shop).await, 3);
}

/// The pseudonyms that the shop derives with its master key.
fn claim(customer: &Customer, network: &str) -> GuessContext {
    let secrets = Secrets::from_master_key(&[7; 32]);
    let network = format!("{network} {}", customer.email);
    GuessContext {
        account: secrets.claim_value("guessed", &customer.email),
        network: Some(secrets.claim_value("network", &network)),
        user_id: customer.id.parse().ok(),
    }
}
