use daybook_audit::{Sealer, SignedCheckpoint, SigningKey, VerifierKey};
use sqlx::PgPool;

use crate::log::{Log, config, copy};

fn public(keys: &[&SigningKey]) -> Vec<VerifierKey> {
    keys.iter().map(|key| key.verifier().clone()).collect()
}

#[tokio::test]
async fn the_first_checkpoint_after_a_rotation_is_signed_by_both_keys() {
    let mut log = Log::new().await;
    let (old, new) = (log.key(), SigningKey::generate("daybook/test").unwrap());
    let (only_old, only_new) = (public(&[&old]), public(&[&new]));
    log.append(5).await;
    log.seal().await;

    let signers = vec![copy(&new), copy(&old)];
    let mut sealer = log.sealer_with(signers, public(&[&new, &old]), config());
    for count in [1, 1, 300] {
        log.append(count).await;
        sealer.reaches(log.head).await;
    }
    sealer.stop().await;

    let expected = [(5, true, false), (6, true, true), (7, false, true)];
    for ((size, by_old, by_new), stored) in expected.into_iter().zip(log.checkpoints().await) {
        assert_eq!(stored.size, size);
        let opens = |trusted| SignedCheckpoint::open(&stored.note, trusted).is_ok();
        assert_eq!(opens(&only_old), by_old, "the old key, {size}");
        assert_eq!(opens(&only_new), by_new, "the new key, {size}");
    }
}

#[tokio::test]
async fn a_restart_with_the_new_key_alone_goes_on_while_the_old_one_is_trusted() {
    let mut log = Log::new().await;
    let (old, new) = (log.key(), SigningKey::generate("daybook/test").unwrap());
    log.append(5).await;
    log.seal().await;
    log.append(5).await;

    let mut sealer = log.sealer_with(vec![copy(&new)], public(&[&new]), config());
    assert!(sealer.refuses().await.contains("is not to be trusted"));
    sealer.stop().await;
    assert_eq!(log.checkpoints().await.len(), 1);

    let trusted = public(&[&new, &old]);
    let mut sealer = log.sealer_with(vec![copy(&new)], trusted, config());
    sealer.reaches(10).await;
    sealer.stop().await;
}

#[tokio::test]
async fn without_a_key_or_with_those_of_two_logs_there_is_no_sealer() {
    let pool = PgPool::connect_lazy("postgres:///nowhere").unwrap();
    let make = |keys| Sealer::new(pool.clone(), keys, Vec::new(), config()).map(drop);
    let key = |name| SigningKey::generate(name).unwrap();
    assert!(make(Vec::new()).is_err());
    assert!(make(vec![key("daybook/one"), key("daybook/two")]).is_err());
    assert!(make(vec![key("daybook/one"), key("daybook/one")]).is_ok());
}
