//! The trusted roots: checkpoints that one of the keys has signed, wherever they are kept.

use daybook_log::Position;
use error_reporter::Report;
use sqlx::{PgConnection, query_as};

use super::finding::{Finding, Kind};
use super::{External, VerifyError};
use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::key::VerifierKey;
use crate::note::NoteError;
use crate::tree::Hash;

/// How many checkpoints of the database are read at once when looking for a trusted one.
const LOOKED_AT: i64 = 64;
const IN_THE_DATABASE: &str = "in the database";

/// A root that a trusted key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) source: String,
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) is_external: bool,
}

/// The greatest first.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    pub(super) all: Vec<Anchor>,
    pub(super) findings: Vec<Finding>,
}

impl Anchors {
    pub(super) async fn gather(
        connection: &mut PgConnection,
        trusted: &[VerifierKey],
        external: &[External],
    ) -> Result<Anchors, VerifyError> {
        let mut anchors = Anchors::default();
        anchors.take_newest(connection, trusted).await?;
        for External { source, note } in external {
            match SignedCheckpoint::open(note, trusted) {
                Ok(signed) => anchors.all.push(anchor(&signed, source.clone(), true)),
                Err(error) => {
                    let size = SignedCheckpoint::parse(note).map_or(0, |signed| signed.size());
                    let told = format!("{source}: {}", Report::new(&error));
                    let mut finding = forged(size).told_by(told);
                    finding.is_untrusted = is_untrusted(&error);
                    anchors.findings.push(finding);
                }
            }
        }
        anchors.must_be_of_one_log()?;
        anchors
            .all
            .sort_by_key(|anchor| std::cmp::Reverse(anchor.size));
        Ok(anchors)
    }

    fn must_be_of_one_log(&self) -> Result<(), VerifyError> {
        let Some(first) = self.all.first() else {
            return Ok(());
        };
        match self.all.iter().find(|other| other.origin != first.origin) {
            None => Ok(()),
            Some(other) => Err(VerifyError::OtherLog {
                place: other.source.clone(),
                found: other.origin.clone(),
                expected: first.origin.clone(),
            }),
        }
    }

    /// The newest checkpoint of the database that is trusted. Newer ones that are not trusted are one finding together.
    async fn take_newest(
        &mut self,
        connection: &mut PgConnection,
        trusted: &[VerifierKey],
    ) -> Result<(), VerifyError> {
        let mut untrusted: Option<(Finding, Position)> = None;
        let mut page = before(connection, i64::MAX, LOOKED_AT).await?;
        'search: while let Some((smallest, _)) = page.last().cloned() {
            for (size, note) in page {
                match open(size, &note, trusted) {
                    Ok(signed) => {
                        let source = IN_THE_DATABASE.to_owned();
                        self.all.push(anchor(&signed, source, false));
                        break 'search;
                    }
                    Err(wrong) => {
                        let (finding, newest) = untrusted.get_or_insert_with(|| {
                            let told = format!("{IN_THE_DATABASE}: {}", wrong.told);
                            let mut finding = forged(size.unsigned_abs()).told_by(told);
                            finding.is_untrusted = true;
                            (finding, size)
                        });
                        finding.position = size;
                        finding.is_untrusted &= wrong.is_untrusted;
                        *finding = finding.clone().through(*newest);
                    }
                }
            }
            page = before(connection, smallest.saturating_sub(1), LOOKED_AT).await?;
        }
        self.findings.extend(untrusted.map(|(finding, _)| finding));
        Ok(())
    }
}

/// A trusted checkpoint of the database with a size between the two, close to the middle; `None` if there is none.
pub(super) async fn between(
    connection: &mut PgConnection,
    trusted: &[VerifierKey],
    above: u64,
    below: u64,
) -> Result<Option<Anchor>, VerifyError> {
    let middle = above + (below - above) / 2;
    let position = |size: u64| Position::try_from(size).unwrap_or(Position::MAX);
    let lower = before(connection, position(middle), LOOKED_AT).await?;
    let upper = after(connection, position(middle), LOOKED_AT).await?;
    let inside = |size: &i64| (above + 1..below).contains(&size.unsigned_abs());
    let found = lower
        .into_iter()
        .chain(upper)
        .filter(|(size, _)| inside(size));
    let mut signed = found.filter_map(|(size, note)| open(size, &note, trusted).ok());
    Ok(signed
        .next()
        .map(|signed| anchor(&signed, IN_THE_DATABASE.to_owned(), false)))
}

/// The checkpoints of at most `size` events, the greatest first.
async fn before(
    connection: &mut PgConnection,
    size: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, VerifyError> {
    let rows = query_as(
        "select c.size, c.note from audit.checkpoints c where c.size <= $1 order by c.size desc limit $2",
    );
    Ok(rows.bind(size).bind(limit).fetch_all(connection).await?)
}

/// The checkpoints of more than `size` events, the smallest first.
async fn after(
    connection: &mut PgConnection,
    size: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, VerifyError> {
    let rows = query_as(
        "select c.size, c.note from audit.checkpoints c where c.size > $1 order by c.size limit $2",
    );
    Ok(rows.bind(size).bind(limit).fetch_all(connection).await?)
}

/// Why a checkpoint of the database cannot be trusted.
struct Wrong {
    told: String,
    is_untrusted: bool,
}

fn open(size: i64, note: &str, trusted: &[VerifierKey]) -> Result<SignedCheckpoint, Wrong> {
    let signed = SignedCheckpoint::open(note, trusted).map_err(|error| Wrong {
        told: Report::new(&error).to_string(),
        is_untrusted: is_untrusted(&error),
    })?;
    match signed.size() == size.unsigned_abs() {
        true => Ok(signed),
        false => Err(Wrong {
            told: format!("it is of {} events", signed.size()),
            is_untrusted: false,
        }),
    }
}

fn is_untrusted(error: &CheckpointError) -> bool {
    matches!(error, CheckpointError::Note(NoteError::Untrusted))
}

fn anchor(signed: &SignedCheckpoint, source: String, is_external: bool) -> Anchor {
    Anchor {
        source,
        origin: signed.origin().to_owned(),
        size: signed.size(),
        root: signed.root(),
        is_external,
    }
}

fn forged(size: u64) -> Finding {
    Finding::new(
        Kind::Forged,
        Position::try_from(size).unwrap_or(Position::MAX),
    )
}
