//! `daybook import orders`: another shop's past from the CSV file that it exports.

mod again;
mod beside;
mod place;
mod refusing;
mod taking;
