//! What processes tell of themselves.

use super::*;

/// A process that uses `used` of one processor, of four that are idle otherwise.
fn on_one_core(program: &str, used: f64) -> Run {
    let spent = |run: Run, name, label, per_second: f64| {
        let points = [(1, 0.0), (18, 17.0 * per_second)];
        run.series(name, label, SeriesKind::Counter, &points)
    };
    let run = Run::new(400, 20).fact("process.program", "", program);
    let run = run.series(
        "process.cores",
        ("", ""),
        SeriesKind::Gauge,
        &[(1, 4.0), (18, 4.0)],
    );
    let run = spent(run, "process.cpu.all", ("", ""), used);
    let run = spent(run, "process.cpu", ("pid", "7"), used);
    let run = spent(run, "cpu.user", ("", ""), used);
    spent(run, "cpu.idle", ("", ""), 4.0 - used)
}

#[test]
fn one_core_is_the_limit_of_what_takes_one_at_a_time() {
    let found = |program, used| {
        let all = on_one_core(program, used).findings(true);
        let mut both = all.findings.iter().chain(&all.suspected);
        both.find(|of| of.rule == "cpu").map(|of| of.confidence)
    };
    for program in ["python3.12", "node", "ruby"] {
        assert_eq!(found(program, 0.97), Some(Confidence::Strong), "{program}");
    }
    // Ten threads that use a tenth each are well.
    for program in ["java", "server", ""] {
        assert_eq!(
            found(program, 0.97),
            Some(Confidence::Suspected),
            "{program}"
        );
    }
    assert_eq!(found("node", 0.5), None);
}
