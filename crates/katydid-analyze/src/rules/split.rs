//! Where the time of an endpoint goes, as far as it was seen; and whether what was counted fits together.

use katydid_record::Histogram;
use katydid_record::summary::{LittleSummary, SplitSummary};

use super::case::{Call, Case, Database, EndpointCase, grown, mean};
use crate::target::Part;

/// The parts of each endpoint's mean time, the longest in all first. Of what nobody saw the rest is told as the service's own.
pub fn splits(case: &Case<'_>) -> Vec<SplitSummary> {
    let seen = case.endpoints.iter().filter(|of| of.has_calls());
    seen.map(|of| split(case, of)).collect()
}

fn split(case: &Case<'_>, of: &EndpointCase) -> SplitSummary {
    let before = of.before_ms;
    let is_traced = of.is_traced();
    // Without spans the times are of the statements under load, whoever runs them.
    let database = if is_traced {
        of.database_ms()
    } else {
        let mean = |call: &Call| {
            let found = case.statement(&call.key.text);
            found.map_or(call.each_ms, |(_, statement)| statement.mean_ms())
        };
        of.calls
            .iter()
            .map(|call| call.per_request * mean(call))
            .sum()
    };
    let cache = is_traced.then(|| of.cache_ms());
    let services = is_traced.then(|| of.service_ms());
    let pool = if is_traced { of.pool_ms() } else { None };
    let seen = before.unwrap_or(0.0)
        + pool.unwrap_or(0.0)
        + database
        + cache.unwrap_or(0.0)
        + services.unwrap_or(0.0);
    SplitSummary {
        endpoint: of.title.clone(),
        mean_ms: of.mean_ms,
        before_ms: before,
        pool_ms: pool,
        database_ms: database,
        cache_ms: cache,
        services_ms: services,
        // Calls side by side add up to more than there is.
        rest_ms: (of.mean_ms - seen).max(0.0),
        source: of.source(),
        inferred: !is_traced,
    }
}

/// How many there were in the longest phase, by looks and by Little's law (*A proof for the queuing formula L = λW*, 1961): requests under way at the generator,
/// and sessions at work in each database.
pub fn little(case: &Case<'_>) -> Vec<LittleSummary> {
    let longest = case
        .phases
        .iter()
        .max_by_key(|part| part.until.saturating_sub(part.from));
    let Some(part) = longest.filter(|part| part.until > part.from) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    all.extend(requests(case, part));
    all.extend(
        case.databases
            .iter()
            .filter_map(|database| statements(database, part)),
    );
    all
}

fn requests(case: &Case<'_>, part: &Part) -> Option<LittleSummary> {
    let phase = case
        .timeline
        .phases
        .values()
        .find(|phase| phase.name == part.phase)?;
    let mut times = Histogram::default();
    let total = phase.total();
    times.add(&total.from_send);
    times.add(&total.failed_from_due);
    let counts = case.under_way(part)?;
    Some(LittleSummary {
        what: "requests under way".into(),
        phase: part.phase.clone(),
        counted: mean(&counts),
        looks: counts.len() as u64,
        computed: times.sum_us() as f64 / (part.until - part.from) as f64,
    })
    .filter(|of| of.computed > 0.0)
}

fn statements(database: &Database<'_>, part: &Part) -> Option<LittleSummary> {
    const AT_WORK: [&str; 6] = ["running", "lock", "lwlock", "io", "ipc", "other wait"];
    let looks = database.sessions(&AT_WORK, part)?;
    let (spent, seconds) = grown(database.subject, "statements.time", part)?;
    (seconds > 0.0).then(|| LittleSummary {
        what: format!("statements running, {}", database.title),
        phase: part.phase.clone(),
        counted: mean(&looks),
        looks: looks.len() as u64,
        computed: spent / seconds,
    })
}
