//! Whether the target runs on this machine: only then is it known how busy its machine is.
//!
//! It resolves names; it connects to nobody.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use katydid_record::MachineLimit;

use crate::cli::commands::host_of;
use crate::error::UsageError;
use crate::host;

/// Refuses conditions about the target's machine unless every one of `hosts`, URLs or names with who says them, is this machine's. One of
/// whom nobody knows the host has none.
pub fn require(
    conditions: &[MachineLimit],
    hosts: &[(String, Option<String>)],
) -> Result<(), UsageError> {
    let Some(condition) = conditions.first() else {
        return Ok(());
    };
    for (who, url) in hosts {
        if let Err(why) = is_here(url.as_deref()) {
            return Err(UsageError::new(format!(
                "--abort-on '{}' needs a target on this machine, and {who} is {why}",
                condition.text
            )));
        }
    }
    Ok(())
}

const INSTEAD: &str =
    "other machines are not observed yet; use for example 'errors > 10%' or 'p95 > 2s' instead";

/// Where it is otherwise, and what to do.
fn is_here(url: Option<&str>) -> Result<(), String> {
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
    let addresses = (name, 0).to_socket_addrs();
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

/// The port of a base URL whose host is this machine.
pub fn port_here(url: &str) -> Option<u16> {
    is_here(Some(url)).ok()?;
    katydid_engine::http1::Url::parse(url)
        .ok()
        .map(|url| url.origin.port)
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

    /// The address that this machine would send from, if it has another than loopback.
    fn own_address() -> Option<std::net::IpAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("192.0.2.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip())
    }

    #[test]
    fn what_is_here() {
        let check = |url: &str| assert_eq!(is_here(Some(url)), Ok(()), "{url}");
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
            let why = is_here(url).expect_err(expected);
            assert!(why.contains(expected), "{url:?}: {why}");
        };
        check(Some("http://192.0.2.1"), "192.0.2.1: other machines");
        check(
            Some("http://me:pw@192.0.2.1:8000/a"),
            "192.0.2.1: other machines",
        );
        check(Some("192.0.2.1"), "192.0.2.1: other machines");
        check(Some("http://[2001:db8::1]/"), "2001:db8::1: other machines");
        check(
            Some("http://127.0.0.1@192.0.2.1/"),
            "192.0.2.1: other machines",
        );
        check(Some("http://nowhere.invalid"), "cannot be looked up");
        check(Some("http://"), "without a name");
        check(Some(""), "not known before there are users");
        check(None, "not known before there are users");
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
            "--abort-on 'cpu > 90%' needs a target on this machine, and the proxy is 192.0.2.1: other machines are not observed \
             yet; use for example 'errors > 10%' or 'p95 > 2s' instead"
        );
    }
}
