//! A server as its processes: found by its port or pid, followed through the children that it starts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use katydid_record::{Mark, Sight};

use crate::batch::Batch;
use crate::machine::cgroup::Cgroup;
use crate::machine::tally::Tally;
use crate::machine::text::{Stat, field, listeners, open_files, stat, text};
use crate::machine::who::{called, listed, program, without_children};
use crate::machine::{Contents, Files};
use crate::observer::Trouble;

/// Processes that are shown by themselves at a time; the rest is one.
const NAMED: usize = 32;
/// And of all that there ever were.
const EVER_NAMED: usize = 256;
/// Threads that are looked at, of the whole tree.
const THREADS: usize = 128;
/// Looks after which the port's holders are looked for anew, if processes were started.
const HOLDERS_EVERY: u64 = 15;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What listens there, and its children.
    Port(u16),
    /// That one, and its children.
    Pid(u32),
}

/// The processes of one server.
pub struct Processes {
    wanted: Wanted,
    /// All that are known on the machine, with their parents.
    parents: HashMap<u32, u32>,
    /// Those of the server, with when they began.
    members: BTreeMap<u32, u64>,
    newest: String,
    looks: u64,
    named: BTreeMap<u32, (String, f64)>,
    sums: Tally<4>,
    thread_sums: Tally<4>,
    others_s: f64,
    cgroup: Option<Cgroup>,
    cores: Option<f64>,
    /// For a reader.
    pub title: String,
    /// What its first process executes: an interpreter, where one runs it.
    program: String,
    sees_files: bool,
    sees_waits: bool,
    /// Whether it was said that not all threads are looked at.
    said: bool,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port}"),
            Self::Pid(pid) => write!(f, "pid {pid}"),
        }
    }
}

/// What was read of one process.
struct Seen {
    pid: u32,
    stat: Stat,
    status: String,
    io: String,
    schedule: String,
}

impl Processes {
    /// Finds them.
    pub async fn open(wanted: Wanted, files: &mut dyn Files) -> Result<Self, Trouble> {
        let mut found = Self {
            wanted,
            parents: HashMap::new(),
            members: BTreeMap::new(),
            newest: String::new(),
            looks: 0,
            named: BTreeMap::new(),
            // Processor time and bytes are handed on to the parent that waits, switches are not.
            sums: Tally::new([true, true, true, false]),
            thread_sums: Tally::new([false; 4]),
            others_s: 0.0,
            cgroup: None,
            cores: None,
            title: String::new(),
            program: String::new(),
            sees_files: false,
            sees_waits: false,
            said: false,
        };
        found.learn(files).await?;
        let roots = found.roots(files).await?;
        let stats = stats(&roots, files).await?;
        found.members = stats
            .iter()
            .filter(|(_, stat)| !matches!(stat.state, 'Z' | 'X'))
            .map(|(pid, stat)| (*pid, stat.start))
            .collect();
        let Some(root) = found.members.keys().next().copied() else {
            return Err(Trouble::lost(match wanted {
                Wanted::Port(port) => format!("nothing listens on port {port}"),
                Wanted::Pid(pid) => format!("there is no process {pid}"),
            }));
        };
        found.descend(files).await?;
        found.describe(root, files).await?;
        Ok(found)
    }

    async fn describe(&mut self, root: u32, files: &mut dyn Files) -> Result<(), Trouble> {
        let of = ["cmdline", "io", "schedstat"].map(|file| format!("/proc/{root}/{file}"));
        let contents = files.read(&of).await?;
        let online = files
            .read(&["/sys/devices/system/cpu/online".to_owned()])
            .await?;
        self.cores = listed(&text(online.first().and_then(Option::as_ref)));
        let comm = stats(&[root], files).await?;
        let comm = comm.first().map_or("", |(_, stat)| &stat.name);
        let words = text(contents[0].as_ref());
        let name = called(&words, comm);
        self.program = program(&words, comm);
        let count = self.members.len();
        let count = if count == 1 {
            String::new()
        } else {
            format!(" ({count} processes)")
        };
        self.title = format!("{name}, {}{count}", self.wanted);
        let counts = files.count(&[format!("/proc/{root}/fd")]).await?;
        self.sees_files = counts.first().is_some_and(Option::is_some);
        self.sees_waits = contents[2].is_some();
        self.cgroup = Cgroup::of_process(root, files).await?;
        Ok(())
    }

    /// What can be seen.
    pub fn sights(&self) -> Vec<Sight> {
        let mut sights = vec![Sight::seen("processes")];
        sights.push(if self.sees_files {
            Sight::seen("open files")
        } else {
            let note = "it belongs to another user: its open files, and what it reads and writes, may not be seen";
            let remedy = "run katydid as the same user, or as root (CAP_SYS_PTRACE)";
            Sight::blind("open files", note, remedy)
        });
        sights.push(if self.sees_waits {
            Sight::seen("run queue")
        } else {
            let note = "the kernel does not say how long threads wait for a processor";
            Sight::blind("run queue", note, "")
        });
        match &self.cgroup {
            Some(cgroup) => sights.extend(cgroup.sights()),
            None => sights.push(Sight::blind("cgroup", "it has none that can be read", "")),
        }
        sights
    }

    /// Looks once.
    pub async fn look(&mut self, files: &mut dyn Files, batch: &mut Batch) -> Result<(), Trouble> {
        let read = batch.begin();
        if self.looks == 0 {
            batch.fact("process.program", "", &self.program);
        }
        self.follow(files).await?;
        let seen = self.see(files).await?;
        if !seen
            .iter()
            .any(|seen| !matches!(seen.stat.state, 'Z' | 'X'))
        {
            return Err(Trouble::lost("the process exited"));
        }
        self.tell_each(&seen, batch);
        self.tell_all(&seen, batch);
        self.tell_files(&seen, files, batch).await?;
        self.tell_threads(&seen, files, batch).await?;
        if let Some(cgroup) = &self.cgroup {
            cgroup.tell(files, batch).await?;
        }
        batch.end(read);
        Ok(())
    }

    /// New children join. Whether there can be any, the newest pid of the machine tells.
    async fn follow(&mut self, files: &mut dyn Files) -> Result<(), Trouble> {
        let load = files.read(&["/proc/loadavg".to_owned()]).await?;
        let load = text(load.first().and_then(Option::as_ref));
        let newest = load.split_ascii_whitespace().last().unwrap_or_default();
        self.looks += 1;
        if newest == self.newest {
            return Ok(());
        }
        self.learn(files).await?;
        if self.looks.is_multiple_of(HOLDERS_EVERY) && matches!(self.wanted, Wanted::Port(_)) {
            let roots = self.roots(files).await?;
            for (pid, stat) in stats(&roots, files).await? {
                self.members.entry(pid).or_insert(stat.start);
            }
        }
        self.descend(files).await?;
        newest.clone_into(&mut self.newest);
        Ok(())
    }

    /// Who is there, and whose child: only of those that are new something is read.
    async fn learn(&mut self, files: &mut dyn Files) -> Result<(), Trouble> {
        let names = files.list(&["/proc".to_owned()]).await?;
        let pids = names.into_iter().flatten().flatten();
        let pids: BTreeSet<u32> = pids.filter_map(|name| name.parse().ok()).collect();
        self.parents.retain(|pid, _| pids.contains(pid));
        let new: Vec<u32> = pids
            .into_iter()
            .filter(|pid| !self.parents.contains_key(pid))
            .collect();
        let stats = stats(&new, files).await?;
        self.parents
            .extend(stats.into_iter().map(|(pid, stat)| (pid, stat.parent)));
        Ok(())
    }

    /// All children of members become members.
    async fn descend(&mut self, files: &mut dyn Files) -> Result<(), Trouble> {
        let mut new: BTreeSet<u32> = BTreeSet::new();
        loop {
            let children = self.parents.iter().filter(|(pid, parent)| {
                let is_child = self.members.contains_key(parent) || new.contains(parent);
                is_child && !self.members.contains_key(pid) && !new.contains(pid)
            });
            let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
            if children.is_empty() {
                break;
            }
            new.extend(children);
        }
        let new: Vec<u32> = new.into_iter().collect();
        let stats = stats(&new, files).await?;
        self.members
            .extend(stats.into_iter().map(|(pid, stat)| (pid, stat.start)));
        Ok(())
    }

    /// Who holds the port and has no parent that does too.
    async fn roots(&self, files: &mut dyn Files) -> Result<Vec<u32>, Trouble> {
        let port = match self.wanted {
            Wanted::Pid(pid) => return Ok(vec![pid]),
            Wanted::Port(port) => port,
        };
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(str::to_owned);
        let tables = files.read(&tables).await?;
        let inodes: BTreeSet<u64> = tables
            .iter()
            .flat_map(|table| listeners(&text(table.as_ref()), port))
            .collect();
        if inodes.is_empty() {
            return Ok(Vec::new());
        }
        let sockets = files.sockets().await?;
        let holders: BTreeSet<u32> = sockets
            .into_iter()
            .filter_map(|(pid, inode)| inodes.contains(&inode).then_some(pid))
            .collect();
        if holders.is_empty() {
            return Err(Trouble::Refused {
                why: format!(
                    "something listens on port {port}, but it may not be seen which process: it belongs to another user or is in another container"
                ),
                remedy: "run katydid as the same user, or as root (CAP_SYS_PTRACE), or name the process: --watch pid:NUMBER".into(),
            });
        }
        Ok(without_children(&holders, &self.parents))
    }

    async fn see(&mut self, files: &mut dyn Files) -> Result<Vec<Seen>, Trouble> {
        const FILES: [&str; 4] = ["stat", "status", "io", "schedstat"];
        let pids: Vec<u32> = self.members.keys().copied().collect();
        let paths = pids
            .iter()
            .flat_map(|pid| FILES.map(|file| format!("/proc/{pid}/{file}")));
        let paths: Vec<String> = paths.collect();
        let contents: Contents = files.read(&paths).await?;
        let mut all = Vec::new();
        for (pid, of) in pids.iter().zip(contents.chunks_exact(FILES.len())) {
            let told = |place: usize| text(of[place].as_ref());
            match stat(&told(0)) {
                // Another process with a number that was used before is not the same.
                Some(stat) if self.members.get(pid) == Some(&stat.start) => all.push(Seen {
                    pid: *pid,
                    stat,
                    status: told(1),
                    io: told(2),
                    schedule: told(3),
                }),
                _ => {
                    self.members.remove(pid);
                }
            }
        }
        Ok(all)
    }

    fn tell_each(&mut self, seen: &[Seen], batch: &mut Batch) {
        let mut others = 0.0;
        for (place, of) in seen.iter().enumerate() {
            let rss = field(&of.status, "VmRSS").unwrap_or(0.0) * 1024.0;
            let is_known = self.named.contains_key(&of.pid);
            if !is_known && (place >= NAMED || self.named.len() >= EVER_NAMED) {
                others += rss;
                continue;
            }
            let name = of.stat.name.clone();
            let entry = self.named.entry(of.pid).or_insert((name, 0.0));
            entry.1 = entry.1.max(of.stat.cpu_s);
            let pid = of.pid.to_string();
            let labels = [("pid", pid.as_str()), ("name", entry.0.as_str())];
            batch.counter("process.cpu", "s", &labels, of.stat.cpu_s);
            batch.gauge("process.rss", "bytes", &labels, rss);
        }
        if others > 0.0 {
            let labels = [("pid", ""), ("name", "others")];
            batch.gauge("process.rss", "bytes", &labels, others);
        }
    }

    fn tell_all(&mut self, seen: &[Seen], batch: &mut Batch) {
        let counters = seen.iter().map(|of| {
            let bytes = |name: &str| field(&of.io, name).unwrap_or(0.0);
            let cpu = of.stat.cpu_s + of.stat.reaped_s;
            let counters = [cpu, bytes("read_bytes"), bytes("write_bytes"), 0.0];
            (of.pid, of.stat.parent, counters)
        });
        let [cpu, read, written, _] = self.sums.take(counters);
        batch.counter("process.cpu.all", "s", &[], cpu);
        let named: f64 = self.named.values().map(|(_, cpu)| *cpu).sum();
        // What no process that is shown accounts for: children too short to be seen, and those beyond the most that are shown.
        self.others_s = self.others_s.max(cpu - named);
        let labels = [("pid", ""), ("name", "others")];
        batch.counter("process.cpu", "s", &labels, self.others_s);
        if self.sees_files {
            batch.counter("process.read", "bytes", &[], read);
            batch.counter("process.written", "bytes", &[], written);
        }
        if let Some(cores) = self.cores {
            batch.gauge("process.cores", "", &[], cores);
        }
        let alive = seen.iter().filter(|of| of.stat.state != 'Z');
        batch.gauge("process.count", "", &[], alive.count() as f64);
        let sum = |name: &str| -> f64 {
            let values = seen.iter().filter_map(|of| field(&of.status, name));
            values.sum::<f64>() * 1024.0
        };
        batch.gauge("process.rss.all", "bytes", &[], sum("VmRSS"));
        batch.gauge("process.anon", "bytes", &[], sum("RssAnon"));
        batch.gauge("process.swapped", "bytes", &[], sum("VmSwap"));
        let threads: u32 = seen.iter().map(|of| of.stat.threads).sum();
        batch.gauge("process.threads", "", &[], f64::from(threads));
    }

    /// The process that is nearest to its limit of open files, and how many there are in all.
    async fn tell_files(
        &self,
        seen: &[Seen],
        files: &mut dyn Files,
        batch: &mut Batch,
    ) -> Result<(), Trouble> {
        let of = |file: &str| -> Vec<String> {
            let paths = seen.iter().map(|of| format!("/proc/{}/{file}", of.pid));
            paths.collect()
        };
        let counts = files.count(&of("fd")).await?;
        let limits = files.read(&of("limits")).await?;
        let all: usize = counts.iter().flatten().sum();
        if counts.iter().any(Option::is_some) {
            batch.gauge("process.files", "", &[], all as f64);
        }
        let nearest = counts
            .iter()
            .zip(&limits)
            .filter_map(|(count, limits)| {
                Some(((*count)? as f64, open_files(&text(limits.as_ref()))?))
            })
            .max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
        if let Some((count, limit)) = nearest {
            batch.gauge("process.files.nearest", "", &[], count);
            batch.gauge("process.files.limit", "", &[], limit);
        }
        Ok(())
    }

    /// What the kernel says of each thread only: switches, waits, states.
    async fn tell_threads(
        &mut self,
        seen: &[Seen],
        files: &mut dyn Files,
        batch: &mut Batch,
    ) -> Result<(), Trouble> {
        let many: Vec<u32> = seen
            .iter()
            .filter(|of| of.stat.threads > 1)
            .map(|of| of.pid)
            .collect();
        let folders: Vec<String> = many.iter().map(|pid| format!("/proc/{pid}/task")).collect();
        let lists = files.list(&folders).await?;
        let mut threads = Vec::new();
        for (pid, list) in many.iter().zip(lists) {
            let mut ids: Vec<u32> = list
                .iter()
                .flatten()
                .filter_map(|n| n.parse().ok())
                .collect();
            ids.sort_unstable();
            threads.extend(ids.into_iter().map(|thread| (*pid, thread)));
        }
        if threads.len() > THREADS && !std::mem::replace(&mut self.said, true) {
            let text = format!(
                "{} has more than {THREADS} threads: switches, waits and states are of the first {THREADS}",
                self.wanted
            );
            batch.mark(Mark::Warning { text });
        }
        threads.truncate(THREADS);
        let paths: Vec<String> = threads
            .iter()
            .flat_map(|(pid, thread)| {
                ["status", "schedstat"].map(|file| format!("/proc/{pid}/task/{thread}/{file}"))
            })
            .collect();
        let contents = files.read(&paths).await?;
        let of_many = threads
            .iter()
            .zip(contents.chunks_exact(2))
            .map(|((_, thread), of)| (*thread, text(of[0].as_ref()), text(of[1].as_ref())));
        let of_one = seen
            .iter()
            .filter(|of| of.stat.threads <= 1)
            .map(|of| (of.pid, of.status.clone(), of.schedule.clone()));
        self.sum_threads(of_one.chain(of_many).collect(), batch);
        Ok(())
    }

    fn sum_threads(&mut self, threads: Vec<(u32, String, String)>, batch: &mut Batch) {
        let mut states: BTreeMap<char, u32> = ['R', 'S', 'D'].map(|state| (state, 0)).into();
        let mut counters = Vec::new();
        for (id, status, schedule) in threads {
            let state = status.lines().find_map(|line| line.strip_prefix("State:"));
            if let Some(state) = state.and_then(|state| state.trim().chars().next()) {
                *states.entry(state).or_default() += 1;
            }
            let nanos: Vec<f64> = crate::machine::text::numbers(schedule.split_ascii_whitespace());
            let nano = |place: usize| nanos.get(place).copied().unwrap_or(0.0) / 1e9;
            let switches = |name: &str| field(&status, name).unwrap_or(0.0);
            let of = [
                nano(0),
                nano(1),
                switches("voluntary_ctxt_switches"),
                switches("nonvoluntary_ctxt_switches"),
            ];
            counters.push((id, 0, of));
        }
        let [ran, waited, voluntary, involuntary] = self.thread_sums.take(counters.into_iter());
        if self.sees_waits {
            batch.counter("process.ran", "s", &[], ran);
            batch.counter("process.waited", "s", &[], waited);
        }
        batch.counter("process.switches.voluntary", "", &[], voluntary);
        batch.counter("process.switches.involuntary", "", &[], involuntary);
        for (state, count) in states {
            let state = state.to_string();
            batch.gauge("process.state", "", &[("state", &state)], f64::from(count));
        }
    }
}

async fn stats(pids: &[u32], files: &mut dyn Files) -> Result<Vec<(u32, Stat)>, Trouble> {
    let paths: Vec<String> = pids.iter().map(|pid| format!("/proc/{pid}/stat")).collect();
    let contents = files.read(&paths).await?;
    let stats = pids
        .iter()
        .zip(&contents)
        .filter_map(|(pid, content)| Some((*pid, stat(&text(content.as_ref()))?)));
    Ok(stats.collect())
}
