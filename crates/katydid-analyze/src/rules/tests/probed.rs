//! Rules that rest on a probe, or on sessions and keys.

use katydid_record::probe::{
    Change, ExperimentSummary, Measured, ProbeSummary, ProbedBeside, ProbedEndpoint,
    ProbedStatement, Tested,
};

use katydid_record::EndpointCalls;

use super::*;

pub(super) const SUM: &str = "SELECT count(*), sum(total) FROM orders WHERE tenant_id = $1";
pub(super) const MARKET: &str =
    "SELECT city, sum(total) FROM orders WHERE created_at >= $1 GROUP BY city";

/// `GET /orders`, alone in 10 ms.
pub(super) fn probed() -> ProbedEndpoint {
    ProbedEndpoint {
        method: "GET".into(),
        name: "/orders".into(),
        requests: 20,
        median_ms: Some(10.0),
        together: 8,
        together_ms: Some(20.0),
        slowest_together_ms: Some(20.0),
        together_cpu: Some(0.1),
        together_same: Some(true),
        queries: Some(1.0),
        ..ProbedEndpoint::default()
    }
}

pub(super) fn ended(ok: u64) -> EndpointWindow {
    EndpointWindow {
        ok,
        ..EndpointWindow::default()
    }
}

impl Run {
    pub(super) fn probed(self, of: ProbedEndpoint) -> Self {
        self.all_probed(vec![of])
    }

    pub(super) fn all_probed(mut self, endpoints: Vec<ProbedEndpoint>) -> Self {
        let found = ProbeSummary {
            endpoints,
            ..ProbeSummary::default()
        };
        let fact = Fact {
            topic: crate::probe::FACT.into(),
            subject: crate::probe::FACT.into(),
            text: serde_json::to_string(&found).expect("plain data"),
        };
        self.apply(0, 1, Body::Facts(vec![fact]));
        self
    }

    fn watches_a_cache(&mut self, source: u32) {
        let watched = Watched {
            subject: "cache".into(),
            kind: "redis".into(),
            title: "Valkey 9".into(),
            every_ms: 1_000,
            ..Watched::default()
        };
        self.apply(0, source, Body::Watched(Box::new(watched)));
    }

    /// A cache whose keys without a time to live are so many at the end of each third.
    fn cache(mut self, forever: [f64; 3], kind: &str) -> Self {
        let source = OBSERVERS + 1;
        self.watches_a_cache(source);
        let name = |id: u32, name: &str| Name::Series {
            id,
            of: "cache".into(),
            name: name.into(),
            labels: [("db".to_owned(), "0".to_owned())].into(),
            unit: String::new(),
            kind: SeriesKind::Gauge,
        };
        let names = vec![name(0, "keys"), name(1, "keys.expiring")];
        self.apply(0, source, Body::Names(names));
        for (at, level) in [6, 12, 19].into_iter().zip(forever) {
            self.apply(
                at * S,
                source,
                Body::Samples(vec![(0, level + 7.0), (1, 7.0)]),
            );
        }
        let text = format!(
            r#"{{"count": 100, "forever": 98, "bytes": 30000, "type": "{kind}", "of": 110}}"#
        );
        let fact = Fact {
            topic: "keys".into(),
            subject: "page:{n}".into(),
            text,
        };
        self.apply(20 * S, source, Body::Facts(vec![fact]));
        self
    }
}

#[test]
fn a_call_that_blocks_the_process_slows_another_endpoint() {
    let asked = |beside_ms: f64, cpu: f64, one_session: bool| {
        Run::new(100, 40).probed(ProbedEndpoint {
            slowest_together_ms: Some(80.0),
            together_cpu: Some(cpu),
            beside: Some(ProbedBeside {
                endpoint: "GET /health".into(),
                alone_ms: 3.0,
                beside_ms,
                one_session,
            }),
            ..probed()
        })
    };
    let blocked = |beside_ms: f64, cpu: f64| asked(beside_ms, cpu, false);
    let found = blocked(75.0, 0.1).only();
    assert_eq!(found.rule, "event_loop");
    let locked = asked(75.0, 0.1, true).findings(true);
    assert!(locked.findings.is_empty() && locked.suspected[0].rule == "event_loop");
    assert_eq!(found.endpoints, ["GET /orders"]);
    assert!(blocked(9.0, 0.1).ruled_out("event_loop"), "three times");
    let computes = blocked(75.0, 0.9).findings(true).ruled_out;
    let why = &computes
        .iter()
        .find(|of| of.rule == "event_loop")
        .unwrap()
        .why;
    assert_eq!(
        why,
        "GET /health takes 3 ms alone and 75 beside 8 requests for GET /orders, while the processes compute"
    );
}

fn sums(of: &ProbedStatement) -> ProbedEndpoint {
    ProbedEndpoint {
        statements: vec![of.clone()],
        ..probed()
    }
}

#[test]
fn a_sum_that_each_equal_request_computes_anew() {
    let sum = ProbedStatement {
        text: SUM.into(),
        per_request: 2.0,
        together: Some(2.0),
        ms: 3.0,
        ..ProbedStatement::default()
    };
    let run = |of: &ProbedStatement| {
        Run::new(200, 20)
            .statement("aa", SUM, 400.0, 3.0, 1.0, 60.0)
            .statement("bb", ITEM, 200.0, 1.0, 1.0, 4.0)
            .probed(sums(of))
    };
    let found = run(&sum).only();
    assert_eq!(
        (found.rule.as_str(), found.endpoints[0].as_str()),
        ("cache_none", "GET /orders")
    );
    let cached = ProbedStatement {
        together: Some(0.1),
        ..sum.clone()
    };
    assert!(run(&cached).ruled_out("cache_none"), "one computes it");
    let small = Run::new(200, 20)
        .statement("aa", SUM, 400.0, 3.0, 1.0, 60.0)
        .statement("bb", ITEM, 20_000.0, 1.0, 1.0, 4.0)
        .probed(sums(&sum));
    assert!(
        small.ruled_out("cache_none"),
        "a small part of the database's time"
    );
}

#[test]
fn keys_that_never_expire_become_more_and_more() {
    let found = cached_pages("GET", 0).only();
    assert_eq!(found.rule, "cache_no_ttl");
    assert!(found.what.contains("page:{n}"), "{}", found.what);
    let text: Vec<&str> = found.fixes.iter().map(|of| of.text.as_str()).collect();
    assert!(
        text[2].contains("only where all of it is a cache"),
        "{text:?}"
    );
    let clear = |levels, kind| {
        Run::new(200, 20)
            .cache(levels, kind)
            .ruled_out("cache_no_ttl")
    };
    assert!(clear([50.0, 130.0, 130.0], "string"), "no more of them");
    assert!(clear([50.0, 60.0, 70.0], "string"), "few");
    assert!(clear([50.0, 90.0, 130.0], "stream"), "meant to stay");
}

/// A cache of more and more keys that never expire, which requests of this method make; with a log of all that is written, or without.
fn cached_pages(method: &str, aof: u8) -> Run {
    let mut run = Run::new(200, 20).cache([50.0, 90.0, 130.0], "string");
    run.endpoint(1, method, "/pages", ended(20));
    let settings = Fact {
        topic: "settings".into(),
        subject: String::new(),
        text: format!(r#"{{"maxmemory": 0.0, "aof": {aof}.0}}"#),
    };
    run.apply(20 * S, OBSERVERS + 1, Body::Facts(vec![settings]));
    run.probed(ProbedEndpoint {
        method: method.into(),
        name: "/pages".into(),
        new_keys: Some(0.5),
        ..probed()
    })
}

#[test]
fn keys_that_may_be_data_are_a_suspicion_and_none_to_be_thrown_out() {
    for run in [
        cached_pages("POST", 0),
        Run::new(200, 20).cache([50.0, 90.0, 130.0], "string"),
    ] {
        let all = run.findings(true);
        assert!(all.findings.is_empty(), "{all:#?}");
        assert_eq!(all.suspected[0].rule, "cache_no_ttl");
        assert!(all.suspected[0].advice.starts_with("If they are a cache"));
    }
    let traced = Run::new(200, 20).cache([50.0, 90.0, 130.0], "string");
    assert_eq!(traced.spans(50, "set", 1, 200).only().rule, "cache_no_ttl");
    let kept = cached_pages("GET", 1).only();
    assert!(kept.fixes.iter().all(|of| !of.text.contains("lru")));
}

#[test]
fn a_write_that_computes_while_its_user_waits() {
    let post = |cpu: f64, database_ms: f64, name: &str| {
        let mut run = Run::new(1, 1);
        run.endpoint(1, "POST", name, ended(20));
        run.probed(ProbedEndpoint {
            method: "POST".into(),
            name: name.into(),
            median_ms: Some(220.0),
            alone_cpu: Some(cpu),
            database_ms: Some(database_ms),
            ..probed()
        })
    };
    assert_eq!(post(0.9, 3.0, "/invoices").only().rule, "inline_work");
    assert!(
        post(0.1, 3.0, "/invoices").ruled_out("inline_work"),
        "it waits for something"
    );
    assert!(
        post(0.9, 180.0, "/invoices").ruled_out("inline_work"),
        "the database works"
    );
    assert!(
        post(0.9, 3.0, "/login").findings(true).findings.is_empty(),
        "a password is hashed"
    );
}

#[test]
fn refusals_of_a_limiter_are_told() {
    let refused = |share: u64| {
        let mut run = Run::new(1_000, 10);
        let failure = Name::Failure {
            id: 0,
            cause: katydid_record::Cause::Status,
            text: "HTTPError('429 Client Error: Too Many Requests for url: /orders')".into(),
        };
        run.apply(0, 0, Body::Names(vec![failure]));
        let window = EndpointWindow {
            failed: share,
            failures: vec![(0, share)],
            ..EndpointWindow::default()
        };
        run.apply(18 * S, 0, Body::Requests(vec![window]));
        run
    };
    assert_eq!(refused(100).only().rule, "rate_limit");
    assert!(refused(2).findings(true).findings.is_empty());
}

#[test]
fn the_time_of_a_request_has_parts() {
    let traced = Run::new(100, 60)
        .statement("aa", LIST, 100.0, 20.0, 20.0, 30.0)
        .spans(50, LIST, 2, 15_000)
        .calls("pool", 50, "pg-pool.connect", 1, 10_000);
    let all = diagnosis(&traced.timeline, true).splits;
    let [one] = all.as_slice() else {
        panic!("{all:#?}");
    };
    assert!(!one.inferred);
    assert!(
        (one.database_ms - 30.0).abs() < 1e-9 && (one.rest_ms - 20.0).abs() < 1.0,
        "{one:#?}"
    );
    assert_eq!(
        (one.cache_ms, one.before_ms, one.pool_ms),
        (Some(0.0), None, Some(10.0))
    );
    let probed = Run::new(100, 60)
        .statement("aa", LIST, 100.0, 20.0, 20.0, 30.0)
        .probed(ProbedEndpoint {
            statements: vec![ProbedStatement {
                text: LIST.into(),
                per_request: 1.0,
                ms: 2.0,
                ..ProbedStatement::default()
            }],
            ..probed()
        });
    let all = diagnosis(&probed.timeline, true).splits;
    // The statement's mean under load, not that of the probe.
    assert!(
        all[0].inferred && (all[0].database_ms - 20.0).abs() < 1e-9,
        "{all:#?}"
    );
    assert_eq!(all[0].cache_ms, None);
}

#[test]
fn sessions_at_work_are_what_statements_take() {
    let points: Vec<(u64, f64)> = (1..20).map(|at| (at, 2.0)).collect();
    let run = Run::new(100, 60)
        .series("sessions", ("class", "running"), SeriesKind::Gauge, &points)
        .series(
            "statements.time",
            ("", ""),
            SeriesKind::Counter,
            &[(1, 0.0), (19, 36.0)],
        );
    let all = diagnosis(&run.timeline, true).little;
    let found = all
        .iter()
        .find(|of| of.what.starts_with("statements"))
        .expect("it is watched");
    assert_eq!((found.counted, found.computed), (2.0, 2.0));
}

#[test]
fn a_probe_is_enough_to_name_the_endpoint() {
    let of = |per_request| ProbedStatement {
        text: ITEM.into(),
        per_request,
        rows: 1.0,
        ms: 0.5,
        ..ProbedStatement::default()
    };
    let said = |per_request| {
        let run = Run::new(100, 40).probed(ProbedEndpoint {
            entries: Some(20.0),
            queries: Some(per_request),
            statements: vec![of(per_request)],
            ..probed()
        });
        run.findings(true)
    };
    let found = said(20.0);
    let [finding] = found.findings.as_slice() else {
        panic!("{found:#?}");
    };
    assert_eq!(finding.rule, "n_plus_one");
    assert_eq!(
        (finding.confidence, finding.basis.as_str()),
        (Confidence::Strong, "probe")
    );
    assert!(
        finding.what.ends_with("; 20 entries are shown"),
        "{}",
        finding.what
    );
    assert!(said(4.0).findings.is_empty());
}

#[test]
fn what_passes_before_the_service_begins_is_told_apart() {
    let mut run = Run::new(1, 1);
    let window = EndpointWindow {
        traced: 20,
        traced_us: 20 * 100_000,
        ..ended(20)
    };
    run.endpoint(1, "GET", "/me", window);
    let calls = EndpointCalls {
        of: 0,
        endpoint: 1,
        requests: 20,
        served_us: 20 * 30_000,
        ..EndpointCalls::default()
    };
    run.apply(19 * S, OBSERVERS, Body::Calls(vec![calls]));
    let all = diagnosis(&run.timeline, true).splits;
    let one = all
        .iter()
        .find(|of| of.endpoint == "GET /me")
        .expect("traced");
    assert_eq!(one.before_ms, Some(70.0));
}

/// An experiment with the index that `sorted` wants: ms and blocks of each part, without it and with it.
fn built(without: [(f64, f64); 3], with: &[(f64, f64)], problem: &str) -> Run {
    let parts = |all: &[(f64, f64)]| -> Vec<Measured> {
        let part = |(ms, blocks): &(f64, f64)| Measured {
            requests: 8,
            ms: *ms,
            database_ms: *ms / 2.0,
            blocks: *blocks,
        };
        all.iter().map(part).collect()
    };
    let made = ExperimentSummary {
        change: Change {
            name: "index".into(),
            on: "db".into(),
            schema: "public".into(),
            table: "orders".into(),
            columns: vec!["tenant_id".into(), "created_at DESC".into()],
        },
        problem: problem.into(),
        undone: true,
        endpoints: vec![Tested {
            endpoint: "GET /orders".into(),
            without: parts(&without),
            with: parts(with),
        }],
        ..ExperimentSummary::default()
    };
    let found = ProbeSummary {
        experiments: vec![made],
        ..ProbeSummary::default()
    };
    let mut run = sorted(1_900.0, &table(200_000, "\"tenant_id\""));
    let fact = Fact {
        topic: crate::probe::FACT.into(),
        subject: crate::probe::FACT.into(),
        text: serde_json::to_string(&found).expect("plain data"),
    };
    run.apply(0, 1, Body::Facts(vec![fact]));
    run
}

const SLOW: [(f64, f64); 3] = [(41.0, 2_130.0), (40.0, 2_130.0), (44.0, 2_131.0)];

#[test]
fn an_index_that_was_built_and_helped_is_confirmed() {
    let found = built(SLOW, &[(3.0, 25.0), (2.9, 25.0), (5.0, 26.0)], "").only();
    assert_eq!(found.confidence, Confidence::Confirmed);
    let said = "built and dropped again: GET /orders alone 41 → 3 ms, 2,130 → 25 blocks; plan";
    assert!(found.basis.starts_with(said), "{}", found.basis);
    let evidence: Vec<&str> = found
        .evidence
        .iter()
        .filter(|of| of.source == "experiment")
        .map(|of| of.what.as_str())
        .collect();
    assert_eq!(evidence.len(), 6, "{evidence:?}");
}

#[test]
fn an_index_that_was_built_in_vain_is_ruled_out() {
    let run = built(
        SLOW,
        &[(30.0, 2_130.0), (31.0, 2_130.0), (30.0, 2_130.0)],
        "",
    );
    assert!(run.ruled_out("missing_index"));
}

#[test]
fn what_an_experiment_leaves_open_stays_as_it_was() {
    let check = |run: Run, said: &str| {
        let found = run.only();
        assert_eq!(found.confidence, Confidence::Strong, "{said}");
        assert!(found.basis.contains(said), "{}", found.basis);
    };
    // One part with it was as slow as one without.
    let mixed = [(3.0, 25.0), (40.0, 25.0), (5.0, 26.0)];
    check(built(SLOW, &mixed, ""), "fewer blocks, but not less time");
    let two = [(3.0, 25.0), (3.0, 25.0)];
    check(
        built(SLOW, &two, "90 s were over"),
        "did not come to its end",
    );
    check(
        built(SLOW, &[], "it was refused"),
        "experiment not made: it was refused",
    );
    // A cache answered.
    let idle = [(2.0, 0.0); 3];
    check(
        built(idle, &idle, ""),
        "did not read as those of the probe did",
    );
}

/// A cache that has counted so much by the end of 20 s, each second as much: series, label and total.
fn counted(all: &[(&str, (&str, &str), f64)]) -> Run {
    let mut run = Run::new(2_000, 10);
    let source = OBSERVERS + 1;
    run.watches_a_cache(source);
    for (id, (name, (key, value), _)) in (0..).zip(all) {
        let labels = (!key.is_empty()).then(|| ((*key).to_owned(), (*value).to_owned()));
        let is_level = *name == "keys";
        let name = Name::Series {
            id,
            of: "cache".into(),
            name: (*name).into(),
            labels: labels.into_iter().collect(),
            unit: String::new(),
            kind: if is_level {
                SeriesKind::Gauge
            } else {
                SeriesKind::Counter
            },
        };
        run.apply(0, source, Body::Names(vec![name]));
    }
    for at in 0..=20 {
        let value = |total: f64| total * at as f64 / 20.0;
        let samples = (0..)
            .zip(all)
            .map(|(id, (_, _, total))| (id, value(*total)));
        run.apply(at * S, source, Body::Samples(samples.collect()));
    }
    run
}

const NONE: (&str, &str) = ("", "");
const GET: (&str, &str) = ("command", "get");

/// 4,000 lookups with so many hits, and something else that was counted.
fn cache_of(hits: f64, other: (&str, (&str, &str), f64)) -> Run {
    counted(&[
        ("keyspace.hits", NONE, hits),
        ("keyspace.misses", NONE, 4_000.0 - hits),
        ("command.calls", GET, 4_000.0),
        other,
    ])
}

/// What a probe saw: each request looks in vain, and asks the database instead, for so many ms.
fn asks_instead(ms: f64) -> ProbedEndpoint {
    ProbedEndpoint {
        misses: Some(1.0),
        database_ms: Some(ms),
        ..probed()
    }
}

#[test]
fn a_cache_that_is_asked_in_vain_says_why() {
    let check = |other, said: &str, advice: &str, is_sure: bool| {
        let all = cache_of(800.0, other)
            .probed(asks_instead(5.0))
            .findings(true);
        let found = if is_sure {
            &all.findings
        } else {
            &all.suspected
        };
        let [found] = found.as_slice() else {
            panic!("{all:#?}");
        };
        assert_eq!(
            (found.rule.as_str(), found.endpoints.as_slice()),
            ("cache_misses", &["GET /orders".to_owned()][..])
        );
        assert!(
            found
                .what
                .starts_with("20 % of 200 lookups per second are hits"),
            "{}",
            found.what
        );
        assert!(found.what.contains(said), "{}", found.what);
        assert!(found.advice.starts_with(advice), "{}", found.advice);
    };
    check(
        ("keys.evicted", NONE, 3_000.0),
        "thrown out for want of memory",
        "Give the cache more memory",
        true,
    );
    check(
        ("keys.expired", NONE, 3_000.0),
        "keys have expired, after",
        "Let values live",
        true,
    );
    check(
        ("command.calls", ("command", "unlink"), 3_000.0),
        "keys were deleted",
        "Delete what has changed",
        true,
    );
    // They may yet be asked for.
    check(
        ("keys", ("db", "0"), 3_000.0),
        "that nobody asked for again",
        "Leave out of the key",
        false,
    );
}

#[test]
fn misses_that_cost_nobody_anything_are_a_suspicion() {
    let expired = ("keys.expired", NONE, 3_000.0);
    let mut guarded = cache_of(800.0, expired);
    guarded.endpoint(1, "POST", "/orders", ended(20));
    for run in [
        // It means to find nothing: a request that was not made before.
        guarded.probed(ProbedEndpoint {
            method: "POST".into(),
            ..asks_instead(5.0)
        }),
        cache_of(800.0, expired),
        cache_of(800.0, expired).probed(asks_instead(0.5)),
    ] {
        let all = run.findings(true);
        assert!(all.findings.is_empty(), "{all:#?}");
        assert_eq!(all.suspected[0].rule, "cache_misses");
    }
}

#[test]
fn a_cache_that_hits_or_is_hardly_asked_is_none() {
    let expired = ("keys.expired", NONE, 3_000.0);
    assert!(cache_of(2_400.0, expired).ruled_out("cache_misses"));
    // Nobody wrote what was looked for.
    let open = cache_of(800.0, ("keys.expired", NONE, 10.0))
        .probed(asks_instead(5.0))
        .findings(true);
    assert!(open.findings.is_empty());
    assert_eq!(open.suspected[0].rule, "cache_misses");
    // Lookups that are no reads of values, as of a queue's keys.
    let others = counted(&[
        ("keyspace.hits", NONE, 800.0),
        ("keyspace.misses", NONE, 3_200.0),
        ("command.calls", GET, 1_000.0),
        expired,
    ]);
    let all = others.findings(true);
    assert!(all.findings.is_empty() && all.suspected.is_empty());
}
