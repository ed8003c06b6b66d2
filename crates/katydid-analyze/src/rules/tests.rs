//! Rules on small timelines with known truth: each speaks where it should, and is silent beside its limit.

use katydid_record::timeline::{CallKey, CallTotals, Calls, Example, TraceSeen};
use katydid_record::{
    Body, Confidence, EndpointKey, EndpointWindow, Exemplar, Fact, Finding, Findings, Frame,
    GeneratorWindow, Histogram, Kind, Mark, Name, OBSERVERS, SeenSpan, SeriesKind, SpanKind,
    Timeline, TraceId, Watched,
};

mod held;
mod index;
mod late;
mod pool;
mod probed;
mod processes;
mod queues;
mod stampedes;
mod tags;
mod writes;

use super::{Diagnosis, diagnose};

/// As at the end of a run.
fn diagnosis(timeline: &Timeline, valid: bool) -> Diagnosis {
    diagnose(timeline, crate::probe::probe(timeline).as_ref(), valid)
}

const S: u64 = 1_000_000;
const LIST: &str = "SELECT a FROM orders WHERE tenant_id = $1 ORDER BY created_at DESC LIMIT $2";
const ITEM: &str = "SELECT name FROM customers WHERE id = $1";

/// A run of 20 s of one endpoint, with a database.
struct Run {
    timeline: Timeline,
    series: u32,
}

fn frame(at: u64, source: u32, body: Body) -> Frame {
    Frame {
        at,
        span: S,
        source,
        phase: 1,
        body,
    }
}

/// So many requests, each of `ms`.
fn answered(requests: u64, ms: u64) -> EndpointWindow {
    let mut times = Histogram::default();
    (0..requests).for_each(|_| times.record(ms * 1_000));
    EndpointWindow {
        ok: requests,
        from_due: times.to_sparse(),
        from_send: times.to_sparse(),
        ..EndpointWindow::default()
    }
}

impl Run {
    /// `requests`, each of `ms`.
    fn new(requests: u64, ms: u64) -> Self {
        let mut run = Self {
            timeline: Timeline::default(),
            series: 0,
        };
        let phase = Mark::PhaseBegan {
            phase: 1,
            name: "hold".into(),
            kind: "hold".into(),
        };
        run.apply(0, 0, Body::Mark(phase));
        run.endpoint(0, "GET", "/orders", answered(requests, ms));
        run.apply(
            0,
            OBSERVERS,
            Body::Watched(Box::new(Watched {
                subject: "db".into(),
                kind: "postgres".into(),
                title: "PostgreSQL 18, database shop".into(),
                every_ms: 1_000,
                ..Watched::default()
            })),
        );
        run
    }

    fn endpoint(&mut self, id: u32, method: &str, name: &str, window: EndpointWindow) {
        let name = Name::Endpoint {
            id,
            kind: Kind::Request,
            method: method.into(),
            name: name.into(),
            tagged: None,
        };
        self.apply(0, 0, Body::Names(vec![name]));
        let window = EndpointWindow {
            endpoint: id,
            ..window
        };
        self.apply(19 * S, 0, Body::Requests(vec![window]));
    }

    fn apply(&mut self, at: u64, source: u32, body: Body) {
        self.timeline.apply(&frame(at, source, body));
    }

    fn fact(mut self, topic: &str, about: &str, text: &str) -> Self {
        let fact = Fact {
            topic: topic.into(),
            subject: about.into(),
            text: text.into(),
        };
        self.apply(20 * S, OBSERVERS, Body::Facts(vec![fact]));
        self
    }

    fn series(
        mut self,
        name: &str,
        label: (&str, &str),
        kind: SeriesKind,
        points: &[(u64, f64)],
    ) -> Self {
        let id = self.series;
        self.series += 1;
        let (key, value) = label;
        let labels = (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()));
        let name = Name::Series {
            id,
            of: "db".into(),
            name: name.into(),
            labels: labels.into_iter().collect(),
            unit: String::new(),
            kind,
        };
        self.apply(0, OBSERVERS, Body::Names(vec![name]));
        for (at, value) in points {
            self.apply(at * S, OBSERVERS, Body::Samples(vec![(id, *value)]));
        }
        self
    }

    /// A statement that ran `calls` times.
    fn statement(self, id: &str, text: &str, calls: f64, ms: f64, rows: f64, blocks: f64) -> Self {
        let mut run = self.fact("statement", id, text);
        for (name, each) in [
            ("statement.calls", 1.0),
            ("statement.time", ms / 1e3),
            ("statement.rows", rows),
            ("statement.blocks_hit", blocks),
        ] {
            let points = [(1, 0.0), (18, calls * each)];
            run = run.series(name, ("statement", id), SeriesKind::Counter, &points);
        }
        run
    }

    fn sessions(self, class: &str, mean: f64) -> Self {
        let points: Vec<(u64, f64)> = (1..19).map(|at| (at, mean)).collect();
        self.series("sessions", ("class", class), SeriesKind::Gauge, &points)
    }

    /// Spans of `requests`, which call `text` so often each.
    fn spans(self, requests: u64, text: &str, per_request: u64, each_us: u64) -> Self {
        self.calls("db", requests, text, per_request, each_us)
    }

    /// Of any kind.
    fn calls(
        mut self,
        about: &str,
        requests: u64,
        text: &str,
        per_request: u64,
        each_us: u64,
    ) -> Self {
        let endpoint = EndpointKey {
            kind: Kind::Request,
            method: "GET".into(),
            name: "/orders".into(),
            tagged: None,
        };
        let calls: &mut Calls = self.timeline.traces.calls.entry((1, endpoint)).or_default();
        calls.requests = requests;
        let count = requests * per_request;
        let totals = CallTotals {
            count,
            sum_us: count * each_us,
            failed: 0,
        };
        let key = CallKey {
            about: about.into(),
            system: "postgresql".into(),
            text: text.into(),
        };
        calls.calls.insert(key, totals);
        self
    }

    /// The spans of one request of `ms`: it runs a statement after `first_ms`.
    fn kept(mut self, first_ms: u64, ms: u64) -> Self {
        let count = self.timeline.traces.spans.len() as u64;
        let trace = TraceId::new(1, 0, 1, 0, 7 + count).expect("small numbers");
        let span = |start_ms: u64, ms: u64, kind: SpanKind, about: &str| SeenSpan {
            start_us: start_ms * 1_000,
            us: ms * 1_000,
            kind,
            about: about.into(),
            text: if about.is_empty() { "" } else { LIST }.into(),
            ..SeenSpan::default()
        };
        let seen = TraceSeen {
            spans: vec![
                span(0, ms, SpanKind::Server, ""),
                span(first_ms, 2, SpanKind::Client, "db"),
            ],
            left_out: 0,
        };
        let request = Exemplar {
            endpoint: 0,
            done: S,
            from_due_us: ms * 1_000,
            from_send_us: ms * 1_000,
            status: 200,
            failure: None,
            shape: None,
            trace: Some(trace),
        };
        let key = EndpointKey {
            kind: Kind::Request,
            method: "GET".into(),
            name: "/orders".into(),
            tagged: None,
        };
        let example = Example {
            request,
            failure: None,
        };
        let traces = &mut self.timeline.traces;
        traces.examples.entry(key).or_default().push(example);
        traces.spans.insert(trace, seen);
        self
    }

    fn findings(&self, valid: bool) -> Findings {
        diagnosis(&self.timeline, valid).findings
    }

    fn only(&self) -> Finding {
        let all = self.findings(true);
        let [one] = all.findings.as_slice() else {
            panic!("{all:#?}");
        };
        one.clone()
    }

    fn ruled_out(&self, rule: &str) -> bool {
        let all = self.findings(true);
        let is_found = all
            .findings
            .iter()
            .chain(&all.suspected)
            .any(|finding| finding.rule == rule);
        !is_found && all.ruled_out.iter().any(|one| one.rule == rule)
    }
}

fn n_plus_one(per_request: u64, rows: f64) -> Run {
    Run::new(200, 60)
        .statement("aa", LIST, 200.0, 2.0, 20.0, 30.0)
        .statement("bb", ITEM, 200.0 * per_request as f64, 1.0, rows, 4.0)
        .spans(50, LIST, 1, 2_000)
        .spans(50, ITEM, per_request, 2_000)
}

#[test]
fn a_query_for_each_row_of_a_list() {
    let run = n_plus_one(20, 1.0);
    let found = run.only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("n_plus_one", Confidence::Strong)
    );
    assert_eq!(found.endpoints, ["GET /orders"]);
    assert!(
        found
            .what
            .starts_with("21 queries per request: 1 list of 20 rows, and 20 × "),
        "{}",
        found.what
    );
    let cost = found.cost.expect("it is known");
    assert_eq!((cost.ms.round(), cost.of_ms.round()), (38.0, 60.0));
    // Counts are right even where the generator was late.
    assert_eq!(run.findings(false).findings.len(), 1);
}

#[test]
fn few_equal_queries_or_such_as_give_many_rows_are_none() {
    assert!(n_plus_one(4, 1.0).ruled_out("n_plus_one"));
    assert!(n_plus_one(20, 9.0).ruled_out("n_plus_one"));
    let cheap = Run::new(200, 6_000).spans(50, ITEM, 20, 2_000);
    assert!(cheap.ruled_out("n_plus_one"));
}

#[test]
fn spans_that_the_database_does_not_confirm_are_a_suspicion() {
    let run = Run::new(200, 60)
        .statement("bb", ITEM, 400.0, 1.0, 1.0, 4.0)
        .spans(50, ITEM, 20, 2_000);
    let all = run.findings(true);
    assert!(all.findings.is_empty(), "{all:#?}");
    assert_eq!(all.suspected[0].rule, "n_plus_one");
}

const SORTS: &str = r#"{"node": "Limit", "rows": 21, "cost": 900, "below": [{"node": "Sort", "sort": ["created_at DESC"], "rows": 4000,
    "below": [{"node": "Index Scan", "table": "orders", "alias": "orders", "cond": "(tenant_id = $1)", "rows": 4000}]}]}"#;

fn table(rows: u64, columns: &str) -> String {
    format!(
        r#"{{"schema": "public", "rows": {rows}, "indexes": [{{"name": "i", "valid": true, "partial": false, "columns": [{columns}]}}]}}"#
    )
}

fn sorted(blocks: f64, table: &str) -> Run {
    Run::new(200, 60)
        .statement("aa", LIST, 200.0, 30.0, 20.0, blocks)
        .spans(50, LIST, 1, 31_000)
        .fact("plan", "aa", SORTS)
        .fact("table", "orders", table)
}

#[test]
fn a_sort_of_all_to_give_the_first_wants_an_index() {
    let found = sorted(1_900.0, &table(200_000, "\"tenant_id\"")).only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("missing_index", Confidence::Strong)
    );
    assert_eq!(
        found.fixes[0].text,
        "CREATE INDEX CONCURRENTLY ON orders (tenant_id, created_at DESC);"
    );
    assert_eq!(found.endpoints, ["GET /orders"]);
    assert_eq!(
        found.consequences.len(),
        1,
        "the slow statement is explained by it: {found:#?}"
    );
}

#[test]
fn an_index_serves_what_wants_its_first_columns() {
    const SUM: &str = "SELECT count(*) FROM orders WHERE tenant_id = $1";
    const SUMS: &str = r#"{"node": "Aggregate", "rows": 1, "below": [
        {"node": "Seq Scan", "table": "orders", "filter": "(tenant_id = $1)", "rows": 4000}]}"#;
    let found = sorted(1_900.0, &table(200_000, "\"id\""))
        .statement("bb", SUM, 400.0, 30.0, 1.0, 1_900.0)
        .spans(50, SUM, 2, 31_000)
        .fact("plan", "bb", SUMS)
        .only();
    assert_eq!(found.about, "orders (tenant_id, created_at DESC)");
    let is_served = |text: &String| text.starts_with("the same index serves: ");
    assert!(found.consequences.iter().any(is_served), "{found:#?}");
}

#[test]
fn no_index_is_wanted_of_a_small_table_where_there_is_one_or_little_is_read() {
    let there = table(200_000, "\"tenant_id\", \"created_at\"");
    assert!(sorted(1_900.0, &there).ruled_out("missing_index"));
    assert!(sorted(1_900.0, &table(2_000, "\"tenant_id\"")).ruled_out("missing_index"));
    assert!(sorted(300.0, &table(200_000, "\"tenant_id\"")).ruled_out("missing_index"));
}

/// What `HypoPG` said of the index that `sorted` wants.
fn tried(is_used: bool, after: f64) -> Run {
    let told = format!(
        r#"[{{"table": "orders", "columns": ["tenant_id", "created_at DESC"], "before": 900, "after": {after}, "is_used": {is_used},
            "bytes": 4194304}}]"#
    );
    sorted(1_900.0, &table(200_000, "\"tenant_id\"")).fact("plan.tried", "aa", &told)
}

#[test]
fn an_index_that_was_tried_in_vain_is_not_named() {
    let found = tried(true, 58.0).only();
    assert!(
        found.basis.starts_with("plan + HypoPG 900 → 58"),
        "{}",
        found.basis
    );
    let left = found.evidence.iter().find(|one| one.source == "HypoPG");
    assert_eq!(
        left.map(|one| (one.value, one.limit)),
        Some((58.0, Some(450.0)))
    );
    assert!(
        tried(true, 600.0).ruled_out("missing_index"),
        "little is gained"
    );
    for after in [900.0, 58.0] {
        assert!(
            tried(false, after).ruled_out("missing_index"),
            "it is not used"
        );
    }
}

/// The server expects a third of the table, whatever is asked for; ten rows come.
#[test]
fn what_is_asked_for_is_rarer_than_the_plan_knows() {
    const OPEN: &str = "SELECT id FROM orders WHERE status = $1";
    let run = |rows: f64| {
        Run::new(200, 60)
            .statement("aa", OPEN, 200.0, 30.0, rows, 1_900.0)
            .spans(50, OPEN, 1, 31_000)
            .fact("plan", "aa", r#"{"node": "Seq Scan", "table": "orders", "filter": "(status = $1)", "rows": 66000, "cost": 1975}"#)
            .fact("table", "orders", &table(200_000, "\"id\""))
            .fact(
                "plan.tried",
                "aa",
                r#"[{"table": "orders", "columns": ["status"], "before": 1975, "after": 1888, "is_used": true}]"#,
            )
    };
    let found = run(10.0).only();
    assert_eq!(
        (found.rule.as_str(), found.about.as_str()),
        ("missing_index", "orders (status)")
    );
    assert!(
        !found.basis.contains("HypoPG"),
        "it knows nothing of these values: {}",
        found.basis
    );
    // 66,000 rows of 2,000 blocks are no waste.
    assert!(run(66_000.0).ruled_out("missing_index"));
}

/// A sum over a part of a table gives one row, however many it read.
#[test]
fn a_scan_that_keeps_much_of_its_table_is_right() {
    const SUM: &str = "SELECT count(*) FROM orders WHERE status = $1";
    let kept = |rows: u64| {
        let plan = format!(
            r#"{{"node": "Aggregate", "rows": 1, "below": [
                {{"node": "Seq Scan", "table": "orders", "filter": "(status = $1)", "rows": {rows}}}]}}"#
        );
        Run::new(200, 60)
            .statement("aa", SUM, 200.0, 30.0, 1.0, 1_900.0)
            .spans(50, SUM, 1, 31_000)
            .fact("plan", "aa", &plan)
            .fact("table", "orders", &table(200_000, "\"id\""))
    };
    assert!(kept(90_000).ruled_out("missing_index"));
    assert_eq!(
        kept(2_000).only().fixes[0].text,
        "CREATE INDEX CONCURRENTLY ON orders (status);"
    );
}

#[test]
fn without_a_plan_it_is_not_observed() {
    let run = Run::new(200, 60)
        .statement("aa", LIST, 200.0, 30.0, 20.0, 1_900.0)
        .spans(50, LIST, 1, 31_000);
    let all = run.findings(true);
    assert!(
        all.not_observed
            .iter()
            .any(|blind| blind.what.starts_with("the plan of ")),
        "{all:#?}"
    );
}

#[test]
fn sessions_that_wait_for_a_row_say_for_whom() {
    const UPDATE: &str = "UPDATE counters SET value = value + $1";
    let locked_by = |lock: &str, of_ms: u64, waiting: f64, ms: f64| {
        Run::new(200, of_ms)
            .statement("cc", UPDATE, 200.0, ms, 1.0, 3.0)
            .spans(50, UPDATE, 1, 300_000)
            .sessions("lock", waiting)
            .sessions("running", 0.5)
            .sessions("idle in transaction", 3.0)
            .series(
                "blocking.waiters",
                ("pair", "p"),
                SeriesKind::Gauge,
                &[(5, 3.0)],
            )
            .fact("blocking.waiter", "p", UPDATE)
            .fact("blocking.holder", "p", "COMMIT")
            .fact("blocking.state", "p", "active")
            .fact("blocking.lock", "p", lock)
    };
    let locked_of =
        |of_ms: u64, waiting: f64, ms: f64| locked_by("transactionid", of_ms, waiting, ms);
    let locked = |waiting: f64, ms: f64| locked_of(400, waiting, ms);
    let found = locked(4.0, 300.0).only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("row_lock", Confidence::Strong)
    );
    assert_eq!(found.endpoints, ["GET /orders"]);
    assert_eq!(found.consequences.len(), 1, "{found:#?}");
    let suspected = locked_by("extend", 400, 4.0, 300.0)
        .findings(true)
        .suspected;
    assert!(
        suspected
            .iter()
            .any(|of| of.what.contains("(a lock of kind \"extend\")"))
    );
    assert_eq!(
        locked(0.1, 300.0).only().rule,
        "row_lock",
        "few users, and yet most of the time"
    );
    assert!(locked(0.1, 15.0).ruled_out("row_lock"));
    assert_eq!(
        locked_of(70, 0.1, 18.0).only().rule,
        "row_lock",
        "short, and yet a quarter of the endpoint's time"
    );
}

/// Spans of calls of another service.
fn downstream(ms: u64, fast_ms: u64) -> Run {
    let mut run = Run::new(200, fast_ms).spans(50, "GET partner", 1, ms * 1_000);
    for calls in run.timeline.traces.calls.values_mut() {
        let all = std::mem::take(&mut calls.calls).into_iter();
        let http = |(key, totals)| {
            let about = "http".into();
            (CallKey { about, ..key }, totals)
        };
        calls.calls = all.map(http).collect();
    }
    run
}

#[test]
fn a_service_that_every_request_waits_for() {
    let found = downstream(250, 300).only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("slow_downstream", Confidence::Strong)
    );
    assert!(downstream(30, 60).ruled_out("slow_downstream"), "30 ms");
    assert!(
        downstream(60, 900).ruled_out("slow_downstream"),
        "a small part"
    );
    // Spans that are longer than the fastest requests: those were not made for each of them.
    let all = downstream(250, 190).findings(true);
    assert_eq!(all.suspected[0].rule, "slow_downstream");
    assert!(
        downstream(500, 7).ruled_out("slow_downstream"),
        "behind the response"
    );
}

/// 30 s with 20 requests each, and a process whose memory was so many MiB after each third.
fn process(levels: [f64; 4]) -> Run {
    process_of("uvicorn, port 8000", levels)
}

fn process_of(title: &str, levels: [f64; 4]) -> Run {
    let mut run = Run::new(0, 1);
    for at in 0..30 {
        let window = EndpointWindow {
            ok: 20,
            ..EndpointWindow::default()
        };
        run.apply(at * S, 0, Body::Requests(vec![window]));
    }
    run.apply(
        0,
        OBSERVERS,
        Body::Watched(Box::new(Watched {
            subject: "db".into(),
            kind: "process".into(),
            title: title.into(),
            every_ms: 1_000,
            ..Watched::default()
        })),
    );
    let program = if title.starts_with("node") {
        "node"
    } else {
        "python3.12"
    };
    let run = run.fact("process.program", "", program);
    let level = |at: u64| {
        let (third, part) = ((at / 10).min(2) as usize, (at % 10) as f64 / 10.0);
        let part = if at >= 30 { 1.0 } else { part };
        (levels[third] + (levels[third + 1] - levels[third]) * part) * 1_048_576.0
    };
    let points: Vec<(u64, f64)> = (0..31).map(|at| (at, level(at))).collect();
    run.series("process.anon", ("", ""), SeriesKind::Gauge, &points)
}

/// So many requests are under way in each second.
fn under_way(mut run: Run, at: impl Fn(u64) -> u64) -> Run {
    for second in 0..30 {
        let window = GeneratorWindow {
            in_flight: at(second),
            ..GeneratorWindow::default()
        };
        run.apply(second * S, 0, Body::Generator(Box::new(window)));
    }
    run
}

#[test]
fn memory_of_requests_that_wait_is_no_leak() {
    let grows = || process([50.0, 90.0, 130.0, 170.0]);
    let all = under_way(grows(), |second| 25 * second).findings(true);
    assert!(all.findings.is_empty(), "400 wait more: {all:#?}");
    assert_eq!(all.suspected[0].rule, "memory_leak");
    let found = under_way(grows(), |second| 10 * second).only();
    assert_eq!(
        found.confidence,
        Confidence::Strong,
        "160 explain half of it"
    );
    // Those who waited for a while in the middle have left something behind; as many had before, they have not.
    let crowd = |seconds: &[u64]| {
        let many = |second| if seconds.contains(&second) { 500 } else { 2 };
        under_way(grows(), many).findings(true)
    };
    assert!(crowd(&[14, 15, 16]).findings.is_empty());
    assert_eq!(crowd(&[15]).findings.len(), 1, "for a moment");
    assert_eq!(crowd(&[4, 5, 6, 14, 15, 16]).findings.len(), 1);
}

#[test]
fn memory_that_grows_with_requests_and_does_not_slow_down() {
    let found = process([50.0, 90.0, 130.0, 170.0]).only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("memory_leak", Confidence::Strong)
    );
    assert!(
        process([50.0, 90.0, 130.0, 140.0]).ruled_out("memory_leak"),
        "it slows down"
    );
    assert!(
        process([50.0, 55.0, 60.0, 65.0]).ruled_out("memory_leak"),
        "15 MiB"
    );
    assert!(
        process([900.0, 950.0, 990.0, 1_030.0]).ruled_out("memory_leak"),
        "a small part"
    );
    let young = process_of("node, port 3000", [50.0, 90.0, 130.0, 170.0]).findings(true);
    assert!(young.findings.is_empty(), "its collector may not have run");
    assert_eq!(young.suspected[0].rule, "memory_leak");
}

#[test]
fn what_was_not_watched_is_said_and_nothing_is_found() {
    let all = diagnosis(&Timeline::default(), true).findings;
    assert!(
        all.findings.is_empty() && all.suspected.is_empty() && all.ruled_out.is_empty(),
        "{all:#?}"
    );
    let blind: Vec<&str> = all
        .not_observed
        .iter()
        .map(|one| one.remedy.as_str())
        .collect();
    assert!(blind.contains(&"--watch env:DATABASE_URL"), "{blind:?}");
}
