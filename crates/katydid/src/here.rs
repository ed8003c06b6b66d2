//! Whether the target runs on this machine: only then is it known how busy its machine is.
//!
//! It resolves names, and does not wait long for that; it connects to nobody.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use katydid_record::MachineLimit;

use crate::cli::commands::host_of;
use crate::error::UsageError;
use crate::host;

/// How long the start of a run waits for all names of the target: a resolver whose server is silent takes half a minute.
const WITHIN: Duration = Duration::from_secs(3);

/// Refuses conditions about the target's machine unless every one of `hosts`, URLs or names with who says them, is this machine's. One of
/// whom nobody knows the host has none.
pub fn require(
    conditions: &[MachineLimit],
    hosts: &[(String, Option<String>)],
) -> Result<(), UsageError> {
    let Some(condition) = conditions.first() else {
        return Ok(());
    };
    let deadline = Instant::now() + WITHIN;
    for (who, url) in hosts {
        if let Err(why) = is_here(url.as_deref(), deadline) {
            return Err(UsageError::new(format!(
                "--abort-on '{}' needs a target on this machine, and {who} is {why}",
                condition.text
            )));
        }
    }
    Ok(())
}

const INSTEAD: &str = "here only katydid's own machine can be looked at; use for example 'errors > 10%' or 'p95 > 2s' instead";

/// Where it is otherwise, and what to do.
fn is_here(url: Option<&str>, deadline: Instant) -> Result<(), String> {
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Err("not known before there are users: set it in the class, or give -H".to_owned());
    };
    let whole = if url.contains("://") {
        url.to_owned()
    } else {
        format!("any://{url}")
    };
    let Some(name) = host_of(&whole) else {
        return Err("without a name in it; write for example http://127.0.0.1:8000".to_owned());
    };
    let addresses = look_up(name, deadline);
    let addresses =
        addresses.map_err(|error| format!("{name}, which cannot be looked up ({error})"))?;
    // Any of them may be connected to.
    let elsewhere = addresses.into_iter().find(|address| !is_own(*address));
    match elsewhere.map(|address| address.ip()) {
        Some(ip) if ip.to_string() == name => Err(format!("{name}: {INSTEAD}")),
        Some(ip) => Err(format!("{name} ({ip}): {INSTEAD}")),
        None => Ok(()),
    }
}

/// The ports of those base URLs whose host is this machine. A host that is not looked up in time is taken for another machine.
pub fn ports_here(urls: &[String]) -> Vec<u16> {
    let deadline = Instant::now() + WITHIN;
    let here = urls
        .iter()
        .filter(|url| is_here(Some(url), deadline).is_ok());
    let parsed = here.filter_map(|url| katydid_engine::http1::Url::parse(url).ok());
    parsed.map(|url| url.origin.port).collect()
}

/// Addresses of a name, at port 0.
fn look_up(name: &str, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, 0)]);
    }
    let name = name.to_owned();
    until(deadline, move || {
        (name.as_str(), 0).to_socket_addrs().map(Iterator::collect)
    })
}

/// What `ask` answers, if it does in time. The system's resolver cannot be told to give up, so it is left alone with it.
fn until<T: Send + 'static>(
    deadline: Instant,
    ask: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, answer) = mpsc::channel();
    thread::Builder::new()
        .name("katydid-look-up".into())
        // Nobody may listen any more.
        .spawn(move || drop(sender.send(ask())))?;
    let left = deadline.saturating_duration_since(Instant::now());
    answer
        .recv_timeout(left)
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
}

/// Whether this machine has the address, at port 0: else nobody could bind to it.
fn is_own(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let is_loopback = ip.is_loopback() || ip.is_unspecified();
    is_loopback || (!host::binds_anywhere() && UdpSocket::bind(address).is_ok())
}

#[cfg(test)]
mod tests {
    use katydid_record::Resource;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + WITHIN
    }

    /// The address that this machine would send from, if it has another than loopback.
    fn own_address() -> Option<std::net::IpAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("192.0.2.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip())
    }

    #[test]
    fn what_is_here() {
        let check = |url: &str| assert_eq!(is_here(Some(url), soon()), Ok(()), "{url}");
        check("http://127.0.0.1:8000");
        check("https://127.8.9.1/a?b");
        check("http://me:pw@localhost:8000/a");
        check("http://[::1]:8000");
        check("http://[::ffff:127.0.0.1]:8000");
        check("http://0.0.0.0:8000");
        check("localhost:5432");
        check("localhost");
        if let Some(own) = own_address() {
            check(&format!("http://{own}:80"));
        }
    }

    #[test]
    fn what_is_not() {
        let check = |url: Option<&str>, expected: &str| {
            let why = is_here(url, soon()).expect_err(expected);
            assert!(why.contains(expected), "{url:?}: {why}");
        };
        check(
            Some("http://192.0.2.1"),
            "192.0.2.1: here only katydid's own",
        );
        check(
            Some("http://me:pw@192.0.2.1:8000/a"),
            "192.0.2.1: here only katydid's own",
        );
        check(Some("192.0.2.1"), "192.0.2.1: here only katydid's own");
        check(
            Some("http://[2001:db8::1]/"),
            "2001:db8::1: here only katydid's own",
        );
        check(
            Some("http://127.0.0.1@192.0.2.1/"),
            "192.0.2.1: here only katydid's own",
        );
        check(Some("http://nowhere.invalid"), "cannot be looked up");
        check(Some("http://"), "without a name");
        check(Some(""), "not known before there are users");
        check(None, "not known before there are users");
    }

    #[test]
    fn a_silent_resolver_is_not_waited_for() {
        let (held, silence) = mpsc::channel::<io::Result<()>>();
        let deadline = Instant::now() + Duration::from_millis(20);
        let silent = move || silence.recv().unwrap_or(Ok(()));
        let why = until(deadline, silent).expect_err("nobody answers");
        assert_eq!(why.kind(), io::ErrorKind::TimedOut);
        drop(held);
        assert_eq!(until(soon(), || Ok(7)).expect("an answer"), 7);
    }

    #[test]
    fn names_that_cost_nothing_are_known_after_the_deadline() {
        let past = Instant::now();
        assert_eq!(is_here(Some("http://127.0.0.1:8000"), past), Ok(()));
        assert_eq!(is_here(Some("http://[::1]:8000"), past), Ok(()));
    }

    #[test]
    fn all_hosts_count_and_only_where_there_is_a_condition() {
        let cpu = MachineLimit {
            text: "cpu > 90%".into(),
            resource: Resource::Cpu,
            share: 0.9,
        };
        let hosts = [
            ("-H/--host".to_owned(), Some("http://localhost".to_owned())),
            ("the proxy".to_owned(), Some("192.0.2.1:3128".to_owned())),
        ];
        assert_eq!(require(&[], &hosts), Ok(()));
        assert_eq!(require(std::slice::from_ref(&cpu), &hosts[..1]), Ok(()));
        let error = require(&[cpu], &hosts).expect_err("one is elsewhere");
        assert_eq!(
            error.to_string(),
            "--abort-on 'cpu > 90%' needs a target on this machine, and the proxy is 192.0.2.1: here only katydid's own machine can be \
             looked at; use for example 'errors > 10%' or 'p95 > 2s' instead"
        );
    }
}
