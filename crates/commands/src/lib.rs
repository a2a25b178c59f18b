//! The write side: from a command to its durable answer.
//!
//! A command is decided in memory on cached aggregates ([`slot`]), drafted as an append while they are
//! locked ([`attempt`]), and queued for the process's one [`writer`], which commits everything that is
//! queued in one round trip. Nothing is answered before it is durable, refusals included: they are
//! appends without events that only confirm what they were decided on. The database has the last word on
//! every rule that spans processes; what is kept here in memory makes the answer fast, and in most cases
//! the database confirms it.

mod answer;
mod attempt;
mod bus;
mod by_admin;
mod claims;
mod command;
mod draft;
mod fixed_id;
mod idempotency;
mod loader;
mod own;
mod refusal;
mod respond;
mod slot;
mod tasks;
mod writer;

mod category;
mod import;
mod order;
mod product;
mod stock;
mod user;

pub use answer::{Answer, Answered, CommandError, Context, IdempotencyKey, Sent};
pub use bus::CommandBus;
pub use by_admin::ByAdmin;
pub use category::{ChangeCategory, CreateCategory, DeleteCategory};
pub use claims::{ClaimKind, NewClaim};
pub use command::{Aggregate, Aggregates, Command, Decision, Person, StreamUse};
pub use fixed_id::fixed_id;
pub use import::{ImportCustomer, ImportOrder, OrderImported, OrderToImport};
pub use order::{
    Acting, CancelOrder, DeliverOrder, OrderOutcome, PlaceOrder, ProcessOrder, ShipOrder,
};
pub use product::{ChangeProduct, CreateProduct, ProductOutcome, RetireProduct};
pub use refusal::{Refusal, Shortage};
pub use stock::{ChangeStock, StockOutcome};
pub use tasks::{BusFault, BusTasks};
pub use user::{
    ChangeUserRoles, DeactivateUser, EraseUser, ReactivateUser, RegisterUser, RenameUser,
    VerifyEmail,
};
