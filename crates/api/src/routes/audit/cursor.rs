//! Cursors of a search: the position, or the number, that a page follows or precedes. Clients may forge them; a forged
//! cursor only begins elsewhere in the same list.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_history::trail::PageStart;

use crate::extract::invalid_parameter;
use crate::problem::ApiResult;

pub(in crate::routes) fn cursor_at(start: PageStart) -> String {
    let text = match start {
        PageStart::First => return String::new(),
        PageStart::After(position) => format!("after:{position}"),
        PageStart::Before(position) => format!("before:{position}"),
    };
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// The page that a cursor refers to; without one it is the first.
pub(in crate::routes) fn page_start(cursor: Option<&str>) -> ApiResult<PageStart> {
    let Some(cursor) = cursor else {
        return Ok(PageStart::First);
    };
    read(cursor).ok_or_else(|| {
        let detail = "Take cursors from the Link header.";
        invalid_parameter("/cursor", "invalid-value", detail)
    })
}

fn read(cursor: &str) -> Option<PageStart> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (side, position) = text.split_once(':')?;
    let position = position.parse().ok().filter(|position| *position >= 1)?;
    match side {
        "after" => Some(PageStart::After(position)),
        "before" => Some(PageStart::Before(position)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were_given() {
        for start in [PageStart::After(1), PageStart::Before(i64::MAX)] {
            assert_eq!(page_start(Some(&cursor_at(start))).unwrap(), start);
        }
        assert_eq!(page_start(None).unwrap(), PageStart::First);
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
                page_start(Some(cursor)).unwrap_err().status(),
                422,
                "{cursor}"
            );
        }
    }
}
