//! `daybook audit …` beside a running server or none.
mod diff;
mod trail;
mod verify;
