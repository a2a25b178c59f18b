//! `daybook serve` with its settings for the edge.

use crate::certificate::{client_trusting, files_in, write_pair};
use crate::process::{Server, daybook, failure, folder};
use rustix::process::Signal;

#[tokio::test]
async fn it_serves_tls_and_takes_a_new_certificate_at_sighup() {
    let folder = folder();
    let pem = write_pair(folder.path(), |_| {});
    let mut command = daybook(folder.path());
    let files = files_in(folder.path());
    command
        .args(["serve", "--demo", "off"])
        .env("DAYBOOK_TLS_CERT", files.certificate)
        .env("DAYBOOK_TLS_KEY", files.key);
    let mut server = Server::start_command(&mut command).await;
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let url = server.url_of("/products").replace("127.0.0.1", "localhost");
    let client = client_trusting(&pem).build().unwrap();
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["strict-transport-security"],
        "max-age=31536000; includeSubDomains"
    );

    let pem = write_pair(folder.path(), |_| {});
    server.signal(Signal::HUP);
    server.logs("took a new TLS certificate").await;
    let client = client_trusting(&pem).build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);

    let broken = files_in(folder.path()).key;
    std::fs::write(broken, "").unwrap();
    server.signal(Signal::HUP);
    server.logs("the one before it stays").await;
    let client = client_trusting(&pem).build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn what_it_cannot_serve_with_is_told_before_anything_is_made() {
    let folder = folder();
    write_pair(folder.path(), |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let files = files_in(folder.path());
    let (certificate, key) = (
        files.certificate.to_str().unwrap(),
        files.key.to_str().unwrap(),
    );
    for (arguments, wrong, remedy) in [
        (
            ["--tls-cert", certificate].as_slice(),
            "only one of DAYBOOK_TLS_CERT and DAYBOOK_TLS_KEY is set",
            "set both",
        ),
        (&["--tls-key", key], "only one of", "set both"),
        (
            &["--tls-cert", certificate, "--tls-key", key],
            "expired at 2020-01-01T00:00:00Z",
            "renew it",
        ),
        (
            &["--tls-cert", "/nowhere/cert.pem", "--tls-key", key],
            "/nowhere/cert.pem cannot be read",
            "let this user read it",
        ),
        (
            &["--cors-origins", "https://shop.example,*"],
            "any page on the web could then use the API",
            "daybook --help",
        ),
        (
            &["--cors-origins", "https://shop.example/"],
            "browsers write this origin as https://shop.example",
            "daybook --help",
        ),
        (
            &["--public-url", "shop.example"],
            "it begins with https://",
            "daybook --help",
        ),
    ] {
        let told = failure(daybook(folder.path()).arg("serve").args(arguments)).await;
        assert!(told.contains(wrong) && told.contains(remedy), "{told}");
        assert!(!folder.path().join("data").exists(), "{told}");
    }
}
