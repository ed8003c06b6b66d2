//! What many compute at once, because nothing is cached; and what is cached for one and given to another.

use katydid_record::probe::{ProbedCold, ProbedEndpoint, ProbedEver, ProbedOther, ProbedRuns};

use super::probed::{MARKET, SUM, ended, probed};
use super::*;

/// 400 requests that run a statement so often, which ran 8 times in the 20 of a probe; so many misses each had there.
fn under_load(calls: f64, text: &str, misses: Option<f64>) -> Run {
    Run::new(400, 200)
        .statement("aa", text, calls, 250.0, 70.0, 60.0)
        .probed(ProbedEndpoint {
            ever: vec![ProbedEver {
                text: text.into(),
                calls: 8.0,
            }],
            over_s: 20.0,
            misses,
            ..probed()
        })
}

fn confidence(run: &Run) -> Option<Confidence> {
    let all = run.findings(true);
    let mut both = all.findings.iter().chain(&all.suspected);
    both.find(|of| of.rule == "stampede")
        .map(|of| of.confidence)
}

#[test]
fn what_is_cached_is_computed_by_all_who_miss_it() {
    let missed = |calls, text| under_load(calls, text, Some(0.4));
    assert_eq!(confidence(&missed(60.0, MARKET)), Some(Confidence::Strong));
    assert!(
        missed(20.0, MARKET).ruled_out("stampede"),
        "0.4 per second became 1"
    );
    assert_eq!(confidence(&missed(60.0, SUM)), None, "one for each tenant");
}

#[test]
fn a_statement_that_some_requests_need_is_no_stampede_for_sure() {
    // It finds what it looks for, as a session; or no cache was watched.
    for misses in [Some(0.0), None] {
        let run = under_load(160.0, MARKET, misses);
        assert_eq!(confidence(&run), Some(Confidence::Suspected));
    }
    // As long as a value is computed, all who come compute it.
    let slow = under_load(160.0, MARKET, Some(0.4));
    assert_eq!(confidence(&slow), Some(Confidence::Strong));
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

/// What other users got of an endpoint that runs this.
fn others(name: &str, same: u64, queries: f64, text: &str) -> ProbedEndpoint {
    ProbedEndpoint {
        name: name.into(),
        other: Some(ProbedOther {
            tries: 3,
            same,
            queries: Some(queries),
        }),
        ever: vec![ProbedEver {
            text: text.into(),
            calls: 4.0,
        }],
        ..probed()
    }
}

/// `GET /orders` beside another endpoint.
fn with_others(leaks: ProbedEndpoint, beside: ProbedEndpoint) -> Run {
    let mut run = Run::new(200, 20);
    run.endpoint(1, "GET", &beside.name, ended(20));
    if leaks.name != "/orders" {
        run.endpoint(2, "GET", &leaks.name, ended(20));
    }
    run.all_probed(vec![leaks, beside])
}

#[test]
fn another_tenants_response_without_a_query() {
    let leaks = Run::new(200, 20).probed(others("/orders", 3, 0.0, SUM));
    assert!(
        leaks.findings(true).findings.is_empty(),
        "all may be of one tenant"
    );
    let with_queries = |queries: f64| {
        with_others(
            others("/orders", 3, queries, SUM),
            others("/me", 0, 1.0, LIST),
        )
    };
    let asked = with_queries(1.0);
    assert!(
        asked.findings(true).findings.is_empty(),
        "what is computed anew for each, and alike, is not cached"
    );
    let found = with_queries(0.0).only();
    assert_eq!(
        (found.rule.as_str(), found.endpoints[0].as_str()),
        ("cache_tenant", "GET /orders")
    );
}

#[test]
fn the_same_response_that_may_be_right_is_a_suspicion() {
    let of_user = "SELECT name FROM users WHERE user_id = $1";
    let of_both = "SELECT a FROM orders WHERE tenant_id = $1 AND user_id = $2";
    let leaks = |name| others(name, 3, 0.0, SUM);
    for run in [
        // They may be users of one tenant.
        with_others(leaks("/orders"), others("/me", 0, 1.0, of_user)),
        with_others(leaks("/orders"), others("/me", 0, 1.0, of_both)),
        // It may say who is asking.
        with_others(leaks("/orders"), others("/me", 0, 1.0, SUM)),
        // The id decides.
        with_others(leaks("/shops/7/products"), others("/me", 0, 1.0, LIST)),
    ] {
        let all = run.findings(true);
        assert!(all.findings.is_empty(), "{all:#?}");
        assert_eq!(all.suspected[0].rule, "cache_tenant");
    }
}
