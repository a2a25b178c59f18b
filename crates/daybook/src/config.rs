//! The configuration: every setting has a flag and an environment variable, and the flag takes precedence.
//!
//! Secrets are [`SecretString`]s, which print as `[REDACTED]`. A URL, key or credential that is set but empty counts as
//! not set, because container descriptions often have such.

mod oidc;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Args, ValueEnum};
use daybook_api::gateway::TrustedProxies;
use daybook_domain::Currency;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use daybook_api::gateway::cors::{InvalidOrigin, WebOrigin};

pub(crate) use self::oidc::OidcArguments;

/// The database of the log and the read models.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub(crate) struct DatabaseConfig {
    /// The PostgreSQL to use; by default a private one is started in the data folder
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        value_parser = secret()
    )]
    pub(crate) database_url: Option<SecretString>,

    /// The same database with the role that migrates it; by default DATABASE_URL itself
    #[arg(
        long,
        env = "DATABASE_MIGRATION_URL",
        hide_env_values = true,
        value_name = "URL",
        value_parser = secret()
    )]
    pub(crate) migration_url: Option<SecretString>,

    /// Connections that queries may use at once; the rest of the server uses up to 32 more
    #[arg(
        long,
        env = "DAYBOOK_DB_CONNECTIONS",
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(2..=500)
    )]
    pub(crate) db_connections: u32,
}

impl DatabaseConfig {
    /// `None` if a private server is to be used.
    pub(crate) fn server_url(&self) -> Option<&str> {
        given(self.database_url.as_ref())
    }

    pub(crate) fn migration_url(&self) -> Option<&str> {
        given(self.migration_url.as_ref()).or_else(|| self.server_url())
    }
}

/// The keys, and everything else that is stored on one machine.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Data and keys")]
pub(crate) struct DataConfig {
    /// Folder of the private PostgreSQL and of the keys; created if it is missing
    #[arg(
        long = "data",
        env = "DAYBOOK_DATA",
        value_name = "FOLDER",
        default_value = ".daybook"
    )]
    pub(crate) folder: PathBuf,

    /// 32 bytes in base64 from which the keys of personal data derive; by default the file keys/master.key in the data
    /// folder, created at the first start. If you lose it, personal data is lost
    #[arg(
        long,
        env = "DAYBOOK_MASTER_KEY",
        hide_env_values = true,
        value_name = "BASE64",
        value_parser = secret()
    )]
    pub(crate) master_key: Option<SecretString>,

    /// The key that signs checkpoints of the log, as `daybook keys` writes it; by default the file keys/checkpoint.key
    /// in the data folder, created at the first start
    #[arg(
        long,
        env = "DAYBOOK_CHECKPOINT_KEY",
        hide_env_values = true,
        value_name = "KEY",
        value_parser = secret()
    )]
    pub(crate) checkpoint_key: Option<SecretString>,

    /// Where checkpoints are exported to, outside of the database: a folder or s3://BUCKET/PREFIX [default: checkpoints
    /// in the data folder]
    #[arg(long, env = "DAYBOOK_CHECKPOINTS", value_name = "PLACE")]
    pub(crate) checkpoint_store: Option<String>,
}

impl DataConfig {
    pub(crate) fn master_key(&self) -> Option<&str> {
        given(self.master_key.as_ref())
    }

    pub(crate) fn checkpoint_key(&self) -> Option<&str> {
        given(self.checkpoint_key.as_ref())
    }

    /// A folder or a URL.
    pub(crate) fn checkpoints(&self) -> String {
        match self.checkpoint_store.as_deref() {
            Some(place) if !place.is_empty() => place.to_owned(),
            _ => self.folder.join("checkpoints").display().to_string(),
        }
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LogConfig {
    /// What is logged to stderr: a level, or levels by module ("info,daybook_log=debug") [default: info; warn while
    /// measuring]
    #[arg(long = "log", env = "DAYBOOK_LOG", value_name = "FILTER")]
    pub(crate) filter: Option<String>,

    /// The format of log lines
    #[arg(long = "log-format", env = "DAYBOOK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// All settings of `daybook serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerConfig {
    /// The roles of this process; may be repeated or a list ("api,projector")
    #[arg(
        long = "role",
        env = "DAYBOOK_ROLE",
        value_enum,
        value_delimiter = ',',
        default_value = "all"
    )]
    pub(crate) roles: Vec<Role>,

    /// Address and port to serve on; port 0 takes a free one and prints it
    #[arg(
        long,
        env = "DAYBOOK_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    pub(crate) listen: SocketAddr,

    #[command(flatten)]
    pub(crate) edge: EdgeConfig,

    /// E-mail of the admin that is created at the first start
    #[arg(long, env = "DAYBOOK_ADMIN_EMAIL", value_name = "EMAIL")]
    pub(crate) admin_email: Option<String>,

    /// That admin's password; better given by the environment, since flags are visible in process lists
    #[arg(
        long,
        env = "DAYBOOK_ADMIN_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD",
        value_parser = secret()
    )]
    pub(crate) admin_password: Option<SecretString>,

    /// The currency of products that are created without one
    #[arg(
        long,
        env = "DAYBOOK_CURRENCY",
        value_name = "ISO 4217",
        default_value = "EUR"
    )]
    pub(crate) currency: Currency,

    /// How long an access token is valid, in minutes
    #[arg(
        long,
        env = "DAYBOOK_ACCESS_TOKEN_MINUTES",
        value_name = "N",
        default_value_t = 15,
        value_parser = clap::value_parser!(u8).range(1..=60)
    )]
    pub(crate) access_token_minutes: u8,

    /// Whether the number of requests of each caller is limited
    #[arg(long, env = "DAYBOOK_RATE_LIMITS", value_enum, default_value_t = Switch::On)]
    pub(crate) rate_limits: Switch,

    /// Trusted proxies, as addresses or networks ("10.0.0.0/8,::1"): their Forwarded or X-Forwarded-For headers tell
    /// the client's address
    #[arg(
        long,
        env = "DAYBOOK_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) trusted_proxies: TrustedProxies,

    /// The Redis that the servers of this shop share; without it each server counts on its own
    #[arg(
        long,
        env = "REDIS_URL",
        hide_env_values = true,
        value_name = "URL",
        value_parser = secret()
    )]
    pub(crate) redis_url: Option<SecretString>,

    /// Whether a private PostgreSQL gets a demo shop at the first start
    #[arg(long, env = "DAYBOOK_DEMO", value_enum, default_value_t = Switch::On)]
    pub(crate) demo: Switch,

    #[command(flatten)]
    pub(crate) oidc: OidcArguments,

    #[command(flatten)]
    pub(crate) database: DatabaseConfig,

    #[command(flatten)]
    pub(crate) data: DataConfig,

    #[command(flatten)]
    pub(crate) log: LogConfig,
}

impl ServerConfig {
    pub(crate) fn has(&self, role: Role) -> bool {
        self.roles.contains(&Role::All) || self.roles.contains(&role)
    }

    pub(crate) fn redis_url(&self) -> Option<&str> {
        given(self.redis_url.as_ref())
    }

    /// The admin asked for, where both halves are given.
    pub(crate) fn admin(&self) -> Result<Option<(&str, &str)>, IncompleteError> {
        let email = self
            .admin_email
            .as_deref()
            .filter(|email| !email.is_empty());
        match (email, given(self.admin_password.as_ref())) {
            (Some(email), Some(password)) => Ok(Some((email, password))),
            (None, None) => Ok(None),
            _ => Err(IncompleteError::Admin),
        }
    }
}

/// How clients and their browsers reach the server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct EdgeConfig {
    /// PEM file with the server's certificate and those that lead to its root; with it and its key, only TLS is served.
    /// Both are read again when they change
    #[arg(long, env = "DAYBOOK_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// PEM file with that certificate's private key
    #[arg(long, env = "DAYBOOK_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The server's URL as clients see it, if not its own address; with https:// browsers are told to use TLS only
    #[arg(long, env = "DAYBOOK_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<PublicUrl>,

    /// Web origins whose pages may use the API ("https://shop.example,http://localhost:5173")
    #[arg(
        long,
        env = "DAYBOOK_CORS_ORIGINS",
        value_name = "ORIGINS",
        value_parser = cors_origins
    )]
    pub(crate) cors_origins: Option<CorsOrigins>,
}

impl EdgeConfig {
    /// Whether this server itself serves TLS.
    pub(crate) fn is_over_tls(&self) -> bool {
        let certificate = self.tls_cert.as_ref();
        certificate.is_some_and(|path| !path.as_os_str().is_empty())
    }

    /// Whether clients connect over TLS that ends at a proxy before this server.
    pub(crate) fn is_behind_https(&self) -> bool {
        let url = self.public_url.as_ref();
        url.is_some_and(|PublicUrl(url)| url.starts_with("https://"))
    }

    pub(crate) fn cors_origins(&self) -> Vec<WebOrigin> {
        let given = self.cors_origins.clone();
        given
            .map(|CorsOrigins(origins)| origins)
            .unwrap_or_default()
    }
}

/// Without a slash at its end; empty if none was given.
#[derive(Clone, Debug)]
pub(crate) struct PublicUrl(pub String);

fn public_url(text: &str) -> Result<PublicUrl, &'static str> {
    let is_of_the_web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    match text.is_empty() || is_of_the_web {
        true => Ok(PublicUrl(text.trim_end_matches('/').to_owned())),
        false => Err("it begins with https:// or http://"),
    }
}

#[derive(Clone, Debug)]
pub(crate) struct CorsOrigins(pub Vec<WebOrigin>);

fn cors_origins(text: &str) -> Result<CorsOrigins, InvalidOrigin> {
    let origins = text.split(',').map(str::trim);
    let given = origins.filter(|origin| !origin.is_empty());
    Ok(CorsOrigins(
        given.map(str::parse).collect::<Result<_, _>>()?,
    ))
}

/// Of settings that need each other, some are missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IncompleteError {
    #[error("only one of DAYBOOK_ADMIN_EMAIL and DAYBOOK_ADMIN_PASSWORD is set")]
    Admin,
    #[error(
        "of DAYBOOK_OIDC_ISSUER, DAYBOOK_OIDC_CLIENT_ID and DAYBOOK_OIDC_REDIRECT_URL some are set and some are not"
    )]
    IdentityProvider,
}

impl IncompleteError {
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            IncompleteError::Admin => "set both, or neither",
            IncompleteError::IdentityProvider => {
                "set all three, or none of what begins with DAYBOOK_OIDC"
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// All roles in this one process
    All,
    /// Answers HTTP requests
    Api,
    /// Updates the read models
    Projector,
    /// Seals the log: hashes what was appended, signs checkpoints and exports them
    Sealer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Switch::On
    }
}

pub(crate) fn secret() -> impl TypedValueParser<Value = SecretString> {
    clap::builder::StringValueParser::new().map(SecretString::from)
}

pub(crate) fn given(secret: Option<&SecretString>) -> Option<&str> {
    secret
        .map(ExposeSecret::expose_secret)
        .filter(|text| !text.is_empty())
}
