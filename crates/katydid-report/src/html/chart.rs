//! Charts over time as inline SVG: a grid, lines with their names at the end, values on hover.

use std::fmt::Write;

use katydid_record::summary::{SeriesSummary, Summary};

use super::markup::{escape, section};
use super::scale::{Scale, label, times_to_mark};
use crate::number::{instant, rate, short_or_dash};
use crate::phrase;

const WIDTH: f64 = 1040.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 84.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 24.0;
/// Most bands that show values on hover.
const BANDS: usize = 300;
/// Phase labels nearer than this to the last one are left out.
const LABEL_ROOM: f64 = 70.0;
/// Distance between names at the lines' ends.
const NAME_ROOM: f64 = 14.0;

struct Line<'a> {
    name: &'a str,
    class: &'a str,
    values: Vec<Option<f64>>,
    filled: bool,
}

struct Chart<'a> {
    title: &'a str,
    height: f64,
    scale: Scale,
    lines: Vec<Line<'a>>,
    /// What hovering shows of interval `i`.
    hover: &'a dyn Fn(usize) -> String,
}

/// Requests with failures, response times, users; all on one time axis.
pub fn charts(out: &mut String, summary: &Summary) {
    let s = &summary.series;
    if s.t_s.len() < 2 {
        return;
    }
    section(out, "Over time");
    if let Some(text) = phrase::resolution(s) {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", escape(&text));
    }
    let some = |values: &[f64]| values.iter().copied().map(Some).collect();
    let counts = |values: &[u64]| values.iter().map(|n| Some(*n as f64)).collect();
    let line = |name, class, values, filled| Line {
        name,
        class,
        values,
        filled,
    };
    let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let at = |values: &[f64], i: usize| values.get(i).copied().unwrap_or(0.0);
    let ms = |values: &[Option<f64>], i: usize| short_or_dash(values.get(i).copied().flatten());
    Chart {
        title: "Requests per second",
        height: 200.0,
        scale: Scale::linear(largest(&s.rps)),
        lines: vec![
            line("requests", "requests", some(&s.rps), true),
            line("failed", "failed", some(&s.failures_per_s), true),
        ],
        hover: &|i| {
            format!(
                "{} requests/s, {} failed/s",
                rate(at(&s.rps, i)),
                rate(at(&s.failures_per_s, i))
            )
        },
    }
    .draw(out, summary);
    let times = s.p50.iter().chain(&s.p95).chain(&s.p99).flatten().copied();
    let scale = Scale::times(times);
    let title = if scale.is_log() {
        "Response time of successes, from due, ms (logarithmic)"
    } else {
        "Response time of successes, from due, ms"
    };
    Chart {
        title,
        height: 240.0,
        scale,
        lines: vec![
            line("p99", "p99", s.p99.clone(), false),
            line("p95", "p95", s.p95.clone(), false),
            line("p50", "p50", s.p50.clone(), false),
        ],
        hover: &|i| {
            format!(
                "p50 {}, p95 {}, p99 {} ms",
                ms(&s.p50, i),
                ms(&s.p95, i),
                ms(&s.p99, i)
            )
        },
    }
    .draw(out, summary);
    let users = s
        .users
        .iter()
        .chain(&s.in_flight)
        .copied()
        .max()
        .unwrap_or(0);
    let n = |values: &[u64], i: usize| values.get(i).copied().unwrap_or(0);
    Chart {
        title: "Users, and requests in flight",
        height: 150.0,
        scale: Scale::linear(users as f64),
        lines: vec![
            line("users", "users", counts(&s.users), false),
            line("in flight", "inflight", counts(&s.in_flight), false),
        ],
        hover: &|i| {
            format!(
                "{} users, {} requests in flight",
                n(&s.users, i),
                n(&s.in_flight, i)
            )
        },
    }
    .draw(out, summary);
    out.push_str("</section>\n");
}

impl Chart<'_> {
    fn draw(&self, out: &mut String, summary: &Summary) {
        let series = &summary.series;
        let _ = write!(
            out,
            "<figure>\n<figcaption>{0}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {1}\" role=\"img\" aria-label=\"{0}\">\n",
            escape(self.title),
            self.height
        );
        let time = TimeAxis::new(series);
        self.grid(out, &time);
        self.phases(out, summary, &time);
        self.events(out, summary, &time);
        for line in &self.lines {
            let values = line.values.iter().take(series.t_s.len()).enumerate();
            let points: Vec<Option<(f64, f64)>> = values
                .map(|(i, v)| {
                    v.filter(|v| v.is_finite())
                        .map(|v| (time.middle(i), self.y(v)))
                })
                .collect();
            draw_line(out, line, &points, self.y(0.0));
        }
        self.names(out);
        self.bands(out, &time);
        out.push_str("</svg>\n</figure>\n");
    }

    fn y(&self, value: f64) -> f64 {
        self.height - BOTTOM - (self.height - TOP - BOTTOM) * self.scale.at(value)
    }

    fn grid(&self, out: &mut String, time: &TimeAxis<'_>) {
        let (right, floor) = (WIDTH - RIGHT, self.height - BOTTOM);
        for tick in &self.scale.ticks {
            let y = self.y(*tick);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text class=\"tick\" x=\"{:.0}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                label(*tick)
            );
        }
        for mark in times_to_mark(time.span) {
            let x = time.x(mark);
            let _ = writeln!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {floor:.1}v4\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.0}\" \
                 text-anchor=\"middle\">{}</text>",
                self.height - 6.0,
                if mark == 0.0 {
                    "0".to_owned()
                } else {
                    instant(mark)
                }
            );
        }
    }

    fn phases(&self, out: &mut String, summary: &Summary, time: &TimeAxis<'_>) {
        let mut last = f64::NEG_INFINITY;
        let began = summary
            .marks
            .iter()
            .filter_map(|mark| Some((mark.at_s, mark.text.strip_prefix("phase ")?)));
        for (at_s, text) in began {
            let x = time.x(at_s.clamp(0.0, time.span));
            if x - last < LABEL_ROOM {
                continue;
            }
            last = x;
            // `hold (hold)` says it twice, and so does `hold after flush (hold)`.
            let name = match text
                .strip_suffix(')')
                .and_then(|text| text.split_once(" ("))
            {
                Some((name, kind)) if name == kind || is_a_rest(name, kind) => name,
                _ => text,
            };
            let _ = writeln!(
                out,
                "<path class=\"phase\" d=\"M{x:.1} {:.0}V{:.1}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.0}\">{}</text>",
                TOP - 14.0,
                self.height - BOTTOM,
                x + 5.0,
                TOP - 6.0,
                escape(&crate::words::shorten(name, 24))
            );
        }
    }

    /// A line for each event that was begun, with its name below those of the phases.
    fn events(&self, out: &mut String, summary: &Summary, time: &TimeAxis<'_>) {
        let mut last = f64::NEG_INFINITY;
        for event in summary.events.iter().filter(|e| e.late_ms.is_some()) {
            let x = time.x(event.at_s.clamp(0.0, time.span));
            let _ = writeln!(
                out,
                "<path class=\"event\" d=\"M{x:.1} {:.0}V{:.1}\"/>",
                TOP - 2.0,
                self.height - BOTTOM
            );
            if x - last < LABEL_ROOM {
                continue;
            }
            last = x;
            let _ = writeln!(
                out,
                "<text class=\"tick event-name\" x=\"{:.1}\" y=\"{:.0}\">▲ {}</text>",
                x + 5.0,
                TOP + 9.0,
                escape(&crate::words::shorten(&event.name, 24))
            );
        }
    }

    /// Each line's name where it ends, moved apart where they would touch.
    fn names(&self, out: &mut String) {
        let end = |line: &Line<'_>| line.values.iter().rev().find_map(|v| *v).map(|v| self.y(v));
        let mut ends: Vec<(f64, &Line<'_>)> = self
            .lines
            .iter()
            .filter_map(|line| Some((end(line)?, line)))
            .collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        for i in 1..ends.len() {
            ends[i].0 = ends[i].0.max(ends[i - 1].0 + NAME_ROOM);
        }
        let mut lowest = self.height - BOTTOM + 2.0;
        for (y, _) in ends.iter_mut().rev() {
            *y = y.min(lowest);
            lowest = *y - NAME_ROOM;
        }
        for (y, line) in ends {
            let _ = writeln!(
                out,
                "<text class=\"name {}\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
                line.class,
                WIDTH - RIGHT + 8.0,
                y + 4.0,
                line.name
            );
        }
    }

    /// Invisible bands that show an interval's values on hover.
    fn bands(&self, out: &mut String, time: &TimeAxis<'_>) {
        let n = time.series.t_s.len();
        let step = n.div_ceil(BANDS).max(1);
        for i in (0..n).step_by(step) {
            let (from, to) = (time.x(time.start(i)), time.x(time.start((i + step).min(n))));
            let _ = writeln!(
                out,
                "<rect class=\"band\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.0}\"><title>{}: {}</title></rect>",
                (to - from).max(0.1),
                self.height - TOP - BOTTOM,
                instant(time.start(i)),
                (self.hover)(i)
            );
        }
    }
}

/// A phase that an event cut off, named after what it was cut off from.
fn is_a_rest(name: &str, kind: &str) -> bool {
    let rest = name.strip_prefix(kind);
    rest.is_some_and(|rest| rest.starts_with(" after "))
}

struct TimeAxis<'a> {
    series: &'a SeriesSummary,
    span: f64,
}

impl<'a> TimeAxis<'a> {
    fn new(series: &'a SeriesSummary) -> Self {
        let last = series.t_s.last().copied().unwrap_or(0.0);
        let span = last + Self::length_s(series, series.t_s.len().saturating_sub(1));
        let span = if span.is_finite() && span > 0.0 {
            span
        } else {
            1.0
        };
        Self { series, span }
    }

    fn length_s(series: &SeriesSummary, i: usize) -> f64 {
        series.length_s.get(i).copied().unwrap_or(series.width_s)
    }

    /// Start of interval `i`, which may be the end of the last.
    fn start(&self, i: usize) -> f64 {
        self.series
            .t_s
            .get(i)
            .copied()
            .unwrap_or(self.span)
            .clamp(0.0, self.span)
    }

    fn middle(&self, i: usize) -> f64 {
        let half = Self::length_s(self.series, i) / 2.0;
        self.x((self.start(i) + half).min(self.span))
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.span
    }
}

/// One path per stretch without a gap; a lone point becomes a dot.
fn draw_line(out: &mut String, line: &Line<'_>, points: &[Option<(f64, f64)>], floor: f64) {
    for stretch in points.split(Option::is_none) {
        let points: Vec<(f64, f64)> = stretch.iter().flatten().copied().collect();
        let Some(first) = points.first() else {
            continue;
        };
        if points.len() == 1 {
            let _ = writeln!(
                out,
                "<circle class=\"dot {}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"1.8\"/>",
                line.class, first.0, first.1
            );
            continue;
        }
        let mut path = String::with_capacity(points.len() * 12);
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
        if line.filled {
            let _ = writeln!(
                out,
                "<path class=\"area {}\" d=\"{path}V{floor:.1}H{:.1}Z\"/>",
                line.class, first.0
            );
        }
        let _ = writeln!(out, "<path class=\"line {}\" d=\"{path}\"/>", line.class);
    }
}
