use std::sync::Arc;
use std::time::{Duration, Instant};

use error_reporter::Report;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::url::Url;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, EndUserEmail, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse,
};
use parking_lot::Mutex;
use secrecy::ExposeSecret;
use sqlx::PgPool;

use super::{
    Attempt, HttpError, OidcConfig, OidcConfigError, OidcError, StartedSignIn, Subject, http,
    safe_url,
};

/// How long the provider's metadata is kept before it is fetched again, its keys included.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// Only signatures with a key that the provider alone has: never `none`, never a secret that we have too.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider that is trusted to say who somebody is. Clones share what is known of it.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    http: reqwest::Client,
    metadata: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// Makes no request yet: a provider that cannot be reached must not keep a server from starting.
    pub fn new(config: &OidcConfig) -> Result<Provider, OidcConfigError> {
        let secret = config.client_secret.as_ref();
        safe_url(&config.issuer)?;
        Ok(Provider(Arc::new(Inner {
            // Unchanged: an issuer is compared letter by letter.
            issuer: IssuerUrl::new(config.issuer.clone())
                .map_err(|_| OidcConfigError::Url(config.issuer.clone()))?,
            client_id: ClientId::new(config.client_id.clone()),
            client_secret: secret
                .map(|secret| ClientSecret::new(secret.expose_secret().to_owned())),
            redirect: RedirectUrl::from_url(safe_url(&config.redirect_url)?),
            http: http::client().map_err(OidcConfigError::Client)?,
            metadata: Mutex::new(None),
        })))
    }

    /// Begins a sign-in.
    pub async fn begin(&self, pool: &PgPool) -> Result<StartedSignIn, OidcError> {
        let client = self.client(KNOWN_FOR).await?;
        let attempt = Attempt::begin(pool).await?;
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let (authorization_url, ..): (Url, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || state,
                move || nonce,
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(
                &attempt.verifier(),
            ))
            .url();
        Ok(StartedSignIn {
            attempt: attempt.to_text(),
            authorization_url,
        })
    }

    /// Ends an attempt with the `code` and the `state` that the provider has sent to the redirect URL.
    pub async fn finish(
        &self,
        pool: &PgPool,
        attempt: &str,
        code: String,
        state: &str,
    ) -> Result<Subject, OidcError> {
        let attempt = Attempt::finish(pool, attempt, state).await?;
        let client = self.client(KNOWN_FOR).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| OidcError::Unavailable(error.to_string()))?
            .set_pkce_verifier(attempt.verifier())
            .request_async(&|request: HttpRequest| http::ask(self.0.http.clone(), request))
            .await
            .map_err(refused_or_unavailable)?;
        let Some(token) = answer.id_token() else {
            return Err(OidcError::NotProven("there is no ID token".to_owned()));
        };
        let nonce = attempt.nonce();
        let client = self.knowing_the_key_of(token, &nonce).await?;
        let claims = claims(&client, token, &nonce)
            .map_err(|error| OidcError::NotProven(Report::new(&error).to_string()))?;
        if let Some(expected) = claims.access_token_hash() {
            let verifier = client.id_token_verifier();
            let of_this = token
                .signing_alg()
                .ok()
                .zip(token.signing_key(&verifier).ok())
                .and_then(|(alg, key)| {
                    AccessTokenHash::from_token(answer.access_token(), alg, key).ok()
                });
            if of_this.as_ref() != Some(expected) {
                let detail = "the access token is another's".to_owned();
                return Err(OidcError::NotProven(detail));
            }
        }
        Ok(Subject {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            email: match verified_email(claims.email(), claims.email_verified()) {
                Some(email) => Some(email),
                None => {
                    self.told_email(&client, &claims, answer.access_token())
                        .await?
                }
            },
        })
    }

    /// Many providers return the claims of a scope only from the userinfo endpoint (OpenID Connect Core 1.0, 5.4).
    async fn told_email(
        &self,
        client: &Client,
        claims: &CoreIdTokenClaims,
        token: &AccessToken,
    ) -> Result<Option<String>, OidcError> {
        // An answer about somebody else is refused.
        let subject = Some(claims.subject().clone());
        let Ok(request) = client.user_info(token.clone(), subject) else {
            return Ok(None);
        };
        let told: CoreUserInfoClaims = request
            .request_async(&|request: HttpRequest| http::ask(self.0.http.clone(), request))
            .await
            .map_err(|error| OidcError::Unavailable(Report::new(&error).to_string()))?;
        Ok(verified_email(told.email(), told.email_verified()))
    }

    /// The provider's keys as they are known; fetched again if the token names one that is not among them.
    async fn knowing_the_key_of(
        &self,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<Client, OidcError> {
        let client = self.client(KNOWN_FOR).await?;
        match claims(&client, token, nonce) {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => self.client(Duration::ZERO).await,
            _ => Ok(client),
        }
    }

    async fn client(&self, known_for: Duration) -> Result<Client, OidcError> {
        let inner = &self.0;
        let metadata = self.metadata(known_for).await?;
        let client = CoreClient::from_provider_metadata(
            metadata,
            inner.client_id.clone(),
            inner.client_secret.clone(),
        );
        Ok(client.set_redirect_uri(inner.redirect.clone()))
    }

    async fn metadata(&self, known_for: Duration) -> Result<CoreProviderMetadata, OidcError> {
        let known = self.0.metadata.lock().clone();
        if let Some((_, metadata)) = known.filter(|(since, _)| since.elapsed() < known_for) {
            return Ok(metadata);
        }
        let ask = |request: HttpRequest| http::ask(self.0.http.clone(), request);
        let found = CoreProviderMetadata::discover_async(self.0.issuer.clone(), &ask).await;
        let found =
            found.map_err(|error| OidcError::Unavailable(Report::new(&error).to_string()))?;
        *self.0.metadata.lock() = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

/// Checks the ID token: signature, issuer, audience, expiry, nonce.
fn claims(
    client: &Client,
    token: &CoreIdToken,
    nonce: &Nonce,
) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    token.claims(&verifier, nonce).cloned()
}

fn verified_email(email: Option<&EndUserEmail>, is_verified: Option<bool>) -> Option<String> {
    email
        .filter(|_| is_verified == Some(true))
        .map(|email| email.to_string())
}

/// This is the provider's answer to a code that it does not know; every other failure is its own trouble.
fn refused_or_unavailable<T: openidconnect::ErrorResponse + 'static>(
    error: openidconnect::RequestTokenError<HttpError, T>,
) -> OidcError {
    match &error {
        openidconnect::RequestTokenError::ServerResponse(_) => {
            OidcError::NotProven(Report::new(&error).to_string())
        }
        _ => OidcError::Unavailable(Report::new(&error).to_string()),
    }
}
