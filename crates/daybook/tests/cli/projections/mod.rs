//! `daybook projections …` beside a running server.
mod acting;
mod building;
mod site;
mod watching;
