//! An e-mail address as its owner wrote it.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

use crate::rejection::InvalidField;

/// Trimmed, at most 255 characters, of RFC 5321's syntax with a domain that has a dot. Case is kept for display;
/// [`Email::canonical`] is what must be unique.
///
/// Deserialising trusts the log. Input from outside is parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    pub const MAX_CHARS: usize = 255;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All in lower case: RFC 5321 lets a host tell `Ann@` from `ann@`, but people don't.
    pub fn canonical(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for Email {
    type Err = InvalidField;

    fn from_str(address: &str) -> Result<Self, Self::Err> {
        const FIELD: &str = "/email";
        let address = address.trim();
        if address.chars().count() > Self::MAX_CHARS {
            let detail = format!("Give an address of {} characters at most.", Self::MAX_CHARS);
            return Err(InvalidField::new(FIELD, "too-long", detail));
        }
        let options = Options::default()
            .without_display_text()
            .without_domain_literal()
            .with_required_tld();
        // The grammar allows spaces in a quoted local part; in a shop they are a typing mistake.
        if address.contains(|c: char| c.is_whitespace() || c.is_control())
            || EmailAddress::parse_with_options(address, options).is_err()
        {
            let detail = "Give an e-mail address such as ann@example.com.";
            return Err(InvalidField::new(FIELD, "invalid-email", detail));
        }
        Ok(Self(address.to_owned()))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_case_and_drops_the_spaces_around() {
        let email: Email = "  Ann.Lee+shop@Example.COM\n".parse().unwrap();
        assert_eq!(email.as_str(), "Ann.Lee+shop@Example.COM");
        assert_eq!(email.canonical(), "ann.lee+shop@example.com");
    }

    #[test]
    fn takes_what_people_have() {
        for address in [
            "a@b.co",
            "o'neil@example.museum",
            "jürgen@bücher.example",
            "1@2.3.example",
        ] {
            assert!(address.parse::<Email>().is_ok(), "{address}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for address in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@localhost",
            "ann@example..com",
            "ann lee@example.com",
            "\"ann lee\"@example.com",
            "Ann <ann@example.com>",
            "ann@[127.0.0.1]",
            "ann\0@example.com",
            "ann@example.com,bob@example.com",
        ] {
            let rejection = address.parse::<Email>().unwrap_err();
            assert_eq!(
                (&*rejection.field, rejection.code),
                ("/email", "invalid-email")
            );
        }
    }

    #[test]
    fn has_255_characters_at_most() {
        let label = "a".repeat(61);
        let address = |last: &str| format!("{}@{label}.{label}.{label}.{last}", "b".repeat(64));
        let longest = address("ab");
        assert_eq!(longest.len(), 253);
        assert!(longest.parse::<Email>().is_ok());
        let longer = address("abcde");
        assert_eq!(longer.len(), 256);
        assert_eq!(longer.parse::<Email>().unwrap_err().code, "too-long");
    }
}
