//! Reports how far an import is.

/// Is told how far an import is. An import has stages, one after another.
pub trait ImportProgress: Send + Sync {
    /// A new stage of `total` units begins.
    fn begin(&self, what: &'static str, unit: &'static str, total: u64);

    fn advance(&self, by: u64);

    /// The last stage has ended.
    fn end(&self);
}
