//! The file of rejected rows: each as it came, after its line number and the reason.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use tracing::warn;

use super::error::ImportError;
use super::reason::Reason;

/// The headers of the two columns that come before the file's own.
const HEADERS: [&str; 2] = ["rejected_line", "rejected_reason"];

pub(crate) struct Rejects {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    file: Option<BufWriter<File>>,
    separator: char,
    count: BTreeMap<Reason, u64>,
}

impl Rejects {
    /// The file is created when the first row is rejected.
    pub(crate) fn new(path: PathBuf) -> Rejects {
        let state = State {
            file: None,
            separator: ',',
            count: BTreeMap::new(),
        };
        Rejects {
            path,
            state: Mutex::new(state),
        }
    }

    /// Begins the file; a file from an earlier run is removed.
    pub(crate) fn begin(&self, separator: u8, header: Option<&str>) -> Result<(), ImportError> {
        let mut state = self.state.lock();
        state.separator = char::from(separator);
        let begun = File::create(&self.path).and_then(|file| {
            let mut file = BufWriter::new(file);
            if let Some(header) = header {
                let [line, reason] = HEADERS;
                let separator = state.separator;
                writeln!(file, "{line}{separator}{reason}{separator}{header}")?;
            }
            Ok(file)
        });
        state.file = Some(begun.map_err(|source| self.failed(source))?);
        Ok(())
    }

    pub(crate) fn add(&self, line: u64, text: &str, reason: Reason) -> Result<(), ImportError> {
        let mut state = self.state.lock();
        let separator = state.separator;
        if let Some(file) = &mut state.file {
            writeln!(file, "{line}{separator}{reason}{separator}{text}")
                .map_err(|source| self.failed(source))?;
        }
        *state.count.entry(reason).or_default() += 1;
        Ok(())
    }

    /// Completes the file; if no row was rejected, there is none. Returns how many rows there are for each reason.
    pub(crate) fn end(&self) -> Result<BTreeMap<&'static str, u64>, ImportError> {
        let mut state = self.state.lock();
        let ended = match state.file.take() {
            Some(mut file) => file.flush(),
            None => Ok(()),
        };
        ended.map_err(|source| self.failed(source))?;
        if state.count.is_empty() {
            fs::remove_file(&self.path).map_err(|source| self.failed(source))?;
        }
        let counts = state.count.iter();
        Ok(counts
            .map(|(reason, count)| (reason.as_str(), *count))
            .collect())
    }

    /// Removes a file that was begun, because the import was refused as a whole.
    pub(crate) fn discard(&self) {
        if self.state.lock().file.take().is_some()
            && let Err(error) = fs::remove_file(&self.path)
        {
            warn!(%error, "an empty rejects file was left behind");
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, source: io::Error) -> ImportError {
        ImportError::Rejects {
            path: self.path.clone(),
            source,
        }
    }
}

/// `sales.csv` has its rejects in `sales.rejects.csv` beside it, or in the current folder if its own folder is
/// read-only.
pub(crate) fn usual_path(input: Option<&Path>) -> PathBuf {
    let Some(input) = input else {
        return PathBuf::from("orders.rejects.csv");
    };
    let mut name = input.file_stem().unwrap_or_default().to_owned();
    name.push(".rejects.csv");
    let folder = match input.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Looks at the folder's own mode, because an administrator may write even to a read-only folder.
    let read_only = fs::metadata(folder).is_ok_and(|folder| folder.permissions().readonly());
    if read_only || folder == Path::new(".") {
        name.into()
    } else {
        folder.join(name)
    }
}
