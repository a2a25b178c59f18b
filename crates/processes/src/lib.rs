//! What has effects outside the log and the read models: what reacts to events by sending commands or by calling the
//! outside, and the ports to the outside. Nothing else has side effects, so rebuilding a read model repeats none.
//!
//! So far there is the outbox: what is to be sent to people is written down in the transaction that it belongs to, and
//! sent by whoever looks after it later.

pub mod outbox;
