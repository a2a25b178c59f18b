use clap::Args;
use daybook_keys as keys;

use crate::config::DataConfig;
use crate::failure::Failure;

/// Create a new key that signs checkpoints; earlier keys stay trusted.
///
/// The sealer uses it from its next start and signs the first checkpoint with both keys, so that everyone who trusts
/// the old key can learn to trust the new one. Then it deletes the older signing key. Give the new public key to those
/// who check the log.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook keys rotate checkpoint     then start `daybook serve` again")]
pub(crate) struct Arguments {
    #[command(flatten)]
    data: DataConfig,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = &arguments.data;
    if data.checkpoint_key().is_some() {
        return Err(Failure::Arguments(
            "DAYBOOK_CHECKPOINT_KEY is set, so the key is changed there: put the new key before the old one, with a \
             space between them, for one start; run this with another data folder to make a new one"
                .to_owned(),
        ));
    }
    let key = keys::rotate_checkpoint_key(&data.folder)?;
    println!("The next checkpoints are signed with the key that this one belongs to:\n  {key}");
    println!("Start the sealer again (`daybook serve`) for it to be used.");
    Ok(())
}
