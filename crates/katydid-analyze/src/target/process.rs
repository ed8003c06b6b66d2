//! Charts of a server's processes, and of the cgroup or container that they live in.

use katydid_record::view::Chart;

use super::draw::{LINES, Labels};
use super::host::when_not_zero;
use super::{Kind, Look, Pressing};

/// Periods in which it was held back, of all: from here on it is told, as if it were that share of a limit.
const THROTTLED: f64 = 0.05;

/// A process that is watched.
pub const KIND: Kind = Kind {
    name: "process",
    charts,
    tables: |_, _| Vec::new(),
    pressing,
};

/// All of them.
pub(super) fn charts(look: Look<'_>) -> Vec<Option<Chart>> {
    let quota = look.last("cgroup.cpu.quota");
    vec![
        cores(look, quota),
        look.chart("process.memory", "Memory of the processes", "bytes")
            .each("process.rss", Look::level, called(look, "process.rss"))
            .stacked()
            .limit(look.last("cgroup.memory.limit"))
            .done(),
        look.chart("cgroup.memory", "Memory of the group", "bytes")
            .level("cgroup.memory", "used")
            .level("cgroup.memory.anon", "not of files")
            .limit(look.last("cgroup.memory.limit"))
            .done(),
        when_not_zero(
            look.chart("throttled", "Periods in which the quota held it back", "%")
                .per("cgroup.cpu.throttled", "cgroup.cpu.periods", "held back")
                .times(100.0)
                .limit(Some(100.0))
                .done(),
        ),
        look.chart(
            "process.waits",
            "Of the time in which threads could run, without a processor",
            "%",
        )
        .share("process.waited", "process.ran", "waiting")
        .times(100.0)
        .limit(Some(100.0))
        .done(),
        look.chart(
            "process.files",
            "Open files, of the process with the most of its limit",
            "files",
        )
        .level("process.files.nearest", "open")
        .limit(look.last("process.files.limit"))
        .done(),
        look.chart("process.threads", "Threads", "threads")
            .level("process.threads", "threads")
            .level("process.count", "processes")
            .done(),
        look.chart("process.switches", "Switches of threads", "/s")
            .rate("process.switches.voluntary", "they wait for something")
            .rate("process.switches.involuntary", "the processor was taken")
            .done(),
        when_not_zero(
            look.chart("process.io", "Read from and written to disks", "bytes/s")
                .rate("process.read", "read")
                .rate("process.written", "written")
                .rate("cgroup.read", "read by the group")
                .rate("cgroup.written", "written by the group")
                .done(),
        ),
        when_not_zero(
            look.chart("cgroup.oom", "Ends and refusals at the memory limit", "/s")
                .rate("cgroup.memory.at_limit", "at the limit")
                .rate("cgroup.memory.oom_kills", "killed")
                .done(),
        ),
        when_not_zero(
            look.chart("cgroup.network", "Network of the container", "bytes/s")
                .rate("container.received", "received")
                .rate("container.sent", "sent")
                .done(),
        ),
    ]
}

/// Processors, memory, files, and being held back.
pub(super) fn pressing(look: Look<'_>) -> Vec<Pressing> {
    let mut all = Vec::new();
    let used = look
        .last_rate("process.cpu.all")
        .or_else(|| look.last_rate("cgroup.cpu.used"));
    if let Some((used, quota)) = used.zip(look.last("cgroup.cpu.quota")) {
        let text = format!("server cpu {used:.1} of {quota:.1}");
        all.push(Pressing {
            text,
            share: used / quota,
        });
    }
    let memory = look.last("cgroup.memory");
    if let Some((used, limit)) = memory.zip(look.last("cgroup.memory.limit")) {
        all.push(Pressing::percent("server memory", used / limit));
    }
    let files = look.last("process.files.nearest");
    if let Some((open, limit)) = files.zip(look.last("process.files.limit")) {
        all.push(Pressing::counted("open files", open, limit));
    }
    let throttled = look.last_rate("cgroup.cpu.throttled");
    if let Some((held, periods)) = throttled.zip(look.last_rate("cgroup.cpu.periods"))
        && periods > 0.0
        && held / periods >= THROTTLED
    {
        let text = format!("throttled {:.0} %", held / periods * 100.0);
        all.push(Pressing { text, share: 1.0 });
    }
    all
}

/// `uvicorn 1234`; of many processes all of a name are one.
fn called(look: Look<'_>, series: &str) -> impl Fn(&Labels) -> Option<String> {
    let are_many = look.subject.named(series).count() > LINES;
    move |labels| {
        let (name, pid) = (labels.get("name")?, labels.get("pid")?);
        Some(if are_many {
            name.clone()
        } else {
            format!("{name} {pid}").trim_end().to_owned()
        })
    }
}

fn cores(look: Look<'_>, quota: Option<f64>) -> Option<Chart> {
    let limit = quota.or_else(|| look.last("process.cores"));
    let chart = look
        .chart("process.cpu", "Processors used", "cores")
        .stacked()
        .limit(limit);
    let has_processes = look.subject.named("process.cpu").next().is_some();
    if has_processes {
        chart
            .each("process.cpu", Look::rate, called(look, "process.cpu"))
            .done()
    } else {
        chart.rate("cgroup.cpu.used", "used").done()
    }
}
