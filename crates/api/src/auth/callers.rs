use daybook_accounts::erasure::Erasures;
use daybook_commands::CommandBus;
use daybook_identity::Revocations;
use daybook_identity::access_token::TokenKeys;
use daybook_identity::api_key::ApiKeys;

/// What it takes to find out who is asking.
#[derive(Clone)]
pub struct Callers {
    pub api_keys: ApiKeys,
    pub token_keys: TokenKeys,
    pub revocations: Revocations,
    pub erasures: Erasures,
    /// The log knows who is an administrator.
    pub commands: CommandBus,
}
