//! Pages of a list, by number or by cursor.
//!
//! A cursor holds the sort key and the id of the row that a page begins after (or ends before). The
//! database goes straight there by index, however deep the page is, and rows that are added or removed
//! meanwhile neither repeat nor hide other rows. Page numbers count rows, which gets slower with the
//! depth.

mod cursor;
mod keyset;

use daybook_database::remedy;

pub(crate) use self::{
    cursor::KeyKind,
    keyset::{Keyset, fetch_page},
};

/// Which page of a list. The caller must bound the limit.
#[derive(Clone, Debug)]
pub struct Paging {
    pub limit: u32,
    pub start: Start,
}

#[derive(Clone, Debug)]
pub enum Start {
    /// Counts from 1.
    Page(u32),
    /// A cursor from [`Page::next`] or [`Page::prev`] of the same list in the same order.
    Cursor(String),
}

impl Paging {
    pub fn page(page: u32, limit: u32) -> Paging {
        Paging {
            limit,
            start: Start::Page(page),
        }
    }

    pub fn cursor(cursor: impl Into<String>, limit: u32) -> Paging {
        Paging {
            limit,
            start: Start::Cursor(cursor.into()),
        }
    }
}

/// A page of a list, with cursors to its neighbours.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: i64,
    /// Cursor of the page after this one; `None` on the last.
    pub next: Option<String>,
    /// Cursor of the page before this one; `None` on the first.
    pub prev: Option<String>,
}

/// Why a read model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the cursor is not one of this list's")]
    BadCursor,
    #[error("the read model could not be read")]
    Database(#[from] sqlx::Error),
}

impl QueryError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            QueryError::BadCursor => "begin again with the first page",
            QueryError::Database(error) => remedy(error),
        }
    }
}
