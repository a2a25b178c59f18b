//! Moments: a position of the log, or an instant.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use daybook_log::{Feed, LogError, Position};

/// An instant means everything that the log had recorded by then, to the millisecond, which is what answers show: an
/// event belongs to the state at its own `recordedAt`. The time at which something is said to have happened does not
/// matter: imported orders happened long before they were recorded. If the database's clock stepped back, what it had
/// recorded before belongs to every later state, too: states follow positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Position(Position),
    Instant(DateTime<Utc>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a position of the log, 1234, or an RFC 3339 instant, 2011-12-09T12:50:00Z")]
pub struct NoMoment;

#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    #[error("the log has got no further than position {head}")]
    BeyondHead { head: Position },
    #[error("that instant is yet to come")]
    InTheFuture,
    #[error("that is before the first event was recorded, at {}", recorded_at.to_rfc3339_opts(SecondsFormat::Millis, true))]
    BeforeTheFirst { recorded_at: DateTime<Utc> },
    #[error(transparent)]
    Log(#[from] LogError),
}

impl MomentError {
    pub fn remedy(&self) -> &'static str {
        match self {
            MomentError::BeyondHead { .. } => "give a position up to that one",
            MomentError::InTheFuture => "give an instant that has passed, or a position",
            MomentError::BeforeTheFirst { .. } => "give a later instant, or a position from 1 on",
            MomentError::Log(error) => error.remedy(),
        }
    }
}

/// Between two clocks: an instant that is ahead by less is now.
const LEEWAY: TimeDelta = TimeDelta::seconds(5);

impl Moment {
    /// Like [`Moment::position`], but refuses a moment to which nothing belongs although the log has events: what is
    /// made as of then would be empty.
    pub async fn position_of_some(
        self,
        feed: &Feed,
        now: DateTime<Utc>,
    ) -> Result<Position, MomentError> {
        let position = self.position(feed, now).await?;
        if position > 0 {
            return Ok(position);
        }
        match feed.began_at().await? {
            Some(recorded_at) => Err(MomentError::BeforeTheFirst { recorded_at }),
            None => Ok(position),
        }
    }

    /// The last position that belongs to it, or 0 if there is none. An instant in the future is refused, since the
    /// answer would not stay true.
    pub async fn position(self, feed: &Feed, now: DateTime<Utc>) -> Result<Position, MomentError> {
        match self {
            Moment::Position(position) => match feed.head().await? {
                head if position > head => Err(MomentError::BeyondHead { head }),
                _ => Ok(position),
            },
            Moment::Instant(instant) if instant > now + LEEWAY => Err(MomentError::InTheFuture),
            Moment::Instant(instant) => Ok(feed.position_at(end_of_millisecond(instant)).await?),
        }
    }
}

/// PostgreSQL's instants have microseconds.
fn end_of_millisecond(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(3) + TimeDelta::microseconds(999)
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Moment, NoMoment> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Moment::Position).map_err(|_| NoMoment);
        }
        // chrono accepts other separators than T, too.
        if text.get(10..11) != Some("T") {
            return Err(NoMoment);
        }
        DateTime::parse_from_rfc3339(text)
            .map(|instant| Moment::Instant(instant.to_utc()))
            .map_err(|_| NoMoment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn positions_and_instants_are_told_apart() {
        assert_eq!("0".parse(), Ok(Moment::Position(0)));
        assert_eq!("1234".parse(), Ok(Moment::Position(1234)));
        let noon = Moment::Instant(instant("2011-12-09T12:00:00.5Z"));
        assert_eq!("2011-12-09T12:00:00.5Z".parse(), Ok(noon));
        assert_eq!("2011-12-09T13:00:00.5+01:00".parse(), Ok(noon));
        for wrong in [
            "",
            "-1",
            "+1",
            "1.5",
            "99999999999999999999",
            "2011-12-09",
            "2011-12-09 12:00:00Z",
            "2011-12-09T12:00:00",
            "2011-12-09T13:00:00 01:00",
            "2011-02-29T12:00:00Z",
            "now",
        ] {
            assert_eq!(wrong.parse::<Moment>(), Err(NoMoment), "{wrong}");
        }
    }

    #[test]
    fn an_instant_lasts_as_long_as_it_is_shown_to() {
        assert_eq!(
            end_of_millisecond(instant("2011-12-09T12:00:00.1234567Z")),
            instant("2011-12-09T12:00:00.123999Z")
        );
    }
}
