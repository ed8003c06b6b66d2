//! A message of OTLP, encoded as protobuf.

use katydid_record::metric::{Metric, MetricKind, Point, PointValue};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`
const CUMULATIVE: i32 = 2;

/// The metrics of the run `run` as they stood at `now`, since it began at `began`; both in ns since 1970.
pub fn message(metrics: &[Metric], run: &str, version: &str, began: u64, now: u64) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: "katydid".into(),
        version: version.into(),
        ..InstrumentationScope::default()
    };
    let resource = [
        ("service.name", "katydid"),
        ("service.version", version),
        ("service.instance.id", run),
    ];
    let resource = Resource {
        attributes: resource
            .iter()
            .map(|(key, value)| text(key, value))
            .collect(),
        ..Resource::default()
    };
    let filled = metrics.iter().filter(|metric| !metric.points.is_empty());
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![proto::ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![proto::ScopeMetrics {
                scope: Some(scope),
                metrics: filled.map(|metric| of(metric, began, now)).collect(),
                ..proto::ScopeMetrics::default()
            }],
            ..proto::ResourceMetrics::default()
        }],
    };
    request.encode_to_vec()
}

/// What a collector says that it left out of a message that it took; `None` if it took all. An answer that is none says nothing.
pub fn left_out(answer: &[u8]) -> Option<String> {
    let partial = ExportMetricsServiceResponse::decode(answer).ok()?;
    let partial = partial.partial_success?;
    (partial.rejected_data_points > 0).then(|| {
        let (points, why) = (partial.rejected_data_points, partial.error_message);
        format!("it left out {points} points: {why}")
    })
}

fn of(metric: &Metric, began: u64, now: u64) -> proto::Metric {
    let numbers = || {
        let points = metric.points.iter();
        points
            .filter_map(|point| number(point, began, now))
            .collect()
    };
    let data = match metric.kind {
        MetricKind::Gauge => Data::Gauge(proto::Gauge {
            data_points: numbers(),
        }),
        MetricKind::Counter => Data::Sum(proto::Sum {
            data_points: numbers(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        MetricKind::Histogram => Data::Histogram(proto::Histogram {
            data_points: metric
                .points
                .iter()
                .filter_map(|point| spread(point, began, now))
                .collect(),
            aggregation_temporality: CUMULATIVE,
        }),
    };
    proto::Metric {
        name: metric.name.into(),
        description: metric.help.into(),
        unit: metric.unit.into(),
        data: Some(data),
        ..proto::Metric::default()
    }
}

fn number(point: &Point, began: u64, now: u64) -> Option<proto::NumberDataPoint> {
    let PointValue::Number(value) = point.value else {
        return None;
    };
    Some(proto::NumberDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: began,
        time_unix_nano: now,
        value: Some(Number::AsDouble(value)),
        ..proto::NumberDataPoint::default()
    })
}

fn spread(point: &Point, began: u64, now: u64) -> Option<proto::HistogramDataPoint> {
    let PointValue::Spread {
        bounds,
        counts,
        sum,
    } = &point.value
    else {
        return None;
    };
    Some(proto::HistogramDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: began,
        time_unix_nano: now,
        count: counts.iter().sum(),
        sum: Some(*sum),
        bucket_counts: counts.clone(),
        explicit_bounds: bounds.to_vec(),
        ..proto::HistogramDataPoint::default()
    })
}

fn attributes(point: &Point) -> Vec<KeyValue> {
    let labels = point.labels.iter();
    labels.map(|(name, value)| text(name, value)).collect()
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.into())),
        }),
        ..KeyValue::default()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;

    use super::*;

    #[test]
    fn what_a_collector_left_out_is_read_and_nothing_else() {
        let partial = |rejected_data_points| {
            let partial = ExportMetricsPartialSuccess {
                rejected_data_points,
                error_message: "out of order".into(),
            };
            let answer = ExportMetricsServiceResponse {
                partial_success: Some(partial),
            };
            left_out(&answer.encode_to_vec())
        };
        let told = Some("it left out 2 points: out of order".to_owned());
        assert_eq!(partial(2), told);
        assert_eq!(partial(0), None);
        assert_eq!(left_out(b""), None);
        assert_eq!(left_out(b"<html>"), None);
    }
}
