//! From what went wrong on a socket to a [`Failure`] with a cause from the closed list.

use std::io;

use katydid_record::Cause;

use crate::http1::ProtocolError;
use crate::message::Failure;

/// At which step it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Connect,
    Handshake,
    Exchange,
}

pub(crate) fn failure(cause: Cause, text: impl Into<String>) -> Failure {
    Failure {
        cause,
        text: text.into(),
        os_error: None,
        partial: None,
    }
}

/// An error of the operating system or of TLS.
pub(crate) fn of_io(error: &io::Error, step: Step) -> Failure {
    let os_error = error.raw_os_error();
    let cause = match (os_error, error.kind()) {
        (
            Some(libc::EMFILE | libc::ENFILE | libc::EADDRNOTAVAIL | libc::ENOBUFS | libc::ENOMEM),
            _,
        ) => Cause::Exhausted,
        (_, io::ErrorKind::ConnectionRefused) => Cause::Refused,
        (
            _,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown,
        ) => Cause::Unreachable,
        (Some(libc::ETIMEDOUT), _) if step == Step::Connect => Cause::TimeoutConnect,
        (Some(libc::ETIMEDOUT), _) => Cause::TimeoutFirstByte,
        (_, io::ErrorKind::InvalidData) => Cause::Tls,
        _ if step == Step::Handshake => Cause::Tls,
        (
            _,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe,
        ) => Cause::Reset,
        // Forbidden by a firewall, no such address family…
        _ if step == Step::Connect => Cause::Unreachable,
        _ => Cause::Reset,
    };
    Failure {
        cause,
        text: plain(error),
        os_error,
        partial: None,
    }
}

/// Without Rust's "(os error 111)".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// An answer that broke the rules of HTTP or a cap.
pub(crate) fn of_protocol(error: ProtocolError) -> Failure {
    let cause = match error {
        ProtocolError::TooLarge { .. } => Cause::TooLarge,
        ProtocolError::TruncatedHead | ProtocolError::TruncatedBody { .. } => Cause::Reset,
        _ => Cause::Protocol,
    };
    failure(cause, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_operating_system() {
        let check = |number: i32, step: Step, expected: Cause| {
            let failure = of_io(&io::Error::from_raw_os_error(number), step);
            assert_eq!(
                (failure.cause, failure.os_error),
                (expected, Some(number)),
                "{step:?}"
            );
        };
        check(libc::ECONNREFUSED, Step::Connect, Cause::Refused);
        check(libc::ENETUNREACH, Step::Connect, Cause::Unreachable);
        check(libc::EHOSTUNREACH, Step::Exchange, Cause::Unreachable);
        check(libc::EPERM, Step::Connect, Cause::Unreachable);
        check(libc::EAFNOSUPPORT, Step::Connect, Cause::Unreachable);
        check(libc::ECONNRESET, Step::Connect, Cause::Reset);
        check(libc::ECONNRESET, Step::Handshake, Cause::Tls);
        check(libc::EPIPE, Step::Exchange, Cause::Reset);
        check(libc::ETIMEDOUT, Step::Connect, Cause::TimeoutConnect);
        check(libc::ETIMEDOUT, Step::Exchange, Cause::TimeoutFirstByte);
        for number in [libc::EMFILE, libc::ENFILE, libc::EADDRNOTAVAIL] {
            check(number, Step::Connect, Cause::Exhausted);
        }
    }
}
