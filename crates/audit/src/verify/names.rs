//! The streams whose events were sealed at which positions, as stored beside the tiles. Nothing proves these names:
//! they only help people to find what a finding is about.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::VerifyError;
use super::finding::{Finding, Kind};
use crate::tiles::{WIDTH, streams_of_tile};

/// Names the stream of each event that was removed, changed or moved.
pub(super) async fn add_names(
    connection: &mut PgConnection,
    findings: &mut [Finding],
) -> Result<(), VerifyError> {
    let mut by_tile: HashMap<u64, Vec<String>> = HashMap::new();
    for finding in findings
        .iter_mut()
        .filter(|finding| is_about_one_event(finding))
    {
        let Some(leaf) = u64::try_from(finding.position)
            .ok()
            .and_then(|at| at.checked_sub(1))
        else {
            continue;
        };
        let (tile, within) = (leaf / WIDTH, (leaf % WIDTH) as usize);
        if !by_tile.contains_key(&tile) {
            // Findings come by position, so the names of one tile are enough at a time.
            by_tile.clear();
            by_tile.insert(tile, streams_of_tile(connection, tile).await?);
        }
        let names = by_tile.get(&tile);
        finding.stream = names.and_then(|names| names.get(within)).cloned();
    }
    Ok(())
}

fn is_about_one_event(finding: &Finding) -> bool {
    let is_known_by_position = matches!(
        finding.kind,
        Kind::Removed | Kind::Changed | Kind::Reordered
    );
    is_known_by_position && finding.through.is_none()
}
