//! The demo shop's customers.

use std::collections::BTreeSet;

use chrono::Duration;
use daybook_accounts::set_password;
use daybook_commands::{RegisterUser, fixed_id};
use daybook_domain::user::Role;
use daybook_domain::{Email, StreamId, UserId};
use daybook_identity::credentials;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use super::shop::{CustomerEntry, SHOP};
use super::{OPENED, Seeder};
use crate::failure::Failure;

/// The e-mail addresses of those who can sign in. They do not include customers who were erased, nor anybody in a copy
/// of a log, which has no passwords.
pub(crate) async fn customers(pool: &PgPool) -> Result<Vec<&'static str>, Failure> {
    let mut emails = Vec::new();
    for (rank, customer) in SHOP.customers.iter().enumerate() {
        let known = credentials::find(pool, id_of(customer, rank))
            .await
            .map_err(Failure::database("looking up a password's hash"))?;
        if known.is_some() {
            emails.push(customer.email.as_str());
        }
    }
    Ok(emails)
}

/// The customers' ids.
pub(crate) fn customer_ids() -> impl Iterator<Item = UserId> {
    SHOP.customers
        .iter()
        .enumerate()
        .map(|(rank, customer)| id_of(customer, rank))
}

/// The customer that `key` stands for in `orders.json`.
pub(super) fn customer(key: &str) -> Option<(UserId, &'static CustomerEntry)> {
    SHOP.customers
        .iter()
        .enumerate()
        .find(|(_, customer)| customer.key == key)
        .map(|(rank, customer)| (id_of(customer, rank), customer))
}

/// Registers the missing customers; returns how many.
pub(super) async fn register(
    seeder: &Seeder<'_>,
    password: &SecretString,
) -> Result<usize, Failure> {
    let mut made = 0;
    for (rank, customer) in SHOP.customers.iter().enumerate() {
        let id = id_of(customer, rank);
        if seeder.is_there(StreamId::user(id)).await? {
            continue;
        }
        // Stores the password first, so that an interruption leaves no account without one.
        set_password(seeder.pool, id, password.expose_secret()).await?;
        let command = RegisterUser {
            id,
            email: customer.email(),
            first_name: customer.first_name.clone(),
            last_name: customer.last_name.clone(),
            roles: BTreeSet::from([Role::User]),
        };
        let at = seeder.now - OPENED + Duration::hours(5 + rank as i64);
        seeder
            .send(&format!("the customer {}", customer.email), at, command)
            .await?;
        made += 1;
    }
    Ok(made)
}

fn id_of(customer: &CustomerEntry, rank: usize) -> UserId {
    fixed_id(&format!("demo customer {}", customer.key), rank).into()
}

impl CustomerEntry {
    #[allow(clippy::expect_used)] // A test reads every address.
    fn email(&self) -> Email {
        self.email.parse().expect("an e-mail in shop.json is one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_have_addresses_of_both_kinds() {
        assert_eq!(SHOP.customers.len(), 6);
        for entry in &SHOP.customers {
            assert!(entry.email().as_str().ends_with("@example.com"));
            entry.address.clone().validated().unwrap();
        }
    }
}
