//! What operators do to projections, for the command line and the HTTP interface alike.
//!
//! Every action is one transaction: the checkpoint changes, the action is recorded with who did it and
//! why, and the projection's worker is woken, in whichever process it is. Building and comparing take
//! long, so they are recorded when they begin and when they end.

mod actions;
mod admission;
mod checkpoint;
mod control;
mod dead_letters;
mod error;
mod recorded;

use std::{fmt, str::FromStr};

pub(crate) use self::dead_letters::note_passed_over;
pub use self::{
    actions::{Action, ActionKind, Detail, Outcome, actions, last_outcomes, outcome},
    admission::may_begin,
    control::{pause, reset, resume, retry},
    dead_letters::{DeadLetter, dead_letters, skip},
    error::OperateError,
    recorded::{Instruction, build_as_of, rebuild, rollback, verify},
};

/// Who operates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator(String);

impl Operator {
    /// A user of the system on which the command line runs.
    pub fn of_system(user: &str) -> Operator {
        Operator(format!("cli:{user}"))
    }

    /// An administrator, as the log names them: `user:<id>`.
    pub fn of_shop(actor: &daybook_log::Actor) -> Operator {
        Operator(actor.to_string())
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something is done: one line, for people who read it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    pub const MAX_CHARACTERS: usize = 500;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = InvalidReason;

    fn from_str(text: &str) -> Result<Reason, InvalidReason> {
        let fits = text.chars().count() <= Reason::MAX_CHARACTERS;
        if fits && !text.contains(char::is_control) && !text.trim().is_empty() {
            Ok(Reason(text.trim().to_owned()))
        } else {
            Err(InvalidReason)
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a reason is one line of 1 to {max} characters", max = Reason::MAX_CHARACTERS)]
pub struct InvalidReason;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something_in_one_line() {
        assert_eq!(" broken ".parse::<Reason>().unwrap().as_str(), "broken");
        assert!("é".repeat(500).parse::<Reason>().is_ok());
        for bad in ["", "  ", "two\nlines", "bell\u{7}", &"x".repeat(501)] {
            assert!(bad.parse::<Reason>().is_err(), "{bad:.10}");
        }
    }
}
