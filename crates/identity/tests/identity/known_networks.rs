//! Nobody is kept from their account by others who guess.

use daybook_domain::UserId;
use daybook_identity::guessing::Guessing;

use crate::guessing::{Answer, RIGHT, claim, guess};
use crate::site::{Site, somebody};

/// A stranger has guessed so much that every other has to wait.
async fn strangers_have_to_wait(site: &mut Site, guessing: &Guessing, ann: UserId) {
    let stranger = claim(ann, Some("a stranger's"));
    guess(guessing, &stranger, "wrong").await;
    site.guessed_wrong(20).await;
    assert_eq!(guess(guessing, &stranger, "wrong").await, Answer::Wrong);
    for network in [Some("a stranger's"), Some("another stranger's"), None] {
        let answer = guess(guessing, &claim(ann, network), RIGHT).await;
        assert!(matches!(answer, Answer::Wait(_)), "{network:?} {answer:?}");
    }
}

#[tokio::test]
async fn where_they_signed_in_lately_a_stranger_keeps_nobody_waiting() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let (ann, bob) = (somebody(), somebody());
    let home = claim(ann, Some("home"));
    assert_eq!(guess(&guessing, &home, RIGHT).await, Answer::Right);
    strangers_have_to_wait(&mut site, &guessing, ann).await;
    for _ in 0..2 {
        assert_eq!(guess(&guessing, &home, "wrong").await, Answer::Wrong);
        assert_eq!(guess(&guessing, &home, RIGHT).await, Answer::Right);
    }
    let stranger = guess(&guessing, &claim(ann, None), RIGHT).await;
    assert!(
        matches!(stranger, Answer::Wait(_)),
        "not forgiven: {stranger:?}"
    );
    assert_eq!(
        guess(&guessing, &claim(bob, None), RIGHT).await,
        Answer::Right,
        "counted by account"
    );
}

#[tokio::test]
async fn who_guesses_from_a_known_network_waits_for_that_there() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let ann = somebody();
    let [home, work] = ["home", "work"].map(|network| claim(ann, Some(network)));
    for known in [&home, &work] {
        assert_eq!(guess(&guessing, known, RIGHT).await, Answer::Right);
    }
    guess(&guessing, &home, "wrong").await;
    site.guessed_wrong(20).await;
    guess(&guessing, &home, "wrong").await;
    let answer = guess(&guessing, &home, RIGHT).await;
    assert!(matches!(answer, Answer::Wait(_)), "{answer:?}");
    for elsewhere in [work, claim(ann, Some("a café's"))] {
        let answer = guess(&guessing, &elsewhere, RIGHT).await;
        assert_eq!(answer, Answer::Right);
    }
}

#[tokio::test]
async fn a_network_is_known_for_a_month_after_the_last_sign_in() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let ann = somebody();
    let home = claim(ann, Some("home"));
    let age = |days: i32| {
        format!("update auth.known_networks set seen_at = seen_at - interval '{days} days'")
    };
    guess(&guessing, &home, RIGHT).await;
    strangers_have_to_wait(&mut site, &guessing, ann).await;
    for _ in 0..2 {
        site.change(&age(29)).await;
        assert_eq!(guess(&guessing, &home, RIGHT).await, Answer::Right, "seen");
    }
    guessing.tidy().await.unwrap();
    assert_eq!(site.count("auth.known_networks").await, 1);
    site.change(&age(30)).await;
    let answer = guess(&guessing, &home, RIGHT).await;
    assert!(matches!(answer, Answer::Wait(_)), "{answer:?}");
    guessing.tidy().await.unwrap();
    assert_eq!(site.count("auth.known_networks").await, 0);
}

#[tokio::test]
async fn who_has_proven_otherwise_whose_account_it_is_is_let_in_at_once() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let ann = somebody();
    let abroad = claim(ann, Some("abroad"));
    strangers_have_to_wait(&mut site, &guessing, ann).await;
    guessing.forgive(&abroad).await.unwrap();
    assert_eq!(guess(&guessing, &abroad, RIGHT).await, Answer::Right);

    // From there on it is known, and what is guessed from elsewhere does not matter.
    strangers_have_to_wait(&mut site, &guessing, ann).await;
    assert_eq!(guess(&guessing, &abroad, RIGHT).await, Answer::Right);

    // What was guessed wrong there, they are forgiven too.
    guess(&guessing, &abroad, "wrong").await;
    site.guessed_wrong(20).await;
    guess(&guessing, &abroad, "wrong").await;
    guessing.forgive(&abroad).await.unwrap();
    assert_eq!(guess(&guessing, &abroad, RIGHT).await, Answer::Right);
}

#[tokio::test]
async fn no_network_is_known_of_nobody_nor_of_who_was_erased_nor_where_there_is_none() {
    let mut site = Site::open().await;
    let guessing = Guessing::new(site.pool.clone());
    let erased = somebody();
    site.erase(erased).await;
    assert_eq!(
        guess(&guessing, &claim(erased, Some("home")), RIGHT).await,
        Answer::Right
    );
    assert_eq!(
        guess(&guessing, &claim(somebody(), None), RIGHT).await,
        Answer::Right
    );
    guessing.forgive(&claim(None, Some("home"))).await.unwrap();
    assert_eq!(site.count("auth.known_networks").await, 0);
    guess(&guessing, &claim(somebody(), Some("home")), RIGHT).await;
    assert_eq!(site.count("auth.known_networks").await, 1);
}
