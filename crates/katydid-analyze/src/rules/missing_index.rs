//! # Missing index
//!
//! **Symptom.** A query gets slower as its table grows, though it gives few rows.
//!
//! **Evidence.** A call reads 100 blocks and more, and 20 and more for each row that it gives; its plan reads the whole of a table of 10,000
//! rows and more to keep a few, or throws away half and more of what an index finds, or sorts many rows to give the first few. The endpoint feels it: the
//! statement takes a tenth of its time, or a twentieth of the database's.
//!
//! An index for the order alone is named only where it has all columns that the query asks by: the rows that a `LIKE`, an `OR` or a list of
//! values leaves out would be read from it as well, however many they are. Where the order is asked for of several rows of another table,
//! it is not named either.
//!
//! Where the whole of a table is joined with a few rows of another, the columns of the join want an index if it reads ten times fewer blocks:
//! four are counted for each of the few, and one for each row that is found.
//!
//! Where `HypoPG` is installed in the database, the index is tried in the plan, without being built. It has to be used, and to halve the plan's cost at least:
//! otherwise nothing is said. Where the application sends values within its statements (Django, psycopg2, anything that quotes them itself), the plan is for up
//! to three of those that were seen running. Where they come beside the text, a plan knows no values, so that a refusal counts only where as many rows come as it expects.
//!
//! With `--experiment index`, on a database that is declared disposable, it is built: the endpoints are asked alone, six times over, with it and without
//! it in turns (without, with, with, without, without, with), and it is dropped. *Confirmed* is it if one of them took less each time with it than each time
//! without, by 5 % at least, and read 50 blocks less; ruled out if none of those that read 100 and more read 50 less.
//!
//! **Cause.** No index has the columns that the query asks by, in the order that serves it: what has to be equal first, then the order in which
//! rows are asked for, or a range.
//!
//! **Fix.** The index that is given, built with `CONCURRENTLY`, so that writes go on. An index that only has fewer columns of the same beginning, and is
//! not unique, can be dropped afterwards.
//!
//! **False alarms.** Small tables, queries that really want a large part of a table (a count of all, a report), statistics that are out of date
//! (`ANALYZE` first), filters that most rows pass (`deleted_at IS NULL`), sums over a rare value that comes beside the text, conditions on an expression (an index on the expression is needed), two columns of the same table that
//! are compared, rows that a unique index finds. Of these nothing is said. Of partitions, and of tables whose indexes are not known, it is said that
//! they were not judged. An index costs each write a little.

use katydid_record::finding::Evidence;
use katydid_record::probe::Change;
use katydid_record::query_plan::{Given, Node, Scan, Table, Tried};
use katydid_record::sql_name::{self, quoted};
use katydid_record::timeline::Subject;
use katydid_record::{Finding, RunTime};
use serde::de::DeserializeOwned;

use super::case::{Case, Database, EndpointCase, Statement, grown};
use super::words::{evidence, figures, fix, rows, statement};
use super::{Judged, Need, Rule, limits};
use crate::target::{Part, table};

/// Its row.
pub const RULE: Rule = Rule {
    name: "missing_index",
    title: "Missing index",
    of_target: true,
    alone: true,
    needs: Some(Need::Statements),
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let wasteful: Vec<(&Database<'_>, &Statement<'_>)> = case
        .databases
        .iter()
        .flat_map(|database| database.statements.iter().map(move |of| (database, of)))
        .filter(|(database, of)| reads_much(of) && matters(case, database, of))
        .collect();
    let mut found: Vec<Finding> = Vec::new();
    for (database, of) in &wasteful {
        if let Some(finding) = of_statement(case, database, of) {
            merge(&mut found, finding);
        }
    }
    if !found.is_empty() {
        return Judged::Found(found);
    }
    let has_plan = |(database, of): &(&Database<'_>, &Statement<'_>)| {
        database.subject.fact("plan", of.id).is_some()
    };
    match wasteful.iter().find(|one| !has_plan(one)) {
        Some((_, of)) => Judged::Blind(super::not_observed(
            format!(
                "the plan of {}, which reads {} blocks per call",
                statement(of.text),
                figures(of.blocks_per_call())
            ),
            "GRANT pg_read_all_data to the role; katydid doctor says how",
        )),
        None if wasteful.is_empty() => {
            Judged::Clear("no statement that matters reads much more than it gives".into())
        }
        None => without_index(&wasteful),
    }
}

/// What is said where no index is missing by the plans that there are.
fn without_index(wasteful: &[(&Database<'_>, &Statement<'_>)]) -> Judged {
    let unknown = wasteful.iter().find_map(|(database, of)| {
        let table = unknown_table(database.subject, of)?;
        Some((of, table))
    });
    if let Some((of, table)) = unknown {
        return Judged::Blind(super::not_observed(
            format!(
                "the indexes of {}, which {} reads: a partition, no table, or one of several of that name",
                quoted(&table),
                statement(of.text)
            ),
            "EXPLAIN the statement: whether an index is missing there is not judged here",
        ));
    }
    let was_tried = wasteful
        .iter()
        .any(|(database, of)| database.subject.fact("plan.tried", of.id).is_some());
    let tried = if was_tried { " and by HypoPG" } else { "" };
    Judged::Clear(format!(
        "what reads much has no index to gain, by its plan{tried}"
    ))
}

/// A table that a statement reads the whole of, or throws rows of away, of which no index is judged.
fn unknown_table(subject: &Subject, of: &Statement<'_>) -> Option<String> {
    let plan = plan_of(subject, of)?;
    let is_unknown = |scan: &Scan| {
        let table: Option<Table> = fact(subject, "table", &scan.table);
        (scan.is_whole || scan.is_filtered) && table.is_none_or(|table| table.partition)
    };
    plan.scans()
        .into_iter()
        .find(is_unknown)
        .map(|scan| scan.table)
}

fn reads_much(of: &Statement<'_>) -> bool {
    of.calls >= limits::STATEMENT_CALLS
        && of.blocks_per_call() >= limits::SCAN_BLOCKS
        && of.blocks_per_call() >= limits::SCAN_BLOCKS_PER_ROW * of.rows_per_call().max(1.0)
}

fn matters(case: &Case<'_>, database: &Database<'_>, of: &Statement<'_>) -> bool {
    of.seconds >= limits::SHARE_OF_DATABASE * database.seconds()
        // Where others wait for locks, time is theirs; what is read is not.
        || of.blocks >= limits::SHARE_OF_BLOCKS * database.blocks()
        || hurt(case, of).is_some()
}

/// The endpoint that it takes a part of the time of.
fn hurt<'c>(case: &'c Case<'_>, of: &Statement<'_>) -> Option<(&'c EndpointCase, f64)> {
    let callers = case.callers(of.text).into_iter();
    callers
        .map(|(endpoint, calls)| (endpoint, calls * of.mean_ms()))
        .filter(|(endpoint, ms)| *ms >= limits::SHARE_OF_ENDPOINT * endpoint.mean_ms)
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

fn fact<T: DeserializeOwned>(subject: &Subject, topic: &str, about: &str) -> Option<T> {
    serde_json::from_str(subject.fact(topic, about)?).ok()
}

fn plan_of(subject: &Subject, of: &Statement<'_>) -> Option<Node> {
    let found = subject.fact("plan.found", of.id);
    Node::told(subject.fact("plan", of.id)?, found)
}

fn of_statement(case: &Case<'_>, database: &Database<'_>, of: &Statement<'_>) -> Option<Finding> {
    let plan = plan_of(database.subject, of)?;
    let scans = plan.scans();
    let (scan, table, columns, tried) = scans.iter().find_map(|scan| {
        let table: Table = fact(database.subject, "table", &scan.table)?;
        let is_blind = plan.seen == 0;
        let columns = wanted(scan, &table, of, is_blind)?;
        let tried = tried(database, of, scan, &columns);
        let is_refuted = tried
            .as_ref()
            .is_some_and(|tried| refutes(tried, is_blind, scan, of));
        (!is_refuted).then_some((scan, table, columns, tried))
    })?;
    let helps = tried.filter(gains);
    let hurt = hurt(case, of);
    let mut callers = case.callers(of.text);
    if callers.is_empty() {
        callers = case.perhaps(of.text);
    }
    let by_trial = helps.as_ref().map_or(String::new(), |tried| {
        format!(
            " + HypoPG {} → {}",
            figures(tried.before),
            figures(tried.after)
        )
    });
    let of_plan = if plan.seen > 0 {
        "plan with values that were asked for"
    } else {
        "plan"
    };
    let by_caller = callers.first().map_or(String::new(), |(endpoint, _)| {
        format!(" + {}", endpoint.basis())
    });
    let cost = hurt.map(|(endpoint, ms)| case.cost_in_all(endpoint, ms, of.seconds));
    let name = if table.schema == "public" {
        quoted(&scan.table)
    } else {
        format!("{}.{}", quoted(&table.schema), quoted(&scan.table))
    };
    let listed = sql_name::columns(&columns);
    // What a probe writes is no load.
    let written = written(database.subject, &table, &scan.table).filter(|_| !case.is_probe());
    let mut numbers = numbers(database, of, scan, &table, plan.cost, helps.as_ref());
    let what = format!("rows inserted into and updated in {}", scan.table);
    numbers.extend(written.map(|rate| evidence(database.title, what, rate, "/s", None)));
    // What a trial goes by is the same guess.
    let is_guess = plan.seen == 0 && scan.is_filtered_by_value;
    let is_known = scan.is_whole
        || spares_sort(scan, &table)
        || throws_away(scan, of, plan.seen == 0) == Some(true)
        || helps.is_some() && !is_guess;
    Some(Finding {
        confidence: super::strong_if(is_known),
        basis: format!("{of_plan}{by_trial} + statements{by_caller}"),
        endpoints: callers
            .iter()
            .map(|(endpoint, _)| endpoint.title.clone())
            .collect(),
        about: format!("{name} ({listed})"),
        what: format!(
            "{name} ({listed}): {} reads {} blocks to give {}, {} ms each: {}",
            statement(of.text),
            figures(of.blocks_per_call()),
            rows(of.rows_per_call()),
            figures(of.mean_ms()),
            does(scan, &table)
        ),
        cost,
        evidence: numbers,
        advice: advice(&table, &columns, written),
        fixes: vec![fix(
            "SQL",
            format!("CREATE INDEX CONCURRENTLY ON {name} ({listed});"),
        )],
        check: format!(
            "blocks per call of the statement should fall from {} to a few",
            figures(of.blocks_per_call())
        ),
        change: Some(Change {
            name: "index".into(),
            on: database.subject.watched.subject.clone(),
            schema: table.schema.clone(),
            table: scan.table.clone(),
            columns: columns.clone(),
        }),
        ..Finding::default()
    })
}

/// What the index was tried to change, where that could be tried.
fn tried(
    database: &Database<'_>,
    of: &Statement<'_>,
    scan: &Scan,
    columns: &[String],
) -> Option<Tried> {
    let all: Vec<Tried> = fact(database.subject, "plan.tried", of.id)?;
    all.into_iter()
        .find(|tried| tried.table == scan.table && tried.columns == columns)
}

/// The server would not gain by it. Where it knows no values (`is_blind`) and expects many more rows than come, those asked for are rarer
/// than it thinks, and its refusal says nothing.
fn refutes(tried: &Tried, is_blind: bool, scan: &Scan, of: &Statement<'_>) -> bool {
    let is_misjudged = is_blind
        && scan.given == Given::All
        && scan.rows >= limits::SCAN_WASTE * of.rows_per_call().max(1.0);
    !gains(tried) && !is_misjudged
}

fn gains(tried: &Tried) -> bool {
    tried.is_used && tried.after <= limits::TRIED_COST * tried.before
}

/// The columns of an index that would spare most of what a scan does; `None` where none would, or one is there.
fn wanted(scan: &Scan, table: &Table, of: &Statement<'_>, is_blind: bool) -> Option<Vec<String>> {
    if table.rows < limits::SCAN_ROWS {
        return None;
    }
    let sorts_much = scan.comes_in_order(table)
        && scan.sorted_rows >= limits::SCAN_WASTE * of.rows_per_call().max(1.0);
    let has_column = !scan.equal.is_empty() || !scan.range.is_empty() || sorts_much;
    // Where all that it keeps is given, that was counted; the plan's guess is for values that it does not know.
    let kept = if scan.given == Given::All {
        of.rows_per_call()
    } else {
        scan.rows
    };
    let keeps_few = kept * limits::SCAN_WASTE <= table.rows;
    let blocks = |lookups: f64| limits::LOOKUP_BLOCKS * lookups + kept;
    let is_spared = scan
        .lookups
        .is_none_or(|lookups| blocks(lookups) * limits::SCAN_WASTE <= table.pages);
    let may_throw_away = scan.is_filtered && throws_away(scan, of, is_blind) != Some(false);
    let is_wasteful = sorts_much || keeps_few && (scan.is_whole || may_throw_away);
    scan.missing(table)
        .filter(|_| is_wasteful && has_column && is_spared)
}

/// The index gives in order what is sorted now.
fn spares_sort(scan: &Scan, table: &Table) -> bool {
    scan.sorted_rows > 0.0 && scan.comes_in_order(table)
}

/// Of what its index finds it throws more than half away; `None` where that is not known: a filter that most rows pass (`deleted_at IS NULL`)
/// looks alike, and for a value that the plan does not know (`is_blind`) the server's estimate is a guess. The guess will do where each row
/// that is kept is given: then what a call reads for each says so, too.
fn throws_away(scan: &Scan, of: &Statement<'_>, is_blind: bool) -> Option<bool> {
    let found = scan.found.as_ref()?;
    if scan.given == Given::All {
        return Some(of.rows_per_call() * limits::FILTER_WASTE < found.of);
    }
    let is_skipped = || {
        let mut words = of.text.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| word.eq_ignore_ascii_case("offset"))
    };
    let is_counted = scan.given == Given::Part && !is_skipped();
    let is_guess = is_blind && scan.is_filtered_by_value;
    (is_counted || !is_guess).then_some(found.kept * limits::FILTER_WASTE < found.of)
}

fn does(scan: &Scan, table: &Table) -> String {
    let sorted = spares_sort(scan, table).then(|| {
        format!(
            "sorts {} rows by {} to give the first",
            figures(scan.sorted_rows),
            scan.sorted.join(", ")
        )
    });
    if scan.is_whole {
        let sorted = sorted.map_or(String::new(), |sorted| format!(" and {sorted}"));
        return format!(
            "it reads the whole table of {} rows{sorted}",
            figures(table.rows)
        );
    }
    match sorted {
        Some(sorted) => format!("it {sorted}"),
        None => match &scan.found {
            Some(found) => format!(
                "of the {} rows that its index finds, by the server's estimate, a filter keeps {}",
                figures(found.of),
                figures(found.kept)
            ),
            None => "a filter throws away rows that its index finds; how many is not known".into(),
        },
    }
}

/// Rows that were written to a table, per second of what was seen of the run. A deleted row leaves its entries.
fn written(subject: &Subject, of: &Table, name: &str) -> Option<f64> {
    // Sessions hand these counts in late: what comes after the load was written in it.
    let record = Part {
        phase: String::new(),
        from: 0,
        until: RunTime::MAX,
    };
    let (_, seconds) = grown(subject, "database.commits", &record)?;
    let named = match of.schema.as_str() {
        "public" => name.to_owned(),
        schema => format!("{schema}.{name}"),
    };
    // A table of which nothing of a kind was written is not told of.
    let rows = ["table.rows_inserted", "table.rows_updated"]
        .map(|series| table::grown(subject, series, ("table", &named), &record));
    (seconds > 0.0).then(|| rows.iter().sum::<f64>() / seconds)
}

fn advice(table: &Table, columns: &[String], written: Option<f64>) -> String {
    let shorter = table.indexes.iter().find(|index| {
        // A unique one keeps a promise as well.
        !index.unique
            && !index.begins_with(columns)
            && (1..columns.len()).any(|count| index.begins_with(&columns[..count]))
    });
    let costs = match written {
        Some(rate) if rate > 0.0 => format!(
            " It costs an entry more for each row that is inserted, or updated in a column that has an index: {} rows per second were inserted \
             or updated here.",
            figures(rate)
        ),
        _ => String::new(),
    };
    let base = format!("Build the index; CONCURRENTLY lets writes go on.{costs}");
    match shorter {
        Some(index) => format!(
            "{base} It also serves what {} does, if no more than its first columns are used.",
            index.name
        ),
        None => base,
    }
}

fn numbers(
    database: &Database<'_>,
    of: &Statement<'_>,
    scan: &Scan,
    table: &Table,
    cost: f64,
    tried: Option<&Tried>,
) -> Vec<Evidence> {
    let title = database.title;
    let share = of.seconds / database.seconds() * 100.0;
    let cost_of = format!("cost; {} on {}", scan.kind, scan.table);
    let mut all = vec![
        evidence(
            title,
            "blocks per call",
            of.blocks_per_call(),
            "",
            Some(limits::SCAN_BLOCKS),
        ),
        evidence(title, "rows per call", of.rows_per_call(), "", None),
        evidence(title, "calls", of.calls, "", Some(limits::STATEMENT_CALLS)),
        evidence(title, "mean", of.mean_ms(), "ms", None),
        evidence(
            title,
            "of the database's time",
            share,
            "%",
            Some(limits::SHARE_OF_DATABASE * 100.0),
        ),
        evidence("plan", cost_of, cost, "", None),
        evidence(
            "plan",
            "rows of the table",
            table.rows,
            "",
            Some(limits::SCAN_ROWS),
        ),
    ];
    if let Some(tried) = tried {
        let limit = limits::TRIED_COST * tried.before;
        let mib = tried.bytes / f64::from(1 << 20);
        all.push(evidence(
            "HypoPG",
            "cost with the index",
            tried.after,
            "",
            Some(limit),
        ));
        all.push(evidence(
            "HypoPG",
            "size of the index, as estimated",
            mib,
            "MiB",
            None,
        ));
    }
    if spares_sort(scan, table) {
        all.push(evidence(
            "plan",
            "rows that are sorted",
            scan.sorted_rows,
            "",
            None,
        ));
    }
    all
}

/// Statements that want the same index are one finding; one that wants the beginning of another's columns is served by that, whichever
/// was found first.
fn merge(found: &mut Vec<Finding>, mut finding: Finding) {
    // It can be read in both directions.
    let columns = |of: &Finding| of.about.trim_end_matches(')').replace(" DESC", "");
    // What is sure does not hide below what is not.
    let serves = |one: &Finding, other: &Finding| {
        one.confidence >= other.confidence
            && (columns(one) == columns(other)
                || columns(one).starts_with(&format!("{}, ", columns(other))))
    };
    let known = found
        .iter_mut()
        .find(|known| serves(known, &finding) || serves(&finding, known));
    let Some(known) = known else {
        found.push(finding);
        return;
    };
    if !serves(known, &finding) {
        std::mem::swap(known, &mut finding);
    }
    // What index it is, stands there already.
    let of = finding.what.split_once(": ").map_or("", |(_, of)| of);
    known
        .consequences
        .push(format!("the same index serves: {of}"));
    known.consequences.append(&mut finding.consequences);
    for endpoint in finding.endpoints {
        if !known.endpoints.contains(&endpoint) {
            known.endpoints.push(endpoint);
        }
    }
    if let (Some(cost), Some(more)) = (&mut known.cost, finding.cost) {
        cost.share = (cost.share + more.share).min(1.0);
    }
}
