//! `daybook projections …` beside a running server.
mod acting;
mod building;
mod pausing;
mod site;
mod watching;
