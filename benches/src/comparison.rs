//! The measured figures, in appends a second.

use std::collections::BTreeMap;
use std::thread::available_parallelism;

use serde::Serialize;

use crate::targets::{Verdict, verdicts};

/// Figures that were not measured are absent.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Comparison {
    pub(crate) seconds: u64,
    pub(crate) processors: usize,
    pub(crate) postgres: BTreeMap<String, String>,
    pub(crate) clients: BTreeMap<usize, Appends>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hot_product: Option<HotProduct>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conflicts: Option<WithConflicts>,
}

/// Each append writes one event to one new stream.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Appends {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) daybook: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) daybook_keyed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) postgres_es: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) postgres_es_connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pgbench: Option<f64>,
}

/// Orders of one unit.
#[derive(Debug, Serialize)]
pub(crate) struct HotProduct {
    pub(crate) clients: usize,
    pub(crate) many_products: f64,
    pub(crate) one_product: f64,
}

/// Only appends that were written count.
#[derive(Debug, Serialize)]
pub(crate) struct WithConflicts {
    pub(crate) clients: usize,
    pub(crate) without: f64,
    pub(crate) one_in_a_hundred: f64,
}

impl Comparison {
    pub(crate) fn new(seconds: u64, postgres: Vec<(String, String)>) -> Comparison {
        Comparison {
            seconds,
            processors: available_parallelism().map_or(0, usize::from),
            postgres: postgres.into_iter().collect(),
            ..Comparison::default()
        }
    }

    /// The mean of each figure over several rounds of the same measurements.
    pub(crate) fn mean(mut rounds: Vec<Comparison>) -> Option<Comparison> {
        let count = rounds.len() as f64;
        let mut mean = rounds.pop()?;
        for figure in mean.figures() {
            *figure /= count;
        }
        for mut round in rounds {
            for (figure, other) in mean.figures().into_iter().zip(round.figures()) {
                *figure += *other / count;
            }
        }
        Some(mean)
    }

    /// Every figure that was measured, always in the same order.
    fn figures(&mut self) -> Vec<&mut f64> {
        let mut figures = Vec::new();
        for appends in self.clients.values_mut() {
            let Appends {
                daybook,
                daybook_keyed,
                postgres_es,
                pgbench,
                postgres_es_connections: _,
            } = appends;
            let each = [daybook, daybook_keyed, postgres_es, pgbench];
            figures.extend(each.into_iter().flatten());
        }
        if let Some(hot) = &mut self.hot_product {
            figures.extend([&mut hot.many_products, &mut hot.one_product]);
        }
        if let Some(conflicts) = &mut self.conflicts {
            figures.extend([&mut conflicts.without, &mut conflicts.one_in_a_hundred]);
        }
        figures
    }

    pub(crate) fn appends(&mut self, clients: usize) -> &mut Appends {
        self.clients.entry(clients).or_default()
    }

    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct File<'a> {
            #[serde(flatten)]
            comparison: &'a Comparison,
            verdicts: Vec<Verdict>,
        }
        let verdicts = verdicts(self);
        serde_json::to_string_pretty(&File {
            comparison: self,
            verdicts,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_mean_of_rounds_is_taken_figure_by_figure() {
        let round = |daybook, pgbench| {
            let mut round = Comparison::new(5, Vec::new());
            let appends = round.appends(64);
            (appends.daybook, appends.pgbench) = (Some(daybook), Some(pgbench));
            round
        };
        let mean = Comparison::mean(vec![round(10.0, 1.0), round(20.0, 3.0)]).unwrap();
        assert_eq!(mean.clients[&64].daybook, Some(15.0));
        assert_eq!(mean.clients[&64].pgbench, Some(2.0));
        assert_eq!(mean.clients[&64].postgres_es, None);
        assert!(Comparison::mean(Vec::new()).is_none());
    }

    #[test]
    fn the_file_has_the_figures_by_the_number_of_clients() {
        let mut comparison = Comparison::new(5, Vec::new());
        *comparison.appends(64) = Appends {
            daybook: Some(50_000.0),
            daybook_keyed: Some(30_000.0),
            postgres_es: Some(5_000.0),
            postgres_es_connections: Some(64),
            pgbench: Some(25_000.0),
        };
        let file: Value = serde_json::from_str(&comparison.to_json().unwrap()).unwrap();
        assert_eq!(
            file["clients"],
            json!({ "64": {
                "daybook": 50_000.0, "daybook_keyed": 30_000.0, "postgres_es": 5_000.0,
                "postgres_es_connections": 64, "pgbench": 25_000.0,
            }})
        );
        assert_eq!(file.get("hot_product"), None);
    }
}
