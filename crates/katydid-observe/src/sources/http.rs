//! One request over HTTP/1.1, bounded in time and size. It follows no redirect.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use katydid_record::redact::redact;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use crate::observer::Trouble;

/// Bytes of an answer.
const MOST: usize = 16 << 20;
/// For all of it.
const WITHIN: Duration = Duration::from_secs(3);

/// Where to ask.
#[derive(Clone)]
pub struct To {
    host: String,
    port: u16,
    is_tls: bool,
    /// Path and query.
    pub path: String,
    /// The header's value; secret.
    basic: Option<String>,
}

impl To {
    /// Reads an address that begins with http: or https:.
    pub fn read(address: &str) -> Result<Self, String> {
        let told = || "write the address as http://host:port/path behind the first colon";
        let url = Url::parse(address).map_err(|_| told())?;
        let is_tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(told().into()),
        };
        let host = url.host_str().ok_or_else(told)?;
        let port = url.port_or_known_default().ok_or_else(told)?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let basic = (!url.username().is_empty()).then(|| {
            let word = |word: &str| percent_decode_str(word).decode_utf8_lossy().into_owned();
            let both = format!(
                "{}:{}",
                word(url.username()),
                word(url.password().unwrap_or(""))
            );
            format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(both)
            )
        });
        Ok(Self {
            host: host.to_owned(),
            port,
            is_tls,
            path: path.to_owned(),
            basic,
        })
    }

    /// `host:port`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Headers and a body to be sent.
pub type Sent<'a> = (&'a [(HeaderName, HeaderValue)], Bytes);

/// Asks for a path. Anything but 200 is refused.
pub async fn get(to: &To, path: &str) -> Result<Bytes, Trouble> {
    within(connect_and_ask(to, path, None)).await
}

/// Sends a body to the address. Anything but success is refused.
pub async fn post(to: &To, sent: Sent<'_>) -> Result<Bytes, Trouble> {
    within(connect_and_ask(to, &to.path, Some(sent))).await
}

async fn within(answer: impl Future<Output = Result<Bytes, Trouble>>) -> Result<Bytes, Trouble> {
    tokio::time::timeout(WITHIN, answer)
        .await
        .unwrap_or_else(|_| {
            Err(Trouble::Lost(format!(
                "no whole answer within {} s",
                WITHIN.as_secs()
            )))
        })
}

async fn connect_and_ask(to: &To, path: &str, sent: Option<Sent<'_>>) -> Result<Bytes, Trouble> {
    let host = to.host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, to.port))
        .await
        .map_err(Trouble::lost)?;
    if !to.is_tls {
        return exchange(stream, to, path, sent).await;
    }
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(Trouble::lost)?;
    let connector = tokio_rustls::TlsConnector::from(tls()?);
    let stream = connector.connect(name, stream).await;
    let stream = stream.map_err(|error| refused(&format!("TLS: {error}")))?;
    exchange(stream, to, path, sent).await
}

/// Made once: the system's certificates are many, and some ask every few seconds.
fn tls() -> Result<Arc<rustls::ClientConfig>, Trouble> {
    static MADE: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    if let Some(config) = MADE.get() {
        return Ok(config.clone());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Trouble::lost)?
        .with_root_certificates(super::roots::known())
        .with_no_client_auth();
    Ok(MADE.get_or_init(|| Arc::new(config)).clone())
}

/// Asks over a stream that is there already: also one to a socket of Unix.
pub async fn ask<S>(stream: S, to: &To, path: &str) -> Result<Bytes, Trouble>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    exchange(stream, to, path, None).await
}

async fn exchange<S>(
    stream: S,
    to: &To,
    path: &str,
    sent: Option<Sent<'_>>,
) -> Result<Bytes, Trouble>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let no_http = |error: hyper::Error| {
        if error.is_parse() {
            return refused("it does not speak HTTP; is the port right?");
        }
        Trouble::lost(error)
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(no_http)?;
    // It ends with the sender; its error comes to the request too.
    let driver = tokio::spawn(connection);
    let is_sent = sent.is_some();
    let method = if is_sent { Method::POST } else { Method::GET };
    let (headers, body) = sent.unwrap_or_default();
    let mut asked = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, to.place());
    for (name, value) in headers {
        asked = asked.header(name, value);
    }
    if let Some(basic) = &to.basic {
        asked = asked.header(AUTHORIZATION, basic);
    }
    let asked = asked.body(Full::new(body)).map_err(Trouble::lost)?;
    let _ended = Abort(driver);
    let answer = sender.send_request(asked).await.map_err(no_http)?;
    let status = answer.status();
    if status.is_redirection() {
        let to = answer
            .headers()
            .get(LOCATION)
            .and_then(|to| to.to_str().ok());
        let to = redact(to.unwrap_or("another address"));
        return Err(refused(&format!("it points to {to}: write that address")));
    }
    match status {
        StatusCode::OK => {}
        status if is_sent && status.is_success() => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(refused("it does not accept this user or password"));
        }
        StatusCode::NOT_FOUND => return Err(refused("there is nothing at this path (404)")),
        status if status.is_server_error() => {
            return Err(Trouble::Lost(format!("it answers {status}")));
        }
        status => return Err(refused(&format!("it answers {status}"))),
    }
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                return refused(&format!("its answer is longer than {} MiB", MOST >> 20));
            }
            Trouble::Lost(format!("its answer broke off: {error}"))
        })
}

/// Ends the task when the answer is there or nobody waits for it any more.
struct Abort<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Abort<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// It answers, and not as it should.
pub fn refused(why: &str) -> Trouble {
    Trouble::Refused {
        why: why.to_owned(),
        remedy: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_whole() {
        let to = To::read("http://me:a%40b&c+d@host:1/x").expect("an address");
        let sent = to.basic.expect("credentials");
        let encoded = sent.strip_prefix("Basic ").expect("basic");
        let told = base64::engine::general_purpose::STANDARD.decode(encoded);
        assert_eq!(told.expect("base64"), b"me:a@b&c+d");
    }
}
