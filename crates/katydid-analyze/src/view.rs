//! From a timeline to what the page draws.

use katydid_record::histogram::bucket_top;
use katydid_record::timeline::Sparks;
use katydid_record::view::{EndpointView, View};
use katydid_record::{Histogram, Timeline};

use crate::summarize::counted;
use crate::{generator, target};

/// Buckets per doubling of the response time.
const PER_DOUBLING: f64 = 4.0;

/// Series for the page. Endpoints are those of the summary, in its order.
pub fn view(timeline: &Timeline) -> View {
    let endpoints = timeline.endpoints.iter().filter(|(_, e)| counted(e));
    let endpoint = |(key, endpoint): (_, &katydid_record::Endpoint)| EndpointView {
        histogram: histogram(&endpoint.from_due),
        ..timeline.sparks.get(key).map(over_time).unwrap_or_default()
    };
    View {
        endpoints: endpoints.map(endpoint).collect(),
        target: target::views(timeline),
        generator: generator::charts(timeline),
        traces: target::spans::traces(timeline),
    }
}

fn over_time(sparks: &Sparks) -> EndpointView {
    let mut view = EndpointView::default();
    let width_s = sparks.width_s as f64;
    let numbers = sparks.intervals.keys();
    let (Some(first), Some(last)) = (numbers.clone().min(), numbers.max()) else {
        return view;
    };
    for number in *first..=*last {
        let spark = sparks.intervals.get(&number).cloned().unwrap_or_default();
        view.t_s.push(number as f64 * width_s);
        view.rps.push((spark.ok + spark.failed) as f64 / width_s);
        view.failures_per_s.push(spark.failed as f64 / width_s);
        let p95 = spark.from_due.quantile_us(0.95);
        view.p95.push(p95.map(|us| us as f64 / 1e3));
    }
    view
}

/// Logarithmic buckets from the first to the last that holds something.
fn histogram(times: &Histogram) -> Vec<(f64, u64)> {
    let number = |us: u64| ((us.max(1) as f64).log2() * PER_DOUBLING).ceil() as usize;
    let mut counts: Vec<u64> = Vec::new();
    let mut first = None;
    for (bucket, count) in times.buckets() {
        let number = number(bucket_top(bucket));
        let first = *first.get_or_insert(number);
        counts.resize(counts.len().max(number - first + 1), 0);
        counts[number - first] += count;
    }
    let top_ms = |number: usize| (number as f64 / PER_DOUBLING).exp2() / 1e3;
    let first = first.unwrap_or(0);
    counts
        .into_iter()
        .enumerate()
        .map(|(place, count)| (top_ms(first + place), count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_everything_and_have_no_holes() {
        let mut times = Histogram::default();
        for us in [100, 100, 130, 1_000] {
            times.record(us);
        }
        let buckets = histogram(&times);
        assert_eq!(buckets.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert!(
            buckets
                .first()
                .is_some_and(|(top, _)| (0.1..0.13).contains(top))
        );
        assert!(
            buckets
                .last()
                .is_some_and(|(top, _)| (1.0..1.2).contains(top))
        );
        assert_eq!(buckets.len(), 14);
        assert_eq!(histogram(&Histogram::default()), []);
    }
}
