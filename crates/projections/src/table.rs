//! What a rebuild must know of a read model's tables.

use crate::projection::{Phase, Target};

/// One table, without its schema. Its primary key is called `<name>_pkey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub rows: Rows,
}

/// How a table's rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Found by their key and overwritten.
    Keyed,
    /// Written once, never changed.
    Appended,
    /// Amounts that are merged into the existing row, each column in its own way; the other columns are
    /// the primary key.
    Merged(&'static [(&'static str, Merge)]),
}

/// How two values are merged into one. Minimum and maximum ignore nulls; summed values are never null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    Sum,
    Least,
    Greatest,
}

impl Table {
    pub const fn keyed(name: &'static str) -> Table {
        Table {
            name,
            rows: Rows::Keyed,
        }
    }

    pub const fn appended(name: &'static str) -> Table {
        Table {
            name,
            rows: Rows::Appended,
        }
    }

    pub const fn merged(name: &'static str, columns: &'static [(&'static str, Merge)]) -> Table {
        Table {
            name,
            rows: Rows::Merged(columns),
        }
    }

    /// The end of an `insert into {target}.{table}` (without an alias) of rows that are appended or
    /// merged. One statement must not contain two rows to be merged with the same key.
    pub fn on_conflict(&self, target: &Target) -> String {
        match (self.rows, target.phase) {
            (Rows::Keyed, _) | (_, Phase::Building) => String::new(),
            (Rows::Appended, Phase::Live) => "on conflict do nothing".to_owned(),
            (Rows::Merged(columns), Phase::Live) => {
                let name = self.name;
                let merged: Vec<String> = columns
                    .iter()
                    .map(|(column, merge)| {
                        let (there, new) =
                            (format!("{name}.{column}"), format!("excluded.{column}"));
                        match merge {
                            Merge::Sum => format!("{column} = {there} + {new}"),
                            Merge::Least => format!("{column} = least({there}, {new})"),
                            Merge::Greatest => format!("{column} = greatest({there}, {new})"),
                        }
                    })
                    .collect();
                format!(
                    "on conflict on constraint {name}_pkey do update set {}",
                    merged.join(", ")
                )
            }
        }
    }
}
