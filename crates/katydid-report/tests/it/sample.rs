//! A run with something of everything, and variations on it.

use katydid_record::finding::{Cost, Evidence, Fix, NotObserved, RuledOut};
use katydid_record::locust_view::{LocustEntry, LocustError, LocustSecond, LocustView};
use katydid_record::manifest::FORMAT;
use katydid_record::summary::{
    DriftOutcome, DriftSummary, Drifting, EndpointSummary, EventSummary, ExampleSummary,
    ExceptionSummary, FailureSummary, GeneratorSummary, Latency, MarkSummary, PhaseSummary,
    RunSummary, SUMMARY_VERSION, SeriesSummary, SloOutcome, SloSummary, SpanSummary, SpikeSummary,
    Summary,
};
use katydid_record::{
    Cause, Confidence, EventOutcome, Finding, Findings, HostFacts, Kind, Manifest, Plan,
    PlannedUser, ScenarioFile,
};

/// Times around a median, ms.
pub fn latency(count: u64, p50: f64, tail: f64) -> Latency {
    let wide = [("p95", 200), ("p99", 1_000), ("p999", 10_000)];
    Latency {
        count,
        mean: Some(p50 * 1.2),
        min: Some(p50 * 0.4),
        p50: Some(p50),
        p90: Some(p50 + tail * 0.15),
        p95: Some(p50 + tail * 0.25),
        p99: Some(p50 + tail * 0.55),
        p999: Some(p50 + tail * 0.9),
        max: Some(p50 + tail),
        wide: wide
            .iter()
            .filter(|(_, needed)| count < *needed)
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    }
}

pub fn endpoint(
    method: &str,
    name: &str,
    requests: u64,
    failures: u64,
    p50: f64,
    tail: f64,
) -> EndpointSummary {
    let ok = requests - failures;
    EndpointSummary {
        kind: Kind::Request,
        method: method.into(),
        name: name.into(),
        requests,
        failures,
        failure_ratio: failures as f64 / requests.max(1) as f64,
        rps: requests as f64 / 120.0,
        bytes_in: requests * 2_310,
        bytes_out: requests * 412,
        from_due: latency(ok, p50 + 0.2, tail * 1.1),
        from_send: latency(ok, p50, tail),
        failed_from_due: if failures > 0 {
            latency(failures, 3.1, 9.0)
        } else {
            Latency::default()
        },
        connect: latency(30, 0.21, 0.9),
        ..EndpointSummary::default()
    }
}

/// A wave without a random number: the same in every run.
fn wave(i: usize, a: f64, b: f64) -> f64 {
    let t = i as f64;
    (t * a).sin() * 0.5 + (t * b + 1.3).sin() * 0.3 + (t * 1.9).sin() * 0.2
}

fn series() -> SeriesSummary {
    let n = 120;
    let seconds = || 0..n;
    let users = |i: usize| if i < 30 { (i as u64 + 1) * 10 } else { 300 };
    let storm = |i: usize| if (78..92).contains(&i) { 1.0 } else { 0.0 };
    let rps = |i: usize| {
        (users(i) as f64 * 1.05 * (1.0 - 0.35 * storm(i)) + 9.0 * wave(i, 0.31, 0.77)).max(0.0)
    };
    SeriesSummary {
        width_s: 1.0,
        t_s: seconds().map(|i| i as f64).collect(),
        length_s: seconds().map(|_| 1.0).collect(),
        users: seconds().map(users).collect(),
        rps: seconds().map(rps).collect(),
        failures_per_s: seconds()
            .map(|i| storm(i) * (14.0 + 8.0 * wave(i, 0.5, 0.9)).max(0.0))
            .collect(),
        in_flight: seconds().map(|i| users(i) / 20).collect(),
        p50: seconds()
            .map(|i| Some(11.0 + 1.5 * wave(i, 0.2, 0.5) + 30.0 * storm(i)))
            .collect(),
        p95: seconds()
            .map(|i| Some(42.0 + 9.0 * wave(i, 0.4, 0.9) + 210.0 * storm(i)))
            .collect(),
        p99: seconds()
            .map(|i| (i != 3).then(|| 95.0 + 30.0 * wave(i, 0.7, 1.1) + 900.0 * storm(i)))
            .collect(),
    }
}

/// All reads, or all writes.
fn part(name: &str, requests: u64, failures: u64, share: f64) -> EndpointSummary {
    EndpointSummary {
        share,
        ..endpoint("", name, requests, failures, 9.0, 1_200.0)
    }
}

/// A ramp, and a hold that lost its generator for a while.
fn phases() -> Vec<PhaseSummary> {
    let phase =
        |kind: &str, began_s: f64, ended_s: f64, requests: u64, failures: u64| PhaseSummary {
            name: kind.into(),
            kind: kind.into(),
            began_s,
            ended_s,
            users: 300,
            valid: true,
            reasons: Vec::new(),
            reads: EndpointSummary::default(),
            writes: EndpointSummary::default(),
            total: endpoint("", "Aggregated", requests, failures, 11.2, 1_860.0),
            endpoints: vec![endpoint("GET", "/", requests - failures, 0, 2.1, 86.0)],
        };
    vec![
        phase("ramp", 0.0, 30.0, 4_012, 0),
        phase("hold", 30.0, 110.0, 27_400, 254),
        PhaseSummary {
            valid: false,
            reasons: vec!["The I/O thread was late.".into()],
            ..phase("spike", 110.0, 120.0, 2_000, 0)
        },
    ]
}

/// Kept, broken, and not to be told.
fn slos() -> Vec<SloSummary> {
    vec![
        SloSummary {
            text: "p95 < 300ms".into(),
            phase: Some("hold".into()),
            outcome: SloOutcome::Pass,
            total: 27_146,
            bad: 271,
            slow: 17,
            failed: 254,
            share: Some(0.01),
            low: Some(0.007),
            high: Some(0.013),
            budget: 0.05,
            observed_ms: Some(212.4),
            reason: "1 % of 27146 requests were bad (95 % interval 0.7 % to 1.3 %), allowed are 5 %: 17 over the limit, 254 failed".into(),
            ..SloSummary::default()
        },
        SloSummary {
            text: "errors < 1%".into(),
            phase: Some("spike".into()),
            outcome: SloOutcome::Fail,
            total: 2_000,
            bad: 42,
            failed: 42,
            share: Some(0.021),
            low: Some(0.015),
            high: Some(0.028),
            budget: 0.01,
            reason: "2.1 % of 2000 requests were bad (95 % interval 1.5 % to 2.8 %), allowed are 1 %".into(),
            ..SloSummary::default()
        },
        SloSummary {
            text: "GET /cart p99 < 1s".into(),
            budget: 0.01,
            reason: "there was no request 'GET /cart'; there were: GET /, GET /orders".into(),
            ..SloSummary::default()
        },
    ]
}

/// One of each sort.
fn drifts() -> Vec<DriftSummary> {
    let drift = |what, outcome, from: f64, to: f64, per_hour: f64| DriftSummary {
        phase: Some("hold".into()),
        what,
        outcome,
        from: Some(from),
        to: Some(to),
        per_hour: Some(per_hour),
        over_s: 7_200.0,
        windows: 120,
        chance: Some(0.000_3),
    };
    vec![
        drift(Drifting::P95, DriftOutcome::Rose, 41.2, 57.9, 8.4),
        drift(Drifting::Errors, DriftOutcome::Fell, 0.021, 0.004, -0.0092),
        drift(
            Drifting::GeneratorMemory,
            DriftOutcome::None,
            94.2e6,
            95.0e6,
            0.2e6,
        ),
        drift(Drifting::P95, DriftOutcome::Unclear, 12.0, 19.0, 4.0),
        drift(Drifting::Errors, DriftOutcome::Invalid, 0.0, 0.2, 0.0),
        DriftSummary {
            phase: None,
            what: Drifting::TargetMemory,
            over_s: 7_200.0,
            ..DriftSummary::default()
        },
    ]
}

fn generator() -> GeneratorSummary {
    GeneratorSummary {
        valid: true,
        reasons: Vec::new(),
        warnings: vec!["The hypervisor took 6 % of this machine's processor time.".into()],
        cpu_us_per_request: Some(8.14),
        lag_p50_ms: Some(0.012),
        lag_p99_ms: Some(0.21),
        lag_max_ms: Some(3.4),
        hub_lag_p99_ms: Some(0.62),
        io_lag_p99_ms: Some(0.13),
        hub_busy_share: Some(0.21),
        io_busy_share: Some(0.17),
        run_queue_wait_share: Some(0.004),
        steal_share: Some(0.06),
        machine_busy_share: None,
        rss_max_bytes: Some(94_371_840),
        connections_opened: 312,
        connections_replaced: 4,
        no_wait: false,
    }
}

fn failure(
    method: &str,
    name: &str,
    cause: Cause,
    text: &str,
    count: u64,
    first_s: f64,
    last_s: f64,
) -> FailureSummary {
    FailureSummary {
        kind: Kind::Request,
        method: method.into(),
        name: name.into(),
        cause,
        text: text.into(),
        count,
        first_s,
        last_s,
    }
}

fn example(
    why: &str,
    method: &str,
    name: &str,
    done_s: f64,
    ms: f64,
    status: u16,
) -> ExampleSummary {
    ExampleSummary {
        why: why.into(),
        method: method.into(),
        name: name.into(),
        done_s,
        from_due_ms: ms + 0.2,
        from_send_ms: ms,
        status,
        failure: None,
        shape: None,
        trace: None,
    }
}

fn exemplars() -> Vec<ExampleSummary> {
    vec![
        ExampleSummary {
            failure: Some("503 Service Unavailable".into()),
            shape: Some(
                "application/json, 61 bytes\n{\"error\": \"***\", \"retry_after\": 0}".into(),
            ),
            ..example("failed", "POST", "/orders", 78.4, 12.4, 503)
        },
        ExampleSummary {
            failure: Some("no first byte within 1 s".into()),
            ..example("failed", "GET", "/reports/[id]", 79.1, 1_000.3, 0)
        },
        example("slowest", "GET", "/reports/[id]", 84.2, 1_871.4, 200),
        example("slowest", "POST", "/orders", 83.9, 1_402.0, 201),
        example("slowest", "GET", "/", 12.1, 88.1, 200),
    ]
}

/// Valid, with something of everything.
pub fn valid() -> Summary {
    let mut total = endpoint("", "Aggregated", 33_412, 254, 11.2, 1_860.0);
    (total.aborted, total.blocked, total.missed, total.unjudged) = (12, 3, 2, 1);
    let flow = EndpointSummary {
        kind: Kind::Flow,
        ..endpoint("", "Shopper.buy", 3_201, 12, 140.0, 2_000.0)
    };
    Summary {
        version: SUMMARY_VERSION,
        run: RunSummary {
            id: "20261123-101530-checkout".into(),
            name: "checkout".into(),
            valid: true,
            exit_code: 99,
            started: "2026-11-23T10:15:30Z".into(),
            duration_s: 120.0,
            command: "run".into(),
            host: Some("http://127.0.0.1:8000".into()),
            users: 300,
            ended: "run-time".into(),
            complete: true,
            tool_version: "0.1.0".into(),
            verdict: "FAIL".into(),
            reason: "errors < 1% in spike: 2.1 % of 2000 requests were bad (95 % interval 1.5 % to 2.8 %), allowed are 1 %".into(),
            aborted: None,
        },
        generator: generator(),
        total,
        endpoints: vec![
            endpoint("GET", "/", 12_031, 0, 2.1, 86.0),
            endpoint("POST", "/login", 300, 0, 48.0, 120.0),
            endpoint("GET", "/orders", 9_812, 0, 11.2, 410.0),
            endpoint("POST", "/orders", 8_004, 241, 18.4, 1_400.0),
            endpoint("GET", "/orders/[id]/items/[item]/history?page=[page]&size=[size]", 3_102, 0, 0.43, 12.0),
            endpoint("GET", "/reports/[id]", 163, 13, 412.0, 1_460.0),
            flow,
        ],
        failures: vec![
            failure("POST", "/orders", Cause::Status, "503 Service Unavailable", 241, 78.0, 92.0),
            failure("GET", "/reports/[id]", Cause::TimeoutFirstByte, "no first byte within 1 s", 12, 79.0, 91.0),
            failure("GET", "/reports/[id]", Cause::Script, "report has no rows", 1, 44.0, 45.0),
        ],
        reads: part("reads", 25_408, 13, 0.76),
        writes: part("writes", 8_004, 241, 0.24),
        phases: phases(),
        slos: slos(),
        search: None,
        spikes: vec![SpikeSummary {
            phase: "spike".into(),
            before: "hold".into(),
            limit_ms: 84.0,
            budget: 0.05,
            peak_bad_share: 0.38,
            peak_bad_at_s: 112.0,
            in_flight_before: 8.2,
            in_flight_peak: 212,
            watched_s: 30.0,
            recovered_s: Some(4.0),
            ..SpikeSummary::default()
        }],
        events: Vec::new(),
        drifts: drifts(),
        exceptions: vec![ExceptionSummary {
            count: 3,
            message: "KeyError: 'order_id'".into(),
            traceback: "Traceback (most recent call last):\n  File \"locustfile.py\", line 31, in buy\n    order = reply.json()[\"order_id\"]\nKeyError: 'order_id'".into(),
        }],
        exemplars: exemplars(),
        target: Vec::new(),
        spans: vec![SpanSummary {
            method: "GET".into(),
            name: "/reports/[id]".into(),
            asked: 50,
            requests: 40,
            spans: 480,
            db_calls: 440,
            db_calls_per_request: Some(11.0),
            db_ms_per_request: Some(38.4),
        }],
        splits: Vec::new(),
        little: Vec::new(),
        probe: None,
        findings: Some(findings()),
        series: series(),
        marks: vec![
            MarkSummary { at_s: 0.0, text: "phase ramp (ramp)".into() },
            MarkSummary { at_s: 30.0, text: "phase hold (hold)".into() },
            MarkSummary { at_s: 78.0, text: "warning: 12 requests waited for a connection".into() },
            MarkSummary { at_s: 120.0, text: "end: run-time".into() },
        ],
        notes: vec!["Shopper.client: 214 requests went through requests because an auth object was set.".into()],
    }
}

/// The generator did not keep up.
pub fn invalid() -> Summary {
    let mut summary = valid();
    summary.run.valid = false;
    summary.run.exit_code = 3;
    summary.generator = GeneratorSummary {
        valid: false,
        reasons: vec![
            "Requests were taken up late: lag p99 is 48.2 ms, allowed are 5.0 ms. Use fewer users, a machine with free cores, or lighter tasks.".into(),
            "The scenario's thread used 97 % of one core, the limit is 90 %: it was the bottleneck.".into(),
        ],
        lag_p50_ms: Some(9.1),
        lag_p99_ms: Some(48.2),
        lag_max_ms: Some(210.0),
        hub_busy_share: Some(0.97),
        ..generator()
    };
    summary.run.verdict = "INVALID".into();
    summary.run.reason = summary.generator.reasons[0].clone();
    summary
}

/// One event went well, one did not, one never came.
pub fn with_events() -> Summary {
    let mut summary = valid();
    let event = |name: &str, command: &str, at_s: f64, outcome, reason: &str| EventSummary {
        name: name.into(),
        command: command.into(),
        at_s,
        phase: Some(format!("hold after {name}")),
        outcome,
        limit_s: 60.0,
        reason: reason.into(),
        ..EventSummary::default()
    };
    let done = EventOutcome::Done;
    let failed = EventOutcome::Failed;
    summary.events = vec![
        EventSummary {
            late_ms: Some(0.2),
            took_s: Some(0.04),
            status: Some(0),
            output: "OK".into(),
            ..event(
                "redis-cli flushall",
                "redis-cli flushall",
                60.0,
                done,
                "done in 0.04 s",
            )
        },
        EventSummary {
            late_ms: Some(0.4),
            took_s: Some(3.1),
            status: Some(1),
            output: "pushing image\nerror: no such host 'registry'".into(),
            ..event(
                "deploy",
                "./deploy.sh shop",
                90.0,
                failed,
                "failed with exit status 1 after 3.10 s",
            )
        },
        event(
            "back",
            "./deploy.sh --undo",
            115.0,
            EventOutcome::NotRun,
            "not run: the load ended before its time",
        ),
    ];
    let run = &mut summary.run;
    (run.exit_code, run.verdict) = (3, "INCOMPLETE".into());
    run.reason = "the event deploy failed with exit status 1 after 3.10 s".into();
    summary
}

/// Without objectives.
pub fn without_objectives() -> Summary {
    let mut summary = valid();
    summary.slos.clear();
    let run = &mut summary.run;
    (run.exit_code, run.verdict) = (1, "FAILURES".into());
    run.reason = "254 of 33412 requests failed".into();
    summary
}

/// Killed before anything was observed.
pub fn empty() -> Summary {
    Summary {
        version: SUMMARY_VERSION,
        run: RunSummary {
            id: "20261123-101530-checkout".into(),
            valid: true,
            ended: "killed".into(),
            command: "attack".into(),
            ..RunSummary::default()
        },
        generator: GeneratorSummary {
            valid: true,
            ..GeneratorSummary::default()
        },
        total: EndpointSummary {
            name: "Aggregated".into(),
            ..EndpointSummary::default()
        },
        endpoints: Vec::new(),
        failures: Vec::new(),
        reads: EndpointSummary::default(),
        writes: EndpointSummary::default(),
        phases: Vec::new(),
        slos: Vec::new(),
        search: None,
        spikes: Vec::new(),
        events: Vec::new(),
        drifts: Vec::new(),
        exceptions: Vec::new(),
        exemplars: Vec::new(),
        target: Vec::new(),
        spans: Vec::new(),
        splits: Vec::new(),
        little: Vec::new(),
        probe: None,
        findings: None,
        series: SeriesSummary::default(),
        marks: Vec::new(),
        notes: Vec::new(),
    }
}

pub fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        tool_version: "0.1.0".into(),
        id: "20261123-101530-checkout".into(),
        name: "checkout".into(),
        started: "2026-11-23T10:15:30Z".into(),
        started_epoch_us: 1_795_428_930_000_000,
        argv: [
            "katydid",
            "-f",
            "locustfile.py",
            "-u",
            "300",
            "-r",
            "10",
            "-t",
            "2m",
        ]
        .map(String::from)
        .to_vec(),
        plan: Plan {
            command: "run".into(),
            host: Some("http://127.0.0.1:8000".into()),
            users: 300,
            spawn_rate: Some(10.0),
            run_time_s: Some(120.0),
            user_classes: vec![
                PlannedUser {
                    name: "Shopper".into(),
                    weight: 3.0,
                    fixed_count: 0,
                },
                PlannedUser {
                    name: "Admin".into(),
                    weight: 1.0,
                    fixed_count: 2,
                },
            ],
            tags: vec!["smoke".into()],
            options: [("csv".to_owned(), "out/checkout".to_owned())].into(),
            ..Plan::default()
        },
        host: HostFacts {
            os: "Debian GNU/Linux 12, Linux 6.1.0".into(),
            cpu: "AMD EPYC 7B13".into(),
            processors: 2,
            memory_bytes: 8_254_390_272,
        },
        scenario: vec![ScenarioFile {
            path: "locustfile.py".into(),
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        }],
    }
}

pub fn locust_entry(method: &str, name: &str, requests: u64, failures: u64) -> LocustEntry {
    let at = [
        2.1, 2.9, 3.6, 4.4, 9.0, 14.257, 31.0, 86.5, 99.0, 99.9, 100.0,
    ];
    LocustEntry {
        method: method.into(),
        name: name.into(),
        num_requests: requests,
        num_failures: failures,
        total_response_time: requests as f64 * 3.3333,
        min_response_time: Some(0.432),
        max_response_time: 100.0,
        total_content_length: requests * 512,
        last_request_timestamp: Some(1_795_428_989.0),
        percentiles: at.map(Some),
        current_percentiles: at.map(|ms| (ms < 99.0).then_some(ms + 0.1)),
        total_rps: requests as f64 / 60.0,
        total_fail_per_sec: failures as f64 / 60.0,
        current_rps: 12.3,
        current_fail_per_sec: 0.1,
        response_times: vec![(0.432, 1), (2.1, requests - 1)],
        per_second: vec![
            LocustSecond {
                epoch_s: 1_795_428_988,
                ended: 7,
                failed: 0,
            },
            LocustSecond {
                epoch_s: 1_795_428_989,
                ended: 5,
                failed: 2,
            },
        ],
        ..LocustEntry::default()
    }
}

pub fn view() -> LocustView {
    LocustView {
        entries: vec![
            locust_entry("GET", "/", 700, 0),
            locust_entry("POST", "/orders, \"new\"", 43, 2),
            LocustEntry {
                method: "GET".into(),
                name: "/never".into(),
                ..LocustEntry::default()
            },
        ],
        total: locust_entry("", "Aggregated", 743, 2),
        errors: vec![LocustError {
            method: "POST".into(),
            name: "/orders, \"new\"".into(),
            error: "503 Server Error".into(),
            occurrences: 2,
            first_seen: 1_795_428_931.2,
            last_seen: 1_795_428_989.9,
        }],
        start_time: 1_795_428_930.0,
        now: 1_795_428_990.4,
        users: 300,
    }
}

fn findings() -> Findings {
    let finding = Finding {
        rule: "n_plus_one".into(),
        title: "N+1 queries".into(),
        confidence: Confidence::Strong,
        basis: "spans + statements".into(),
        endpoints: vec!["GET /reports/[id]".into()],
        about: "SELECT name FROM lines WHERE report_id = $1".into(),
        what: "11 queries per request: 1 list of 10 rows, and 10 × SELECT … FROM lines WHERE report_id = $1".into(),
        cost: Some(Cost {
            ms: 31.2,
            of_ms: 46.0,
            share: 0.38,
        }),
        evidence: vec![Evidence {
            source: "spans of 40 requests".into(),
            what: "calls per request".into(),
            value: 10.0,
            limit: Some(5.0),
            ..Evidence::default()
        }],
        advice: "Load what belongs to all rows with one query.".into(),
        fixes: vec![Fix {
            r#in: "SQL".into(),
            text: "… WHERE report_id = ANY($1)".into(),
        }],
        check: "GET /reports/[id] should need 1 such query per request instead of 10".into(),
        consequences: vec!["Slow statement: SELECT … takes 61 % of the database's time".into()],
        ..Finding::default()
    };
    Findings {
        version: 1,
        suspected: vec![Finding {
            title: "CPU bound".into(),
            confidence: Confidence::Suspected,
            endpoints: Vec::new(),
            what: "the machine's processors were 88 % busy in the phase hold".into(),
            cost: None,
            ..finding.clone()
        }],
        findings: vec![finding],
        ruled_out: vec![RuledOut {
            rule: "row_lock".into(),
            title: "Row lock contention".into(),
            why: "0.02 sessions waited for a lock on average at most".into(),
        }],
        not_observed: vec![NotObserved {
            what: "the cache: none was watched".into(),
            remedy: "--watch redis://HOST".into(),
        }],
    }
}
