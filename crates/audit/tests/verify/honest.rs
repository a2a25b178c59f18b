use daybook_audit::verify::VerifyError;
use tokio_util::sync::CancellationToken;

use crate::site::Site;

#[tokio::test]
async fn an_empty_log_is_whole() {
    let site = Site::new().await;
    let report = site.verify(&[]).await;
    assert!(report.is_whole());
    assert_eq!((report.sealed, report.unsealed), (0, 0));
}

#[tokio::test]
async fn logs_of_any_size_are_whole() {
    for events in [1, 2, 255, 256, 257, 511, 512, 513] {
        let site = Site::sealed(events).await;
        let newest = site.newest().await;
        let report = site.verify(&[newest]).await;
        assert_eq!(report.findings, [], "{events} events");
        assert_eq!((report.sealed, report.more), (events as u64, 0));
        assert_eq!(report.checkpoints.len(), 2);
    }
}

/// More than a chunk, and with every level of tiles that such a log has.
#[tokio::test]
async fn a_large_log_is_whole_and_so_is_what_was_sealed_of_it_before() {
    let site = Site::new().await;
    site.append(65_300).await;
    site.seal(65_300).await;
    let before = site.newest().await;
    site.append(66_300).await;
    site.seal(50_000).await;
    let report = site.verify(&[before]).await;
    assert_eq!(report.findings, []);
    assert_eq!(report.sealed, 131_600);
}

#[tokio::test]
async fn events_that_are_not_sealed_yet_are_counted() {
    let site = Site::sealed(300).await;
    site.append(7).await;
    let report = site.verify(&[]).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.sealed, report.unsealed), (300, 7));
}

#[tokio::test]
async fn a_log_is_whole_while_it_grows_and_sealers_come_and_go() {
    let site = Site::sealed(300).await;
    let done = CancellationToken::new();
    let growing = async {
        while !done.is_cancelled() {
            site.append(40).await;
        }
    };
    let sealing = async {
        while !done.is_cancelled() {
            let sealer = site.sealer(64);
            let mut sealed = sealer.sealed();
            let running = tokio::spawn(sealer.run(CancellationToken::new()));
            sealed.wait_for(|sealed| sealed.size() > 0).await.unwrap();
            let before = sealed.borrow().size();
            sealed
                .wait_for(|sealed| sealed.size() > before)
                .await
                .unwrap();
            // Wherever it is, as if the process had been killed.
            running.abort();
            running.await.unwrap_err();
        }
    };
    let verifying = async {
        let mut sizes = Vec::new();
        while sizes.len() < 10 {
            let newest = site.newest().await;
            let report = site.verify(&[newest]).await;
            assert_eq!(report.findings, [], "with {} events", report.sealed);
            if sizes.last() != Some(&report.sealed) {
                sizes.push(report.sealed);
            }
        }
        done.cancel();
    };
    tokio::join!(growing, sealing, verifying);
}

#[tokio::test]
async fn without_anything_to_trust_nothing_is_said() {
    let mut site = Site::new().await;
    site.append(3).await;
    assert!(matches!(
        site.try_verify(&[]).await,
        Err(VerifyError::NothingSealed { events: 3 })
    ));
    site.trusted.clear();
    assert!(matches!(
        site.try_verify(&[]).await,
        Err(VerifyError::NoKey)
    ));
}
