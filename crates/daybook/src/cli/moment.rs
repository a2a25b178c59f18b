//! Moments as the command line takes them.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use daybook_history::past::{Moment, MomentError};
use daybook_log::{Feed, Position};

use crate::failure::Failure;

/// A moment as the HTTP interface takes it, or a date, which means midnight UTC.
pub(crate) fn moment(text: &str) -> Result<Moment, &'static str> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(Moment::Instant(date.and_time(NaiveTime::MIN).and_utc()));
    }
    text.parse().map_err(|_| {
        "expected a position of the log, 1234, an RFC 3339 instant, 2011-12-09T12:50:00Z, \
         or a date, 2011-12-09, which means midnight UTC"
    })
}

/// An instant as the HTTP interface takes it, or a date, which means midnight UTC.
pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, &'static str> {
    match moment(text) {
        Ok(Moment::Instant(instant)) => Ok(instant),
        _ => Err("expected an RFC 3339 instant, 2011-12-09T12:50:00Z, \
             or a date, 2011-12-09, which means midnight UTC"),
    }
}

/// The last position that belongs to the moment that this flag gives. Refused if the log has events but none by then.
pub(crate) async fn position_at(
    feed: &Feed,
    flag: &'static str,
    moment: Moment,
) -> Result<Position, Failure> {
    let position = moment.position_of_some(feed, Utc::now()).await;
    position.map_err(|error| refused(flag, error))
}

/// The last position that belongs to the moment that this flag gives, 0 if nothing does.
pub(crate) async fn position_or_none_at(
    feed: &Feed,
    flag: &'static str,
    moment: Moment,
) -> Result<Position, Failure> {
    let position = moment.position(feed, Utc::now()).await;
    position.map_err(|error| refused(flag, error))
}

fn refused(flag: &'static str, error: MomentError) -> Failure {
    match error {
        MomentError::Log(error) => error.into(),
        source @ (MomentError::BeyondHead { .. }
        | MomentError::InTheFuture
        | MomentError::BeforeTheFirst { .. }) => Failure::Moment { flag, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_midnight() {
        let midnight = "2011-12-09T00:00:00Z".parse::<Moment>().unwrap();
        assert_eq!(moment("2011-12-09"), Ok(midnight));
        assert_eq!(moment("2011-12-09T00:00:00Z"), Ok(midnight));
        assert_eq!(moment("1234"), Ok(Moment::Position(1234)));
        for wrong in ["", "-1", "2011-02-29", "yesterday"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        assert_eq!(instant("2011-12-09").map(Moment::Instant), Ok(midnight));
        for wrong in ["1234", "2011-02-29", "yesterday"] {
            assert!(instant(wrong).unwrap_err().contains("or a date"), "{wrong}");
        }
    }
}
