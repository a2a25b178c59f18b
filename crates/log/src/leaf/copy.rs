//! Rows as PostgreSQL's binary COPY writes them: <https://www.postgresql.org/docs/15/sql-copy.html>.
//!
//! A row is read as slices of the received bytes and nothing more, so that hashing costs more than reading. A row that
//! the table would not accept, left by someone with the right to change the table, is read all the same: its hash is
//! one that no honest row has.

use uuid::Uuid;

use super::{Leaf, begin, push, sha256};
use crate::Position;

/// The position, then the leaf's fields.
const COLUMNS: usize = 11;
const FIELDS: usize = COLUMNS - 1;
const OCCURRED_AT: usize = 8;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const TRAILER: i16 = -1;

/// 2000-01-01, where PostgreSQL counts from, in microseconds since 1970-01-01.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// Whole rows, in the order in which the database sent them.
#[derive(Debug)]
pub struct LeafChunk {
    rows: Vec<u8>,
    count: usize,
}

impl LeafChunk {
    pub(super) fn new(rows: Vec<u8>, count: usize) -> LeafChunk {
        LeafChunk { rows, count }
    }

    /// How many rows it holds.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn rows(&self) -> impl Iterator<Item = LeafRow<'_>> {
        let mut rest = Input(&self.rows);
        std::iter::from_fn(move || rest.row())
    }
}

/// A row of the log.
#[derive(Clone, Copy, Debug)]
pub struct LeafRow<'a> {
    /// As stored: do not trust it to be dense, unique or above zero. 0 if the row has none.
    pub position: Position,
    /// In the order of the encoding; instants are still as PostgreSQL counts them.
    fields: [Option<&'a [u8]>; FIELDS],
}

impl LeafRow<'_> {
    /// The leaf's hash. `scratch` saves an allocation for each row.
    pub fn hash(&self, scratch: &mut Vec<u8>) -> [u8; 32] {
        begin(scratch);
        for field in &self.fields[..OCCURRED_AT] {
            push(scratch, *field);
        }
        for field in &self.fields[OCCURRED_AT..] {
            match field.and_then(integer) {
                Some(instant) => push(scratch, Some(&since_1970(instant).to_be_bytes())),
                None => push(scratch, *field),
            }
        }
        sha256(scratch)
    }

    /// Type and id: `order/0190d5a0-…`. On one line, whatever was stored.
    pub fn stream(&self) -> String {
        let mut stream = String::with_capacity(48);
        self.push_stream(&mut stream);
        stream
    }

    /// The same, at the end of a text.
    pub fn push_stream(&self, text: &mut String) {
        push_line(text, self.fields[0]);
        text.push('/');
        push_line(text, self.fields[1]);
    }

    /// 0 if the row has none.
    pub fn sequence(&self) -> i64 {
        self.fields[2].and_then(integer).unwrap_or_default()
    }

    /// Lossy if the row has no valid text.
    pub fn event_type(&self) -> String {
        String::from_utf8_lossy(self.fields[3].unwrap_or_default()).into_owned()
    }

    /// The nil id if the row has none.
    pub fn event_id(&self) -> Uuid {
        self.fields[7]
            .and_then(|bytes| Uuid::from_slice(bytes).ok())
            .unwrap_or_default()
    }

    /// The whole row; `None` if the table would not accept such a row.
    pub fn leaf(&self) -> Option<Leaf> {
        let text = |n: usize| String::from_utf8(self.fields[n]?.to_vec()).ok();
        let number = |n: usize| self.fields[n].and_then(integer);
        Some(Leaf {
            aggregate_type: text(0)?,
            aggregate_id: text(1)?,
            sequence: number(2)?,
            event_type: text(3)?,
            event_version: text(4)?,
            payload: text(5)?,
            metadata: text(6)?,
            event_id: Uuid::from_slice(self.fields[7]?).ok()?,
            occurred_at_us: since_1970(number(OCCURRED_AT)?),
            recorded_at_us: since_1970(number(OCCURRED_AT + 1)?),
        })
    }
}

/// Wraps around for PostgreSQL's `infinity`: two different instants never become the same.
fn since_1970(since_2000: i64) -> i64 {
    since_2000.wrapping_add(POSTGRES_EPOCH_US)
}

fn integer(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

fn push_line(text: &mut String, field: Option<&[u8]>) {
    let field = String::from_utf8_lossy(field.unwrap_or_default());
    text.extend(
        field
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c }),
    );
}

/// What the received bytes that were not used yet begin with.
pub(super) enum Next {
    Row {
        length: usize,
    },
    End,
    /// It has not been received whole yet.
    Incomplete,
    Malformed,
}

/// The length of the header; `None` until it has been received whole.
pub(super) fn header_length(bytes: &[u8]) -> Option<Result<usize, ()>> {
    let mut input = Input(bytes);
    if input.take(SIGNATURE.len())? != SIGNATURE {
        return Some(Err(()));
    }
    let _flags = input.take(4)?;
    let extension = input.length()?;
    input.take(usize::try_from(extension).ok()?)?;
    Some(Ok(bytes.len() - input.0.len()))
}

pub(super) fn next(bytes: &[u8]) -> Next {
    let mut input = Input(bytes);
    match input.columns() {
        None => return Next::Incomplete,
        Some(TRAILER) => return Next::End,
        Some(columns) if columns != COLUMNS as i16 => return Next::Malformed,
        Some(_) => {}
    }
    for column in 0..COLUMNS {
        let Some(length) = input.length() else {
            return Next::Incomplete;
        };
        if column == 0 && length != 8 && length != -1 {
            return Next::Malformed;
        }
        if input.take(usize::try_from(length).unwrap_or(0)).is_none() {
            return Next::Incomplete;
        }
    }
    Next::Row {
        length: bytes.len() - input.0.len(),
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The next row; [`next`] must have found it whole before.
    fn row(&mut self) -> Option<LeafRow<'a>> {
        self.columns()?;
        let position = self.field()?.and_then(integer).unwrap_or_default();
        let mut fields = [None; FIELDS];
        for field in &mut fields {
            *field = self.field()?;
        }
        Some(LeafRow { position, fields })
    }

    fn field(&mut self) -> Option<Option<&'a [u8]>> {
        match usize::try_from(self.length()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_null) => Some(None),
        }
    }

    fn columns(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}
