//! Groups rows by order in little memory: sorted runs in temporary files, which are then merged.
//!
//! Written by hand, because the crates for this limit the number of rows and not their bytes, and extsort 0.5.0 loses
//! all rows when the last run happens to be full.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::mem;

/// Bytes of rows in memory before they are sorted into a run.
const RUN_BYTES: usize = 16 << 20;
/// Runs that are merged at once; each takes a buffer and an open file.
const MOST_RUNS: usize = 64;
const BUFFER: usize = 64 << 10;
/// The size of an entry without its texts.
const ENTRY: usize = mem::size_of::<Entry>();

/// A row and the order that it belongs to. Sorts by order, and within an order as in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub order: String,
    pub line: u64,
    pub text: String,
}

/// Its files have no names, so that none is left however the process ends.
pub(crate) struct Sorter {
    run_bytes: usize,
    entries: Vec<Entry>,
    bytes: usize,
    runs: Vec<File>,
}

impl Sorter {
    pub(crate) fn new() -> Sorter {
        Sorter::with_runs_of(RUN_BYTES)
    }

    fn with_runs_of(run_bytes: usize) -> Sorter {
        Sorter {
            run_bytes,
            entries: Vec::new(),
            bytes: 0,
            runs: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) -> io::Result<()> {
        self.bytes += ENTRY + entry.order.len() + entry.text.len();
        self.entries.push(entry);
        if self.bytes >= self.run_bytes {
            self.end_run()?;
        }
        Ok(())
    }

    /// All rows, sorted.
    pub(crate) fn sorted(mut self) -> io::Result<Sorted> {
        if self.runs.is_empty() {
            self.entries.sort_unstable();
            return Ok(Sorted::InMemory(self.entries.into_iter()));
        }
        self.end_run()?;
        Ok(Sorted::Merged(Merge::of(self.runs)?))
    }

    fn end_run(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.entries.sort_unstable();
        let run = written(self.entries.drain(..).map(Ok))?;
        self.runs.push(run);
        self.bytes = 0;
        if self.runs.len() == MOST_RUNS {
            let merged = written(Merge::of(mem::take(&mut self.runs))?)?;
            self.runs.push(merged);
        }
        Ok(())
    }
}

pub(crate) enum Sorted {
    InMemory(std::vec::IntoIter<Entry>),
    Merged(Merge),
}

impl Iterator for Sorted {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        match self {
            Sorted::InMemory(entries) => entries.next().map(Ok),
            Sorted::Merged(merge) => merge.next(),
        }
    }
}

pub(crate) struct Merge {
    runs: Vec<BufReader<File>>,
    /// The next entry of each run that has one.
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
}

impl Merge {
    fn of(files: Vec<File>) -> io::Result<Merge> {
        let mut merge = Merge {
            runs: Vec::with_capacity(files.len()),
            heads: BinaryHeap::with_capacity(files.len()),
        };
        for (run, mut file) in files.into_iter().enumerate() {
            file.rewind()?;
            merge.runs.push(BufReader::with_capacity(BUFFER, file));
            merge.advance(run)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some(entry) = read(&mut self.runs[run])? {
            self.heads.push(Reverse((entry, run)));
        }
        Ok(())
    }
}

impl Iterator for Merge {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        let Reverse((entry, run)) = self.heads.pop()?;
        Some(self.advance(run).map(|()| entry))
    }
}

fn written(entries: impl Iterator<Item = io::Result<Entry>>) -> io::Result<File> {
    let mut file = BufWriter::with_capacity(BUFFER, tempfile::tempfile()?);
    for entry in entries {
        let entry = entry?;
        file.write_all(&entry.line.to_le_bytes())?;
        for text in [&entry.order, &entry.text] {
            file.write_all(&(text.len() as u64).to_le_bytes())?;
            file.write_all(text.as_bytes())?;
        }
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)
}

/// The next entry; `None` at the end of the run.
fn read(run: &mut BufReader<File>) -> io::Result<Option<Entry>> {
    let line = match number(run) {
        Ok(line) => line,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(Entry {
        line,
        order: text(run)?,
        text: text(run)?,
    }))
}

fn number(run: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    run.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn text(run: &mut impl Read) -> io::Result<String> {
    let length = number(run)?;
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    run.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: u64) -> Entry {
        // The lines of one order are far apart.
        Entry {
            order: format!("A{}", line % 97),
            line,
            text: format!("row {line}"),
        }
    }

    fn sorted(count: u64, run_bytes: usize) -> Vec<Entry> {
        let mut sorter = Sorter::with_runs_of(run_bytes);
        for line in (1..=count).rev() {
            sorter.push(entry(line)).unwrap();
        }
        sorter.sorted().unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn rows_come_by_order_and_then_as_in_the_file_however_many_runs_it_takes() {
        let mut expected: Vec<Entry> = (1..=5_000).map(entry).collect();
        expected.sort();
        let one = ENTRY + entry(1).order.len() + entry(1).text.len();
        for run_bytes in [usize::MAX, 40_000, 40 * one, one, 1] {
            assert_eq!(sorted(5_000, run_bytes), expected, "runs of {run_bytes}");
        }
    }

    #[test]
    fn nothing_is_lost_where_the_last_run_is_full() {
        let one = ENTRY + entry(1).order.len() + entry(1).text.len();
        for count in 1..=9 {
            assert_eq!(sorted(count, 3 * one).len() as u64, count);
        }
    }

    #[test]
    fn no_rows_are_no_rows() {
        assert_eq!(sorted(0, 1), []);
    }
}
