//! Quantities and prices as other shops write them: `12.50`, `1,234.5`, `12,50`, `1.234,5000`.

use std::fmt;

use daybook_domain::Currency;
use daybook_domain::order::Order;
use daybook_domain::product::Product;
use serde::Serialize;

use super::reason::Reason;

/// The most units of one product on one line; a larger number comes from another column.
const MOST_UNITS: i64 = Order::MAX_IMPORTED_QUANTITY;

/// Which of the two marks comes before the decimals; the other one groups thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DecimalMark {
    /// 1,234.50
    Point,
    /// 1.234,50
    Comma,
}

impl fmt::Display for DecimalMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecimalMark::Point => "point",
            DecimalMark::Comma => "comma",
        })
    }
}

/// Looks at all numbers, to find out which mark comes before decimals.
#[derive(Debug, Default)]
pub(crate) struct MarkSurvey {
    point: u64,
    comma: u64,
    either: Option<String>,
}

/// Why a file's numbers cannot be read with certainty.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} may have thousands or decimals after its mark, and so may every number of the file that has one"
)]
pub struct AmbiguousMark(String);

impl AmbiguousMark {
    pub fn remedy(&self) -> &'static str {
        "say which with --decimal-mark point or --decimal-mark comma; nothing was imported"
    }
}

impl MarkSurvey {
    pub(crate) fn observe(&mut self, text: &str) {
        let last = text.rfind(['.', ',']);
        let Some((before, after)) = last.map(|at| (&text[..at], &text[at + 1..])) else {
            return;
        };
        let is_point = text.as_bytes()[before.len()] == b'.';
        let (same, other) = if is_point { ('.', ',') } else { (',', '.') };
        let whole = before.trim_start_matches(['-', '+', ' ']);
        let decimal = if whole.contains(other) {
            // The mark that groups thousands comes first, so this one comes before the decimals.
            true
        } else if whole.contains(same) {
            false
        } else if after.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0') {
            // 1,234 may be either.
            self.either.get_or_insert_with(|| text.to_owned());
            return;
        } else {
            true
        };
        *(if is_point == decimal {
            &mut self.point
        } else {
            &mut self.comma
        }) += 1;
    }

    /// The mark that most of the numbers use; the point if no number has a mark.
    pub(crate) fn decide(self) -> Result<DecimalMark, AmbiguousMark> {
        match (self.point, self.comma, self.either) {
            (0, 0, Some(text)) => Err(AmbiguousMark(text)),
            (point, comma, _) if comma > point => Ok(DecimalMark::Comma),
            _ => Ok(DecimalMark::Point),
        }
    }
}

/// Whole units, not zero; negative for a return.
pub(crate) fn quantity(text: &str, mark: DecimalMark) -> Result<i64, Reason> {
    if text.is_empty() {
        return Err(Reason::NoQuantity);
    }
    match scaled(text, mark, 0) {
        Ok(quantity) if quantity != 0 && quantity.abs() <= MOST_UNITS => Ok(quantity),
        _ => Err(Reason::BadQuantity),
    }
}

/// The price in minor units. More decimals than the currency has are accepted if they are zeros.
pub(crate) fn price(text: &str, mark: DecimalMark, currency: Currency) -> Result<i64, Reason> {
    if text.is_empty() {
        return Err(Reason::NoPrice);
    }
    match scaled(text, mark, currency.places()) {
        Ok(minor) if minor < 0 => Err(Reason::NegativePrice),
        Ok(minor) if minor > Product::PRICE_MAX_MINOR => Err(Reason::PriceTooHigh),
        Ok(minor) => Ok(minor),
        Err(NumberError::TooManyPlaces) => Err(Reason::TooManyPlaces),
        Err(NumberError::TooLarge) => Err(Reason::PriceTooHigh),
        Err(NumberError::NotANumber) => Err(Reason::BadPrice),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum NumberError {
    NotANumber,
    TooManyPlaces,
    TooLarge,
}

/// The number times ten to the power of `places`, exactly.
fn scaled(text: &str, mark: DecimalMark, places: u32) -> Result<i64, NumberError> {
    let (decimal, thousands) = match mark {
        DecimalMark::Point => ('.', ','),
        DecimalMark::Comma => (',', '.'),
    };
    let (negative, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once(decimal).unwrap_or((digits, ""));
    let mut number: i64 = 0;
    let mut push = |digit: u8| {
        number = number
            .checked_mul(10)
            .and_then(|number| number.checked_add(i64::from(digit - b'0')))
            .ok_or(NumberError::TooLarge)?;
        Ok(())
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::NotANumber);
    }
    for (n, group) in whole
        .split([thousands, '\u{a0}', '\u{202f}', '\'', ' '])
        .enumerate()
    {
        let is_digits = group.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits || (n > 0 && group.len() != 3) {
            return Err(NumberError::NotANumber);
        }
        group.bytes().try_for_each(&mut push)?;
    }
    let fraction = fraction.as_bytes();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::NotANumber);
    }
    for place in 0..places as usize {
        push(fraction.get(place).copied().unwrap_or(b'0'))?;
    }
    let beyond = fraction.get(places as usize..).unwrap_or_default();
    if beyond.iter().any(|digit| *digit != b'0') {
        return Err(NumberError::TooManyPlaces);
    }
    Ok(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pounds(text: &str, mark: DecimalMark) -> Result<i64, Reason> {
        price(text, mark, "GBP".parse().unwrap())
    }

    #[test]
    fn prices_are_read_exactly_with_either_mark() {
        use DecimalMark::{Comma, Point};
        for (text, mark, minor) in [
            ("2.55", Point, 255),
            ("2.1", Point, 210),
            ("0", Point, 0),
            (".5", Point, 50),
            ("1,234.5", Point, 123_450),
            ("12.5000", Point, 1250),
            ("2,55", Comma, 255),
            ("1.234,50", Comma, 123_450),
            ("1 234,50", Comma, 123_450),
            ("1'234.50", Point, 123_450),
            ("0.29", Point, 29),
            ("99999999.99", Point, 9_999_999_999),
        ] {
            assert_eq!(in_pounds(text, mark), Ok(minor), "{text}");
        }
        let yen = "JPY".parse().unwrap();
        assert_eq!(price("500", Point, yen), Ok(500));
        assert_eq!(price("500.5", Point, yen), Err(Reason::TooManyPlaces));
    }

    #[test]
    fn what_is_no_price_is_told_why() {
        for (text, reason) in [
            ("", Reason::NoPrice),
            ("0.001", Reason::TooManyPlaces),
            ("-0.01", Reason::NegativePrice),
            ("\u{2212}3", Reason::NegativePrice),
            ("100000000.00", Reason::PriceTooHigh),
            ("99999999999999999999", Reason::PriceTooHigh),
            ("free", Reason::BadPrice),
            ("1e2", Reason::BadPrice),
            ("12,50", Reason::BadPrice),
            ("1.2.3", Reason::BadPrice),
            (".", Reason::BadPrice),
            ("-", Reason::BadPrice),
            ("NaN", Reason::BadPrice),
        ] {
            assert_eq!(in_pounds(text, DecimalMark::Point), Err(reason), "{text}");
        }
    }

    #[test]
    fn quantities_are_whole_and_not_nothing() {
        let of = |text| quantity(text, DecimalMark::Point);
        assert_eq!(of("6"), Ok(6));
        assert_eq!(of("-12"), Ok(-12));
        assert_eq!(of("1,200"), Ok(1200));
        assert_eq!(of("6.00"), Ok(6));
        assert_eq!(of(""), Err(Reason::NoQuantity));
        for text in ["0", "-0", "1.5", "six", "1000000001", "9223372036854775808"] {
            assert_eq!(of(text), Err(Reason::BadQuantity), "{text}");
        }
    }

    #[test]
    fn the_decimal_mark_is_what_the_numbers_say() {
        let decide = |texts: &[&str]| {
            let mut survey = MarkSurvey::default();
            texts.iter().for_each(|text| survey.observe(text));
            survey.decide()
        };
        assert_eq!(decide(&["2.55", "1,234"]), Ok(DecimalMark::Point));
        assert_eq!(decide(&["2,55", "1.234"]), Ok(DecimalMark::Comma));
        assert_eq!(decide(&["1.234,5"]), Ok(DecimalMark::Comma));
        assert_eq!(decide(&["1.234.567"]), Ok(DecimalMark::Comma));
        assert_eq!(decide(&["0,125"]), Ok(DecimalMark::Comma));
        assert_eq!(decide(&["6", "12"]), Ok(DecimalMark::Point));
        assert_eq!(decide(&[]), Ok(DecimalMark::Point));
    }

    #[test]
    fn numbers_that_may_be_read_either_way_are_not_guessed() {
        let mut survey = MarkSurvey::default();
        for text in ["6", "2.500", "1.250"] {
            survey.observe(text);
        }
        let error = survey.decide().unwrap_err();
        assert_eq!(error, AmbiguousMark("2.500".to_owned()));
    }
}
