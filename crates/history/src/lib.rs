//! The log as people read it: resources as they were ([`past`]), and who changed what ([`trail`]).
//!
//! Nothing here writes, and nothing here knows HTTP.

pub mod past;
pub mod trail;
