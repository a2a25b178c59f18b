use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use chrono_tz::Tz;
use clap::{Args, Subcommand, ValueEnum};
use daybook_domain::Currency;
use daybook_import as import;
use daybook_import::{DecimalMark, NamedColumn, Options, Summary, date_format};
use daybook_keys::MasterKey;
use encoding_rs::Encoding;
use tokio_util::sync::CancellationToken;

use super::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::progress::TerminalProgress;
use crate::site::core::Core;
use crate::site::database::{Database, IfRunning};
use crate::site::schema;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Orders(Box<Arguments>),
}

/// Import the orders of another shop from the CSV file that it exports.
///
/// A row is a line of an order: the order's number, when it was placed, a SKU, a quantity (negative for a return) and
/// the price of a unit; also a customer, a description and a country if there are any. Creates products by SKU,
/// customers by the id that they have there, and one order for each order number, dated when it was placed. Encoding,
/// separator, decimal mark, common headers and common date formats are detected. Rows that cannot be imported are
/// written to a file of their own with the reason. A second run imports only what is not there yet.
#[derive(Args, Debug)]
#[command(after_help = "\
Fields for --columns (* needed), each found by common headers where it is not named:
  order*  placed_at*  customer  sku*  description  quantity*  unit_price*  country

Examples:
  daybook import orders sales.csv
  daybook import orders sales.csv --columns order=InvoiceNo,placed_at=InvoiceDate,sku=StockCode --currency GBP
  daybook import orders plain.txt --no-header --columns order=1,placed_at=2,sku=4,quantity=5,unit_price=6
  daybook import orders us.csv --date-format '%m/%d/%Y %I:%M %p' --time-zone America/New_York
  zcat sales.csv.gz | daybook import orders - --source old-shop --rejects bad.csv --json")]
pub(crate) struct Arguments {
    /// The CSV file, or - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Which column holds which field, by header or by number from 1; other fields are found by common headers
    #[arg(long, value_name = "FIELD=COLUMN", value_delimiter = ',')]
    columns: Vec<NamedColumn>,

    /// The first row is a line of an order and not of headers; columns are then named by number
    #[arg(long)]
    no_header: bool,

    /// The format of dates, in the syntax of strftime; by default common formats are recognised
    #[arg(long, value_name = "FORMAT", value_parser = date_format)]
    date_format: Option<String>,

    /// The time zone of times without an offset
    #[arg(long, value_name = "IANA NAME", default_value = "UTC")]
    time_zone: Tz,

    /// The currency of the prices
    #[arg(
        long,
        env = "DAYBOOK_CURRENCY",
        value_name = "ISO 4217",
        default_value = "EUR"
    )]
    currency: Currency,

    /// The mark before the decimals; by default the one that most prices use
    #[arg(long, value_enum)]
    decimal_mark: Option<Mark>,

    /// A character, or tab; by default it is detected
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    separator: Option<u8>,

    /// Such as windows-1252; by default it is detected
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<&'static Encoding>,

    /// A name for the other shop, which keeps its order numbers and customers apart from those of others
    #[arg(long, value_name = "NAME", default_value = "import", value_parser = source)]
    source: String,

    /// The file for rows that cannot be imported [default: FILE.rejects.csv beside FILE]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mark {
    /// 1,234.50
    Point,
    /// 1.234,50
    Comma,
}

impl From<Mark> for DecimalMark {
    fn from(mark: Mark) -> DecimalMark {
        match mark {
            Mark::Point => DecimalMark::Point,
            Mark::Comma => DecimalMark::Comma,
        }
    }
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let Command::Orders(arguments) = command;
    runtime::run_quietly(&arguments.log.clone(), |stop| async move {
        let json = arguments.json;
        let summary = import(*arguments, stop).await?;
        print(&summary, json)
    })
}

async fn import(arguments: Arguments, stop: CancellationToken) -> Result<Summary, Failure> {
    let (data, database) = (arguments.data.clone(), arguments.database.clone());
    let master_key = MasterKey::obtain(&data.folder, data.master_key())?;
    let database = Database::open(&database, &data, IfRunning::Join).await?;
    let imported = into(&database, &master_key, arguments.options(), stop).await;
    database.close().await;
    imported
}

async fn into(
    database: &Database,
    master_key: &MasterKey,
    options: Options,
    stop: CancellationToken,
) -> Result<Summary, Failure> {
    schema::ready(database).await?;
    let core = Core::start(database, master_key).await?;
    let imported = tokio::select! {
        imported = import::run(&core.bus, options, Arc::new(TerminalProgress::new())) => imported.map_err(Failure::from),
        () = stop.cancelled() => Err(Failure::Interrupted),
    };
    core.stop().await.and(imported)
}

impl Arguments {
    fn options(self) -> Options {
        Options {
            input: (self.file.as_os_str() != "-").then_some(self.file),
            columns: self.columns,
            has_header: !self.no_header,
            separator: self.separator,
            encoding: self.encoding,
            decimal_mark: self.decimal_mark.map(DecimalMark::from),
            date_format: self.date_format,
            zone: self.time_zone,
            currency: self.currency,
            source: self.source,
            rejects: self.rejects,
            now: Utc::now(),
        }
    }
}

fn print(summary: &Summary, json: bool) -> Result<(), Failure> {
    if !json {
        println!("{summary}");
        return Ok(());
    }
    let json = serde_json::to_string_pretty(summary).map_err(Failure::json)?;
    println!("{json}");
    Ok(())
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [b'"'] => Err("a quote cannot separate fields".to_owned()),
        [separator] if separator.is_ascii() => Ok(*separator),
        b"\\t" | b"tab" => Ok(b'\t'),
        _ => Err("give one ASCII character, or tab".to_owned()),
    }
}

fn encoding(name: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(name.as_bytes())
        .ok_or_else(|| "give a name such as utf-8, windows-1252 or utf-16le".to_owned())
}

/// No spaces, so that a source and a number written together stay unambiguous.
fn source(name: &str) -> Result<String, String> {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=50).contains(&name.len()) && name.bytes().all(right) {
        Ok(name.to_owned())
    } else {
        Err("give 1 to 50 letters, digits, dots, hyphens or underscores".to_owned())
    }
}
