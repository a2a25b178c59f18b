use chrono::{SecondsFormat, Utc};
use clap::Args;
use daybook_keys as keys;
use daybook_keys::Rotation;

use crate::config::DataConfig;
use crate::failure::Failure;

/// Create a new key that signs access tokens; nobody is signed out, and no server needs a restart.
///
/// It starts to sign a minute later, so that every server on this data folder trusts it by then. The previous key stays
/// trusted until the last token that it signed has expired, and a later rotation removes its file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook keys rotate access-token
  daybook keys rotate access-token --at-once     a key has leaked: whatever it signed counts no longer")]
pub(crate) struct Arguments {
    /// Sign with the new key at once and remove all others: servers refuse existing tokens within seconds, and clients
    /// exchange their refresh tokens for new ones
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    data: DataConfig,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = &arguments.data.folder;
    let rotation = keys::rotate_token_key(folder, Utc::now(), arguments.at_once)?;
    match rotation {
        Rotation::Made {
            kid,
            signs_from,
            removed,
        } => {
            let from = signs_from.to_rfc3339_opts(SecondsFormat::Secs, true);
            println!("Access tokens are signed with the key {kid} from {from} on.");
            match removed {
                0 => {}
                1 => println!("One that is trusted no longer was removed."),
                removed => println!("{removed} that are trusted no longer were removed."),
            }
        }
        Rotation::UnderWay { kid, signs_from } => {
            let from = signs_from.to_rfc3339_opts(SecondsFormat::Secs, true);
            println!("Nothing to do: the key {kid} is about to sign, from {from} on.");
        }
    }
    Ok(())
}
