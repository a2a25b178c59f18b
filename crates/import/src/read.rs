//! The first pass: looks at all rows, sorts them by order, and finds out what only the file as a whole tells.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::progress::ImportProgress;

use super::columns::{Columns, Field};
use super::dates::{DateSurvey, Format};
use super::error::ImportError;
use super::fields::Fields;
use super::line::{Reading, order_number};
use super::numbers::MarkSurvey;
use super::rejects::Rejects;
use super::rows::Rows;
use super::sort::{Entry, Sorted, Sorter};
use super::{Options, encoding, separator};

/// How much of the text is used to find the separator.
const BEGINNING: u64 = 64 << 10;

/// The file after the first pass.
pub(crate) struct Table {
    pub rows: Sorted,
    pub reading: Reading,
    pub separator: u8,
    pub encoding: &'static str,
    /// Lines read, without the headers.
    pub lines_read: u64,
    /// The lines of these that belong to an order.
    pub sorted: u64,
}

/// Blocks. If it fails, nothing has been imported.
pub(crate) fn read(
    options: &Options,
    rejects: &Rejects,
    progress: &dyn ImportProgress,
) -> Result<Table, ImportError> {
    let input = Input::open(options.input.as_deref())?;
    input.read(options, rejects, progress)
}

struct Input {
    path: PathBuf,
    file: File,
}

impl Input {
    /// A pipe cannot be read twice, so it is copied to a file first.
    fn open(path: Option<&Path>) -> Result<Input, ImportError> {
        let Some(path) = path else {
            let copied = tempfile::tempfile().and_then(|mut file| {
                io::copy(&mut io::stdin().lock(), &mut file)?;
                Ok(file)
            });
            let path = PathBuf::from("what came from stdin");
            return Ok(Input {
                path,
                file: copied.map_err(ImportError::Temporary)?,
            });
        };
        match File::open(path) {
            Ok(file) => Ok(Input {
                path: path.to_owned(),
                file,
            }),
            Err(source) => Err(ImportError::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn read(
        mut self,
        options: &Options,
        rejects: &Rejects,
        progress: &dyn ImportProgress,
    ) -> Result<Table, ImportError> {
        let path = self.path.clone();
        let unreadable = |source| ImportError::Unreadable {
            path: path.clone(),
            source,
        };
        let size = self.file.seek(io::SeekFrom::End(0)).map_err(unreadable)?;
        let encoding = match options.encoding {
            Some(encoding) => encoding,
            None => encoding::detect(&mut self.file).map_err(unreadable)?,
        };
        let separator = match options.separator {
            Some(separator) => separator,
            None => self
                .separator(encoding)
                .map_err(unreadable)?
                .ok_or_else(|| {
                    let path = path.clone();
                    if size == 0 {
                        ImportError::Empty { path }
                    } else {
                        ImportError::NoSeparator { path }
                    }
                })?,
        };
        let text = encoding::text(self.file, encoding).map_err(unreadable)?;
        let mut rows = Rows::new(text, separator);
        let Some(first) = rows.next().map_err(unreadable)? else {
            return Err(ImportError::Empty { path });
        };
        rows.expect_width(rows.fields().len());
        progress.begin("reading", "bytes", size);
        let mut pass = Pass {
            columns: if options.has_header {
                Columns::by_header(rows.fields(), &options.columns)?
            } else {
                Columns::by_number(rows.fields(), &options.columns)?
            },
            rejects,
            sorter: Sorter::new(),
            dates: DateSurvey::default(),
            marks: MarkSurvey::default(),
            lines_read: 0,
            sorted: 0,
        };
        rejects.begin(separator, options.has_header.then_some(&first.text))?;
        let mut next = (!options.has_header).then_some(first);
        loop {
            let row = match next.take() {
                Some(row) => row,
                None => match rows.next().map_err(unreadable)? {
                    Some(row) => row,
                    None => break,
                },
            };
            progress.advance(row.text.len() as u64 + 1);
            pass.lines_read += 1;
            match row.broken {
                Some(reason) => rejects.add(row.line, &row.text, reason)?,
                None => pass.look_at(row.line, row.text, rows.fields())?,
            }
        }
        pass.into_table(options, separator, encoding.name())
    }

    fn separator(&mut self, encoding: &'static encoding_rs::Encoding) -> io::Result<Option<u8>> {
        let mut beginning = Vec::new();
        let file = self.file.try_clone()?;
        encoding::text(file, encoding)?
            .take(BEGINNING)
            .read_to_end(&mut beginning)?;
        Ok(separator::find(&String::from_utf8_lossy(&beginning)))
    }
}

struct Pass<'a> {
    columns: Columns,
    rejects: &'a Rejects,
    sorter: Sorter,
    dates: DateSurvey,
    marks: MarkSurvey,
    lines_read: u64,
    sorted: u64,
}

impl Pass<'_> {
    fn look_at(&mut self, line: u64, text: String, fields: &Fields) -> Result<(), ImportError> {
        let order = match order_number(&self.columns, fields) {
            Ok(order) => order.to_owned(),
            Err(reason) => return self.rejects.add(line, &text, reason),
        };
        self.dates
            .observe(self.columns.get(fields, Field::PlacedAt));
        for field in [Field::UnitPrice, Field::Quantity] {
            self.marks.observe(self.columns.get(fields, field));
        }
        self.sorted += 1;
        self.sorter
            .push(Entry { order, line, text })
            .map_err(ImportError::Temporary)
    }

    fn into_table(
        self,
        options: &Options,
        separator: u8,
        encoding: &'static str,
    ) -> Result<Table, ImportError> {
        let dates = match &options.date_format {
            Some(format) => Format::Given(format.clone()),
            None => Format::Usual(self.dates.decide()?),
        };
        let mark = match options.decimal_mark {
            Some(mark) => mark,
            None => self.marks.decide()?,
        };
        Ok(Table {
            rows: self.sorter.sorted().map_err(ImportError::Temporary)?,
            reading: Reading {
                columns: self.columns,
                dates,
                zone: options.zone,
                mark,
                currency: options.currency,
                now: options.now,
            },
            separator,
            encoding,
            lines_read: self.lines_read,
            sorted: self.sorted,
        })
    }
}
