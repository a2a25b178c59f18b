//! The target ratios. Ratios hold on a slow machine as well as on a fast one.

use serde::Serialize;

use crate::comparison::Comparison;

/// By the number of clients.
const OF_POSTGRES_ES: [(usize, f64); 3] = [(1, 1.0), (64, 5.0), (512, 8.0)];
const OF_PGBENCH: [(usize, f64); 1] = [(64, 1.4)];
/// The share of the target that commands with an idempotency key have to reach.
const KEYED: f64 = 2.0 / 3.0;
const HOT_OF_MANY: f64 = 0.5;
const WITH_CONFLICTS_OF_WITHOUT: f64 = 0.5;

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) ratio: f64,
    pub(crate) at_least: f64,
    pub(crate) reached: bool,
}

impl Verdict {
    fn new(what: String, ratio: f64, at_least: f64) -> Verdict {
        Verdict {
            what,
            ratio,
            at_least,
            reached: ratio >= at_least,
        }
    }
}

/// A verdict on each target whose figures were measured.
pub(crate) fn verdicts(comparison: &Comparison) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (&clients, appends) in &comparison.clients {
        let others = [
            (
                "postgres-es",
                appends.postgres_es,
                at(&OF_POSTGRES_ES, clients),
            ),
            ("pgbench", appends.pgbench, at(&OF_PGBENCH, clients)),
        ];
        let ours = [
            ("daybook", appends.daybook, 1.0),
            ("daybook, keyed", appends.daybook_keyed, KEYED),
        ];
        for (other, theirs, target) in others {
            let (Some(theirs), Some(target)) = (theirs, target) else {
                continue;
            };
            verdicts.extend(ours.iter().filter_map(|(name, figure, share)| {
                let what = format!("{clients} clients: {name} / {other}");
                Some(Verdict::new(what, (*figure)? / theirs, target * share))
            }));
        }
    }
    if let Some(orders) = &comparison.hot_product {
        let what = format!(
            "{} clients: orders for one product / orders for many",
            orders.clients
        );
        let ratio = orders.one_product / orders.many_products;
        verdicts.push(Verdict::new(what, ratio, HOT_OF_MANY));
    }
    if let Some(appends) = &comparison.conflicts {
        let what = format!(
            "{} clients: with one conflict in 100 / without conflicts",
            appends.clients
        );
        let ratio = appends.one_in_a_hundred / appends.without;
        verdicts.push(Verdict::new(what, ratio, WITH_CONFLICTS_OF_WITHOUT));
    }
    verdicts
}

fn at(targets: &[(usize, f64)], clients: usize) -> Option<f64> {
    let target = targets.iter().find(|(of, _)| *of == clients);
    target.map(|(_, at_least)| *at_least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Appends, HotProduct};

    #[test]
    fn a_target_is_reached_or_missed() {
        let mut comparison = Comparison::new(1, Vec::new());
        *comparison.appends(64) = Appends {
            daybook: Some(5_000.0),
            daybook_keyed: Some(3_000.0),
            postgres_es: Some(1_000.0),
            pgbench: Some(4_000.0),
            ..Appends::default()
        };
        let reached: Vec<bool> = verdicts(&comparison)
            .iter()
            .map(|found| found.reached)
            .collect();
        // 5 of 5; 3 of 3.33; 1.25 of 1.4; 0.75 of 0.93.
        assert_eq!(reached, [true, false, false, false]);
    }

    #[test]
    fn what_was_not_measured_has_no_verdict() {
        let mut comparison = Comparison::new(1, Vec::new());
        comparison.appends(64).daybook = Some(5_000.0);
        assert_eq!(verdicts(&comparison), []);
        comparison.hot_product = Some(HotProduct {
            clients: 64,
            many_products: 10.0,
            one_product: 4.9,
        });
        assert!(matches!(&verdicts(&comparison)[..], [hot] if !hot.reached));
    }
}
