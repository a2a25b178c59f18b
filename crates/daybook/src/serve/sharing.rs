//! The Redis that this server shares with the others of its shop, if one is configured.

use ::redis::Client;
use daybook_api::redis::{self, Redis};
use daybook_keys::MasterKey;
use daybook_log::database_identity;

use super::background::Background;
use crate::config::ServerConfig;
use crate::failure::Failure;
use crate::site::database::Database;

pub(super) struct Sharing(Option<(Redis, Background)>);

/// The client of the configured Redis, if the configuration is valid; does not connect.
pub(super) fn client(config: &ServerConfig) -> Result<Option<Client>, Failure> {
    let client = config.redis_url().map(redis::client).transpose();
    client.map_err(|source| Failure::Unusable {
        what: "REDIS_URL",
        source: source.into(),
    })
}

impl Sharing {
    pub(super) async fn start(
        config: &ServerConfig,
        database: &Database,
        master_key: &MasterKey,
    ) -> Result<Sharing, Failure> {
        let Some(client) = client(config)? else {
            return Ok(Sharing(None));
        };
        let shop = master_key.shared_secret(&database_identity(&database.pool).await?);
        let redis = Redis::new(client, &shop);
        let connecting = Background::start("redis", |stop| redis.clone().run(stop));
        Ok(Sharing(Some((redis, connecting))))
    }

    pub(super) fn redis(&self) -> Option<Redis> {
        self.0.as_ref().map(|(redis, _)| redis.clone())
    }

    pub(super) async fn stop(self) {
        if let Some((_, connecting)) = self.0 {
            connecting.stop().await;
        }
    }
}
