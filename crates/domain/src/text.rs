//! What every text in a command must be: bounded, and free of characters that nobody types.
//!
//! Lengths count characters (Unicode scalar values), not bytes.

use crate::rejection::InvalidField;

/// One line: trimmed, 1 to `max_chars` characters, no control characters.
pub(crate) fn line(
    field: &'static str,
    value: &str,
    max_chars: usize,
) -> Result<String, InvalidField> {
    let value = value.trim();
    if value.is_empty() {
        let detail = format!("Give 1 to {max_chars} characters that are not only spaces.");
        return Err(InvalidField::new(field, "required", detail));
    }
    bounded(field, value, max_chars)?;
    if value.contains(char::is_control) {
        let detail = "Leave out line breaks, tabs and other control characters.";
        return Err(InvalidField::new(field, "control-character", detail));
    }
    Ok(value.to_owned())
}

/// A [`line`] that may be left out; but if it is given, it must not be empty.
pub(crate) fn optional_line(
    field: &'static str,
    value: Option<&str>,
    max_chars: usize,
) -> Result<Option<String>, InvalidField> {
    value.map(|value| line(field, value, max_chars)).transpose()
}

/// Text of any number of lines, kept as it was written: 0 to `max_chars` characters, no control characters but
/// newline and tab.
pub(crate) fn prose(
    field: &'static str,
    value: &str,
    max_chars: usize,
) -> Result<String, InvalidField> {
    // Forms and Windows send line breaks like this.
    let value = value.replace("\r\n", "\n");
    bounded(field, &value, max_chars)?;
    if value.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        let detail = "Leave out control characters; line breaks (\\n) and tabs are welcome.";
        return Err(InvalidField::new(field, "control-character", detail));
    }
    Ok(value)
}

pub(crate) fn optional_prose(
    field: &'static str,
    value: Option<&str>,
    max_chars: usize,
) -> Result<Option<String>, InvalidField> {
    value
        .map(|value| prose(field, value, max_chars))
        .transpose()
}

fn bounded(field: &'static str, value: &str, max_chars: usize) -> Result<(), InvalidField> {
    let chars = value.chars().count();
    if chars > max_chars {
        let detail = format!("Shorten it to {max_chars} characters at most; it has {chars}.");
        return Err(InvalidField::new(field, "too-long", detail));
    }
    Ok(())
}
