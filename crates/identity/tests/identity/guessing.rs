//! Guessing is slow, for whoever guesses, whether or not there is what they guess at.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use daybook_identity::guessing::{Admission, Attempt, GuessContext, Guessing};
use daybook_identity::password;
use futures::future::join_all;
use sqlx::{query_as, query_scalar};
use tokio::sync::OnceCell;

use crate::site::{Site, somebody, until};

pub(crate) const RIGHT: &str = "a password of ours";
const QUARTER: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Right,
    Wrong,
    Wait(Duration),
}

/// That of [`RIGHT`], made once.
async fn hash() -> &'static str {
    static HASH: OnceCell<String> = OnceCell::const_new();
    let made = HASH.get_or_init(async || password::hash(RIGHT).await.unwrap());
    made.await
}

pub(crate) fn claim(user_id: impl Into<Option<UserId>>, network: Option<&str>) -> GuessContext {
    let user_id = user_id.into();
    GuessContext {
        account: user_id.map_or(b"nobody's".to_vec(), |id| id.as_uuid().into_bytes().into()),
        network: network.map(|name| name.as_bytes().to_vec()),
        user_id,
    }
}

pub(crate) async fn admitted(
    guessing: &Guessing,
    claim: &GuessContext,
) -> Result<Attempt, Duration> {
    match guessing.admit(claim.clone()).await.unwrap() {
        Admission::Granted(attempt) => Ok(attempt),
        Admission::Delayed(rest) => Err(rest),
    }
}

pub(crate) async fn guess(guessing: &Guessing, claim: &GuessContext, password: &str) -> Answer {
    let attempt = match admitted(guessing, claim).await {
        Ok(attempt) => attempt,
        Err(rest) => return Answer::Wait(rest),
    };
    let hash = hash().await;
    let hash = claim.user_id.map(|_| hash);
    match attempt.check(password, hash).await.unwrap() {
        true => Answer::Right,
        false => Answer::Wrong,
    }
}

impl Site {
    /// So many were wrong, a quarter of an hour ago.
    pub(crate) async fn guessed_wrong(&mut self, times: i32) {
        let past = format!(
            "update auth.sign_in_failures
             set failures = {times}, failed_at = clock_timestamp() - interval '15 minutes'"
        );
        assert!(self.change(&past).await > 0);
    }

    /// How many were wrong, and how long the next has to wait from the last on.
    async fn counted(&self) -> (i32, f64) {
        query_as(
            "select failures, extract(epoch from auth.sign_in_delay(failures))::float8
             from auth.sign_in_failures",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn from_the_fifth_wrong_guess_on_the_wait_doubles_for_anybodys_address_and_nobodys() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    for claim in [claim(somebody(), Some("home")), claim(None, Some("home"))] {
        for nth in 1..=5 {
            assert_eq!(guess(&guessing, &claim, "wrong").await, Answer::Wrong);
            let wait = if nth < 5 { 0.0 } else { 1.0 };
            assert_eq!(site.counted().await, (nth, wait));
        }
        for (nth, wait) in [(6, 2), (7, 4), (12, 128), (14, 512), (15, 900), (99, 900)] {
            site.guessed_wrong(nth - 1).await;
            assert_eq!(guess(&guessing, &claim, "wrong").await, Answer::Wrong);
            assert_eq!(site.counted().await, (nth, f64::from(wait)));
        }
        // Not even the right one is looked at.
        match guess(&guessing, &claim, RIGHT).await {
            Answer::Wait(rest) => assert!(rest <= QUARTER && rest > QUARTER / 2, "{rest:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(site.counted().await.0, 99, "it was not counted either");
        site.change("delete from auth.sign_in_failures").await;
    }
}

#[tokio::test]
async fn no_account_is_locked_and_a_right_password_is_forgiven_the_wrong_ones_before_it() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let claim = claim(somebody(), None);
    guess(&guessing, &claim, "wrong").await;
    site.guessed_wrong(1_000_000).await;
    assert_eq!(guess(&guessing, &claim, RIGHT).await, Answer::Right);
    assert_eq!(site.count("auth.sign_in_failures").await, 0);
}

#[tokio::test]
async fn nobodys_password_is_never_right() {
    let site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    for password in [RIGHT, ""] {
        let answer = guess(&guessing, &claim(None, None), password).await;
        assert_eq!(answer, Answer::Wrong);
    }
    assert_eq!(site.counted().await.0, 2);
}

#[tokio::test]
async fn wrong_guesses_are_forgotten_after_a_day_without_one() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let claim = claim(somebody(), None);
    guess(&guessing, &claim, "wrong").await;
    site.guessed_wrong(20).await;
    let age = "update auth.sign_in_failures set failed_at = clock_timestamp() - interval '1 day'";
    site.change(age).await;
    guess(&guessing, &claim, "wrong").await;
    assert_eq!(site.counted().await.0, 1);

    guessing.tidy().await.unwrap();
    assert_eq!(site.counted().await.0, 1);
    site.change(age).await;
    guessing.tidy().await.unwrap();
    assert_eq!(site.count("auth.sign_in_failures").await, 0);
}

#[tokio::test]
async fn a_guess_that_is_given_up_was_wrong() {
    let site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let claim = claim(somebody(), None);
    drop(admitted(&guessing, &claim).await.unwrap());
    assert_eq!(site.counted().await.0, 1);
}

#[tokio::test]
async fn a_guess_whose_process_died_holds_up_the_next_for_seconds() {
    let mut site = Site::open().await;
    let (died, other) = (
        Guessing::new(site.another_pool()),
        Guessing::new(site.pool.clone()),
    );
    let claim = claim(somebody(), None);
    drop(admitted(&died, &claim).await.unwrap());
    let soon = "auth.sign_in_failures where trying_until > clock_timestamp()
        and trying_until <= clock_timestamp() + interval '5 seconds'";
    assert_eq!(site.count(soon).await, 1);
    site.change("update auth.sign_in_failures set trying_until = clock_timestamp()")
        .await;
    assert_eq!(guess(&other, &claim, "wrong").await, Answer::Wrong);
    assert_eq!(site.counted().await.0, 2);
}

/// What two processes of a shop are asked at once.
async fn crowd(site: &Site, claim: &GuessContext, password: &'static str) -> Vec<Answer> {
    let processes = [site.another_pool(), site.another_pool()].map(Guessing::new);
    let guesses = (0..10).map(|n| {
        let (guessing, claim) = (processes[n % 2].clone(), claim.clone());
        tokio::spawn(async move { guess(&guessing, &claim, password).await })
    });
    let answers = join_all(guesses).await;
    answers.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_guesses_at_once_learns_no_more_than_one_does() {
    let mut site = Site::open().await;
    let claim = claim(somebody(), None);
    guess(&Guessing::new(site.pool.clone()), &claim, "wrong").await;
    site.guessed_wrong(20).await;
    let answers = crowd(&site, &claim, "wrong").await;
    let wrong = answers.iter().filter(|answer| **answer == Answer::Wrong);
    assert_eq!(wrong.count(), 1, "{answers:?}");
    let told = |answer: &&Answer| matches!(answer, Answer::Wait(rest) if *rest > QUARTER / 2);
    assert_eq!(answers.iter().filter(told).count(), 9, "{answers:?}");
    assert_eq!(site.counted().await.0, 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_that_come_together_are_all_let_in() {
    let mut site = Site::open().await;
    let claim = claim(somebody(), None);
    guess(&Guessing::new(site.pool.clone()), &claim, "wrong").await;
    site.guessed_wrong(20).await;
    let answers = crowd(&site, &claim, RIGHT).await;
    assert!(
        answers.iter().all(|answer| *answer == Answer::Right),
        "{answers:?}"
    );
}

#[tokio::test]
async fn of_guesses_that_come_together_one_is_checked_at_a_time_whichever_process_it_comes_to() {
    let mut site = Site::open().await;
    let claim = claim(somebody(), None);
    let first = admitted(&Guessing::new(site.pool.clone()), &claim).await;
    let (other, also) = (Guessing::new(site.another_pool()), claim.clone());
    let second = tokio::spawn(async move { guess(&other, &also, "wrong").await });
    let mut looks = BTreeSet::new();
    until("the second has looked several times", async || {
        assert!(!second.is_finished(), "it did not wait");
        let looked: Vec<DateTime<Utc>> = query_scalar(
            "select query_start from pg_stat_activity
             where datname = current_database() and usename = 'daybook' and query like 'select f.trying_until %'",
        )
        .fetch_all(&mut site.superuser)
        .await
        .unwrap();
        looks.extend(looked);
        looks.len() >= 3
    })
    .await;
    assert_eq!(site.counted().await.0, 1);
    let is_right = first.unwrap().check("wrong", Some(hash().await)).await;
    assert!(!is_right.unwrap());
    assert_eq!(second.await.unwrap(), Answer::Wrong);
    assert_eq!(site.counted().await.0, 2);
}
