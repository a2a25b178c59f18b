//! The metrics of the caches.

use std::sync::LazyLock;

use metrics::{Counter, counter, describe_counter, describe_gauge, gauge};

const ANSWERS: &str = "daybook_cache_answers_total";
const ENTRIES: &str = "daybook_cache_entries";
const BYTES: &str = "daybook_cache_bytes";

/// Where an answer to a public query came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From this process's cache, or from a read that another request had begun.
    Kept,
    /// From the shared cache, where another process had stored it.
    Shared,
    Read,
    /// Read, because nothing may be cached at the moment.
    Bypass,
}

pub(super) fn answered(source: Source) {
    static COUNTERS: LazyLock<[Counter; 4]> = LazyLock::new(|| {
        describe_counter!(
            ANSWERS,
            "Public queries on lists and categories, by where their answers came from."
        );
        describe_gauge!(ENTRIES, "Answers to public queries kept in this process.");
        describe_gauge!(
            BYTES,
            metrics::Unit::Bytes,
            "The memory that these answers take."
        );
        ["kept", "shared", "read", "bypass"].map(|source| counter!(ANSWERS, "source" => source))
    });
    COUNTERS[source as usize].increment(1);
}

pub(super) fn size(entries: u64, bytes: u64) {
    gauge!(ENTRIES).set(entries as f64);
    gauge!(BYTES).set(bytes as f64);
}
