//! Text of others on the terminal.

/// Text from users must not control the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn texts_cannot_steer_the_terminal() {
        assert_eq!(
            printable("größe \u{1b}[2J\r\n"),
            "größe \u{fffd}[2J\u{fffd}\u{fffd}"
        );
    }
}
