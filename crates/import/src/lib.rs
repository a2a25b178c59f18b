//! Imports a merchant's past: orders from the CSV file that another shop exports, brought in by commands like any
//! other.
//!
//! The file is read twice. The first pass finds out what only the whole file tells (its encoding, whether days or
//! months come first, which mark comes before decimals) and sorts the rows by order, in temporary files. The second
//! pass reads the sorted rows, creates their products and customers, and sends one command for each order, many at a
//! time. Ids are derived from the source and the other shop's own numbers, and an order takes only lines that it does
//! not have yet. So a run may be repeated, also after it was killed, and nothing is imported twice. Rows that cannot be
//! imported are written to a file of their own with the reason; none is dropped silently.

mod catalog;
mod columns;
mod dates;
mod encoding;
mod error;
mod fields;
mod line;
mod numbers;
mod options;
mod orders;
mod progress;
mod read;
mod reason;
mod rejects;
mod rows;
mod send;
mod sender;
mod separator;
mod sort;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use daybook_commands::CommandBus;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

pub use columns::NamedColumn;
pub use dates::given as date_format;
pub use error::ImportError;
use error::panicked;
pub use numbers::DecimalMark;
pub use options::Options;
pub use progress::ImportProgress;
pub use summary::Summary;

use catalog::Catalog;
use read::Table;
use rejects::Rejects;
use sender::Sender;
use summary::Made;

/// How many orders may wait to be sent.
const FORMED: usize = 64;

/// Imports a file to its end.
pub async fn run(
    bus: &CommandBus,
    options: Options,
    progress: Arc<dyn ImportProgress>,
) -> Result<Summary, ImportError> {
    let began = Instant::now();
    let rejects = Arc::new(Rejects::new(rejects_path(&options)?));
    let (source, currency) = (options.source.clone(), options.currency);
    let table = {
        let (rejects, progress) = (Arc::clone(&rejects), Arc::clone(&progress));
        spawn_blocking(move || {
            read::read(&options, &rejects, progress.as_ref()).inspect_err(|_| rejects.discard())
        })
    };
    let Table {
        rows,
        reading,
        separator,
        encoding,
        lines_read,
        sorted,
    } = table.await.map_err(panicked)??;
    let (decimal_mark, dates) = (reading.mark, reading.dates.to_string());

    progress.begin("importing", "lines", sorted);
    let (formed, orders) = mpsc::channel(FORMED);
    let forming = {
        let (rejects, progress) = (Arc::clone(&rejects), Arc::clone(&progress));
        spawn_blocking(move || {
            orders::form(
                rows,
                separator,
                &reading,
                &rejects,
                progress.as_ref(),
                &formed,
            )
        })
    };
    let sender = Arc::new(Sender::new(bus.clone(), source));
    let mut catalog = Catalog::new(Arc::clone(&sender));
    let sent = send::all(orders, &sender, &mut catalog, &rejects, &progress).await;
    forming.await.map_err(panicked)??;
    let tally = sent?;
    progress.end();

    let (products, customers) = catalog.count();
    let rejected = rejects.end()?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Summary {
        lines_read,
        taken: tally.taken,
        already_there: tally.already_there,
        rejects_file: (!rejected.is_empty()).then(|| rejects.path().to_owned()),
        rejected,
        figures: tally.figures(products, customers, currency),
        made: Made {
            orders: tally.orders_made,
            products: catalog.products_made(),
            customers: catalog.customers_made(),
        },
        position: sender.position(),
        encoding,
        separator: char::from(separator),
        decimal_mark,
        dates,
        seconds: (seconds * 1000.0).round() / 1000.0,
        lines_per_second: (lines_read as f64 / seconds.max(0.001)) as u64,
    })
}

fn rejects_path(options: &Options) -> Result<PathBuf, ImportError> {
    let input = options.input.as_deref();
    let path = match &options.rejects {
        Some(path) => path.clone(),
        None => rejects::usual_path(input),
    };
    let same = input
        .and_then(|input| input.canonicalize().ok())
        .is_some_and(|input| path.canonicalize().is_ok_and(|path| path == input));
    if same {
        return Err(ImportError::RejectsIsInput { path });
    }
    Ok(path)
}
