use clap::Args;
use daybook_identity::oidc::OidcConfig;
use secrecy::SecretString;

use super::{IncompleteError, given, secret};

/// The identity provider with which staff may sign in.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "OpenID Connect")]
pub(crate) struct OidcArguments {
    /// The identity provider's issuer URL; without it staff sign in with passwords only
    #[arg(long, env = "DAYBOOK_OIDC_ISSUER", value_name = "URL")]
    pub(crate) oidc_issuer: Option<String>,

    /// This shop's client id at the provider
    #[arg(long, env = "DAYBOOK_OIDC_CLIENT_ID", value_name = "ID")]
    pub(crate) oidc_client_id: Option<String>,

    /// The client secret, unless it is a public client
    #[arg(
        long,
        env = "DAYBOOK_OIDC_CLIENT_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        value_parser = secret()
    )]
    pub(crate) oidc_client_secret: Option<SecretString>,

    /// The page that the provider sends the browser back to, as registered there
    #[arg(long, env = "DAYBOOK_OIDC_REDIRECT_URL", value_name = "URL")]
    pub(crate) oidc_redirect_url: Option<String>,
}

impl OidcArguments {
    /// `None` where no provider is named.
    pub(crate) fn config(&self) -> Result<Option<OidcConfig>, IncompleteError> {
        let named = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let secret = given(self.oidc_client_secret.as_ref());
        let Some(issuer) = named(&self.oidc_issuer) else {
            let others = [named(&self.oidc_client_id), named(&self.oidc_redirect_url)];
            let nothing = secret.is_none() && others.iter().all(Option::is_none);
            return nothing
                .then_some(None)
                .ok_or(IncompleteError::IdentityProvider);
        };
        let client_id = named(&self.oidc_client_id).ok_or(IncompleteError::IdentityProvider)?;
        let redirect_url =
            named(&self.oidc_redirect_url).ok_or(IncompleteError::IdentityProvider)?;
        Ok(Some(OidcConfig {
            issuer,
            client_id,
            client_secret: secret.map(SecretString::from),
            redirect_url,
        }))
    }
}
