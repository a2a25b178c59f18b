//! The read side: read models that projectors make from the log, and the queries on them.
//!
//! - [`registry`] is the one list of projections; each has a folder that says how it follows from events
//!   (`project.rs`) and what can be queried (`query.rs`).
//! - [`runtime`] keeps the read models up to date with the log; [`progress`] tells how far they are.
//! - [`ReadModels`] is what an API queries.
//!
//! Nothing here writes to the log or has any effect except on the read models' own tables.

pub mod analytics;
pub mod catalog;
mod column;
pub mod measure;
pub mod operate;
pub mod orders;
mod paging;
pub mod progress;
pub mod projection;
mod read_models;
pub mod rebuild;
pub mod registry;
mod rows;
pub mod runtime;
pub mod schema;
pub mod skipped;
mod stand;
mod status;
pub mod table;
pub mod trail;
pub mod users;

pub use paging::{Page, Paging, QueryError, Start};
pub use progress::{Change, ProgressTracker};
pub use read_models::{Behind, ReadModels};
pub use registry::registry;
pub use runtime::{ProjectorConfig, run};
pub use stand::{At, Stand};
pub use status::{
    BuildStatus, Pause, PreviousVersion, ProjectionState, ProjectionStatus, StatusError, status,
    status_of,
};
