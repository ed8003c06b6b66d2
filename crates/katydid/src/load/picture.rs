//! A schedule drawn in characters: height over time.

use std::fmt::Write;

use katydid_record::plan::Event;
use katydid_record::schedule::{Model, Schedule};

/// Columns and rows of the picture, without its axes.
const WIDTH: usize = 64;
const HEIGHT: usize = 8;

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Lines with the greatest height and the length at their axes. A spike that is narrower than a column keeps its height. Events stand
/// on the axis.
pub fn picture(schedule: &Schedule, events: &[Event]) -> String {
    let (length, peak) = (schedule.length_s(), schedule.peak());
    let step = length / WIDTH as f64;
    let columns: Vec<usize> = (0..WIDTH)
        .map(|column| {
            let from = step * column as f64;
            let height = highest(schedule, from, from + step) / peak;
            // What is not nothing is seen.
            ((height * (HEIGHT * 8) as f64).round() as usize).max(usize::from(height > 0.0))
        })
        .collect();
    let unit = match schedule.model {
        Model::Users => "users",
        Model::Arrivals => "arrivals/s",
    };
    let top = number(peak);
    let margin = top.len().max(3);
    let mut text = format!("{:margin$}   {unit}\n", "");
    for row in (0..HEIGHT).rev() {
        let label = if row + 1 == HEIGHT { top.as_str() } else { "" };
        let cells: String = columns
            .iter()
            .map(|filled| EIGHTHS[filled.saturating_sub(row * 8).min(8)])
            .collect();
        let _ = writeln!(text, "{label:>margin$} │{}", cells.trim_end());
    }
    let mut axis = ['─'; WIDTH];
    for event in events {
        axis[((event.at_s / step) as usize).min(WIDTH - 1)] = '▲';
    }
    let axis = String::from_iter(axis);
    let _ = writeln!(text, "{:>margin$} └{axis}", 0);
    let end = duration(length);
    let _ = writeln!(text, "{:margin$}  0{end:>width$}", "", width = WIDTH - 1);
    text
}

/// The greatest height between two instants: at one of them, or where a phase begins or has risen.
fn highest(schedule: &Schedule, from: f64, to: f64) -> f64 {
    let mut began = 0.0;
    let mut most = schedule.level(from);
    for phase in &schedule.phases {
        for (at, level) in [
            (began, phase.from),
            (began + phase.rise_s, phase.to),
            (began + phase.length_s, phase.to),
        ] {
            if from < at && at < to {
                most = most.max(level);
            }
        }
        began += phase.length_s;
    }
    // Just before the end: at the end itself the next phase has begun.
    most.max(schedule.level(to - (to - from) * 1e-9))
}

/// `2m`, `1h 30m`, `1.5s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.floor() as u64;
    let (hours, minutes) = (whole / 3_600, whole / 60 % 60);
    let rest = seconds - (hours * 3_600 + minutes * 60) as f64;
    let mut parts = Vec::new();
    if hours > 0 {
        parts.push(format!("{hours}h"));
    }
    if minutes > 0 {
        parts.push(format!("{minutes}m"));
    }
    if rest >= 0.0005 || parts.is_empty() {
        parts.push(format!("{}s", number(rest)));
    }
    parts.join(" ")
}

/// With as many digits as it needs, three behind the point at most.
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let shown = [0.0, 1.5, 60.0, 5_400.0, 3_661.0, 0.25].map(duration);
        assert_eq!(shown, ["0s", "1.5s", "1m", "1h 30m", "1h 1m 1s", "0.25s"]);
    }

    #[test]
    fn a_spike_is_seen() {
        let load = crate::load::parse(
            "ramp to 200 users over 2m, hold 10m, spike to 1000 users for 3s, hold 5m",
        )
        .expect("it is clear");
        insta::assert_snapshot!(picture(&load.schedule, &[]));
    }

    #[test]
    fn events_stand_on_the_axis() {
        let words = "hold 50 users for 10m, at 0s run 'a', at 5m run 'b', at 9m59s run 'c'";
        let line = crate::load::parse(words).expect("it is clear");
        let drawn = picture(&line.schedule, &line.events);
        let axis = drawn
            .lines()
            .find(|line| line.contains('└'))
            .expect("an axis");
        let at: Vec<usize> = axis
            .chars()
            .enumerate()
            .filter(|(_, c)| *c == '▲')
            .map(|(at, _)| at)
            .collect();
        assert_eq!(at, [5, 5 + 32, 5 + 63], "{drawn}");
    }
}
