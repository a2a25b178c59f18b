//! Who somebody is to a provider.

use daybook_identity::oidc::{Subject, link, linked, of_user};

use crate::site::{Site, somebody};

fn subject(issuer: &str, subject: &str) -> Subject {
    Subject {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        email: None,
    }
}

#[tokio::test]
async fn a_subject_stays_with_the_account_that_it_was_linked_to_first() {
    let site = Site::open().await;
    let (ann, bob) = (somebody(), somebody());
    let grace = subject("https://id.example.com", "grace");
    assert_eq!(linked(&site.pool, &grace).await.unwrap(), None);
    for user in [ann, bob] {
        link(&site.pool, &grace, user).await.unwrap();
        assert_eq!(linked(&site.pool, &grace).await.unwrap(), Some(ann));
    }
    let moved = Subject {
        email: Some("another@example.com".to_owned()),
        ..grace
    };
    assert_eq!(linked(&site.pool, &moved).await.unwrap(), Some(ann));
    for other in [
        subject("https://id.example.com", "Grace"),
        subject("https://id.example.com/", "grace"),
    ] {
        assert_eq!(linked(&site.pool, &other).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_account_is_told_by_what_names_providers_know_it_the_oldest_first() {
    let mut site = Site::open().await;
    let (ann, bob) = (somebody(), somebody());
    for (name, user) in [("later", ann), ("earlier", ann), ("bob", bob)] {
        let known = subject("https://id.example.com", name);
        link(&site.pool, &known, user).await.unwrap();
    }
    site.change(
        "update auth.oidc_subjects set linked_at = linked_at - interval '1 day' where subject = 'earlier'",
    )
    .await;
    let names = of_user(&site.pool, ann).await.unwrap();
    let names: Vec<String> = names.into_iter().map(|linked| linked.subject).collect();
    assert_eq!(names, ["earlier", "later"]);
}

#[tokio::test]
async fn nobody_is_linked_who_was_erased() {
    let mut site = Site::open().await;
    let ann = somebody();
    site.erase(ann).await;
    let grace = subject("https://id.example.com", "grace");
    link(&site.pool, &grace, ann).await.unwrap();
    assert_eq!(linked(&site.pool, &grace).await.unwrap(), None);
}
