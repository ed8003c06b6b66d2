//! # N+1 queries
//!
//! **Symptom.** An endpoint that shows a list gets slower the longer the list is, though each query is quick.
//!
//! **Evidence.** A probe, or spans, show the same statement five times or more in one request; the database counts as many calls, of one
//! or two rows each. With neither, in runs of minutes, calls per request are told by how the counts of the database go with the requests of each endpoint
//! (regression): then it is suspected only. Where another statement of the request gives about as many rows as there are calls, it is the list: one query for it, and one
//! more for each of its rows.
//!
//! **Cause.** Code that loops over the rows of a query and asks for something of each: an attribute that an ORM loads lazily, a serialiser,
//! a permission check. Or code that asks for the same thing again and again.
//!
//! **Fix.** Load what belongs to all rows with one query: `selectinload` or `joinedload` in `SQLAlchemy`, `prefetch_related` or `select_related`
//! in Django, `includes` in Rails, `WHERE id = ANY($1)` in SQL. Write many rows by one statement of many rows, or by `COPY`.
//!
//! **False alarms.** A page that really shows so many different things. Polling inside of a request. Writes that a driver sends in one batch are counted one by
//! one: without spans, and if it is not seen that requests take longer with more of them, they are suspected only. Below five calls per request,
//! or where it costs less than a tenth of the endpoint's time, nothing is said.

use katydid_record::finding::{Evidence, Fix};
use katydid_record::probe::ProbedStatement;
use katydid_record::{Confidence, Finding};

use super::case::{Call, Case, Database, EndpointCase, Statement};
use super::words::{evidence, figures, fix, percent, rows, statement};
use super::{Judged, Need, Rule, limits};

/// Its row.
pub const RULE: Rule = Rule {
    name: "n_plus_one",
    title: "N+1 queries",
    of_target: true,
    alone: true,
    needs: None,
    judge,
};

fn judge(case: &Case<'_>) -> Judged {
    let traced = case.endpoints.iter().filter(|of| of.has_calls());
    let all = case.endpoints.iter().flat_map(|endpoint| {
        let calls = endpoint.calls.iter().chain(&endpoint.perhaps);
        calls.map(move |call| (endpoint, call))
    });
    let found: Vec<Finding> = all
        .filter_map(|(endpoint, call)| of_call(case, endpoint, call))
        .collect();
    if !found.is_empty() {
        return Judged::Found(found);
    }
    if let Some(blind) = Need::Calls.missing(case) {
        return Judged::Blind(blind);
    }
    let most = traced
        .flat_map(|of| {
            of.calls
                .iter()
                .filter(|call| call.is_sql())
                .map(move |call| (of, call))
        })
        .max_by(|a, b| a.1.per_request.total_cmp(&b.1.per_request));
    let why = match most {
        Some((endpoint, call)) => format!(
            "at most {} equal queries per request, {}",
            figures(call.per_request),
            endpoint.title
        ),
        None => "no request called a database".into(),
    };
    let unseen = case.endpoints.iter().filter(|of| !of.has_calls());
    let unseen: Vec<&str> = unseen.map(|of| of.title.as_str()).collect();
    Judged::Clear(match unseen.as_slice() {
        [] => why,
        some => format!("{why}; too few requests known of {}", some.join(", ")),
    })
}

/// The first word, as it decides what the calls are.
fn verb(call: &Call) -> String {
    let word = call.key.text.split_whitespace().next();
    word.unwrap_or_default().to_ascii_uppercase()
}

/// Equal calls per request from which it is a finding.
fn least(is_write: bool) -> f64 {
    if is_write {
        limits::ROW_BY_ROW_WRITES
    } else {
        limits::N_PLUS_ONE_CALLS
    }
}

fn of_call(case: &Case<'_>, endpoint: &EndpointCase, call: &Call) -> Option<Finding> {
    let is_write = match verb(call).as_str() {
        "SELECT" | "WITH" => false,
        "INSERT" | "UPDATE" | "DELETE" => true,
        _ => return None,
    };
    let least = least(is_write);
    // One of them has to be there.
    let ms = (call.per_request - 1.0) * call.each_ms;
    if call.per_request < least || ms < limits::SHARE_OF_ENDPOINT * endpoint.mean_ms {
        return None;
    }
    let counted = case.statement(&call.key.text);
    if counted.is_some_and(|(_, of)| !is_write && of.rows_per_call() > limits::N_PLUS_ONE_ROWS) {
        return None;
    }
    let agreed = counted.filter(|(_, of)| agrees(case, of));
    let list = agreed.and_then(|(database, _)| list_of(endpoint, call, database));
    let what = if let Some((list, count)) = &list {
        format!(
            "{} queries per request: 1 list of {}, and {} × {}",
            figures(call.per_request + 1.0),
            rows(*count),
            figures(call.per_request),
            statement(&call.key.text)
        ) + &format!(" (the list: {})", statement(list))
    } else {
        format!(
            "{} × {} per request",
            figures(call.per_request),
            statement(&call.key.text)
        )
    } + &endpoint
        .probed(&call.key.text)
        .map_or_else(String::new, |of| grows(endpoint, of));
    let title = if is_write {
        "Rows written one by one"
    } else {
        ""
    };
    let (mut confidence, basis) = sureness(endpoint, call, agreed.is_some());
    if is_write && !endpoint.is_traced() && !is_timed(endpoint, call) {
        confidence = Confidence::Suspected;
    }
    Some(Finding {
        title: title.into(),
        confidence,
        basis,
        endpoints: vec![endpoint.title.clone()],
        about: call.key.text.clone(),
        what,
        cost: Some(case.cost(endpoint, ms)),
        evidence: numbers(endpoint, call, is_write, agreed),
        advice: if is_write {
            "Write all rows with one statement."
        } else {
            "Load what belongs to all rows with one query."
        }
        .into(),
        fixes: fixes(is_write),
        check: format!(
            "{} should need 1 such query per request instead of {}",
            endpoint.title,
            figures(call.per_request)
        ),
        ..Finding::default()
    })
}

/// A probe counts exactly; of spans and statements both have to say it.
fn sureness(endpoint: &EndpointCase, call: &Call, is_agreed: bool) -> (Confidence, String) {
    let probed = endpoint.probed(&call.key.text);
    let same = probed.is_some_and(|of| {
        (limits::AGREE.0..=limits::AGREE.1).contains(&(of.per_request / call.per_request))
    });
    let mut sources = vec![endpoint.basis()];
    if same && endpoint.is_traced() {
        sources.insert(0, "probe");
    }
    if is_agreed {
        sources.push("statements");
    }
    // What goes with an endpoint's requests need not be theirs.
    let confidence = super::strong_if((same || is_agreed) && endpoint.has_calls());
    (confidence, sources.join(" + "))
}

/// It was seen how much longer a request takes with each call. Writes that are counted one by one may have been sent in one batch, which costs one
/// round trip.
fn is_timed(endpoint: &EndpointCase, call: &Call) -> bool {
    let probed = endpoint.probed(&call.key.text);
    probed.is_some_and(|of| of.request_ms.is_some())
}

/// Calls as spans have them, over all endpoints, agree with the database's count.
fn agrees(case: &Case<'_>, statement: &Statement<'_>) -> bool {
    let callers = case.callers(statement.text);
    let by_spans: f64 = callers
        .iter()
        .map(|(of, calls)| of.requests as f64 * calls)
        .sum();
    let (least, most) = limits::AGREE;
    (least..=most).contains(&(by_spans / statement.calls))
}

/// Another statement of the endpoint that gives about as many rows as this is called times. What an ORM already has it does not ask for
/// again: so there may be fewer calls than rows.
fn list_of<'a>(
    endpoint: &'a EndpointCase,
    call: &Call,
    database: &Database<'_>,
) -> Option<(&'a str, f64)> {
    let others = endpoint.calls.iter().filter(|other| other.key != call.key);
    let lists = others.filter(|other| other.is_sql() && (0.2..2.0).contains(&other.per_request));
    let mut lists: Vec<(&str, f64)> = lists
        .filter_map(|other| {
            let rows = database.statement(&other.key.text)?.rows_per_call();
            Some((other.key.text.as_str(), rows))
        })
        .filter(|(_, rows)| *rows >= call.per_request * 0.8)
        .collect();
    lists.sort_by(|a, b| a.1.total_cmp(&b.1));
    lists.first().copied()
}

/// How the calls go with the entries of the response, where a probe saw it.
fn grows(endpoint: &EndpointCase, of: &ProbedStatement) -> String {
    let shown = endpoint.probed.as_ref().and_then(|of| of.entries);
    match (of.per_entry, shown) {
        (Some(slope), _) if (0.8..=1.2).contains(&slope) => {
            "; grows 1:1 with the entries that are shown".into()
        }
        (Some(slope), _) => format!(
            "; grows by {} with each entry that is shown",
            figures(slope)
        ),
        (None, Some(shown)) if (shown - of.per_request).abs() <= 1.0 => {
            format!("; {} entries are shown", figures(shown))
        }
        _ => String::new(),
    }
}

fn numbers(
    endpoint: &EndpointCase,
    call: &Call,
    is_write: bool,
    agreed: Option<(&Database<'_>, &Statement<'_>)>,
) -> Vec<Evidence> {
    let least = Some(least(is_write));
    let mut all = vec![
        evidence(
            &endpoint.source(),
            "calls per request",
            call.per_request,
            "",
            least,
        ),
        evidence(endpoint.basis(), "each", call.each_ms, "ms", None),
    ];
    if let Some((database, statement)) = agreed {
        let most = (!is_write).then_some(limits::N_PLUS_ONE_ROWS);
        let share = percent(statement.seconds / database.seconds());
        let of = format!("{share} of the time of its statements");
        let title = database.title;
        all.extend([
            evidence(title, "calls", statement.calls, "", None),
            evidence(title, "rows per call", statement.rows_per_call(), "", most),
            evidence(title, of, statement.seconds, "s", None),
        ]);
    }
    all
}

fn fixes(is_write: bool) -> Vec<Fix> {
    let fixes: &[(&str, &str)] = if is_write {
        &[
            ("SQLAlchemy", "session.execute(insert(Line), [{…}, {…}])"),
            ("Django", "Line.objects.bulk_create(lines)"),
            (
                "SQL",
                "INSERT INTO … SELECT * FROM unnest($1::bigint[], $2::int[])",
            ),
        ]
    } else {
        &[
            (
                "SQLAlchemy",
                "select(Order).options(selectinload(Order.customer))",
            ),
            (
                "Django",
                "Order.objects.select_related(\"customer\") or prefetch_related(\"lines\")",
            ),
            ("SQL", "… WHERE id = ANY($1), with all ids at once"),
        ]
    };
    fixes
        .iter()
        .map(|(place, text)| fix(place, *text))
        .collect()
}
