//! Counters by the columns that a server has: versions and managed forks differ, so nothing is asked for by version.

use std::collections::HashSet;

use tokio_postgres::{Client, Error, Row};

/// A series and how it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Columns that it takes.
    pub needs: &'static [&'static str],
    /// What is selected.
    pub expression: &'static str,
    /// Name of the series.
    pub series: &'static str,
    /// Its unit.
    pub unit: &'static str,
}

/// A counter that is one column.
pub const fn column(needs: &'static [&'static str], series: &'static str) -> Spec {
    let unit = "";
    Spec {
        needs,
        expression: needs[0],
        series,
        unit,
    }
}

/// A counter made of columns.
pub const fn made(
    needs: &'static [&'static str],
    expression: &'static str,
    series: &'static str,
    unit: &'static str,
) -> Spec {
    Spec {
        needs,
        expression,
        series,
        unit,
    }
}

/// Names of the columns of a table or view; none if there is no such thing.
pub async fn columns(client: &Client, relation: &str) -> Result<HashSet<String>, Error> {
    let sql = "SELECT /* katydid */ attname::text FROM pg_attribute \
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let rows = client.query(sql, &[&relation]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Those that can be asked for. Of several with the same series the first is.
pub fn chosen(specs: &[Spec], columns: &HashSet<String>) -> Vec<Spec> {
    let mut chosen: Vec<Spec> = Vec::new();
    for spec in specs {
        let is_there = spec.needs.iter().all(|column| columns.contains(*column));
        if is_there && chosen.iter().all(|other| other.series != spec.series) {
            chosen.push(*spec);
        }
    }
    chosen
}

/// What is selected for them.
pub fn selected(specs: &[Spec]) -> String {
    let all = specs
        .iter()
        .map(|spec| format!("coalesce(({})::float8, 0)", spec.expression));
    all.collect::<Vec<_>>().join(", ")
}

/// Their values, from the column `from` on.
pub fn values(row: &Row, specs: &[Spec], from: usize) -> Vec<f64> {
    (from..from + specs.len())
        .map(|place| row.get(place))
        .collect()
}
