use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;
use daybook_api::gateway::TrustedProxies;
use daybook_bench::http::{self, AdminAccount, HttpReport, Target};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::scratch::Scratch;
use super::{LoadArguments, print_json, print_line};
use crate::cli::runtime;
use crate::config::{
    DataConfig, DatabaseConfig, EdgeConfig, LogConfig, OidcArguments, Role, ServerConfig, Switch,
    secret,
};
use crate::failure::Failure;
use crate::serve;

/// Measure the whole stack over HTTP, with keep-alive connections.
///
/// Reading: GET /products/{id} against a bare axum handler with an answer of the same size. Ordering: the peak rate,
/// then latencies at half of it. Starts a server without rate limits in this process, on a scratch PostgreSQL or on
/// DATABASE_URL, or measures the server at --url. Creates the products and customers that it needs; in a given database
/// they stay.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook bench http --clients 64 --seconds 10
  DAYBOOK_ADMIN_EMAIL=... DAYBOOK_ADMIN_PASSWORD=... daybook bench http --url http://127.0.0.1:8080")]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: LoadArguments,
    /// A running server, started with DAYBOOK_RATE_LIMITS=off; needs an admin's credentials
    #[arg(
        long,
        value_name = "URL",
        requires = "admin_email",
        requires = "admin_password"
    )]
    url: Option<Target>,
    /// The e-mail address of an admin at --url
    #[arg(long, env = "DAYBOOK_ADMIN_EMAIL", value_name = "EMAIL")]
    admin_email: Option<String>,
    /// That admin's password
    #[arg(
        long,
        env = "DAYBOOK_ADMIN_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD",
        value_parser = secret()
    )]
    admin_password: Option<SecretString>,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let log = arguments.log.clone();
    runtime::run_quietly(&log, |stop| async move {
        let load = arguments.load;
        let report = match (
            &arguments.url,
            &arguments.admin_email,
            &arguments.admin_password,
        ) {
            (Some(target), Some(email), Some(password)) => {
                let admin = AdminAccount {
                    email,
                    password: password.expose_secret(),
                };
                measure(target, admin, load, &stop).await?
            }
            _ => in_this_process(&arguments, &stop).await?,
        };
        if load.json {
            print_json(&report)
        } else {
            print(&report);
            Ok(())
        }
    })
}

/// Starts a server for the measurement, and stops it afterwards.
async fn in_this_process(
    arguments: &Arguments,
    stop: &CancellationToken,
) -> Result<HttpReport, Failure> {
    let scratch = Scratch::new(&arguments.database, &arguments.data);
    let email = format!("bench-{}@example.com", Uuid::now_v7());
    let password = Uuid::now_v7().to_string();
    let config = ServerConfig {
        roles: vec![Role::All],
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        edge: EdgeConfig::default(),
        admin_email: Some(email.clone()),
        admin_password: Some(password.clone().into()),
        access_token_minutes: 15,
        currency: Default::default(),
        rate_limits: Switch::Off,
        trusted_proxies: TrustedProxies::default(),
        redis_url: None,
        demo: Switch::Off,
        oidc: OidcArguments::default(),
        database: arguments.database.clone(),
        data: scratch.data.clone(),
        log: arguments.log.clone(),
    };
    let stop_server = CancellationToken::new();
    let (open, opened) = oneshot::channel();
    let serving = serve::serve(&config, stop_server.clone(), |address, _| {
        // Fails only if the receiver has been dropped.
        let _ = open.send(address);
    });
    let measuring = async {
        let measured = match opened.await {
            Ok(address) => {
                let admin = AdminAccount {
                    email: &email,
                    password: &password,
                };
                measure(
                    &Target::at(address.to_string()),
                    admin,
                    arguments.load,
                    stop,
                )
                .await
            }
            // The server's own error tells why.
            Err(_) => Err(Failure::Interrupted),
        };
        stop_server.cancel();
        measured
    };
    let (served, measured) = tokio::join!(serving, measuring);
    scratch.remove();
    served?;
    measured
}

async fn measure(
    target: &Target,
    admin: AdminAccount<'_>,
    load: LoadArguments,
    stop: &CancellationToken,
) -> Result<HttpReport, Failure> {
    tokio::select! {
        report = http::run(target, admin, load.clients(), load.duration()) => Ok(report?),
        () = stop.cancelled() => Err(Failure::Interrupted),
    }
}

fn print(report: &HttpReport) {
    println!("{} keep-alive connections:", report.product.clients);
    print_line("bare axum handler", &report.bare);
    print_line("GET /products/{id}", &report.product);
    println!(
        "  a product at {:.2} of the bare handler's rate",
        report.product_to_bare
    );
    print_line("POST /orders, peak", &report.order_peak);
    print_line("POST /orders, half peak", &report.order_at_half_peak);
}
