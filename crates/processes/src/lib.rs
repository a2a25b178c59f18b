//! Everything with effects outside the log and the read models: code that reacts to events by sending commands or by
//! calling other systems, and the ports to those systems. Nothing else has side effects, so rebuilding a read model
//! repeats none.
//!
//! So far there is only the outbox: a message to a person is written in the transaction that it belongs to, and sent
//! later by whoever processes the outbox.

pub mod outbox;
