//! Metrics in the forms that are collected: a page for Prometheus, a message of OTLP. Both give the same names in Prometheus, by the
//! rules of its OTLP receiver: dots become underscores, units and `_total` are appended.

mod otlp;
mod prometheus;

pub use otlp::{left_out, message as otlp};
pub use prometheus::page as prometheus;
