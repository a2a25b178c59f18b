use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use daybook_identity::access_token::RingKey;
use daybook_keys as keys;
use serde::Serialize;

use crate::config::DataConfig;
use crate::failure::Failure;

/// Show where the keys come from, which of them sign access tokens, and the public keys that checkpoints are checked
/// with.
///
/// Give the public keys to whoever will check the log, and keep them where the database's owner cannot change them:
/// `daybook audit verify` trusts nothing else.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook keys show
  daybook keys show --json | jq -r '.checkpoint.trusted[]' > auditors/checkpoint.pub")]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataConfig,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    master: KeySource,
    checkpoint: CheckpointKeys,
    /// The trusted keys, in the order in which they sign.
    access_token: Vec<TokenKey>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenKey {
    kid: String,
    /// `None` for the first key of a data folder that is older than rotations: it signs from the beginning.
    signs_from: Option<String>,
    /// Null while no later key exists.
    trusted_until: Option<String>,
}

#[derive(Serialize)]
struct KeySource {
    from: String,
    /// Whether the key exists yet.
    exists: bool,
}

#[derive(Serialize)]
struct CheckpointKeys {
    #[serde(flatten)]
    origin: KeySource,
    /// The newest first.
    trusted: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = &arguments.data;
    let trusted = keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?;
    let tokens = keys::known_token_keys(&data.folder)?;
    let now = Utc::now();
    let found = Keys {
        master: origin(data, data.master_key(), "DAYBOOK_MASTER_KEY", "master.key"),
        checkpoint: CheckpointKeys {
            origin: origin(
                data,
                data.checkpoint_key(),
                "DAYBOOK_CHECKPOINT_KEY",
                "checkpoint.key",
            ),
            trusted: trusted.iter().map(ToString::to_string).collect(),
        },
        access_token: tokens
            .iter()
            .flat_map(|ring| ring.keys())
            .filter(|key| key.is_trusted(now))
            .map(TokenKey::of)
            .collect(),
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&found).map_err(Failure::json)?;
        println!("{text}");
    } else {
        print(&found);
    }
    Ok(())
}

impl TokenKey {
    fn of(key: &RingKey) -> TokenKey {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        TokenKey {
            kid: key.key.id().to_string(),
            signs_from: Some(key.signs_from)
                .filter(|from| *from > DateTime::UNIX_EPOCH)
                .map(text),
            trusted_until: key.trusted_until.map(text),
        }
    }
}

fn origin(data: &DataConfig, given: Option<&str>, variable: &str, file: &str) -> KeySource {
    let path = data.folder.join("keys").join(file);
    KeySource {
        from: match given {
            Some(_) => variable.to_owned(),
            None => path.display().to_string(),
        },
        exists: given.is_some() || path.exists(),
    }
}

fn print(found: &Keys) {
    let state = |origin: &KeySource| match origin.exists {
        true => "",
        false => " (made at the first start)",
    };
    let Keys {
        master,
        checkpoint,
        access_token,
    } = found;
    println!("Master key      {}{}", master.from, state(master));
    println!(
        "Checkpoint key  {}{}",
        checkpoint.origin.from,
        state(&checkpoint.origin)
    );
    if !access_token.is_empty() {
        println!(
            "\nAccess tokens are signed with these keys, each from its instant until the next one's:"
        );
    }
    for key in access_token {
        let from = key.signs_from.as_deref().unwrap_or("the beginning");
        let until = match &key.trusted_until {
            Some(until) => format!(", trusted until {until}"),
            None => String::new(),
        };
        println!("  {}  from {from}{until}", key.kid);
    }
    if !checkpoint.trusted.is_empty() {
        println!("\nCheckpoints are trusted by these public keys, the newest first:");
    }
    for key in &checkpoint.trusted {
        println!("  {key}");
    }
}
