//! Charts of a machine: processors, memory, pressure, disks, network.

use std::collections::BTreeMap;

use katydid_record::RunTime;
use katydid_record::timeline::Series;
use katydid_record::view::Chart;

use super::draw::{Points, sum};
use super::{Kind, Look, Pressing, process};

/// Modes of processors that are shown, with what they are called; idle is what is left.
const MODES: [(&str, &str); 7] = [
    ("cpu.user", "user"),
    ("cpu.nice", "nice"),
    ("cpu.system", "system"),
    ("cpu.iowait", "waiting for disks"),
    ("cpu.irq", "interrupts"),
    ("cpu.steal", "taken by the hypervisor"),
    ("cpu.idle", ""),
];

/// A machine that is watched.
pub const KIND: Kind = Kind {
    name: "host",
    charts,
    tables: |_, _| Vec::new(),
    pressing,
};

/// All of them. Of a machine that is watched together with a server on it, also the server's.
fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    let mut charts = vec![
        processors(look),
        busiest(look),
        look.chart(
            "runnable",
            "Tasks that run or wait for a processor",
            "tasks",
        )
        .level("cpu.runnable", "runnable")
        .level("cpu.blocked", "blocked")
        .limit(look.last("cpu.cores"))
        .done(),
        look.chart("memory", "Memory", "bytes")
            .level("memory.used", "used")
            .limit(look.last("memory.total"))
            .done(),
        when_not_zero(
            look.chart("swap", "Swap in use", "bytes")
                .level("memory.swap.used", "used")
                .limit(look.last("memory.swap.total"))
                .done(),
        ),
        pressure(look),
        look.chart("disk", "Disks busy", "%")
            .each("disk.busy", Look::rate, |labels| {
                labels.get("disk").cloned()
            })
            .times(100.0)
            .limit(Some(100.0))
            .done(),
        throughput(
            look,
            "disk.io",
            "Disks, read and written",
            &[("disk.read", "read"), ("disk.written", "written")],
            "disk",
        ),
        throughput(
            look,
            "network",
            "Network, received and sent",
            &[("network.received", "received"), ("network.sent", "sent")],
            "interface",
        ),
        look.chart(
            "sockets",
            "Sockets, and the ports for connections of its own",
            "sockets",
        )
        .level("tcp.in_use", "in use")
        .level("tcp.time_wait", "not free again yet")
        .limit(look.last("tcp.ports"))
        .done(),
        when_not_zero(
            look.chart(
                "tcp",
                "Connections and segments that were dropped or sent again",
                "/s",
            )
            .rate("tcp.listen.overflows", "queue of new connections was full")
            .rate("tcp.listen.drops", "new connections dropped")
            .rate("tcp.backlog.drops", "dropped, the socket was busy")
            .rate("tcp.retransmitted", "sent again")
            .done(),
        ),
        when_not_zero(
            look.chart("oom", "Processes killed for lack of memory", "/s")
                .rate("memory.oom_kills", "killed")
                .done(),
        ),
    ];
    charts.extend(process::charts(look));
    charts
}

/// Processors and memory.
fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let mut all = Vec::new();
    if let Some(busy) = busy(look).last().and_then(|(_, share)| *share) {
        all.push(Pressing::percent("host cpu", busy));
    }
    if let Some((used, total)) = look.last("memory.used").zip(look.last("memory.total")) {
        all.push(Pressing::percent("host memory", used / total));
    }
    all.extend(process::pressing(look));
    all
}

/// A chart that matters only where something happened.
pub(super) fn when_not_zero(chart: Option<Chart>) -> Option<Chart> {
    chart.filter(|chart| {
        let mut values = chart
            .lines
            .iter()
            .flat_map(|line| line.values.iter().flatten());
        values.any(|value| *value != 0.0)
    })
}

fn rates(look: Look<'_>, name: &str) -> Points {
    let series = look.subject.plain(name);
    series.map(|series| look.rate(series)).unwrap_or_default()
}

/// What all processors spent in all modes, s in each second: not the clock's second, so that shares add up to one.
fn spent(look: Look<'_>) -> Points {
    sum(&MODES.map(|(mode, _)| rates(look, mode)))
}

/// Each value as a share of another at the same instant.
fn shares(points: &Points, of: &Points) -> Points {
    let of: BTreeMap<RunTime, Option<f64>> = of.iter().copied().collect();
    let share = |(at, value): &(RunTime, Option<f64>)| {
        let whole = of.get(at).copied().flatten().filter(|whole| *whole > 0.0);
        (*at, (*value).zip(whole).map(|(value, whole)| value / whole))
    };
    points.iter().map(share).collect()
}

/// The share of processor time that is neither idle nor waits for disks.
fn busy(look: Look<'_>) -> Points {
    let busy = ["cpu.user", "cpu.nice", "cpu.system", "cpu.irq", "cpu.steal"];
    shares(&sum(&busy.map(|mode| rates(look, mode))), &spent(look))
}

fn processors(look: Look<'_>) -> Option<Chart> {
    let spent = spent(look);
    let mut chart = look.chart("cpu", "Processors", "%").stacked();
    for (mode, name) in MODES.iter().filter(|(_, name)| !name.is_empty()) {
        let points = shares(&rates(look, mode), &spent);
        // What most machines never do is not worth a line.
        if points
            .iter()
            .any(|(_, value)| value.is_some_and(|value| value > 0.0))
        {
            chart = chart.line(name, points);
        }
    }
    chart.times(100.0).limit(Some(100.0)).done()
}

/// One processor can be the limit while the others idle.
fn busiest(look: Look<'_>) -> Option<Chart> {
    let cores: Vec<&Series> = look
        .subject
        .named("cpu.core.busy")
        .map(|(_, series)| series)
        .collect();
    if cores.len() < 2 {
        return None;
    }
    let mut most: BTreeMap<RunTime, Option<f64>> = BTreeMap::new();
    for (at, value) in cores.iter().flat_map(|series| look.rate(series)) {
        let known = most.entry(at).or_insert(value);
        // Ticks are coarse: a little over a second in a second is a second.
        *known = value
            .zip(*known)
            .map(|(value, known)| value.max(known).min(1.0));
    }
    look.chart("core", "The busiest processor", "%")
        .line("busiest", most.into_iter().collect())
        .times(100.0)
        .limit(Some(100.0))
        .done()
}

fn pressure(look: Look<'_>) -> Option<Chart> {
    let chart = look
        .chart(
            "pressure",
            "Time in which some task waited for want of",
            "%",
        )
        .rate("pressure.cpu.some", "processors")
        .rate("pressure.memory.some", "memory")
        .rate("pressure.io.some", "disks");
    chart.times(100.0).limit(Some(100.0)).done()
}

fn throughput<'a>(
    look: Look<'a>,
    id: &str,
    title: &str,
    series: &[(&'a str, &str)],
    label: &str,
) -> Option<Chart> {
    let mut chart = look.chart(id, title, "bytes/s");
    for (series, what) in series {
        chart = chart.each(series, Look::rate, |labels| {
            Some(format!("{} {what}", labels.get(label)?))
        });
    }
    when_not_zero(chart.done())
}

#[cfg(test)]
mod tests {
    use katydid_record::SeriesKind;

    use super::super::tried::looked_at;
    use super::*;

    fn values(charts: &[Option<Chart>], id: &str) -> Option<Vec<Vec<Option<f64>>>> {
        let chart = charts.iter().flatten().find(|chart| chart.id == id)?;
        let rounded = |value: &Option<f64>| value.map(|value| (value * 1e3).round() / 1e3);
        let lines = chart.lines.iter();
        Some(
            lines
                .map(|line| line.values.iter().map(rounded).collect())
                .collect(),
        )
    }

    const COUNTER: SeriesKind = SeriesKind::Counter;
    const GAUGE: SeriesKind = SeriesKind::Gauge;

    #[test]
    fn a_machine() {
        let timeline = looked_at(
            "host",
            1,
            &[
                ("cpu.user", "", COUNTER, &[0.0, 1.0, 2.0]),
                ("cpu.idle", "", COUNTER, &[0.0, 1.0, 1.0]),
                ("cpu.core.busy", "cpu=0", COUNTER, &[0.0, 1.1, 1.5]),
                ("cpu.core.busy", "cpu=1", COUNTER, &[0.0, 0.0, 0.9]),
                ("memory.used", "", GAUGE, &[1.0, 2.0, 3.0]),
                ("memory.total", "", GAUGE, &[4.0, 4.0, 4.0]),
                ("memory.swap.used", "", GAUGE, &[0.0, 0.0, 0.0]),
                ("tcp.retransmitted", "", COUNTER, &[5.0, 5.0, 5.0]),
            ],
        );
        let look = Look {
            subject: &timeline.target.subjects["it"],
        };
        let charts = charts(look);
        let line = |values: [f64; 2]| Some(vec![values.map(Some).to_vec()]);
        assert_eq!(values(&charts, "cpu"), line([50.0, 100.0]));
        assert_eq!(values(&charts, "core"), line([100.0, 90.0]));
        assert_eq!(values(&charts, "swap"), None);
        assert_eq!(values(&charts, "tcp"), None);
        let texts: Vec<String> = pressing(look).into_iter().map(|of| of.text).collect();
        assert_eq!(texts, ["host cpu 100 %", "host memory 75 %"]);
    }

    #[test]
    fn a_server() {
        let one = "name=web,pid=7";
        let timeline = looked_at(
            "process",
            1,
            &[
                ("process.cpu", one, COUNTER, &[0.0, 0.5, 1.5]),
                ("process.cpu.all", "", COUNTER, &[0.0, 0.5, 1.5]),
                ("process.rss", one, GAUGE, &[10.0, 20.0, 30.0]),
                ("process.ran", "", COUNTER, &[0.0, 0.5, 1.5]),
                ("process.waited", "", COUNTER, &[0.0, 0.5, 0.5]),
                ("process.files.nearest", "", GAUGE, &[1.0, 1.0, 9.0]),
                ("process.files.limit", "", GAUGE, &[10.0, 10.0, 10.0]),
                ("cgroup.cpu.quota", "", GAUGE, &[2.0, 2.0, 2.0]),
                ("cgroup.cpu.periods", "", COUNTER, &[0.0, 10.0, 20.0]),
                ("cgroup.cpu.throttled", "", COUNTER, &[0.0, 0.0, 5.0]),
            ],
        );
        let look = Look {
            subject: &timeline.target.subjects["it"],
        };
        let charts = process::charts(look);
        let line = |values: &[f64]| Some(vec![values.iter().copied().map(Some).collect()]);
        assert_eq!(values(&charts, "process.cpu"), line(&[0.5, 1.0]));
        assert_eq!(values(&charts, "process.memory"), line(&[10.0, 20.0, 30.0]));
        assert_eq!(values(&charts, "process.waits"), line(&[50.0, 0.0]));
        assert_eq!(values(&charts, "throttled"), line(&[0.0, 50.0]));
        let cpu = charts
            .iter()
            .flatten()
            .find(|chart| chart.id == "process.cpu");
        assert_eq!(cpu.and_then(|chart| chart.limit), Some(2.0));
        let texts: Vec<String> = pressing(look).into_iter().map(|of| of.text).collect();
        assert_eq!(
            texts,
            [
                "server cpu 1.0 of 2.0",
                "open files 9 of 10",
                "throttled 50 %"
            ]
        );
    }
}
