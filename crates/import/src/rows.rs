//! A table's rows, each with its original text, so that a rejected row is written out as it was.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use memchr::memchr2;

use super::fields::Fields;
use super::reason::Reason;

/// The longest row in bytes; a longer one cannot be a line of an order.
const LONGEST_ROW: usize = 64 << 10;
/// The most lines that one row may span. If there are more, a closing quote is missing.
const MOST_LINES: usize = 100;

/// A row, or a line that could not be read as one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line of the file that it begins on, from 1.
    pub line: u64,
    pub text: String,
    pub broken: Option<Reason>,
}

/// Reads the rows. Blank lines do not count as rows.
pub(crate) struct Rows<R> {
    input: R,
    lines_read: u64,
    after_return: bool,
    /// Lines that were read too early, to be read again.
    pending: VecDeque<Row>,
    fields: Fields,
    /// How many fields a row has, once that is known.
    width: Option<usize>,
}

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(input: R, separator: u8) -> Rows<R> {
        Rows {
            input,
            lines_read: 0,
            after_return: false,
            pending: VecDeque::new(),
            fields: Fields::separated_by(separator),
            width: None,
        }
    }

    /// From now on, if a row over several lines has another number of fields, its closing quote is taken to be missing,
    /// and to have been closed by a later row's quote.
    pub(crate) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// The fields of the row that `next` returned last. Do not use those of a broken row.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Row>> {
        let mut first = loop {
            match self.line()? {
                None => return Ok(None),
                Some(line) if line.broken.is_some() => return Ok(Some(line)),
                Some(line) if line.text.trim().is_empty() => {}
                Some(line) => break line,
            }
        };
        self.fields.clear();
        if self.fields.feed(&first.text) {
            return Ok(Some(first));
        }
        self.go_on(&mut first)?;
        Ok(Some(first))
    }

    /// A quoted field continues in the next line, or a closing quote is missing: then only this line is broken, and the
    /// lines after it are read again.
    fn go_on(&mut self, first: &mut Row) -> io::Result<()> {
        let mut further = Vec::new();
        let mut length = first.text.len();
        while further.len() < MOST_LINES && length < LONGEST_ROW {
            let Some(next) = self.line()? else { break };
            let is_whole = next.broken.is_none() && self.fields.feed(&next.text);
            length += next.text.len();
            further.push(next);
            if !is_whole {
                continue;
            }
            if self.width.is_some_and(|width| width != self.fields.len()) {
                break;
            }
            for line in further {
                first.text.push('\n');
                first.text.push_str(&line.text);
            }
            return Ok(());
        }
        first.broken = Some(Reason::UnclosedQuote);
        for line in further.into_iter().rev() {
            self.pending.push_front(line);
        }
        Ok(())
    }

    /// The next line, without its line ending of whatever kind.
    fn line(&mut self) -> io::Result<Option<Row>> {
        if let Some(line) = self.pending.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        let mut cut = false;
        let mut any = false;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                if !any {
                    return Ok(None);
                }
                break;
            }
            if std::mem::take(&mut self.after_return) && buffer[0] == b'\n' {
                self.input.consume(1);
                continue;
            }
            any = true;
            let end = memchr2(b'\n', b'\r', buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = LONGEST_ROW - bytes.len();
            cut |= part.len() > room;
            bytes.extend_from_slice(&part[..part.len().min(room)]);
            let Some(end) = end else {
                let read = buffer.len();
                self.input.consume(read);
                continue;
            };
            self.after_return = buffer[end] == b'\r';
            self.input.consume(end + 1);
            break;
        }
        self.lines_read += 1;
        Ok(Some(Row {
            line: self.lines_read,
            text: into_text(bytes),
            broken: cut.then_some(Reason::TooLong),
        }))
    }
}

/// A line that was cut may end within a character.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>, Option<Reason>)> {
        let mut rows = Rows::new(text.as_bytes(), b',');
        let mut all = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let fields = match row.broken {
                None => rows.fields().iter().map(str::to_owned).collect(),
                Some(_) => vec![row.text],
            };
            all.push((row.line, fields, row.broken));
        }
        all
    }

    fn whole(line: u64, fields: &[&str]) -> (u64, Vec<String>, Option<Reason>) {
        (
            line,
            fields.iter().map(|field| (*field).to_owned()).collect(),
            None,
        )
    }

    #[test]
    fn lines_end_as_any_system_ends_them() {
        let expected = [whole(1, &["a", "b"]), whole(3, &["c", "d"])];
        assert_eq!(rows("a,b\n\nc,d\n"), expected);
        assert_eq!(rows("a,b\r\n\r\nc,d"), expected);
        assert_eq!(rows("a,b\r\rc,d\r"), expected);
    }

    #[test]
    fn a_quoted_field_may_hold_separators_quotes_and_lines() {
        assert_eq!(
            rows("1,\"TRAY, 7\"\" WIDE\nBLUE\",x\n2,12\" RULER,y\n"),
            [
                whole(1, &["1", "TRAY, 7\" WIDE\nBLUE", "x"]),
                whole(3, &["2", "12\" RULER", "y"]),
            ]
        );
    }

    #[test]
    fn a_row_is_kept_as_it_came() {
        let mut rows = Rows::new("1, \"a\"\"b\" ,\"two\nlines\"\n".as_bytes(), b',');
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.text, "1, \"a\"\"b\" ,\"two\nlines\"");
    }

    #[test]
    fn a_forgotten_quote_costs_one_line_only() {
        let mut text = String::from("1,\"never closed,x\n");
        for n in 2..=300 {
            text.push_str(&format!("{n},plain,x\n"));
        }
        let rows = rows(&text);
        assert_eq!(rows.len(), 300);
        assert_eq!(rows[0].2, Some(Reason::UnclosedQuote));
        assert_eq!(rows[0].1, ["1,\"never closed,x"]);
        assert_eq!(rows[299], whole(300, &["300", "plain", "x"]));
    }

    #[test]
    fn a_forgotten_quote_at_the_end_costs_one_line_only() {
        let rows = rows("1,a\n2,\"b\n3,c");
        assert_eq!(rows[1].2, Some(Reason::UnclosedQuote));
        assert_eq!(rows[2], whole(3, &["3", "c"]));
    }

    #[test]
    fn a_forgotten_quote_that_a_later_row_closes_costs_one_line_only() {
        let text = "a,b,c\n1,\"never closed,x\n2,\"a, b\",y\n3,\"two\nlines\",z\n";
        let mut rows = Rows::new(text.as_bytes(), b',');
        rows.next().unwrap();
        rows.expect_width(3);
        let mut read = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            read.push((row.line, row.text, row.broken));
        }
        assert_eq!(
            read,
            [
                (2, "1,\"never closed,x".into(), Some(Reason::UnclosedQuote)),
                (3, "2,\"a, b\",y".into(), None),
                (4, "3,\"two\nlines\",z".into(), None),
            ]
        );
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_is_read() {
        let text = format!("1,{}\n2,b\n", "é".repeat(LONGEST_ROW));
        let rows = rows(&text);
        assert_eq!(rows[0].2, Some(Reason::TooLong));
        assert!(rows[0].1[0].len() <= LONGEST_ROW + 3);
        assert_eq!(rows[1], whole(2, &["2", "b"]));
    }
}
