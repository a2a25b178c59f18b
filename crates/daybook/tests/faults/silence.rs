//! Connections that fall silent: packets are dropped, and nothing is closed.

use crate::evidence::{self, eventually, head};
use crate::process::Server;
use crate::process::proxy::Proxy;
use crate::site::{Site, Visitor, serve};

/// More than can go well by chance while the read models are only polled.
const IN_A_ROW: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_whose_connections_fall_silent_goes_on_with_new_ones() {
    let site = Site::new().await;
    let proxy = Proxy::to(&site.database.server_url()).await;
    let mut command = serve(
        site.folder.path(),
        &proxy.url(&site.database.server_url()),
        &site.database.migration_url(),
        "127.0.0.1:0",
    );
    let server = Server::start_command(&mut command).await;
    let product = Visitor::admin(&server).await.product("12.50", 1_000).await;
    let customer = Visitor::customer(&server).await;
    assert_eq!(customer.status(customer.order(&product, 1)).await, 201);
    let pool = site.database.superuser_pool().unwrap();
    let at = async || (head(&pool).await).to_string();
    let path = format!("/products/{product}");
    let own_write = async |position: String| {
        let read = customer.request(reqwest::Method::GET, &path);
        customer
            .status(read.header("daybook-min-position", position))
            .await
    };
    assert_eq!(own_write(at().await).await, 200);

    proxy.freeze();
    let mut well = 0;
    eventually("own writes are read again, time after time", async || {
        let ordered = customer.status(customer.order(&product, 1)).await;
        let read = own_write(at().await).await;
        well = match (ordered, read) {
            (201, 200) => well + 1,
            _ => 0,
        };
        well == IN_A_ROW
    })
    .await;
    evidence::everything_holds(&pool).await;
    assert!(server.stop().await.success());
}
