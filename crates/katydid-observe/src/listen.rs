//! Listening for those who come: where, and a task for each connection. It does not know what they speak.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// After a connection could not be taken: no file descriptor is left, for the moment.
const PAUSE: Duration = Duration::from_millis(100);

/// Where to listen: a port, which is one of this machine alone, or an address with its port.
pub fn address(text: &str) -> Option<SocketAddr> {
    match text.parse::<u16>() {
        Ok(port) => Some(([127, 0, 0, 1], port).into()),
        Err(_) => text.replace("localhost", "127.0.0.1").parse().ok(),
    }
}

/// Serves each connection in a task of its own, at most so many at once, until it is dropped.
pub async fn serve<F>(listener: TcpListener, most: usize, one: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    loop {
        let place = places.clone().acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let served = one(stream);
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(address(text).map(|at| at.to_string()).as_deref(), expected);
        };
        check("4400", Some("127.0.0.1:4400"));
        check("0.0.0.0:4318", Some("0.0.0.0:4318"));
        check("localhost:1", Some("127.0.0.1:1"));
        check("[::1]:1", Some("[::1]:1"));
        check("tempo:4318", None);
        check("99999", None);
    }
}
