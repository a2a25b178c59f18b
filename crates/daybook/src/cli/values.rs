//! Values of arguments, judged alike by every command, with errors in words.

use uuid::Uuid;

use crate::failure::Failure;

/// A whole number from 1: a position, a limit.
pub(crate) fn positive<T: TryFrom<i64>>(text: &str) -> Result<T, &'static str> {
    match text.parse::<i64>() {
        Ok(number) if number > 0 => T::try_from(number).map_err(|_| "that number is too large"),
        _ => Err("expected a whole number from 1"),
    }
}

pub(crate) fn id(text: &str) -> Result<Uuid, &'static str> {
    Uuid::parse_str(text)
        .map_err(|_| "expected an id, such as 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a")
}

/// Refuses two bounds, each given by a flag, that are the wrong way round.
pub(crate) fn in_order<T: PartialOrd>(
    (from_flag, from): (&str, Option<T>),
    (to_flag, to): (&str, Option<T>),
) -> Result<(), Failure> {
    match (from, to) {
        (Some(from), Some(to)) if to < from => Err(Failure::Arguments(format!(
            "{to_flag} comes before {from_flag}"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_1() {
        assert_eq!(positive::<i64>("1"), Ok(1));
        assert_eq!(positive::<u16>("65535"), Ok(65_535));
        assert_eq!(positive::<u16>("65536"), Err("that number is too large"));
        for wrong in ["0", "-1", "1.5", "", "x", "99999999999999999999"] {
            let told = positive::<i64>(wrong);
            assert_eq!(told, Err("expected a whole number from 1"), "{wrong}");
        }
    }

    #[test]
    fn an_id_that_is_none_is_told_in_words() {
        assert!(id("0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a").is_ok());
        assert!(id("nobody").unwrap_err().starts_with("expected an id"));
    }

    #[test]
    fn bounds_are_the_right_way_round() {
        let check = |from, to| in_order(("--from", from), ("--to", to));
        for (from, to) in [
            (None, None),
            (Some(7), None),
            (None, Some(3)),
            (Some(3), Some(3)),
        ] {
            assert!(check(from, to).is_ok());
        }
        let line = check(Some(7), Some(3)).unwrap_err().line();
        assert!(line.contains("--to comes before --from"), "{line}");
    }
}
