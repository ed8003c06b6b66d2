use katydid_record::frame::{Body, EndpointWindow, Frame, GeneratorWindow, Name};
use katydid_record::{Access, FORMAT, HostFacts, Plan, Sparse};

use super::*;

fn manifest(command: &str) -> Manifest {
    Manifest {
        format: FORMAT,
        tool_version: "1.2.3".into(),
        id: "r1".into(),
        name: "shop".into(),
        started: String::new(),
        started_epoch_us: 0,
        argv: Vec::new(),
        plan: Plan {
            command: command.into(),
            users: 40,
            ..Plan::default()
        },
        host: HostFacts::default(),
        scenario: Vec::new(),
    }
}

fn frame(second: u64, phase: u32, body: Body) -> Frame {
    Frame {
        at: second * 1_000_000,
        span: 1_000_000,
        source: 0,
        phase,
        body,
    }
}

fn times(values: &[u64]) -> Sparse {
    let mut times = Histogram::default();
    values.iter().for_each(|us| times.record(*us));
    times.to_sparse()
}

fn endpoint(id: u32, name: &str, tagged: Option<Access>) -> Name {
    Name::Endpoint {
        id,
        kind: Kind::Request,
        method: "GET".into(),
        name: name.into(),
        tagged,
    }
}

fn requests(id: u32, ok: u64) -> EndpointWindow {
    EndpointWindow {
        endpoint: id,
        ok,
        bytes_in: 10 * ok,
        from_due: times(&vec![1_500; ok as usize]),
        ..EndpointWindow::default()
    }
}

fn began(phase: u32, name: &str) -> Body {
    Body::Mark(Mark::PhaseBegan {
        phase,
        name: name.into(),
        kind: "hold".into(),
    })
}

/// Three seconds of a phase with seven users, five of whose requests were tagged.
fn run() -> Timeline {
    let mut run = Timeline::default();
    let names = vec![endpoint(0, "/", Some(Access::Read)), endpoint(1, "/", None)];
    run.apply(&frame(0, 0, Body::Names(names)));
    run.apply(&frame(0, 1, began(1, "warm")));
    run.apply(&frame(0, 1, Body::Requests(vec![requests(0, 5)])));
    for second in 0..3 {
        let window = GeneratorWindow {
            users: 7,
            processors: 2,
            ..GeneratorWindow::default()
        };
        run.apply(&frame(second, 1, Body::Generator(Box::new(window))));
    }
    run
}

fn values(command: &str, run: &Timeline, name: &str, label: &str) -> Vec<f64> {
    let all = metrics(&manifest(command), run);
    let found = all.into_iter().filter(|metric| metric.name == name);
    let points = found.flat_map(|metric| metric.points);
    let wanted = points.filter(|p| label.is_empty() || p.labels.iter().any(|(_, v)| v == label));
    wanted
        .map(|point| match point.value {
            PointValue::Number(value) => value,
            PointValue::Spread { counts, .. } => counts.iter().sum::<u64>() as f64,
        })
        .collect()
}

#[test]
fn a_value_on_a_bound_belongs_to_it() {
    let mut times = Histogram::default();
    for us in [10, 1_000, 1_200, 5_000, 90_000_000] {
        times.record(us);
    }
    let PointValue::Spread { counts, sum, .. } = spread(Vec::new(), &times).value else {
        panic!("it is one");
    };
    assert_eq!((counts[0], counts[1], counts[4]), (2, 1, 1));
    assert_eq!(counts.last(), Some(&1));
    assert_eq!(counts.len(), BOUNDS.len() + 1);
    assert!((sum - 90.007_21).abs() < 1e-9);
}

#[test]
fn causes_are_called_as_in_the_summary() {
    for why in [Cause::TimeoutFirstByte, Cause::TooLarge, Cause::Dns] {
        assert_eq!(serde_json::to_value(why).expect("it is a word"), cause(why));
    }
}

#[test]
fn nothing_falls_when_rows_of_one_name_are_told_apart_by_a_tag() {
    let mut run = run();
    assert_eq!(values("run", &run, "katydid.requests", "ok"), [5.0]);
    run.apply(&frame(2, 1, Body::Requests(vec![requests(1, 2)])));
    assert_eq!(values("run", &run, "katydid.requests", "ok"), [7.0]);
    assert_eq!(values("run", &run, "katydid.received", "/"), [70.0]);
    assert_eq!(values("run", &run, "katydid.request.duration", "ok"), [7.0]);
}

#[test]
fn nothing_falls_at_a_reset() {
    let mut run = run();
    run.apply(&frame(3, 1, Body::Mark(Mark::Reset)));
    assert_eq!(values("run", &run, "katydid.requests", "ok"), [5.0]);
}

#[test]
fn bytes_of_rows_in_which_nothing_was_counted_are_in_the_sum() {
    let mut run = run();
    let hop = EndpointWindow {
        bytes_in: 3,
        ..requests(1, 0)
    };
    run.apply(&frame(1, 1, Body::Requests(vec![hop])));
    assert_eq!(values("run", &run, "katydid.received", ""), [53.0]);
}

#[test]
fn one_phase_is_on_and_after_the_end_none_and_no_user() {
    let mut run = run();
    assert_eq!(values("run", &run, "katydid.users", ""), [7.0]);
    assert_eq!(values("attack", &run, "katydid.users", ""), [40.0]);
    run.apply(&frame(3, 2, began(2, "peak")));
    assert_eq!(values("run", &run, "katydid.phase", "warm"), [0.0]);
    assert_eq!(values("run", &run, "katydid.phase", "peak"), [1.0]);
    let end = Mark::End {
        reason: "done".into(),
        exit_code: 0,
    };
    run.apply(&frame(4, 2, Body::Mark(end)));
    assert_eq!(values("run", &run, "katydid.phase", "hold"), [0.0, 0.0]);
    assert_eq!(values("attack", &run, "katydid.users", ""), [0.0]);
    assert_eq!(values("run", &run, "katydid.in_flight", ""), [0.0]);
}

#[test]
fn what_nothing_was_seen_of_has_no_buckets() {
    let run = run();
    assert!(values("run", &run, "katydid.request.duration", "failed").is_empty());
    assert!(values("run", &run, "katydid.request.duration.from_send", "").is_empty());
}
