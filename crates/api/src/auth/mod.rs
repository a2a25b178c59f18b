//! Who is asking: passwords and their hashes, access tokens, refresh tokens, and the extractors that handlers
//! take a caller with.
//!
//! Passwords live hashed in `auth.credentials`, outside the log, and are never logged.

mod caller;
pub mod credentials;
pub mod password;
pub mod refresh;
pub mod token;

pub use caller::{Admin, Customer};
