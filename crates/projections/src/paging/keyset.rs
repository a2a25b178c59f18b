//! Fetching one page in the order of a key and, among equals, of the id.

use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Page, Paging, QueryError, Start,
    cursor::{Cursor, Direction, Key, KeyKind},
};

/// The order of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyset {
    /// Names the order in cursors.
    pub(crate) order: &'static str,
    /// The SQL expression to sort by, never null.
    pub(crate) key: &'static str,
    pub(crate) kind: KeyKind,
    /// The SQL expression of the row's id.
    pub(crate) id: &'static str,
    pub(crate) descending: bool,
}

impl Keyset {
    /// The columns that a query must select in addition to its own.
    pub(crate) fn columns(&self) -> String {
        format!("{} as page_key, {} as page_id", self.key, self.id)
    }
}

/// Fetches a page of a list of `total` rows.
///
/// `query` is a statement up to and including its conditions, which selects [`Keyset::columns`].
pub(crate) async fn fetch_page<T>(
    conn: &mut PgConnection,
    mut query: QueryBuilder<'_, Postgres>,
    keyset: &Keyset,
    paging: &Paging,
    total: i64,
) -> Result<Page<T>, QueryError>
where
    T: for<'r> FromRow<'r, PgRow>,
{
    let start = Resolved::of(paging, keyset)?;
    start.push(&mut query, keyset, paging.limit);
    let mut rows = query.build().fetch_all(conn).await?;

    // Fetches one row more than asked for, to know whether there is another page in that direction.
    let more = rows.len() > paging.limit as usize;
    rows.truncate(paging.limit as usize);
    let (has_next, has_prev) = match &start {
        Resolved::From(cursor) if cursor.direction == Direction::Prev => {
            rows.reverse();
            (true, more)
        }
        Resolved::From(_) => (more, true),
        Resolved::Offset(offset) => (more, *offset > 0),
    };
    let cursor_at = |row: Option<&PgRow>, direction| match row {
        None => Ok(None),
        Some(row) => {
            let key = Key::from_row(row, "page_key", keyset.kind)?;
            let id: Uuid = row.try_get("page_id")?;
            Ok::<_, sqlx::Error>(Some(Cursor { direction, key, id }.encode(keyset.order)))
        }
    };
    Ok(Page {
        next: if has_next {
            cursor_at(rows.last(), Direction::Next)?
        } else {
            None
        },
        prev: if has_prev {
            cursor_at(rows.first(), Direction::Prev)?
        } else {
            None
        },
        items: rows.iter().map(T::from_row).collect::<Result<_, _>>()?,
        total,
    })
}

enum Resolved {
    Offset(i64),
    From(Cursor),
}

impl Resolved {
    fn of(paging: &Paging, keyset: &Keyset) -> Result<Resolved, QueryError> {
        Ok(match &paging.start {
            Start::Page(page) => Resolved::Offset(
                i64::from(page.saturating_sub(1)).saturating_mul(i64::from(paging.limit)),
            ),
            Start::Cursor(text) => Resolved::From(Cursor::decode(text, keyset.order, keyset.kind)?),
        })
    }

    fn push(&self, query: &mut QueryBuilder<'_, Postgres>, keyset: &Keyset, limit: u32) {
        let Keyset {
            key,
            id,
            descending,
            ..
        } = keyset;
        let backwards = matches!(
            self,
            Resolved::From(Cursor {
                direction: Direction::Prev,
                ..
            })
        );
        let descending = *descending != backwards;
        if let Resolved::From(cursor) = self {
            let follows = if descending { "<" } else { ">" };
            query.push(format_args!(" and ({key}, {id}) {follows} ("));
            cursor.key.push_bind(query);
            query.push(", ").push_bind(cursor.id).push(")");
        }
        let order = if descending { "desc" } else { "asc" };
        query.push(format_args!(" order by {key} {order}, {id} {order} limit "));
        query.push_bind(i64::from(limit) + 1);
        if let Resolved::Offset(offset) = self {
            query.push(" offset ").push_bind(*offset);
        }
    }
}
