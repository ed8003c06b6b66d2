//! How `PgBouncer` is shown: who waits for a connection, how many are busy, and how long transactions hold them.

use katydid_record::timeline::Series;
use katydid_record::view::Chart;

use super::draw::{Drawing, Labels, Look};
use super::{Kind, Pressing};

/// Its row in the list.
pub const KIND: Kind = Kind {
    name: "pgbouncer",
    charts,
    tables: |_, _| Vec::new(),
    pressing,
};

fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    vec![
        levels(
            look,
            look.chart("waiting", "Clients that wait for a connection", ""),
            "pool.clients_waiting",
        )
        .done(),
        levels(
            look,
            look.chart("longest", "Longest wait at the moment", "s"),
            "pool.longest_wait",
        )
        .done(),
        levels(
            look,
            look.chart("servers", "Connections that are busy", ""),
            "pool.servers_active",
        )
        .limit(only_size(look))
        .done(),
        levels(
            look,
            look.chart("clients", "Clients that have a connection", ""),
            "pool.clients_active",
        )
        .done(),
        rates(
            look.chart("transactions", "Transactions", "/s"),
            "stats.transactions",
        )
        .done(),
        per(
            look,
            look.chart("wait", "Wait for a connection per transaction", "ms"),
            "stats.wait_time",
        )
        .done(),
        per(
            look,
            look.chart("held", "A connection is held per transaction", "ms"),
            "stats.transaction_time",
        )
        .done(),
        per(
            look,
            look.chart("queries", "Of this, in queries", "ms"),
            "stats.query_time",
        )
        .done(),
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

fn levels<'a>(_: Look<'a>, chart: Drawing<'a>, series: &'static str) -> Drawing<'a> {
    chart.each(series, Look::level, pool)
}

fn rates<'a>(chart: Drawing<'a>, series: &'static str) -> Drawing<'a> {
    chart.each(series, Look::rate, |labels| labels.get("database").cloned())
}

/// Milliseconds for each transaction.
fn per<'a>(look: Look<'a>, mut chart: Drawing<'a>, series: &'a str) -> Drawing<'a> {
    for (labels, time) in look.subject.named(series) {
        let transactions = look
            .subject
            .named("stats.transactions")
            .find(|(other, _)| *other == labels);
        if let (Some((_, transactions)), Some(name)) = (transactions, labels.get("database")) {
            chart = chart.line(name, look.per(time, transactions));
        }
    }
    chart.times(1e3)
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
    let mut sizes = look.subject.named("database.pool_size");
    let found = sizes.find(|(other, _)| other.get("database") == labels.get("database"));
    found?.1.last().filter(|size| *size > 0.0)
}

fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let of = |(labels, busy): (&Labels, &Series)| {
        let (size, busy) = (size(look, labels)?, busy.last()?);
        let mut waiting = look
            .subject
            .named("pool.clients_waiting")
            .filter(|(other, _)| *other == labels);
        let waiting = waiting
            .next()
            .and_then(|(_, series)| series.last())
            .unwrap_or(0.0);
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
