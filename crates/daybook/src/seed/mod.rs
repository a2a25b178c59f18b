//! The demo shop, sent as real commands: categories, products, customers, and the orders of the last six weeks in every
//! status.
//!
//! The shop itself tells which steps are done. Everything has a fixed id, and each step looks at its stream before it
//! acts. So a second run does nothing, and a run after an interruption does the rest. Changes that people have made
//! since stay.

mod orders;
mod passwords;
mod people;
mod shop;

use chrono::{DateTime, Duration, Utc};
use daybook_commands::{Command, CommandBus};
use daybook_domain::StreamId;
use secrecy::SecretString;
use sqlx::PgPool;

use crate::failure::Failure;

pub(crate) use passwords::{DEMO_ADMIN, renew as renew_passwords};
use people::customer_ids;
pub(crate) use people::customers;

/// How long ago the shop opened: before its oldest order.
const OPENED: Duration = Duration::days(45);

/// What a run created; all zero if the shop was there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seeded {
    pub(crate) categories: usize,
    pub(crate) products: usize,
    pub(crate) customers: usize,
    pub(crate) orders: usize,
}

impl Seeded {
    pub(crate) fn nothing(&self) -> bool {
        *self == Seeded::default()
    }
}

/// Creates the demo shop as of `now`. The customers sign in with `password`.
pub(crate) async fn run(
    bus: &CommandBus,
    pool: &PgPool,
    password: &SecretString,
    now: DateTime<Utc>,
) -> Result<Seeded, Failure> {
    let seeder = Seeder { bus, pool, now };
    let (categories, products) = shop::lay_out(&seeder).await?;
    let customers = people::register(&seeder, password).await?;
    let orders = orders::place(&seeder).await?;
    Ok(Seeded {
        categories,
        products,
        customers,
        orders,
    })
}

struct Seeder<'a> {
    bus: &'a CommandBus,
    pool: &'a PgPool,
    now: DateTime<Utc>,
}

impl Seeder<'_> {
    async fn is_there(&self, stream: StreamId) -> Result<bool, Failure> {
        Ok(self.bus.load(stream).await?.version > 0)
    }

    /// Sends a command as of `at`. `what` names it in an error.
    async fn send<C: Command>(
        &self,
        what: &str,
        at: DateTime<Utc>,
        command: C,
    ) -> Result<(), Failure> {
        let sent = self.bus.send_as_system("seed", at, command).await?;
        match sent.outcome {
            Ok(_) => Ok(()),
            Err(refusal) => Err(Failure::Refused {
                what: what.to_owned(),
                code: refusal.code().to_owned(),
            }),
        }
    }
}
