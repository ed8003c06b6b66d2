//! The line that shows how a run is going: rewritten each second on a terminal, every few seconds elsewhere.

use std::io::Write;

use katydid_analyze::target;
use katydid_record::{Plan, Timeline};
use katydid_report::progress::{ProgressLine, line};

/// Seconds between lines where nothing can be rewritten.
const EVERY_S: u64 = 5;

/// Shows progress on standard error.
pub struct Progress {
    run_time_s: Option<f64>,
    terminal: bool,
    last_s: u64,
    shown: bool,
}

impl Progress {
    /// For a plan; `terminal`: the line can be rewritten.
    pub fn new(plan: &Plan, terminal: bool) -> Self {
        Self {
            run_time_s: plan.run_time_s,
            terminal,
            last_s: 0,
            shown: false,
        }
    }

    /// Shows the run as it stands, if that is due.
    pub fn show(&mut self, timeline: &Timeline) {
        let second = timeline.end / 1_000_000;
        let every = if self.terminal { 1 } else { EVERY_S };
        if second < self.last_s + every {
            return;
        }
        self.last_s = second;
        let elapsed_s = timeline.end as f64 / 1e6;
        let seconds = &timeline.seconds;
        // The second before the newest: of that one, only the first of the sources has told.
        let told = second.checked_sub(2);
        let Some(now) = told.and_then(|second| seconds.newest.get(&second)) else {
            return;
        };
        let failed_total: u64 = seconds.intervals().map(|interval| interval.failed).sum();
        let ms = |us: Option<u64>| us.map(|us| us as f64 / 1e3);
        let progress = ProgressLine {
            elapsed_s,
            left_s: self
                .run_time_s
                .map(|run_time| (run_time - elapsed_s).max(0.0)),
            users: now.users(),
            rps: (now.ok + now.failed) as f64,
            failures_per_s: now.failed as f64,
            p95_ms: ms(now.from_due.quantile_us(0.95)),
            failed_total,
            lag_p99_ms: ms(now.lag.quantile_us(0.99)),
            in_flight: now.in_flight(),
            pressing: target::most_pressing(timeline).map(|pressing| pressing.text),
        };
        let mut out = std::io::stderr().lock();
        // Whether anybody sees it does not concern the run.
        let _ = if self.terminal {
            let columns =
                terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
            write!(
                out,
                "\r\x1b[K{}",
                line(&progress, columns.saturating_sub(1))
            )
        } else {
            writeln!(out, "{}", line(&progress, 120))
        };
        let _ = out.flush();
        self.shown = true;
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if self.terminal && self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
