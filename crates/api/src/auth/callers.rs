use daybook_accounts::erasure::Erasures;
use daybook_commands::CommandBus;
use daybook_identity::Revocations;
use daybook_identity::access_token::TokenKeys;
use daybook_identity::api_key::ApiKeys;

/// The parts that identify a caller.
#[derive(Clone)]
pub struct Callers {
    pub api_keys: ApiKeys,
    pub token_keys: TokenKeys,
    pub revocations: Revocations,
    pub erasures: Erasures,
    /// The log tells who is an administrator.
    pub commands: CommandBus,
}
