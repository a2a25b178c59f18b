//! Checks whether an element of a batch is an event that can be stored.

use chrono::{DateTime, Utc};
use daybook_usage::{Times, UsageEvent};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::RejectedEvent;
use super::body::{EVENT_TYPE_MAX_CHARS, EventBody, SESSION_ID_MAX_CHARS};
use super::readable::Readable;
use crate::extract::{Object, misfit_code};

/// Why an element cannot be stored.
#[derive(Debug)]
struct Reason {
    code: &'static str,
    detail: String,
}

impl Reason {
    fn new(code: &'static str, detail: impl Into<String>) -> Reason {
        let detail = detail.into();
        Reason { code, detail }
    }

    fn at(self, index: usize, element: &str) -> RejectedEvent {
        RejectedEvent {
            index,
            event_id: event_id(element),
            code: self.code,
            detail: self.detail,
        }
    }
}

/// An event that can be stored.
pub(super) struct Judged<'a> {
    body: EventBody,
    at: DateTime<Utc>,
    json: &'a str,
}

impl Judged<'_> {
    pub(super) fn event(&self) -> UsageEvent<'_> {
        UsageEvent {
            id: self.body.event_id,
            at: self.at,
            session_id: &self.body.session_id,
            user_id: self.body.user_id,
            event_type: &self.body.event_type,
            json: self.json,
        }
    }
}

/// The events that can be stored, and the reasons why the others cannot.
pub(super) fn judge_all<'a>(
    elements: &'a [Box<RawValue>],
    times: &Times,
) -> (Vec<Judged<'a>>, Vec<RejectedEvent>) {
    let (mut judged, mut rejected) = (Vec::with_capacity(elements.len()), Vec::new());
    for (index, element) in elements.iter().enumerate() {
        match judge(element.get(), times) {
            Ok(event) => judged.push(event),
            Err(reason) => rejected.push(reason.at(index, element.get())),
        }
    }
    (judged, rejected)
}

fn judge<'a>(json: &'a str, times: &Times) -> Result<Judged<'a>, Reason> {
    let Object(body) = serde_json::from_str::<Object<EventBody>>(json).map_err(misfit)?;
    let at = instant(&body.timestamp, times)?;
    text("sessionId", &body.session_id, SESSION_ID_MAX_CHARS)?;
    text("eventType", &body.event_type, EVENT_TYPE_MAX_CHARS)?;
    data(body.event_data.get())?;
    Ok(Judged { body, at, json })
}

fn misfit(error: serde_json::Error) -> Reason {
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    Reason::new(
        misfit_code(message),
        format!("The event does not fit: {message}."),
    )
}

fn instant(timestamp: &str, times: &Times) -> Result<DateTime<Utc>, Reason> {
    let at = DateTime::parse_from_rfc3339(timestamp)
        .map_err(|_| {
            Reason::new(
                "invalid-value",
                "timestamp is no instant as RFC 3339 has them.",
            )
        })?
        .to_utc();
    match times.contain(at) {
        true => Ok(at),
        false => {
            let detail = "timestamp lies more than 366 days back, or more than an hour ahead.";
            Err(Reason::new("out-of-range", detail))
        }
    }
}

fn text(field: &str, value: &str, most: usize) -> Result<(), Reason> {
    if value.is_empty() {
        return Err(Reason::new("required", format!("{field} is empty.")));
    }
    if value.chars().any(char::is_control) {
        return Err(Reason::new(
            "control-character",
            format!("{field} has control characters."),
        ));
    }
    if value.chars().nth(most).is_some() {
        return Err(Reason::new(
            "too-long",
            format!("{field} has more than {most} characters."),
        ));
    }
    Ok(())
}

/// `eventData` is stored as it came, so PostgreSQL and everyone else must be able to read it.
fn data(json: &str) -> Result<(), Reason> {
    if !json.starts_with('{') {
        return Err(Reason::new("invalid-type", "eventData is no object."));
    }
    match serde_json::from_str::<Readable>(json) {
        Ok(Readable { has_nul: false }) => Ok(()),
        Ok(Readable { has_nul: true }) => Err(Reason::new(
            "control-character",
            "eventData has NUL characters.",
        )),
        Err(error) => Err(Reason::new(
            "invalid-value",
            format!("eventData cannot be read: {error}."),
        )),
    }
}

/// The id of an element that is not a valid event, so that its sender can identify it.
fn event_id(element: &str) -> Option<Uuid> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identified {
        event_id: Uuid,
    }
    let identified: Result<Identified, _> = serde_json::from_str(element);
    identified.ok().map(|identified| identified.event_id)
}
