//! katydid's own numbers as other tools collect them while a run goes on: named, with labels, cumulative from its beginning.

/// One metric with all its points.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Dotted, as OpenTelemetry names metrics: `katydid.request.duration`.
    pub name: &'static str,
    /// For a reader, one sentence.
    pub help: &'static str,
    /// `s`, `By`, or empty.
    pub unit: &'static str,
    /// How to read it.
    pub kind: MetricKind,
    /// One for each set of labels.
    pub points: Vec<Point>,
}

/// How a metric is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A level.
    Gauge,
    /// A total that only grows.
    Counter,
    /// How values are spread; its counts only grow.
    Histogram,
}

/// A value with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Names and values, in the order in which they are written.
    pub labels: Vec<(&'static str, String)>,
    /// What was measured.
    pub value: PointValue,
}

/// A number, or many.
#[derive(Clone, Debug, PartialEq)]
pub enum PointValue {
    /// Of a gauge or a counter.
    Number(f64),
    /// Of a histogram.
    Spread {
        /// Upper bounds in the metric's unit, ascending.
        bounds: &'static [f64],
        /// Values up to each bound and above the one before; one more than there are bounds.
        counts: Vec<u64>,
        /// Sum of all values.
        sum: f64,
    },
}
