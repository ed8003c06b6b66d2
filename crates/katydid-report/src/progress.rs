//! The one line that shows a running test. What does not fit is left out, the least important first.

use crate::number::{count, duration, instant, rate, short};
use crate::phrase::plural;
use crate::words::{clean, columns, cut};

/// What the line shows: finished numbers of the last second, and totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgressLine {
    /// Since the run began, s.
    pub elapsed_s: f64,
    /// Until it ends, s; `None` where no end is planned.
    pub left_s: Option<f64>,
    /// Users alive.
    pub users: u64,
    /// Requests that ended per second.
    pub rps: f64,
    /// Of these, failed.
    pub failures_per_s: f64,
    /// 95th percentile of successes, due → done, ms.
    pub p95_ms: Option<f64>,
    /// Failures since the run began.
    pub failed_total: u64,
    /// 99th percentile of the generator's lag, ms.
    pub lag_p99_ms: Option<f64>,
    /// Requests in flight.
    pub in_flight: u64,
    /// What of the target is nearest its limit.
    pub pressing: Option<String>,
}

/// What is said of an event at the moment, without a line end.
pub fn event(at_s: f64, text: &str, wrong: bool) -> String {
    let warning = if wrong { "warning: " } else { "" };
    format!("{warning}at {}, {}", instant(at_s), clean(text))
}

/// The line, at most `width` columns, without a line end.
pub fn line(progress: &ProgressLine, width: usize) -> String {
    let p = progress;
    let ms =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{} ms", short(v)));
    let mut time = duration(p.elapsed_s.floor());
    if let Some(left) = p.left_s {
        time = format!("{time}, {} left", duration(left.ceil()));
    }
    // In the order of the line; the number is how soon a part gives way, 0 never.
    let mut parts = vec![
        (0, time),
        (2, plural(p.users, "user")),
        (1, format!("{} req/s", rate(p.rps))),
        (3, format!("p95 {}", ms(p.p95_ms))),
        (1, format!("{} failed", count(p.failed_total))),
        (5, format!("{} failures/s", rate(p.failures_per_s))),
        (6, format!("{} in flight", count(p.in_flight))),
        (4, format!("lag p99 {}", ms(p.lag_p99_ms))),
    ];
    if let Some(pressing) = &p.pressing {
        parts.push((2, clean(pressing)));
    }
    loop {
        let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
        let line = texts.join("  ");
        if columns(&line) <= width {
            return line;
        }
        let soonest = parts.iter().map(|(soon, _)| *soon).max().unwrap_or(0);
        if soonest == 0 {
            return cut(&line, width);
        }
        parts.retain(|(soon, _)| *soon != soonest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ProgressLine {
        ProgressLine {
            elapsed_s: 72.4,
            left_s: Some(47.6),
            users: 300,
            rps: 1234.4,
            failures_per_s: 0.5,
            p95_ms: Some(12.34),
            failed_total: 17,
            lag_p99_ms: None,
            in_flight: 29,
            pressing: None,
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let check = |width, expected: &str| assert_eq!(line(&sample(), width), expected);
        check(
            120,
            "1 min 12 s, 48 s left  300 users  1,234 req/s  p95 12.3 ms  17 failed  0.50 failures/s  29 in flight  lag p99 –",
        );
        check(
            80,
            "1 min 12 s, 48 s left  300 users  1,234 req/s  p95 12.3 ms  17 failed  lag p99 –",
        );
        check(20, "1 min 12 s, 48 s le…");
    }

    #[test]
    fn what_is_nearest_its_limit_stands_at_the_end() {
        let progress = ProgressLine {
            pressing: Some("db connections 92 of 97".into()),
            ..sample()
        };
        assert!(line(&progress, 160).ends_with("  db connections 92 of 97"));
        assert!(line(&progress, 100).contains("db connections"));
    }

    #[test]
    fn no_width_is_exceeded() {
        for width in 1..130 {
            assert!(columns(&line(&sample(), width)) <= width, "{width}");
        }
    }
}
