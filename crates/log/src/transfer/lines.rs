//! The file as lines, counted and hashed as they are read or written.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};

use super::TransferError;
use super::line::{End, Line};

/// An event is at most some hundred KiB; a longer line is not ours and must not fill the memory.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// How much of a file was read or written so far.
struct Passed {
    lines: u64,
    digest: Context,
}

impl Passed {
    fn nothing() -> Passed {
        Passed {
            lines: 0,
            digest: Context::new(&SHA256),
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        self.digest.update(line);
    }

    fn sha256(&self) -> String {
        let digest = self.digest.clone().finish();
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

pub(super) struct LineWriter<W> {
    inner: W,
    passed: Passed,
    line: Vec<u8>,
}

impl<W: Write> LineWriter<W> {
    pub(super) fn new(inner: W) -> LineWriter<W> {
        LineWriter {
            inner,
            passed: Passed::nothing(),
            line: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.passed.line(&self.line);
        self.inner.write_all(&self.line)
    }

    /// Writes the end and returns the digest of everything before it.
    pub(super) fn finish(mut self) -> io::Result<String> {
        let sha256 = self.passed.sha256();
        let end = End {
            lines: self.passed.lines,
            sha256: sha256.clone(),
        };
        self.write(&Line::End(end))?;
        self.inner.flush()?;
        Ok(sha256)
    }
}

pub(super) struct LineReader<R> {
    inner: R,
    passed: Passed,
    line: Vec<u8>,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(inner: R) -> LineReader<R> {
        LineReader {
            inner,
            passed: Passed::nothing(),
            line: Vec::new(),
        }
    }

    /// The next line with its number, from 1; `None` once the end was found, was correct and was the last
    /// line.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Line)>, TransferError> {
        let number = self.passed.lines + 1;
        let broken = |reason: String| TransferError::Broken {
            line: number,
            reason,
        };
        self.line.clear();
        let mut limited = (&mut self.inner).take(LONGEST_LINE);
        limited.read_until(b'\n', &mut self.line)?;
        if self.line.len() as u64 == LONGEST_LINE {
            return Err(broken("it is longer than any line can be".to_owned()));
        }
        if self.line.last() != Some(&b'\n') {
            return Err(broken("the file is cut off".to_owned()));
        }
        match serde_json::from_slice(&self.line).map_err(|error| broken(error.to_string()))? {
            Line::End(end) if end.lines != self.passed.lines => Err(broken(format!(
                "{} lines were to come before the end",
                end.lines
            ))),
            Line::End(end) if end.sha256 != self.passed.sha256() => Err(broken(
                "the lines before the end are not those that were written".to_owned(),
            )),
            Line::End(_) if !self.inner.fill_buf()?.is_empty() => {
                Err(broken("something comes after the end".to_owned()))
            }
            Line::End(_) => Ok(None),
            line => {
                self.passed.line(&self.line);
                Ok(Some((number, line)))
            }
        }
    }

    /// The digest of everything so far.
    pub(super) fn sha256(&self) -> String {
        self.passed.sha256()
    }
}
