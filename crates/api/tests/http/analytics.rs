use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::shop::{Call, Customer, Reply, Shop};

/// Ann's two orders, one of them cancelled, and the pot and the cup that she ordered.
struct Sold {
    shop: Shop,
    ann: Customer,
    pot: String,
    cup: String,
    first: Reply,
    last: Reply,
}

async fn sold() -> Sold {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let (pot, cup) = (
        shop.product("12.50", 10).await,
        shop.product("0.10", 50).await,
    );
    let place = |items: Value| {
        let body = json!({"items": items});
        shop.post("orders").token(&ann.token).json(&body)
    };
    let pots = json!([{"productId": pot, "quantity": 2}, {"productId": cup, "quantity": 3}]);
    let first = place(pots).await;
    let second = place(json!([{"productId": cup, "quantity": 30}])).await;
    let cancel = format!("{}/cancel", second.header("location"));
    let last = shop.post(&cancel).token(&ann.token).json(&json!({})).await;
    assert_eq!(last.status, 200, "{last:?}");
    Sold {
        shop,
        ann,
        pot,
        cup,
        first,
        last,
    }
}

impl Sold {
    fn report(&self, path: &str) -> Call {
        let admin = self.shop.admin();
        let call = self.shop.get(&format!("analytics/{path}"));
        call.token(&admin).after(&self.last)
    }
}

/// A report's rows as texts: amounts exactly as they were written.
#[track_caller]
fn rows(reply: &Reply) -> Vec<BTreeMap<String, String>> {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), "application/json");
    let rows: Vec<BTreeMap<String, Box<serde_json::value::RawValue>>> =
        serde_json::from_slice(&reply.body).unwrap();
    let text = |value: &str| match value {
        "null" => String::new(),
        value => value.trim_matches('"').to_owned(),
    };
    rows.iter()
        .map(|row| {
            let fields = row.iter();
            fields
                .map(|(name, value)| (name.clone(), text(value.get())))
                .collect()
        })
        .collect()
}

#[track_caller]
fn csv_rows(reply: &Reply) -> Vec<BTreeMap<String, String>> {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let mut lines = reply.text().split_terminator("\r\n");
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    // No value here contains a comma or a quote.
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), columns.len(), "{line}");
            let named = columns.iter().zip(fields);
            named
                .map(|(name, field)| ((*name).to_owned(), field.to_owned()))
                .collect()
        })
        .collect()
}

fn field<'a>(row: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    row.get(name)
        .unwrap_or_else(|| panic!("no {name} in {row:?}"))
}

#[tokio::test]
async fn sales_are_told_with_exact_amounts() {
    let sold = sold().await;
    let sales = rows(&sold.report("sales?interval=month").await);
    let total = |name: &str| -> i64 {
        sales
            .iter()
            .map(|row| field(row, name).parse::<i64>().unwrap())
            .sum()
    };
    assert_eq!(
        (total("orders"), total("units"), total("cancellations")),
        (2, 35, 1)
    );
    assert_eq!(
        (total("returned"), field(&sales[0], "refunded")),
        (0, "0.00")
    );

    let placed_at = sold.first.json()["createdAt"].as_str().unwrap().to_owned();
    let just_after = placed_at.replace('Z', "999Z");
    let first = sold
        .report(&format!("sales?from={placed_at}&to={just_after}"))
        .await;
    let first = &rows(&first)[0];
    let told = ["orders", "units", "revenue", "currency", "date"].map(|name| field(first, name));
    assert_eq!(told, ["1", "5", "25.30", "EUR", &placed_at[..10]]);
    assert_eq!(
        field(first, "start"),
        format!("{}T00:00:00.000Z", &placed_at[..10])
    );
    let before = sold.report(&format!("sales?to={placed_at}")).await;
    assert_eq!(before.text(), "[]", "the end is exclusive");
}

#[tokio::test]
async fn days_are_those_of_the_time_zone() {
    let sold = sold().await;
    let told = rows(&sold.report("sales?timeZone=Asia/Kathmandu").await);
    for day in told {
        assert!(field(&day, "start").ends_with("T18:15:00.000Z"), "{day:?}");
    }
    let tomorrow = chrono::Utc::now().date_naive() + chrono::Days::new(2);
    let none = sold
        .report(&format!("sales?from={tomorrow}&timeZone=Europe/London"))
        .await;
    assert_eq!(none.text(), "[]");
}

#[tokio::test]
async fn products_are_ranked_by_revenue_or_by_units() {
    let sold = sold().await;
    let told = |reply: &Reply| -> Vec<[String; 4]> {
        let rows = rows(reply);
        let told = rows.iter();
        told.map(|row| {
            ["rank", "productId", "units", "revenue"].map(|name| field(row, name).to_owned())
        })
        .collect()
    };
    let pot = |rank: &str| [rank, &sold.pot, "2", "25.00"].map(str::to_owned);
    let cup = |rank: &str| [rank, &sold.cup, "33", "3.30"].map(str::to_owned);
    let by_revenue = sold.report("top-products").await;
    assert_eq!(told(&by_revenue), [pot("1"), cup("2")]);
    assert_eq!(field(&rows(&by_revenue)[0], "name"), "Teapot");
    assert_eq!(
        told(&sold.report("top-products?by=units&limit=1").await),
        [cup("1")]
    );
}

#[tokio::test]
async fn customers_are_told_with_their_lifetime_figures() {
    let sold = sold().await;
    for query in [
        "",
        "?from=2020-01-01",
        "?by=lastOrder&limit=1",
        "?by=orders&to=2999-01-01",
    ] {
        let reply = sold.report(&format!("customers{query}")).await;
        let rows = rows(&reply);
        let figures = [
            "userId",
            "orders",
            "units",
            "revenue",
            "cancellations",
            "cancelled",
            "firstOrderAt",
        ];
        let told = figures.map(|name| field(&rows[0], name));
        let first = sold.first.json()["createdAt"].as_str().unwrap().to_owned();
        assert_eq!(
            told,
            [&sold.ann.id, "2", "35", "28.30", "1", "3.00", &first],
            "{query}"
        );
        assert_eq!((rows.len(), reply.header("x-total-count")), (1, "1"));
    }
    assert_eq!(sold.report("customers?to=2020-01-01").await.text(), "[]");
}

#[tokio::test]
async fn cohorts_and_funnel_are_told() {
    let sold = sold().await;
    let cohorts = rows(&sold.report("cohorts").await);
    let told = ["customers", "active", "orders"].map(|name| field(&cohorts[0], name));
    assert_eq!(told[..2], ["1", "1"]);
    let month = &sold.first.json()["createdAt"].as_str().unwrap()[..7].to_owned();
    assert_eq!(
        (field(&cohorts[0], "cohort"), field(&cohorts[0], "month")),
        (month.as_str(), month.as_str())
    );

    let process = format!("{}/process", sold.first.header("location"));
    let processed = sold
        .shop
        .post(&process)
        .token(&sold.shop.admin())
        .json(&json!({}))
        .await;
    let funnel = sold
        .shop
        .get("analytics/funnel")
        .token(&sold.shop.admin())
        .after(&processed);
    let funnel = funnel.await.json();
    let counts = |part: &str| -> Vec<(String, i64)> {
        let steps = funnel[part].as_array().unwrap().iter();
        steps
            .map(|step| {
                (
                    step["step"].as_str().unwrap().to_owned(),
                    step["count"].as_i64().unwrap(),
                )
            })
            .collect()
    };
    let named = |counts: &[(&str, i64)]| -> Vec<(String, i64)> {
        counts
            .iter()
            .map(|(step, count)| ((*step).to_owned(), *count))
            .collect()
    };
    let orders = [
        ("placed", 2),
        ("processing", 1),
        ("shipped", 0),
        ("delivered", 0),
        ("cancelled", 1),
        ("imported", 0),
    ];
    assert_eq!(counts("orders"), named(&orders));
    let sessions = [
        ("viewed", 0),
        ("clicked", 0),
        ("addedToCart", 0),
        ("ordered", 0),
    ];
    assert_eq!(counts("sessions"), named(&sessions));
    assert!(funnel["orders"][1]["medianSeconds"].as_f64().unwrap() >= 0.0);
    assert!(funnel["orders"][2]["medianSeconds"].is_null());
}

#[tokio::test]
async fn csv_has_the_columns_and_values_of_the_json() {
    let sold = sold().await;
    for report in ["sales", "top-products", "customers", "cohorts"] {
        let json = sold.report(report).await;
        let csv = sold
            .report(report)
            .header("accept", "text/csv, */*;q=0.1")
            .await;
        assert!(!rows(&json).is_empty());
        assert_eq!(csv_rows(&csv), rows(&json), "{report}");
        assert_eq!(
            (csv.header("vary"), json.header("vary")),
            ("accept", "accept")
        );
        let none = sold
            .report(&format!("{report}?to=1970-01-02"))
            .header("accept", "text/csv")
            .await;
        assert_eq!(
            none.text().matches("\r\n").count(),
            1,
            "only the header: {none:?}"
        );
    }
    let funnel = sold.report("funnel").header("accept", "text/csv").await;
    let funnel = csv_rows(&funnel);
    assert_eq!(funnel.len(), 10);
    assert_eq!(
        ["funnel", "step", "count"].map(|name| field(&funnel[4], name)),
        ["orders", "placed", "2"]
    );
    let customers = sold.report("customers").header("accept", "text/csv").await;
    assert_eq!(customers.header("x-total-count"), "1");
}

#[tokio::test]
async fn reports_are_for_administrators() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    for report in ["sales", "top-products", "customers", "cohorts", "funnel"] {
        let path = format!("analytics/{report}");
        assert_eq!(shop.get(&path).await.code(), "unauthenticated", "{report}");
        assert_eq!(
            shop.get(&path).token(&ann.token).await.code(),
            "forbidden",
            "{report}"
        );
        let empty = shop.get(&path).token(&shop.admin()).await;
        assert_eq!(empty.status, 200, "{empty:?}");
    }
}

#[tokio::test]
async fn windows_that_are_none_are_refused() {
    let shop = Shop::open().await;
    let refused = async |query: &str, code: &str, pointer: &str| {
        let refused = shop
            .get(&format!("analytics/{query}"))
            .token(&shop.admin())
            .await;
        assert_eq!(
            refused.problem(),
            (422, code.into(), pointer.into()),
            "{query}"
        );
    };
    for report in ["sales", "top-products", "customers", "cohorts", "funnel"] {
        for (query, code, pointer) in [
            ("from=yesterday", "invalid-parameter", "/from"),
            ("to=2011-02-30", "invalid-parameter", "/to"),
            ("to=2011-12-09T12:50:00", "invalid-parameter", "/to"),
            ("from=2011-12-09&to=2011-12-09", "invalid-parameter", "/to"),
            ("timeZone=Mars/Olympus", "invalid-parameter", "/timeZone"),
            ("since=2011-12-09", "unknown-parameter", "/since"),
        ] {
            refused(&format!("{report}?{query}"), code, pointer).await;
        }
    }
    for (query, pointer) in [
        ("sales?interval=hour", "/interval"),
        ("top-products?by=name", "/by"),
        ("top-products?limit=0", "/limit"),
        ("top-products?limit=101", "/limit"),
        ("customers?by=name", "/by"),
        ("customers?page=0", "/page"),
        ("customers?cursor=forged", "/cursor"),
    ] {
        refused(query, "invalid-parameter", pointer).await;
    }
}
