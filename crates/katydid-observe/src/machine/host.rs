//! What a whole machine says: processors, memory, pressure, disks, network.

use std::collections::BTreeSet;

use katydid_record::Sight;

use crate::batch::Batch;
use crate::machine::text::{TICKS, field, net, numbers, pressure, text};
use crate::machine::{Contents, Files};
use crate::observer::Trouble;

/// What is read in every look, in this order.
const PATHS: [&str; 12] = [
    "/proc/stat",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/vmstat",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/pressure/io",
    "/proc/diskstats",
    "/proc/net/dev",
    "/proc/net/snmp",
    "/proc/net/netstat",
    "/proc/net/sockstat",
];
/// Devices and interfaces that are reported, of each.
const DEVICES: usize = 32;

/// Looks at one machine.
#[derive(Clone, Debug)]
pub struct Host {
    paths: Vec<String>,
    disks: BTreeSet<String>,
    /// Ports that can be used for connections of its own.
    ports: Option<f64>,
    has_pressure: bool,
    /// For a reader, without the machine's name: the kernel, the number of processors.
    pub title: String,
    /// When it started, s since 1970.
    pub booted: u64,
}

impl Host {
    /// Finds out what there is.
    pub async fn open(files: &mut dyn Files) -> Result<Self, Trouble> {
        let paths = [
            "/proc/stat",
            "/proc/pressure/cpu",
            "/proc/sys/net/ipv4/ip_local_port_range",
            "/proc/sys/kernel/osrelease",
        ];
        let contents = files.read(&paths.map(str::to_owned)).await?;
        let told = |place: usize| text(contents.get(place).and_then(Option::as_ref));
        let stat = told(0);
        if stat.is_empty() {
            return Err(Trouble::Refused {
                why: "/proc/stat cannot be read: it is not Linux, or /proc is not mounted".into(),
                remedy: String::new(),
            });
        }
        let disks = files.list(&["/sys/block".to_owned()]).await?;
        let cores = stat.lines().filter(|line| is_core(line)).count();
        let range = numbers(told(2).split_ascii_whitespace());
        Ok(Self {
            paths: PATHS.map(str::to_owned).to_vec(),
            disks: disks.into_iter().flatten().flatten().collect(),
            ports: match range[..] {
                [first, last] => Some(last - first + 1.0),
                _ => None,
            },
            has_pressure: !told(1).is_empty(),
            title: format!("Linux {}, {cores} processors", told(3).trim()),
            booted: field(&stat, "btime").unwrap_or(0.0) as u64,
        })
    }

    /// What can be seen.
    pub fn sights(&self) -> Vec<Sight> {
        let pressure = if self.has_pressure {
            Sight::seen("pressure")
        } else {
            let note = "the kernel does not measure for how long tasks wait (PSI)";
            Sight::blind(
                "pressure",
                note,
                "boot Linux 4.20 or newer with psi=1 on the kernel's command line",
            )
        };
        let whole = ["processors", "memory", "disks", "network"].map(Sight::seen);
        whole.into_iter().chain([pressure]).collect()
    }

    /// Looks once.
    pub async fn look(&self, files: &mut dyn Files, batch: &mut Batch) -> Result<(), Trouble> {
        let read = batch.begin();
        let contents = files.read(&self.paths).await?;
        self.tell(&contents, batch);
        batch.end(read);
        Ok(())
    }

    fn tell(&self, contents: &Contents, batch: &mut Batch) {
        let told = |place: usize| text(contents.get(place).and_then(Option::as_ref));
        processors(&told(0), &told(1), batch);
        memory(&told(2), &told(3), batch);
        for (place, what) in [(4, "cpu"), (5, "memory"), (6, "io")] {
            let text = told(place);
            for line in ["some", "full"] {
                if let Some(total) = pressure(&text, line) {
                    batch.counter(&format!("pressure.{what}.{line}"), "s", &[], total);
                }
            }
        }
        self.disks(&told(7), batch);
        interfaces(&told(8), batch);
        self.tcp(&told(9), &told(10), &told(11), batch);
    }

    fn disks(&self, text: &str, batch: &mut Batch) {
        let fields = text
            .lines()
            .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        let disks = fields.filter_map(|fields| {
            let name = *fields.get(2)?;
            let counted = !["loop", "ram", "zram", "dm-", "sr", "fd"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            let values = numbers(fields.get(3..)?.iter().copied());
            (counted && self.disks.contains(name) && values.len() >= 11).then_some((name, values))
        });
        for (disk, values) in disks.take(DEVICES) {
            let labels = [("disk", disk)];
            batch.counter("disk.ios", "", &labels, values[0] + values[4]);
            // Sectors are of 512 bytes here, whatever the device's are.
            batch.counter("disk.read", "bytes", &labels, values[2] * 512.0);
            batch.counter("disk.written", "bytes", &labels, values[6] * 512.0);
            batch.counter("disk.wait", "s", &labels, (values[3] + values[7]) / 1e3);
            batch.gauge("disk.in_flight", "", &labels, values[8]);
            batch.counter("disk.busy", "s", &labels, values[9] / 1e3);
        }
    }

    fn tcp(&self, snmp: &str, netstat: &str, sockstat: &str, batch: &mut Batch) {
        let counters = [
            ("tcp.retransmitted", net(snmp, "Tcp", "RetransSegs")),
            ("tcp.sent", net(snmp, "Tcp", "OutSegs")),
            (
                "tcp.listen.overflows",
                net(netstat, "TcpExt", "ListenOverflows"),
            ),
            ("tcp.listen.drops", net(netstat, "TcpExt", "ListenDrops")),
            (
                "tcp.backlog.drops",
                net(netstat, "TcpExt", "TCPBacklogDrop"),
            ),
            ("tcp.timeouts", net(netstat, "TcpExt", "TCPTimeouts")),
        ];
        for (name, value) in counters {
            if let Some(value) = value {
                batch.counter(name, "", &[], value);
            }
        }
        let sockets = sockstat
            .lines()
            .find_map(|line| line.strip_prefix("TCP:"))
            .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        for pair in sockets.iter().flat_map(|words| words.chunks_exact(2)) {
            if let Ok(value) = pair[1].parse() {
                match pair[0] {
                    "inuse" => batch.gauge("tcp.in_use", "", &[], value),
                    "tw" => batch.gauge("tcp.time_wait", "", &[], value),
                    "orphan" => batch.gauge("tcp.orphans", "", &[], value),
                    _ => {}
                }
            }
        }
        if let Some(ports) = self.ports {
            batch.gauge("tcp.ports", "", &[], ports);
        }
    }
}

fn is_core(line: &str) -> bool {
    let number = line
        .strip_prefix("cpu")
        .and_then(|rest| rest.chars().next());
    number.is_some_and(|first| first.is_ascii_digit())
}

fn processors(stat: &str, load: &str, batch: &mut Batch) {
    let mut cores = 0;
    for line in stat.lines().take_while(|line| line.starts_with("cpu")) {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let ticks = numbers(words);
        let seconds = |place: usize| ticks.get(place).copied().unwrap_or(0.0) / TICKS;
        if name == "cpu" {
            let modes = [
                ("cpu.user", seconds(0)),
                ("cpu.nice", seconds(1)),
                ("cpu.system", seconds(2)),
                ("cpu.idle", seconds(3)),
                ("cpu.iowait", seconds(4)),
                ("cpu.irq", seconds(5) + seconds(6)),
                ("cpu.steal", seconds(7)),
            ];
            modes
                .iter()
                .for_each(|(mode, value)| batch.counter(mode, "s", &[], *value));
            continue;
        }
        cores += 1;
        let busy: f64 = [0, 1, 2, 5, 6, 7].map(seconds).iter().sum();
        batch.counter("cpu.core.busy", "s", &[("cpu", &name[3..])], busy);
    }
    batch.gauge("cpu.cores", "", &[], f64::from(cores));
    if let Some(running) = field(stat, "procs_running") {
        batch.gauge("cpu.runnable", "", &[], running);
    }
    if let Some(blocked) = field(stat, "procs_blocked") {
        batch.gauge("cpu.blocked", "", &[], blocked);
    }
    if let Some(load) = numbers(load.split_ascii_whitespace()).first() {
        batch.gauge("load", "", &[], *load);
    }
}

fn memory(meminfo: &str, vmstat: &str, batch: &mut Batch) {
    let bytes = |name: &str| field(meminfo, name).map(|kilobytes| kilobytes * 1024.0);
    let mut level = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            batch.gauge(name, "bytes", &[], value);
        }
    };
    let (total, available) = (bytes("MemTotal"), bytes("MemAvailable"));
    level("memory.total", total);
    level("memory.available", available);
    level(
        "memory.used",
        total.zip(available).map(|(all, free)| all - free),
    );
    level("memory.cached", bytes("Cached"));
    let swap = bytes("SwapTotal").zip(bytes("SwapFree"));
    level("memory.swap.total", swap.map(|(total, _)| total));
    level("memory.swap.used", swap.map(|(total, free)| total - free));
    for (name, key) in [
        ("memory.swapped.in", "pswpin"),
        ("memory.swapped.out", "pswpout"),
        ("memory.major_faults", "pgmajfault"),
        ("memory.oom_kills", "oom_kill"),
    ] {
        if let Some(value) = field(vmstat, key) {
            batch.counter(name, "", &[], value);
        }
    }
}

fn interfaces(text: &str, batch: &mut Batch) {
    let lines = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let values = numbers(rest.split_ascii_whitespace());
        // One that never carried anything is not worth a series.
        (values.len() >= 12 && values[1] + values[9] > 0.0).then_some((name.trim(), values))
    });
    for (name, values) in lines.take(DEVICES) {
        let labels = [("interface", name)];
        batch.counter("network.received", "bytes", &labels, values[0]);
        batch.counter("network.sent", "bytes", &labels, values[8]);
        batch.counter("network.packets", "", &labels, values[1] + values[9]);
        batch.counter("network.errors", "", &labels, values[2] + values[10]);
        batch.counter("network.drops", "", &labels, values[3] + values[11]);
    }
}
