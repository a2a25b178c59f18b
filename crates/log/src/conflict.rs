//! Why a batch failed: one query that names what conflicts with it.

use std::collections::{BTreeSet, HashMap, HashSet};

use daybook_database::from_row;
use daybook_domain::StreamId;
use sqlx::{PgConnection, query_as};
use uuid::Uuid;

use crate::Position;
use crate::append::{Append, Claim, NewEvent, Vacancy, first_touches};

/// What conflicts with a batch.
#[derive(Debug, Default)]
pub struct Conflicts {
    /// Streams that have grown past the version that the batch was decided on.
    pub streams: HashSet<StreamId>,
    /// Indices into the batch.
    pub claims: HashMap<usize, Claim>,
    pub vacancies: HashMap<usize, Vacancy>,
    pub keys: HashSet<usize>,
    /// The batch's own events or records are in the log: an earlier attempt with an unknown outcome has
    /// succeeded, and with it the whole batch.
    pub already_written: bool,
}

impl Conflicts {
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
            && self.claims.is_empty()
            && self.vacancies.is_empty()
            && self.keys.is_empty()
    }

    /// The appends that conflict with a claim, a vacancy or a key.
    fn appends(&self) -> impl Iterator<Item = usize> {
        let named = self
            .claims
            .keys()
            .chain(self.vacancies.keys())
            .chain(&self.keys);
        named.copied().collect::<BTreeSet<_>>().into_iter()
    }
}

struct Found {
    what: String,
    /// Counts from 1 in the list that was asked about.
    n: i64,
    id: Option<Uuid>,
}

from_row!(Found { what, n, id });

const FIND_VALUES: &str = "
    select 'claim' as what, t.n, null::uuid as id
    from unnest($1::text[], $2::bytea[]) with ordinality as t (kind, value, n)
    join log.claims c on c.kind = t.kind and c.value = t.value
    union all
    select 'vacancy', v.n, null
    from unnest($3::text[], $4::text[]) with ordinality as v (kind, owner, n)
    where exists (select from log.claims c where c.kind = v.kind and c.owner = v.owner)
    union all
    select 'key', k.n, r.append_id
    from unnest($5::bytea[]) with ordinality as k (key_hash, n)
    join log.idempotency_records r on r.key_hash = k.key_hash";

const FIND_STREAMS: &str = "
    select 'stream' as what, s.n, e.event_id as id
    from unnest($1::text[], $2::text[], $3::bigint[])
        with ordinality as s (aggregate_type, aggregate_id, sequence, n)
    join log.events e
        on e.aggregate_type = s.aggregate_type and e.aggregate_id = s.aggregate_id and e.sequence = s.sequence";

/// Names what a refused batch conflicts with: claims and keys, which are few, and the streams only if no
/// claim or key conflicts. What this leaves out is found when the rest is refused.
pub async fn find(
    connection: &mut PgConnection,
    batch: &[&Append],
) -> Result<Conflicts, sqlx::Error> {
    let mut conflicts = find_values(connection, batch).await?;
    let named: Vec<&Append> = conflicts.appends().map(|n| batch[n]).collect();
    let suspects = if named.is_empty() { batch } else { &named };
    find_streams(connection, suspects, &mut conflicts).await?;
    Ok(conflicts)
}

async fn find_values(
    connection: &mut PgConnection,
    batch: &[&Append],
) -> Result<Conflicts, sqlx::Error> {
    let claims: Vec<(usize, &Claim)> = each(batch, |append| {
        // A claim that the append itself releases first does not conflict with it.
        append.taken.iter().filter(|taken| {
            !append
                .released
                .iter()
                .any(|r| r.kind == taken.kind && r.value == taken.value)
        })
    });
    let vacancies: Vec<(usize, &Vacancy)> = each(batch, |append| append.vacant.iter());
    let keys: Vec<(usize, &[u8])> = each(batch, |append| {
        append
            .record
            .iter()
            .map(|record| record.key_hash.as_slice())
    });
    let found: Vec<Found> = query_as(FIND_VALUES)
        .bind(Vec::from_iter(claims.iter().map(|(_, claim)| claim.kind)))
        .bind(Vec::from_iter(
            claims.iter().map(|(_, claim)| claim.value.as_slice()),
        ))
        .bind(Vec::from_iter(
            vacancies.iter().map(|(_, vacancy)| vacancy.kind),
        ))
        .bind(Vec::from_iter(
            vacancies.iter().map(|(_, vacancy)| vacancy.owner.as_str()),
        ))
        .bind(Vec::from_iter(keys.iter().map(|(_, key)| *key)))
        .fetch_all(connection)
        .await?;
    let mut conflicts = Conflicts::default();
    for Found { what, n, id } in found {
        let n = n as usize - 1;
        match what.as_str() {
            "claim" => drop(conflicts.claims.insert(claims[n].0, claims[n].1.clone())),
            "vacancy" => drop(
                conflicts
                    .vacancies
                    .insert(vacancies[n].0, vacancies[n].1.clone()),
            ),
            _ if id == Some(batch[keys[n].0].id) => conflicts.already_written = true,
            _ => drop(conflicts.keys.insert(keys[n].0)),
        }
    }
    Ok(conflicts)
}

async fn find_streams(
    connection: &mut PgConnection,
    batch: &[&Append],
    conflicts: &mut Conflicts,
) -> Result<(), sqlx::Error> {
    let touches = first_touches(batch);
    let found: Vec<Found> = query_as(FIND_STREAMS)
        .bind(Vec::from_iter(
            touches
                .iter()
                .map(|touch| touch.stream.aggregate_type.as_str()),
        ))
        .bind(Vec::from_iter(
            touches.iter().map(|touch| touch.stream.id.to_string()),
        ))
        .bind(Vec::from_iter(
            touches.iter().map(|touch| touch.version + 1),
        ))
        .fetch_all(connection)
        .await?;
    let own_events: HashSet<Uuid> = batch
        .iter()
        .flat_map(|append| append.events.iter().map(|event| event.event_id))
        .collect();
    for Found { n, id, .. } in found {
        if id.is_some_and(|id| own_events.contains(&id)) {
            conflicts.already_written = true;
        } else {
            conflicts.streams.insert(touches[n as usize - 1].stream);
        }
    }
    Ok(())
}

/// Each append's items, with the append's index.
fn each<'a, T, I: Iterator<Item = T>>(
    batch: &[&'a Append],
    items: impl Fn(&'a Append) -> I,
) -> Vec<(usize, T)> {
    batch
        .iter()
        .enumerate()
        .flat_map(|(n, append)| items(append).map(move |item| (n, item)))
        .collect()
}

/// The position of each append of a batch that was written: that of its last event, or for an append
/// without events the head that its record names, or 0 if nothing of it is in the log.
pub async fn positions(
    connection: &mut PgConnection,
    batch: &[&Append],
) -> Result<Vec<Position>, sqlx::Error> {
    let mut positions = vec![0; batch.len()];
    let last_events: Vec<(usize, &NewEvent)> =
        each(batch, |append| append.events.last().into_iter());
    let found: Vec<(i64, Position)> = query_as(
        "select s.n, e.position
         from unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[])
             with ordinality as s (aggregate_type, aggregate_id, sequence, event_id, n)
         join log.events e
             on e.aggregate_type = s.aggregate_type and e.aggregate_id = s.aggregate_id
             and e.sequence = s.sequence and e.event_id = s.event_id",
    )
    .bind(Vec::from_iter(
        last_events
            .iter()
            .map(|(_, event)| event.stream.aggregate_type.as_str()),
    ))
    .bind(Vec::from_iter(
        last_events
            .iter()
            .map(|(_, event)| event.stream.id.to_string()),
    ))
    .bind(Vec::from_iter(
        last_events.iter().map(|(_, event)| event.sequence),
    ))
    .bind(Vec::from_iter(
        last_events.iter().map(|(_, event)| event.event_id),
    ))
    .fetch_all(&mut *connection)
    .await?;
    for (n, position) in found {
        positions[last_events[n as usize - 1].0] = position;
    }
    // An append without events has the position of the one before it.
    let head: Position = sqlx::query_scalar("select coalesce(max(position), 0) from log.events")
        .fetch_one(connection)
        .await?;
    let mut last = head;
    for (position, append) in positions.iter_mut().zip(batch) {
        if append.events.is_empty() {
            *position = last;
        }
        last = *position;
    }
    Ok(positions)
}
