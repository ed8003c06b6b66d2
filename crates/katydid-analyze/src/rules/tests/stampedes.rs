//! What many compute at once, because nothing is cached.

use katydid_record::probe::{ProbedCold, ProbedEndpoint, ProbedEver, ProbedRuns};

use super::probed::{MARKET, SUM, probed};
use super::*;

#[test]
fn what_is_cached_is_computed_by_all_who_miss_it() {
    let run = |calls: f64, text: &str| {
        Run::new(400, 200)
            .statement("aa", text, calls, 250.0, 70.0, 60.0)
            .probed(ProbedEndpoint {
                ever: vec![ProbedEver {
                    text: text.into(),
                    calls: 8.0,
                }],
                over_s: 20.0,
                ..probed()
            })
    };
    let named = |run: &Run| {
        let all = run.findings(true);
        all.findings.iter().any(|of| of.rule == "stampede")
    };
    assert!(named(&run(60.0, MARKET)));
    assert!(
        run(20.0, MARKET).ruled_out("stampede"),
        "0.4 per second became 1"
    );
    assert!(!named(&run(60.0, SUM)), "one for each tenant");
}

/// A dashboard whose statement ran so often in three bursts of 32 requests that found nothing, and takes so long alone.
fn cold(least: f64, most: f64, alone_ms: f64) -> Run {
    let of = ProbedCold {
        keys: vec!["dashboard:{n}".into()],
        requests: 32,
        bursts: 3,
        statements: vec![ProbedRuns {
            text: "SELECT sum(total) FROM orders WHERE created_at > $1".into(),
            least,
            most,
            alone_ms,
            ms: 8.0 * alone_ms,
        }],
        ..ProbedCold::default()
    };
    let endpoint = ProbedEndpoint {
        cold: Some(of),
        ..probed()
    };
    Run::new(400, 20).probed(endpoint)
}

#[test]
fn what_all_compute_when_nothing_is_cached_is_confirmed() {
    let found = cold(30.0, 32.0, 40.0).only();
    assert_eq!(
        (found.rule.as_str(), found.confidence),
        ("stampede", Confidence::Confirmed)
    );
    assert!(
        found
            .basis
            .starts_with("with dashboard:{n} deleted, 32 requests"),
        "{}",
        found.basis
    );
    assert!(cold(1.0, 2.0, 40.0).ruled_out("stampede"), "one computes");
    for silent in [cold(3.0, 32.0, 40.0), cold(32.0, 32.0, 4.0)] {
        let all = silent.findings(true);
        assert!(all.findings.is_empty() && all.suspected.is_empty());
    }
}
