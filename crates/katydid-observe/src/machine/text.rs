//! The kernel's texts, read from bytes. What is missing or no number is `None`: kernels differ.

/// Ticks per second in `/proc`: `USER_HZ`, 100 on every architecture of Linux that servers run on.
pub const TICKS: f64 = 100.0;

/// As text, whatever is in it.
pub fn text(content: Option<&Vec<u8>>) -> String {
    content.map_or_else(String::new, |bytes| {
        String::from_utf8_lossy(bytes).into_owned()
    })
}

/// The number of a line `name value…` or `name: value kB`.
pub fn field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let found = words.next()?;
        (found.strip_suffix(':').unwrap_or(found) == name)
            .then(|| words.next()?.parse().ok())
            .flatten()
    })
}

/// Numbers of a line, as far as they are numbers.
pub fn numbers<'a>(words: impl Iterator<Item = &'a str>) -> Vec<f64> {
    words.map_while(|word| word.parse().ok()).collect()
}

/// A value of `/proc/net/snmp` or `netstat`: a line of names, below it a line of values.
pub fn net(text: &str, table: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| {
        line.strip_prefix(table)
            .is_some_and(|rest| rest.starts_with(':'))
    });
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split_ascii_whitespace().position(|of| of == name)?;
    values.split_ascii_whitespace().nth(place)?.parse().ok()
}

/// `total=` of the line that begins with `some` or `full`, s.
pub fn pressure(text: &str, line: &str) -> Option<f64> {
    let mut words = text
        .lines()
        .find(|found| found.starts_with(line))?
        .split_ascii_whitespace();
    let total = words.find_map(|word| word.strip_prefix("total="))?;
    Some(total.parse::<f64>().ok()? / 1e6)
}

/// What `/proc/PID/stat` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stat {
    /// The command's name; it can hold spaces and parentheses.
    pub name: String,
    /// `R`, `S`, `D`, `Z`…
    pub state: char,
    /// The parent.
    pub parent: u32,
    /// Its own processor time, s.
    pub cpu_s: f64,
    /// That of its children that it waited for, s.
    pub reaped_s: f64,
    /// Threads.
    pub threads: u32,
    /// When it began, ticks after the machine: with the pid it identifies a process.
    pub start: u64,
}

/// Reads `/proc/PID/stat`.
pub fn stat(text: &str) -> Option<Stat> {
    let (before, after) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some(Stat {
        name: name.to_owned(),
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        cpu_s: (ticks(11)? + ticks(12)?) / TICKS,
        reaped_s: (ticks(13)? + ticks(14)?) / TICKS,
        threads: fields.get(17)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// Inodes of the sockets that listen on a port, from `/proc/net/tcp` or `tcp6`.
pub fn listeners(text: &str, port: u16) -> Vec<u64> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, of) = fields.get(1)?.rsplit_once(':')?;
        let listens = *fields.get(3)? == "0A" && u16::from_str_radix(of, 16).ok()? == port;
        listens.then(|| fields.get(9)?.parse().ok()).flatten()
    };
    text.lines().filter_map(line).collect()
}

/// `Max open files` of `/proc/PID/limits`.
pub fn open_files(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_processes_hold_anything() {
        let line = |name: &str| {
            format!("17 ({name}) S 3 1 1 0 -1 4194304 102 0 0 0 150 50 20 5 20 0 4 0 1580754 31 4")
        };
        for name in ["cat", "a b", "x) R 1 (", ":-)", "Web Content", "a\nb"] {
            let stat = stat(&line(name)).expect("it is whole");
            assert_eq!(stat.name, name);
            assert_eq!((stat.state, stat.parent, stat.threads), ('S', 3, 4));
            assert_eq!((stat.cpu_s, stat.reaped_s), (2.0, 0.25));
            assert_eq!(stat.start, 1_580_754);
        }
        assert_eq!(stat("17 (cut"), None);
        assert_eq!(stat(""), None);
    }

    #[test]
    fn who_listens() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 678089 1 00\n\
            \x20  1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 564 1 00\n\
            \x20  2: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 42 1 0\n";
        assert_eq!(listeners(text, 8000), [678_089, 42]);
        assert_eq!(listeners(text, 80), Vec::<u64>::new());
    }

    #[test]
    fn tables_of_two_lines() {
        let text = "TcpExt: A ListenDrops\nTcpExt: 1 18446744073709551615\nIpExt: B\nIpExt: 3\n";
        assert_eq!(
            net(text, "TcpExt", "ListenDrops"),
            Some(1.844_674_407_370_955_2e19)
        );
        assert_eq!(net(text, "IpExt", "B"), Some(3.0));
        assert_eq!(net(text, "Tcp", "A"), None);
        assert_eq!(net("TcpExt: A\n", "TcpExt", "A"), None);
    }

    #[test]
    fn pressures_fields_and_limits() {
        let text =
            "some avg10=71.14 avg60=83.30 avg300=77.48 total=2752025374\nfull avg10=0.00 total=5\n";
        assert_eq!(pressure(text, "some"), Some(2_752.025_374));
        assert_eq!(pressure("", "full"), None);
        assert_eq!(
            field("MemTotal:  100 kB\nMemFree: 7 kB", "MemFree"),
            Some(7.0)
        );
        assert_eq!(field("oom 1\noom_kill 2", "oom_kill"), Some(2.0));
        let limits =
            "Max cpu time   unlimited   unlimited   seconds\nMax open files  1024  524288  files\n";
        assert_eq!(open_files(limits), Some(1024.0));
        assert_eq!(
            open_files("Max open files  unlimited unlimited files"),
            None
        );
    }
}
