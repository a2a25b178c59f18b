use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// A row's fields, without their quotes.
pub(crate) struct Fields {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    written: usize,
    count: usize,
}

impl Fields {
    pub(crate) fn separated_by(separator: u8) -> Fields {
        Fields {
            reader: ReaderBuilder::new().delimiter(separator).build(),
            text: vec![0; 1 << 10],
            ends: vec![0; 32],
            written: 0,
            count: 0,
        }
    }

    /// Splits a row that is known to be complete.
    pub(crate) fn split(&mut self, text: &str) {
        self.clear();
        self.feed(text);
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// A field without the white space around it; empty if there is none.
    pub(crate) fn get(&self, index: usize) -> &str {
        if index >= self.count {
            return "";
        }
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let field = &self.text[start..self.ends[index]];
        std::str::from_utf8(field).unwrap_or_default().trim()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.count).map(|index| self.get(index))
    }

    pub(crate) fn clear(&mut self) {
        self.reader.reset();
        self.written = 0;
        self.count = 0;
    }

    /// Reads one more line of a row; returns whether the row is complete.
    pub(crate) fn feed(&mut self, line: &str) -> bool {
        self.feed_bytes(line.as_bytes()) || self.feed_bytes(b"\n")
    }

    fn feed_bytes(&mut self, mut input: &[u8]) -> bool {
        // An empty input would mean the end of the file.
        while !input.is_empty() {
            let (result, read, written, ended) = self.reader.read_record(
                input,
                &mut self.text[self.written..],
                &mut self.ends[self.count..],
            );
            input = &input[read..];
            self.written += written;
            self.count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return true,
            }
        }
        false
    }
}
