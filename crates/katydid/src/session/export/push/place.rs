//! Where metrics are pushed to, and with which headers: from an option, or from OpenTelemetry's variables. It connects to nobody.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use katydid_observe::address::reveal;
use katydid_observe::http::To;
use katydid_record::redact::redact;
use percent_encoding::percent_decode_str;

use super::Push;
use crate::error::UsageError;

/// Where it goes when nothing says otherwise: a collector on this machine.
const USUAL: &str = "http://localhost:4318";
const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const HEADERS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
];
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
const EXPORTERS: &str = "OTEL_METRICS_EXPORTER";

type Env = BTreeMap<String, String>;

/// An address and what is sent with each message.
pub(super) struct Place {
    pub(super) to: To,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its headers are secret.
        f.debug_tuple("Place").field(&self.to.place()).finish()
    }
}

/// To this base URL, or to the one that `env:NAME` or `file:PATH` holds, with the headers that the environment has for exporters.
pub fn to(word: &str, env: &Env, receiver: Option<SocketAddr>) -> Result<Push, UsageError> {
    let url = reveal(word).map_err(|error| UsageError::new(format!("--otlp {error}")))?;
    at(&with_path(&url), "--otlp", env, receiver)
}

/// To where the variables of OpenTelemetry say; `None` if they say that metrics go nowhere.
pub fn around(env: &Env, receiver: Option<SocketAddr>) -> Result<Option<Push>, UsageError> {
    // Set and empty is as not set.
    let given = |name: &str| env.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let exporters = given(EXPORTERS).unwrap_or("otlp");
    if !exporters.split(',').any(|word| word.trim() == "otlp") {
        return Ok(None);
    }
    let protocol = PROTOCOLS
        .iter()
        .find_map(|name| Some((name, given(name)?)))
        .filter(|(_, protocol)| *protocol != "http/protobuf");
    if let Some((name, protocol)) = protocol {
        return Err(UsageError::new(format!(
            "--otel: {name} is '{protocol}'; katydid speaks http/protobuf only: set it to that, and the port to 4318"
        )));
    }
    match (given(METRICS), given(BASE)) {
        (Some(whole), _) => at(whole, METRICS, env, receiver),
        (None, base) => at(&with_path(base.unwrap_or(USUAL)), BASE, env, receiver),
    }
    .map(Some)
}

fn at(url: &str, what: &str, env: &Env, receiver: Option<SocketAddr>) -> Result<Push, UsageError> {
    let to = To::read(url).map_err(|_| {
        UsageError::new(format!(
            "{what}: '{}' is no URL to push to; write http://127.0.0.1:4318",
            redact(url)
        ))
    })?;
    if receiver.is_some_and(|receiver| is_same(&to.place(), receiver)) {
        return Err(UsageError::new(format!(
            "{what}: at {} katydid itself receives spans (--trace), so nobody would keep the metrics: name the collector's address, or let \
             spans come elsewhere with --watch otlp:127.0.0.1:4418",
            to.place()
        )));
    }
    let mut headers = vec![(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    )];
    let named = HEADERS
        .iter()
        .find_map(|name| Some((name, env.get(*name)?)));
    if let Some((name, text)) = named {
        headers.extend(read_headers(text).ok_or_else(|| {
            UsageError::new(format!(
                "{name}: write name=value, several with commas, values as in a URL (Authorization=Basic%20…)"
            ))
        })?);
    }
    Ok(Push {
        place: Place { to, headers },
        is_told: false,
    })
}

/// `name=value,name=value`, the values percent-encoded.
fn read_headers(text: &str) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let name = HeaderName::try_from(name.trim()).ok()?;
            let value: Vec<u8> = percent_decode_str(value.trim()).collect();
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        })
        .collect()
}

/// The path of metrics behind that of a base URL.
fn with_path(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (base, rest) = url.split_at(end);
    let base = base.trim_end_matches('/');
    let base = base.strip_suffix("/v1/metrics").unwrap_or(base);
    format!("{base}/v1/metrics{rest}")
}

/// Whether `host:port` is where katydid listens for spans.
fn is_same(place: &str, receiver: SocketAddr) -> bool {
    place.rsplit_once(':').is_some_and(|(host, port)| {
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        is_here && port == receiver.port().to_string()
    })
}

#[cfg(test)]
mod tests {
    use katydid_observe::receiver_at;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let pairs = pairs.iter();
        pairs.map(|(n, v)| ((*n).into(), (*v).into())).collect()
    }

    fn told(push: Result<Push, UsageError>) -> Result<(String, Vec<String>), String> {
        let place = push.map_err(|error| error.to_string())?.place;
        let headers = place.headers[1..].iter();
        let header = |(name, value): &(HeaderName, HeaderValue)| {
            format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
        };
        let url = format!("{}{}", place.to.place(), place.to.path);
        Ok((url, headers.map(header).collect()))
    }

    fn around_these(pairs: &[(&str, &str)]) -> Result<(String, Vec<String>), String> {
        let push = around(&env(pairs), None);
        told(push.map(|push| push.expect("somewhere")))
    }

    fn goes(pairs: &[(&str, &str)], url: &str, headers: &[&str]) {
        let headers = headers.iter().map(ToString::to_string).collect();
        assert_eq!(around_these(pairs), Ok((url.into(), headers)), "{pairs:?}");
    }

    #[test]
    fn the_variables_of_opentelemetry_say_where() {
        goes(&[], "localhost:4318/v1/metrics", &[]);
        goes(&[(BASE, " ")], "localhost:4318/v1/metrics", &[]);
        goes(&[(BASE, "http://c:1/otlp/")], "c:1/otlp/v1/metrics", &[]);
        let both = [(METRICS, "http://c:1/m"), (BASE, "http://other")];
        goes(&both, "c:1/m", &[]);
        let headers = [(HEADERS[1], "a=b, Authorization=Basic%20x%3d%,")];
        let read = ["a: b", "authorization: Basic x=%"];
        goes(&headers, "localhost:4318/v1/metrics", &read);
        let apart = [(HEADERS[0], "a=1"), (HEADERS[1], "b=2")];
        goes(&apart, "localhost:4318/v1/metrics", &["a: 1"]);
        let http = [(PROTOCOLS[1], "http/protobuf")];
        goes(&http, "localhost:4318/v1/metrics", &[]);
        let none = around(&env(&[(EXPORTERS, "none")]), None);
        assert!(none.expect("it is fine").is_none());
    }

    #[test]
    fn what_cannot_be_is_refused_without_secrets() {
        let check = |pairs: &[(&str, &str)], expected: &str| {
            let refused = around_these(pairs).expect_err("refused");
            assert!(refused.contains(expected), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        };
        check(&[(BASE, "c:4318")], "OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4318");
        check(&[(BASE, "grpc://me:hunter2@c:1")], "is no URL to push to");
        check(&[(HEADERS[1], "a b=hunter2")], "write name=value");
        check(&[(HEADERS[1], "hunter2")], "write name=value");
        check(&[(PROTOCOLS[1], "grpc")], "set it to that");
    }

    #[test]
    fn an_option_holds_a_base_url() {
        let check = |word, expected: &str| {
            let place = told(to(word, &Env::new(), None)).expect("a place").0;
            assert_eq!(place, expected);
        };
        check("http://c:1", "c:1/v1/metrics");
        check(
            "https://c/api/otlp/?key=x",
            "c:443/api/otlp/v1/metrics?key=x",
        );
        check("http://c:1/v1/metrics", "c:1/v1/metrics");
        let refused = told(to("env:KATYDID_NO_SUCH", &Env::new(), None)).expect_err("refused");
        assert!(refused.contains("no variable KATYDID_NO_SUCH"), "{refused}");
    }

    #[test]
    fn katydid_does_not_push_to_itself() {
        let check = |url, receiver, expected| {
            let at = receiver_at(receiver).expect("an address");
            let is_refused = to(url, &Env::new(), Some(at)).is_err();
            assert_eq!(is_refused, expected, "{url} {receiver}");
        };
        check("http://localhost:4318", "127.0.0.1:4318", true);
        check("http://127.0.0.1:4318", "", true);
        check("http://127.0.0.1:9", "9", true);
        check("http://127.0.0.1:4318", "127.0.0.1:9", false);
        check("http://collector:4318", "127.0.0.1:4318", false);
    }
}
