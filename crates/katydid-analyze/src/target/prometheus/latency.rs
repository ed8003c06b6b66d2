//! Quantiles of the time that requests took, from the growth of the buckets of histograms.

use std::collections::BTreeMap;

use katydid_record::RunTime;
use katydid_record::view::Chart;

use super::super::draw::{Look, Points};

/// Series of buckets, and how many of their unit are a second.
const BUCKETS: [(&str, f64); 4] = [
    ("http_server_request_duration_seconds_bucket", 1.0),
    ("http_request_duration_seconds_bucket", 1.0),
    ("http_server_requests_seconds_bucket", 1.0),
    ("http_server_duration_milliseconds_bucket", 1e3),
];
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// Upper bounds, and how many requests took at most so long: `None` where that is not known.
type Buckets = Vec<(f64, Option<f64>)>;

/// Of all requests together, of the first of the known histograms that is there.
pub fn chart(look: Look<'_>) -> Option<Chart> {
    let title = "Time of requests as the application tells it, from its histogram";
    let (grown, of_second) = BUCKETS.iter().find_map(|(name, of_second)| {
        let grown = growth(look, name);
        (!grown.is_empty()).then_some((grown, of_second))
    })?;
    let mut chart = look.chart("latency", title, "ms");
    for (share, name) in QUANTILES {
        let points: Points = grown
            .iter()
            .map(|(at, buckets)| (*at, quantile(buckets, share)))
            .collect();
        chart = chart.line(name, points);
    }
    chart.times(1e3 / of_second).done()
}

/// What the buckets of all series grew by, at the ends of that.
fn growth(look: Look<'_>, name: &str) -> BTreeMap<RunTime, Buckets> {
    let mut grown: BTreeMap<RunTime, Buckets> = BTreeMap::new();
    for (labels, series) in look.subject.named(name) {
        let bound = labels.get("le").map(|le| le.trim_start_matches('+'));
        let Some(bound) = bound.and_then(|le| le.parse::<f64>().ok()) else {
            continue;
        };
        for growth in look.subject.growths(series) {
            let buckets = grown.entry(growth.until).or_default();
            match buckets.binary_search_by(|(of, _)| of.total_cmp(&bound)) {
                Ok(place) => {
                    let sum = &mut buckets[place].1;
                    *sum = sum.zip(growth.by).map(|(a, b)| a + b);
                }
                Err(place) => buckets.insert(place, (bound, growth.by)),
            }
        }
    }
    grown
}

/// As Prometheus' `histogram_quantile`: between the bounds of a bucket it is a straight line, and beyond the last bound it is that bound.
fn quantile(buckets: &Buckets, share: f64) -> Option<f64> {
    let (last, all) = buckets.last()?;
    let all = (*all)?;
    if all <= 0.0 || last.is_finite() {
        return None;
    }
    let rank = share * all;
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        let count = (*count)?;
        if count >= rank {
            if bound.is_infinite() || count <= below {
                return Some(lower);
            }
            return Some(lower + (bound - lower) * (rank - below) / (count - below));
        }
        (lower, below) = (*bound, count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counts: &[(f64, f64)], share: f64, expected: Option<f64>) {
        let buckets = counts
            .iter()
            .map(|(bound, count)| (*bound, Some(*count)))
            .collect();
        assert_eq!(quantile(&buckets, share), expected, "{counts:?} {share}");
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let endless = f64::INFINITY;
        let counts = [(0.1, 50.0), (0.5, 90.0), (endless, 100.0)];
        check(&counts, 0.25, Some(0.05));
        check(&counts, 0.5, Some(0.1));
        check(&counts, 0.7, Some(0.1 + 0.4 * 0.5));
        check(&counts, 0.99, Some(0.5));
        check(&[(0.1, 0.0), (endless, 0.0)], 0.5, None);
        check(&[(0.1, 5.0)], 0.5, None);
        check(&[], 0.5, None);
    }
}
