//! Finds the character that separates a table's fields.

use super::rows::Rows;

const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many rows are looked at.
const SAMPLE: usize = 50;

/// The character that splits the first rows into the most fields, and into the same number of fields each. `None` if
/// every candidate leaves a single field.
pub(crate) fn find(beginning: &str) -> Option<u8> {
    CANDIDATES
        .into_iter()
        .map(|separator| (score(beginning, separator), separator))
        .filter(|(score, _)| *score > 0)
        // Of equal scores the first wins.
        .rev()
        .max_by_key(|(score, _)| *score)
        .map(|(_, separator)| separator)
}

/// The number of fields in the first row, times the number of rows that have as many.
fn score(beginning: &str, separator: u8) -> usize {
    let mut rows = Rows::new(beginning.as_bytes(), separator);
    let mut first = 0;
    let mut alike = 0;
    for _ in 0..SAMPLE {
        // Reading from memory does not fail.
        let Ok(Some(row)) = rows.next() else { break };
        if row.broken.is_some() {
            continue;
        }
        let count = rows.fields().len();
        if first == 0 {
            first = count;
        }
        alike += usize::from(count == first);
    }
    if first < 2 { 0 } else { first * alike }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_separators_are_found() {
        assert_eq!(find("a,b,c\n1,2,3\n"), Some(b','));
        assert_eq!(find("a;b;c\n1;2,50;3\n"), Some(b';'));
        assert_eq!(find("a\tb\n1\tx, y; z\n"), Some(b'\t'));
        assert_eq!(find("a|b\n1|2\n"), Some(b'|'));
        assert_eq!(find("a\n1\n"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn separators_within_quotes_and_decimal_commas_do_not_mislead() {
        let quoted = "no,text,price\n1,\"a;b;c;d\",2\n2,\"e;f;g;h\",3\n";
        assert_eq!(find(quoted), Some(b','));
        let decimal = "no;text;price\n1;a, b;2,50\n2;c, d, e;3,75\n";
        assert_eq!(find(decimal), Some(b';'));
    }
}
