//! Processes that hear of revocations, and what can be revoked.

use daybook_domain::UserId;
use daybook_identity::session::end;
use daybook_identity::{Means, Principal, Revocations, api_key, revoke_tokens};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::api_keys::new_key;
use crate::site::{Site, acting, holder, somebody, until};

/// Another process of the shop that hears of revocations.
pub(crate) struct Process {
    pub(crate) known: Revocations,
    /// What it asks with while it is not in touch.
    pub(crate) asks: PgPool,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    pub(crate) async fn start(site: &Site) -> Process {
        // Of one connection, which is there again when it is asked for.
        let asks = PgPoolOptions::new().max_connections(1);
        let asks = asks.connect_lazy(&site.database.server_url()).unwrap();
        let known = Revocations::new(asks.clone());
        let stop = CancellationToken::new();
        let (listening, hears, stopped) = (known.clone(), site.another_pool(), stop.clone());
        let task = tokio::spawn(async move { listening.run(hears, stopped).await });
        until("it is in touch", async || known.is_in_touch()).await;
        Process {
            known,
            asks,
            stop,
            task,
        }
    }

    pub(crate) async fn lets_in(&self, principal: &Principal) -> bool {
        self.known.stands(principal).await.unwrap()
    }

    pub(crate) async fn hears_of(&self, principal: &Principal) {
        until("it hears of it", async || !self.lets_in(principal).await).await;
    }

    pub(crate) async fn stop(self) -> Revocations {
        self.stop.cancel();
        self.task.await.unwrap();
        self.known
    }
}

pub(crate) fn of_generation(user: UserId, generation: i64) -> Principal {
    let id = Uuid::now_v7();
    acting(user, Means::Session { id, generation })
}

/// One of each kind that can be revoked.
pub(crate) struct Proofs {
    pub(crate) tokens: Principal,
    pub(crate) session: Principal,
    refresh_token: String,
    pub(crate) api_key: Principal,
}

impl Proofs {
    pub(crate) async fn of(site: &Site) -> Proofs {
        let session = site.sign_in(somebody()).await;
        let machine = new_key(somebody());
        let (key, _) = api_key::create(&site.pool, machine).await.unwrap();
        Proofs {
            tokens: of_generation(somebody(), 0),
            session: holder(&session),
            refresh_token: session.refresh_token,
            api_key: acting(key.user_id, Means::ApiKey { id: key.id }),
        }
    }

    pub(crate) async fn revoke(&self, pool: &PgPool) {
        revoke_tokens(pool, self.tokens.user_id).await.unwrap();
        end(pool, &self.refresh_token).await.unwrap().unwrap();
        let Means::ApiKey { id } = self.api_key.means else {
            panic!("{:?}", self.api_key);
        };
        api_key::revoke(pool, id).await.unwrap().unwrap();
    }

    pub(crate) fn all(&self) -> [&Principal; 3] {
        [&self.tokens, &self.session, &self.api_key]
    }
}
