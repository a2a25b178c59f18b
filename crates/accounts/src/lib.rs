//! What can be done with an account, from its opening to its erasure: the use cases that span the log, credentials, the
//! messages that wait to be sent, and usage events.
//!
//! Nothing here knows HTTP. Handlers, the command line and a server's start call the same functions and get errors that
//! say what was wrong, not how to answer it.

mod accounts;
mod api_key;
mod email;
pub mod erasure;
mod error;
mod export;
mod first_admin;
mod follow_up;
mod messages;
mod opening;
mod password;
mod security_event;
mod session;
mod sign_in;
mod staff;
mod tidying;

pub use accounts::{Accounts, AccountsParts};
pub use api_key::ApiKeyRecord;
pub use error::AccountError;
pub use export::{Action, ExportError, IdentityProvider, PersonExport, SignIn, VisitorEvent};
pub use first_admin::{
    FirstAdminError, check_password, ensure_admin, first_admin_id, set_password,
};
pub use messages::{ForgottenPasswords, TooManyForgotten};
pub use opening::{Fate, Opening};
pub use security_event::SecurityEventRecord;
pub use session::Tokens;
