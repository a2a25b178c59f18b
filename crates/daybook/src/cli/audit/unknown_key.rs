//! How a rotation of the checkpoint key looks to a user who does not know the new key yet.

use daybook_audit::verify::{Finding, Report, Settings};
use daybook_audit::{
    CheckpointError, NoteError, SignedCheckpoint, VerifierKey, checkpoints_after, latest_checkpoint,
};

use crate::cli::open_shop::OpenShop;
use crate::failure::Failure;

/// How many of the log's first checkpoints are searched for one by a trusted key.
const OLDEST: i64 = 16;

/// The key that signed the newest checkpoints, if the only finding is that it is not trusted. It may be a new key of
/// the shop, or anybody's.
pub(super) async fn unknown_key(
    shop: &OpenShop,
    settings: &Settings,
    report: &Report,
) -> Result<Option<String>, Failure> {
    // A checkpoint with a wrong signature, in the wrong place or missing is a different problem.
    let is_untrusted = |finding: &Finding| finding.is_untrusted;
    let only_untrusted = report.more == 0 && report.findings.iter().all(is_untrusted);
    if report.is_whole() || !only_untrusted {
        return Ok(None);
    }
    let stored = stored(shop).await?;
    let is_trusted = |note: &String| SignedCheckpoint::open(note, &settings.trusted).is_ok();
    if report.checkpoints.is_empty() && !stored.iter().any(is_trusted) {
        return Ok(None);
    }
    let newest = stored.into_iter().next();
    let outside = settings.external.iter().map(|outside| outside.note.clone());
    let mut unknown = None;
    for note in newest.into_iter().chain(outside) {
        match signed_by(&note, &settings.trusted) {
            Signed::Trusted => {}
            Signed::Unknown(key) => unknown = unknown.or(Some(key)),
            Signed::Otherwise => return Ok(None),
        }
    }
    Ok(unknown)
}

/// The newest note of the database, followed by the oldest ones.
async fn stored(shop: &OpenShop) -> Result<Vec<String>, Failure> {
    let pool = shop.database.worker_pool(1);
    let read = async {
        let what = "reading the checkpoints of the database";
        let mut connection = pool.acquire().await.map_err(Failure::database(what))?;
        let newest = latest_checkpoint(&mut connection).await?;
        let oldest = checkpoints_after(&mut connection, 0, OLDEST).await?;
        let stored = newest.into_iter().chain(oldest);
        Ok(stored.map(|stored| stored.note).collect())
    };
    let read = read.await;
    pool.close().await;
    read
}

/// The key that signed a note, if it has the log's name as a trusted key does and is not trusted itself.
pub(super) fn unknown_signer(note: &str, trusted: &[VerifierKey]) -> Option<String> {
    match signed_by(note, trusted) {
        Signed::Unknown(key) => Some(key),
        Signed::Trusted | Signed::Otherwise => None,
    }
}

enum Signed {
    Trusted,
    /// Signed by a key with the log's name that is not trusted.
    Unknown(String),
    Otherwise,
}

fn signed_by(note: &str, trusted: &[VerifierKey]) -> Signed {
    let error = match SignedCheckpoint::open(note, trusted) {
        Ok(_) => return Signed::Trusted,
        Err(error) => error,
    };
    let (CheckpointError::Note(NoteError::Untrusted), Ok(signed)) =
        (error, SignedCheckpoint::parse(note))
    else {
        return Signed::Otherwise;
    };
    let origin = signed.origin();
    let is_of_the_log = |key: &&str| key.rsplit_once('+').is_some_and(|(name, _)| name == origin);
    let named = signed.signed_as();
    let key = named.iter().map(String::as_str).find(is_of_the_log);
    match key {
        Some(key) if trusted.iter().any(|trusted| trusted.name() == origin) => {
            Signed::Unknown(key.to_owned())
        }
        _ => Signed::Otherwise,
    }
}
