//! The figures, and what is to be reached.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Appends a second by number of clients, and orders a second.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Comparison {
    pub(crate) clients: BTreeMap<usize, Rates>,
    pub(crate) hot_product: HotProduct,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Rates {
    pub(crate) postgres_es: f64,
    pub(crate) pgbench: f64,
    pub(crate) daybook: f64,
    pub(crate) daybook_keyed: f64,
}

/// Single-unit orders a second.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct HotProduct {
    pub(crate) clients: usize,
    pub(crate) many_products: f64,
    pub(crate) one_product: f64,
}

/// What Daybook is to reach without keys, as multiples of the others; with keys two thirds of it.
const TARGETS: [(usize, Option<f64>, Option<f64>); 3] = [
    (1, Some(1.0), None),
    (64, Some(5.0), Some(1.4)),
    (512, Some(8.0), None),
];
const KEYED_SHARE: f64 = 2.0 / 3.0;
const HOT_SHARE: f64 = 0.5;

impl Comparison {
    pub(crate) fn mean(rounds: &[Comparison]) -> Comparison {
        let mean = |figure: &dyn Fn(&Comparison) -> f64| {
            rounds.iter().map(figure).sum::<f64>() / rounds.len() as f64
        };
        let at = |clients: usize, figure: fn(&Rates) -> f64| {
            mean(&|round| round.clients.get(&clients).map_or(0.0, figure))
        };
        let rates = |clients| Rates {
            postgres_es: at(clients, |rates| rates.postgres_es),
            pgbench: at(clients, |rates| rates.pgbench),
            daybook: at(clients, |rates| rates.daybook),
            daybook_keyed: at(clients, |rates| rates.daybook_keyed),
        };
        let measured = rounds
            .iter()
            .flat_map(|round| round.clients.keys().copied());
        Comparison {
            clients: measured.map(|clients| (clients, rates(clients))).collect(),
            hot_product: HotProduct {
                clients: rounds.first().map_or(0, |round| round.hot_product.clients),
                many_products: mean(&|round| round.hot_product.many_products),
                one_product: mean(&|round| round.hot_product.one_product),
            },
        }
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "postgres-es {:>6.0}   pgbench {:>6.0}   daybook {:>6.0}   with keys {:>6.0}   appends/s",
            self.postgres_es, self.pgbench, self.daybook, self.daybook_keyed
        )
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (clients, rates) in &self.clients {
            writeln!(f, "{clients:>4} clients: {rates}")?;
        }
        let hot = &self.hot_product;
        writeln!(
            f,
            "{:>4} clients: {:.0} orders/s over many products, {:.0} for one\n",
            hot.clients, hot.many_products, hot.one_product
        )?;
        for (clients, of_postgres_es, of_pgbench) in TARGETS {
            let Some(rates) = self.clients.get(&clients) else {
                continue;
            };
            for (name, rate, share) in [
                ("daybook", rates.daybook, 1.0),
                ("with keys", rates.daybook_keyed, KEYED_SHARE),
            ] {
                for (other, base, target) in [
                    ("postgres-es", rates.postgres_es, of_postgres_es),
                    ("pgbench", rates.pgbench, of_pgbench),
                ] {
                    let Some(target) = target else { continue };
                    let what = format!("{clients} clients, {name} to {other}");
                    write_verdict(f, &what, rate / base, target * share)?;
                }
            }
        }
        write_verdict(
            f,
            "one product to many",
            hot.one_product / hot.many_products,
            HOT_SHARE,
        )
    }
}

fn write_verdict(f: &mut fmt::Formatter<'_>, what: &str, ratio: f64, target: f64) -> fmt::Result {
    let verdict = if ratio >= target { "reached" } else { "missed" };
    writeln!(
        f,
        "{what:<40} {ratio:>6.2}   (target {target:.2}: {verdict})"
    )
}
