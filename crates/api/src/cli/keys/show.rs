use clap::Args;
use serde::Serialize;

use crate::config::DataConfig;
use crate::failure::Failure;
use crate::keys;

/// Show where the keys come from, and the public keys that checkpoints are trusted by.
///
/// Give those public keys to whoever is to check the log, and keep them where the database's owner cannot
/// change them: `daybook audit verify` trusts nothing else.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook keys show
  daybook keys show --json | jq -r '.checkpoint.trusted[]' > auditors/checkpoint.pub")]
pub(crate) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataConfig,
}

#[derive(Serialize)]
struct Keys {
    master: Origin,
    checkpoint: CheckpointKeys,
}

#[derive(Serialize)]
struct Origin {
    from: String,
    /// Whether there is one yet.
    exists: bool,
}

#[derive(Serialize)]
struct CheckpointKeys {
    #[serde(flatten)]
    origin: Origin,
    /// The newest first.
    trusted: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = &arguments.data;
    let trusted = keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?;
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
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&found).map_err(|source| Failure::Unusable {
            what: "what there is to tell",
            source: source.into(),
        })?;
        println!("{text}");
    } else {
        print(&found);
    }
    Ok(())
}

fn origin(data: &DataConfig, given: Option<&str>, variable: &str, file: &str) -> Origin {
    let path = data.folder.join("keys").join(file);
    Origin {
        from: match given {
            Some(_) => variable.to_owned(),
            None => path.display().to_string(),
        },
        exists: given.is_some() || path.exists(),
    }
}

fn print(found: &Keys) {
    let state = |origin: &Origin| match origin.exists {
        true => "",
        false => " (made at the first start)",
    };
    let Keys { master, checkpoint } = found;
    println!("Master key      {}{}", master.from, state(master));
    println!(
        "Checkpoint key  {}{}",
        checkpoint.origin.from,
        state(&checkpoint.origin)
    );
    if !checkpoint.trusted.is_empty() {
        println!("\nCheckpoints are trusted by these public keys, the newest first:");
    }
    for key in &checkpoint.trusted {
        println!("  {key}");
    }
}
