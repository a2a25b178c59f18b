//! `daybook audit …`, with and without a running server.
mod diff;
mod trail;
mod verify;
