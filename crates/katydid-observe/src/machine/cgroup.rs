//! The limits that a process lives under, and how it meets them: cgroup version 2, or 1.

use katydid_record::Sight;

use crate::batch::Batch;
use crate::machine::Files;
use crate::machine::text::{field, pressure, text};
use crate::observer::Trouble;

/// A number from here on means "no limit" in version 1.
const UNLIMITED: f64 = 9e18;

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Cgroup {
    paths: Vec<String>,
    is_second: bool,
    has_pressure: bool,
}

/// Folders of the controllers, with what they are below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Places {
    cpu: Vec<String>,
    memory: Vec<String>,
    pids: Vec<String>,
}

impl Cgroup {
    /// Of a process; `None` where nothing can be read of it.
    pub async fn of_process(pid: u32, files: &mut dyn Files) -> Result<Option<Self>, Trouble> {
        let of = files.read(&[format!("/proc/{pid}/cgroup")]).await?;
        let of = text(of.first().and_then(Option::as_ref));
        let second = second(&of, "/sys/fs/cgroup");
        if let Some(found) = Self::open(second, true, files).await? {
            return Ok(Some(found));
        }
        Self::open(first(&of), false, files).await
    }

    /// The version 2 group with this path.
    pub async fn at(path: &str, files: &mut dyn Files) -> Result<Option<Self>, Trouble> {
        let places = second(&format!("0::{path}"), "/sys/fs/cgroup");
        Self::open(places, true, files).await
    }

    async fn open(
        places: Places,
        is_second: bool,
        files: &mut dyn Files,
    ) -> Result<Option<Self>, Trouble> {
        let (quota, memory, pids) = if is_second {
            ("cpu.max", "memory.max", "pids.max")
        } else {
            ("cpu.cfs_quota_us", "memory.limit_in_bytes", "pids.max")
        };
        let cpu = tightest(&places.cpu, quota, files).await?;
        let memory = tightest(&places.memory, memory, files).await?;
        let pids = tightest(&places.pids, pids, files).await?;
        let of = |folder: &Option<String>, file: &str| {
            folder
                .as_ref()
                .map_or_else(String::new, |folder| format!("{folder}/{file}"))
        };
        let paths = if is_second {
            [
                of(&cpu, "cpu.max"),
                of(&cpu, "cpu.stat"),
                of(&memory, "memory.current"),
                of(&memory, "memory.max"),
                of(&memory, "memory.high"),
                of(&memory, "memory.events"),
                of(&memory, "memory.stat"),
                of(&pids, "pids.current"),
                of(&pids, "pids.max"),
                of(&memory, "io.stat"),
                of(&cpu, "cpu.pressure"),
                of(&memory, "memory.pressure"),
                of(&memory, "io.pressure"),
            ]
            .to_vec()
        } else {
            [
                of(&cpu, "cpu.cfs_quota_us"),
                of(&cpu, "cpu.stat"),
                of(&memory, "memory.usage_in_bytes"),
                of(&memory, "memory.limit_in_bytes"),
                of(&cpu, "cpu.cfs_period_us"),
                of(&memory, "memory.oom_control"),
                of(&memory, "memory.stat"),
                of(&pids, "pids.current"),
                of(&pids, "pids.max"),
            ]
            .to_vec()
        };
        let contents = files.read(&paths).await?;
        let seen = contents.iter().any(Option::is_some);
        let has_pressure = contents.get(10).is_some_and(Option::is_some);
        Ok(seen.then_some(Self {
            paths,
            is_second,
            has_pressure,
        }))
    }

    /// What can be seen.
    pub fn sights(&self) -> Vec<Sight> {
        let mut seen = Sight::seen("cgroup");
        if !self.is_second {
            "version 1, which does not measure pressure".clone_into(&mut seen.note);
            return vec![seen];
        }
        "version 2".clone_into(&mut seen.note);
        let pressure = if self.has_pressure {
            Sight::seen("pressure of the cgroup")
        } else {
            let note = "the root group has none, or the kernel does not measure it (PSI)";
            Sight::blind("pressure of the cgroup", note, "")
        };
        vec![seen, pressure]
    }

    /// Reads and tells it; the read is begun and ended by the caller.
    pub async fn tell(&self, files: &mut dyn Files, batch: &mut Batch) -> Result<(), Trouble> {
        let contents = files.read(&self.paths).await?;
        let contents: Vec<String> = contents.iter().map(|of| text(of.as_ref())).collect();
        let values = if self.is_second {
            values_second(&contents)
        } else {
            values_first(&contents)
        };
        for (name, unit, is_counter, value) in values {
            match value {
                Some(value) if is_counter => batch.counter(name, unit, &[], value),
                Some(value) => batch.gauge(name, unit, &[], value),
                None => {}
            }
        }
        Ok(())
    }
}

/// Name, unit, whether it is a counter, and what it is.
type Value = (&'static str, &'static str, bool, Option<f64>);

fn number(text: &str) -> Option<f64> {
    let value: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (0.0..UNLIMITED).contains(&value).then_some(value)
}

/// Cores that a quota is worth: `200000 100000` is 2, `max 100000` is no limit.
fn quota(quota: &str, period: &str) -> Option<f64> {
    let period = number(period).filter(|period| *period > 0.0)?;
    number(quota).map(|quota| quota / period)
}

fn values_second(of: &[String]) -> Vec<Value> {
    let told = |place: usize| of.get(place).map_or("", String::as_str);
    let period = told(0).split_ascii_whitespace().nth(1).unwrap_or_default();
    let io = |key: &str| {
        let values = told(9).split_ascii_whitespace();
        let values = values.filter_map(|word| word.strip_prefix(key)?.parse::<f64>().ok());
        (!told(9).is_empty()).then(|| values.sum())
    };
    let micros = |name: &str| field(told(1), name).map(|micros| micros / 1e6);
    vec![
        ("cgroup.cpu.quota", "cores", false, quota(told(0), period)),
        ("cgroup.cpu.used", "s", true, micros("usage_usec")),
        ("cgroup.cpu.periods", "", true, field(told(1), "nr_periods")),
        (
            "cgroup.cpu.throttled",
            "",
            true,
            field(told(1), "nr_throttled"),
        ),
        (
            "cgroup.cpu.throttled.time",
            "s",
            true,
            micros("throttled_usec"),
        ),
        ("cgroup.memory", "bytes", false, number(told(2))),
        ("cgroup.memory.limit", "bytes", false, number(told(3))),
        ("cgroup.memory.high", "bytes", false, number(told(4))),
        ("cgroup.memory.reclaims", "", true, field(told(5), "high")),
        ("cgroup.memory.at_limit", "", true, field(told(5), "max")),
        ("cgroup.memory.oom", "", true, field(told(5), "oom")),
        (
            "cgroup.memory.oom_kills",
            "",
            true,
            field(told(5), "oom_kill"),
        ),
        ("cgroup.memory.anon", "bytes", false, field(told(6), "anon")),
        ("cgroup.memory.file", "bytes", false, field(told(6), "file")),
        ("cgroup.pids", "", false, number(told(7))),
        ("cgroup.pids.limit", "", false, number(told(8))),
        ("cgroup.read", "bytes", true, io("rbytes=")),
        ("cgroup.written", "bytes", true, io("wbytes=")),
        ("cgroup.pressure.cpu", "s", true, pressure(told(10), "some")),
        (
            "cgroup.pressure.memory",
            "s",
            true,
            pressure(told(11), "some"),
        ),
        ("cgroup.pressure.io", "s", true, pressure(told(12), "some")),
    ]
}

fn values_first(of: &[String]) -> Vec<Value> {
    let told = |place: usize| of.get(place).map_or("", String::as_str);
    let throttled = field(told(1), "throttled_time").map(|nanos| nanos / 1e9);
    vec![
        ("cgroup.cpu.quota", "cores", false, quota(told(0), told(4))),
        ("cgroup.cpu.periods", "", true, field(told(1), "nr_periods")),
        (
            "cgroup.cpu.throttled",
            "",
            true,
            field(told(1), "nr_throttled"),
        ),
        ("cgroup.cpu.throttled.time", "s", true, throttled),
        ("cgroup.memory", "bytes", false, number(told(2))),
        ("cgroup.memory.limit", "bytes", false, number(told(3))),
        (
            "cgroup.memory.oom_kills",
            "",
            true,
            field(told(5), "oom_kill"),
        ),
        (
            "cgroup.memory.anon",
            "bytes",
            false,
            field(told(6), "total_rss"),
        ),
        (
            "cgroup.memory.file",
            "bytes",
            false,
            field(told(6), "total_cache"),
        ),
        ("cgroup.pids", "", false, number(told(7))),
        ("cgroup.pids.limit", "", false, number(told(8))),
    ]
}

/// A folder and all that it is below, the nearest first. In a container the path of the outside is not there, the top is.
fn upwards(mount: &str, path: &str) -> Vec<String> {
    let mut folders = Vec::new();
    let mut path = path.trim_end_matches('/');
    while !path.is_empty() {
        folders.push(format!("{mount}{path}"));
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
    }
    folders.push(mount.to_owned());
    folders
}

fn second(cgroup: &str, mount: &str) -> Places {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"));
    let folders = path.map_or_else(Vec::new, |path| upwards(mount, path));
    Places {
        cpu: folders.clone(),
        memory: folders.clone(),
        pids: folders,
    }
}

fn first(cgroup: &str) -> Places {
    let of = |wanted: &str| {
        let path = cgroup.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let found = controllers.split(',').any(|name| name == wanted);
            found.then_some(path)
        });
        path.map_or_else(Vec::new, |path| {
            upwards(&format!("/sys/fs/cgroup/{wanted}"), path)
        })
    };
    Places {
        cpu: of("cpu"),
        memory: of("memory"),
        pids: of("pids"),
    }
}

/// Of these folders the one whose limit is the lowest; without any limit, the nearest that is there.
async fn tightest(
    folders: &[String],
    file: &str,
    files: &mut dyn Files,
) -> Result<Option<String>, Trouble> {
    let paths: Vec<String> = folders
        .iter()
        .flat_map(|folder| {
            [file, "cpu.cfs_period_us", "cgroup.procs"].map(|file| format!("{folder}/{file}"))
        })
        .collect();
    let contents = files.read(&paths).await?;
    let mut nearest = None;
    let mut lowest: Option<(f64, &String)> = None;
    for (folder, of) in folders.iter().zip(contents.chunks_exact(3)) {
        let (limit, period) = (text(of[0].as_ref()), text(of[1].as_ref()));
        if nearest.is_none() && (of[0].is_some() || of[2].is_some()) {
            nearest = Some(folder);
        }
        let value = match file {
            "cpu.max" => quota(&limit, limit.split_ascii_whitespace().nth(1).unwrap_or("")),
            "cpu.cfs_quota_us" => quota(&limit, &period),
            _ => number(&limit),
        };
        if let Some(value) = value
            && lowest.is_none_or(|(lowest, _)| value < lowest)
        {
            lowest = Some((value, folder));
        }
    }
    Ok(lowest.map(|(_, folder)| folder).or(nearest).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(values: &[Value], name: &str) -> Option<f64> {
        let found = values.iter().find(|(of, ..)| *of == name);
        found.and_then(|(.., value)| *value)
    }

    #[test]
    fn version_two() {
        let of = [
            "150000 100000\n",
            "usage_usec 2500000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 500000\n",
            "1048576\n",
            "max\n",
            "max\n",
            "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 9\n",
            "anon 7\nfile 8\n",
            "5\n",
            "100\n",
            "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2\n",
            "some avg10=0.00 total=1000000\n",
            "",
            "",
        ];
        let values = values_second(&of.map(str::to_owned));
        for (name, expected) in [
            ("cgroup.cpu.quota", Some(1.5)),
            ("cgroup.cpu.used", Some(2.5)),
            ("cgroup.cpu.throttled.time", Some(0.5)),
            ("cgroup.memory.limit", None),
            ("cgroup.memory.oom", Some(3.0)),
            ("cgroup.memory.oom_kills", Some(4.0)),
            ("cgroup.read", Some(11.0)),
            ("cgroup.written", Some(22.0)),
            ("cgroup.pressure.cpu", Some(1.0)),
            ("cgroup.pressure.io", None),
        ] {
            assert_eq!(value(&values, name), expected, "{name}");
        }
    }

    #[test]
    fn version_one_says_no_limit_in_its_own_way() {
        let of = [
            "-1\n",
            "nr_periods 0\nthrottled_time 1500000000\n",
            "10\n",
            "9223372036854771712\n",
            "100000\n",
        ];
        let values = values_first(&of.map(str::to_owned));
        assert_eq!(value(&values, "cgroup.cpu.quota"), None);
        assert_eq!(value(&values, "cgroup.memory.limit"), None);
        assert_eq!(value(&values, "cgroup.cpu.throttled.time"), Some(1.5));
        assert_eq!(quota("50000", "100000"), Some(0.5));
    }

    #[test]
    fn where_the_files_are() {
        let both = "5:cpu,cpuacct:/a/b:c\n4:memory:/\n0::/x y/z\n";
        assert_eq!(
            first(both).cpu,
            [
                "/sys/fs/cgroup/cpu/a/b:c",
                "/sys/fs/cgroup/cpu/a",
                "/sys/fs/cgroup/cpu"
            ]
        );
        assert_eq!(first(both).memory, ["/sys/fs/cgroup/memory"]);
        assert_eq!(second(both, "/m").cpu, ["/m/x y/z", "/m/x y", "/m"]);
        assert_eq!(second("", "/m"), Places::default());
    }
}
