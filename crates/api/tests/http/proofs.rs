use std::time::Duration;

use daybook_api::app::HttpConfig;
use daybook_audit::{ConsistencyProof, InclusionProof, SignedCheckpoint, VerifierKey};
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, without_rate_limits};

async fn keys(shop: &Shop) -> Vec<VerifierKey> {
    let keys = shop.get("audit/keys").await.json();
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| key["key"].as_str().unwrap().parse().unwrap())
        .collect()
}

async fn proof(shop: &Shop, position: i64, token: &str) -> InclusionProof {
    let answer = shop
        .get(&format!("audit/events/{position}/proof"))
        .token(token)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_value(answer.json()).unwrap()
}

#[tokio::test]
async fn strangers_get_checkpoints_keys_and_proofs_of_consistency() {
    let shop = Shop::open().await;
    let _sealing = shop.seal();
    let first = shop.get("audit/checkpoint").await;
    assert_eq!(first.status, 200, "{first:?}");
    shop.product("12.50", 5).await;
    let (from, keys) = (first.json()["size"].as_u64().unwrap(), keys(&shop).await);

    let proof = shop
        .get(&format!("audit/consistency?from={from}&to={}", from + 1))
        .await;
    assert_eq!(proof.status, 200, "{proof:?}");
    let proof: ConsistencyProof = serde_json::from_value(proof.json()).unwrap();
    proof.verify_hashes().unwrap();
    assert_eq!((proof.from, proof.to), (from, from + 1));

    let note = shop
        .get("audit/checkpoint")
        .header("accept", "text/plain")
        .await;
    assert_eq!(note.header("content-type"), "text/plain; charset=utf-8");
    let signed = SignedCheckpoint::open(note.text(), &keys).unwrap();
    assert!(signed.size() > from);
    let same = shop.get("audit/checkpoint").await.json();
    assert_eq!(same["note"], note.text());
    assert_eq!(same["origin"], "shop");
    let whole = shop.get(&format!("audit/consistency?from={from}")).await;
    let whole: ConsistencyProof = serde_json::from_value(whole.json()).unwrap();
    let (_, newest) = whole.verify(&keys).unwrap();
    assert_eq!(newest.to_string(), note.text());
}

#[tokio::test]
async fn an_event_is_proven_to_those_who_may_read_its_stream() {
    let shop = Shop::open().await;
    let _sealing = shop.seal();
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let pot = shop.product("12.50", 5).await;
    let placed = shop
        .post("orders")
        .token(&ann.token)
        .json(&json!({"items": [{"productId": pot, "quantity": 1}]}))
        .await;
    let head = placed.header("daybook-position").parse::<i64>().unwrap();
    let (admin, keys) = (shop.admin(), keys(&shop).await);
    let (mut to_admin, mut to_ann) = (Vec::new(), Vec::new());
    for position in 1..=head {
        let proof = proof(&shop, position, &admin).await;
        proof.verify(&keys).unwrap();
        assert_eq!(proof.position, position);
        to_admin.push(proof.event.event_type.clone());
        let path = format!("audit/events/{position}/proof");
        let asked = shop.get(&path).token(&ann.token).await;
        match asked.status.as_u16() {
            200 => to_ann.push(proof.event.event_type),
            _ => assert_eq!(asked.code(), "not-found"),
        }
        assert_eq!(shop.get(&path).await.status, 401);
    }
    assert!(
        to_admin.contains(&"product.created".to_owned()),
        "{to_admin:?}"
    );
    assert_eq!(to_ann, ["user.registered", "order.placed"]);
    // The event is answered as it is stored, so its personal data is encrypted.
    let anns = proof(&shop, 2, &ann.token).await;
    assert_eq!(anns.event.aggregate_id, ann.id.to_string());
    assert!(!anns.event.payload.contains("@"), "{}", anns.event.payload);
    let asked = shop.get("audit/events/2/proof").token(&bob.token).await;
    assert_eq!(asked.code(), "not-found");
}

#[tokio::test]
async fn what_is_not_sealed_yet_is_said_to_be_so() {
    let shop = Shop::open_with(HttpConfig {
        read_your_writes_timeout: Duration::from_millis(100),
        ..without_rate_limits()
    })
    .await;
    let admin = shop.admin();
    for path in [
        "audit/checkpoint",
        "audit/consistency?from=1",
        "audit/events/1/proof",
    ] {
        let answer = shop.get(path).token(&admin).await;
        assert_eq!(answer.code(), "not-sealed-yet", "{path}");
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (503, "1")
        );
    }
}

#[tokio::test]
async fn what_the_log_does_not_have_is_not_proven() {
    let shop = Shop::open().await;
    let _sealing = shop.seal();
    let admin = shop.admin();
    for position in [
        "0",
        "-1",
        "1000000",
        "9223372036854775808",
        "x",
        &Uuid::now_v7().to_string(),
    ] {
        let path = format!("audit/events/{position}/proof");
        let answer = shop.get(&path).token(&admin).await;
        assert_eq!(answer.code(), "not-found", "{position}");
    }
    for (query, pointer) in [
        ("from=0", "/from"),
        ("from=1000000", "/from"),
        ("from=1&to=0", "/to"),
        ("from=1&to=1000000", "/to"),
        ("from=-1", "/from"),
        ("to=1", "/from"),
    ] {
        let answer = shop.get(&format!("audit/consistency?{query}")).await;
        assert_eq!(answer.code(), "invalid-parameter", "{query}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{query}");
    }
}
