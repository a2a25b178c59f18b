//! Cursors of a search: the position, or the number, that a page follows or precedes. They come back from anyone; a
//! forged one only begins elsewhere in the same list.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_history::trail::Place;

use crate::extract::invalid_parameter;
use crate::problem::ApiResult;

pub(in crate::routes) fn cursor_at(place: Place) -> String {
    let text = match place {
        Place::First => return String::new(),
        Place::After(position) => format!("after:{position}"),
        Place::Before(position) => format!("before:{position}"),
    };
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// Where the page that a cursor names is; without one it is the first.
pub(in crate::routes) fn place_of(cursor: Option<&str>) -> ApiResult<Place> {
    let Some(cursor) = cursor else {
        return Ok(Place::First);
    };
    read(cursor).ok_or_else(|| {
        let detail = "Take cursors from the Link header.";
        invalid_parameter("/cursor", "invalid-value", detail)
    })
}

fn read(cursor: &str) -> Option<Place> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (side, position) = text.split_once(':')?;
    let position = position.parse().ok().filter(|position| *position >= 1)?;
    match side {
        "after" => Some(Place::After(position)),
        "before" => Some(Place::Before(position)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were_given() {
        for place in [Place::After(1), Place::Before(i64::MAX)] {
            assert_eq!(place_of(Some(&cursor_at(place))).unwrap(), place);
        }
        assert_eq!(place_of(None).unwrap(), Place::First);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let forged = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        for cursor in [
            "",
            "x",
            "!!!",
            &forged("after:0"),
            &forged("after:-1"),
            &forged("at:7"),
        ] {
            assert_eq!(
                place_of(Some(cursor)).unwrap_err().status(),
                422,
                "{cursor}"
            );
        }
    }
}
