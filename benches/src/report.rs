//! The comparison as a person reads it.

use std::fmt::{self, Display, Formatter};

use crate::comparison::{Appends, Comparison};
use crate::targets::verdicts;

pub(crate) struct Table<'a>(pub(crate) &'a Comparison);

/// The figure of one way to append, if it was measured.
type Figure = fn(&Appends) -> Option<f64>;

const ROWS: [(&str, Figure); 4] = [
    ("stock cqrs-es, postgres-es", |appends| appends.postgres_es),
    ("pgbench", |appends| appends.pgbench),
    ("daybook", |appends| appends.daybook),
    ("daybook, keyed", |appends| appends.daybook_keyed),
];

const RATIOS: [(&str, Figure, Figure); 4] = [
    (
        "daybook / postgres-es",
        |of| of.daybook,
        |of| of.postgres_es,
    ),
    ("daybook / pgbench", |of| of.daybook, |of| of.pgbench),
    (
        "keyed / postgres-es",
        |of| of.daybook_keyed,
        |of| of.postgres_es,
    ),
    ("keyed / pgbench", |of| of.daybook_keyed, |of| of.pgbench),
];

impl Display for Table<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.surroundings(f)?;
        if !self.0.clients.is_empty() {
            self.appends(f)?;
        }
        self.others(f)?;
        self.targets(f)
    }
}

impl Table<'_> {
    fn surroundings(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let settings: Vec<String> = self
            .0
            .postgres
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        writeln!(
            f,
            "{} s for each figure on {} processors; PostgreSQL with {}\n",
            self.0.seconds,
            self.0.processors,
            settings.join(", ")
        )
    }

    fn appends(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:<28}", "appends a second, clients:")?;
        for clients in self.0.clients.keys() {
            write!(f, "{clients:>10}")?;
        }
        writeln!(f)?;
        for (name, figure) in ROWS {
            self.row(f, name, |appends| {
                figure(appends).map(|figure| format!("{figure:.0}"))
            })?;
        }
        for (name, ours, theirs) in RATIOS {
            self.row(f, name, |appends| {
                Some(format!("{:.2}", ours(appends)? / theirs(appends)?))
            })?;
        }
        self.row(f, "connections of postgres-es", |appends| {
            appends
                .postgres_es_connections
                .map(|count| count.to_string())
        })
    }

    /// A line with a cell for each number of clients.
    fn row(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        cell: impl Fn(&Appends) -> Option<String>,
    ) -> fmt::Result {
        write!(f, "{name:<28}")?;
        for appends in self.0.clients.values() {
            write!(f, "{:>10}", cell(appends).as_deref().unwrap_or("-"))?;
        }
        writeln!(f)
    }

    fn others(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(orders) = &self.0.hot_product {
            writeln!(
                f,
                "\norders a second, {} clients: {:.0} for many products, {:.0} for one",
                orders.clients, orders.many_products, orders.one_product
            )?;
        }
        if let Some(appends) = &self.0.conflicts {
            writeln!(
                f,
                "\nappends a second, {} clients: {:.0} without conflicts, {:.0} with one in 100",
                appends.clients, appends.without, appends.one_in_a_hundred
            )?;
        }
        Ok(())
    }

    fn targets(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for verdict in verdicts(self.0) {
            let word = if verdict.reached { "reached" } else { "MISSED" };
            write!(
                f,
                "\n{word:<8} {:<58}{:>6.2}, to reach {:.2}",
                verdict.what, verdict.ratio, verdict.at_least
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_figures_ratios_and_what_was_missed() {
        let mut comparison = Comparison::new(5, Vec::new());
        *comparison.appends(64) = Appends {
            daybook: Some(20_000.0),
            postgres_es: Some(5_000.0),
            ..Appends::default()
        };
        let text = Table(&comparison).to_string();
        for line in [
            "daybook                          20000",
            "daybook / postgres-es             4.00",
            "daybook / pgbench                    -",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line:?} in\n{text}"
            );
        }
        assert!(
            text.contains("MISSED   64 clients: daybook / postgres-es"),
            "{text}"
        );
    }
}
