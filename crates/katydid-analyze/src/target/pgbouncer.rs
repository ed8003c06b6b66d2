//! How `PgBouncer` is shown: who waits for a connection, how many are busy, and how long transactions hold them.

use katydid_record::timeline::Series;
use katydid_record::view::Chart;

use super::draw::{Labels, Look};
use super::{Kind, Pressing};

/// Its row in the list.
pub const KIND: Kind = Kind {
    name: "pgbouncer",
    charts,
    tables: |_, _| Vec::new(),
    pressing,
};

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    let levels =
        |id, title, unit, series| look.chart(id, title, unit).each(series, Look::level, pool);
    vec![
        levels(
            "waiting",
            "Clients that wait for a connection",
            "",
            "pool.clients_waiting",
        )
        .done(),
        levels(
            "longest",
            "Longest wait at the moment",
            "s",
            "pool.longest_wait",
        )
        .done(),
        levels(
            "servers",
            "Connections that are busy",
            "",
            "pool.servers_active",
        )
        .limit(only_size(look))
        .done(),
        levels(
            "clients",
            "Clients that have a connection",
            "",
            "pool.clients_active",
        )
        .done(),
        look.chart("transactions", "Transactions", "/s")
            .each("stats.transactions", Look::rate, |labels| {
                labels.get("database").cloned()
            })
            .done(),
        per_transaction(
            look,
            "wait",
            "Wait for a connection per transaction",
            "stats.wait_time",
        ),
        per_transaction(
            look,
            "held",
            "A connection is held per transaction",
            "stats.transaction_time",
        ),
        per_transaction(look, "queries", "Of this, in queries", "stats.query_time"),
    ]
}

fn pool(labels: &Labels) -> Option<String> {
    let (database, user) = (labels.get("database")?, labels.get("user")?);
    Some(if database == user {
        database.clone()
    } else {
        format!("{database} ({user})")
    })
}

/// Milliseconds for each transaction.
fn per_transaction(look: Look<'_>, id: &str, title: &str, series: &str) -> Option<Chart> {
    let mut chart = look.chart(id, title, "ms");
    for (labels, time) in look.subject.named(series) {
        let transactions = look.subject.labelled("stats.transactions", labels);
        if let (Some(transactions), Some(name)) = (transactions, labels.get("database")) {
            chart = chart.line(name, look.per(time, transactions));
        }
    }
    chart.times(1e3).done()
}

/// The size of the pool where there is one.
fn only_size(look: Look<'_>) -> Option<f64> {
    let mut pools = look.subject.named("pool.servers_active");
    let (labels, _) = pools.next()?;
    if pools.next().is_some() {
        return None;
    }
    size(look, labels)
}

fn size(look: Look<'_>, labels: &Labels) -> Option<f64> {
    let of = ("database", labels.get("database")?.as_str());
    let size = look.subject.of("database.pool_size", of)?;
    size.last().filter(|size| *size > 0.0)
}

fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let of = |(labels, busy): (&Labels, &Series)| {
        let (size, busy) = (size(look, labels)?, busy.last()?);
        let waiting = look.subject.labelled("pool.clients_waiting", labels);
        let waiting = waiting.and_then(Series::last).unwrap_or(0.0);
        let name = pool(labels)?;
        let mut text = format!("pool {name} {busy:.0} of {size:.0} busy");
        if waiting > 0.0 {
            text = format!("{text}, {waiting:.0} wait");
        }
        // Somebody may wait while connections are being opened.
        Some(Pressing {
            text,
            share: (busy / size).max(if waiting > 0.0 { 1.0 } else { 0.0 }),
        })
    };
    look.subject
        .named("pool.servers_active")
        .filter_map(of)
        .collect()
}
