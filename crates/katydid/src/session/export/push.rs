//! Metrics pushed over OTLP/HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use katydid_observe::http::{self, To};
use katydid_record::redact::redact;

use super::{Desk, address};
use crate::error::UsageError;

const EVERY: Duration = Duration::from_secs(5);
/// Where it goes when nothing says otherwise: a collector on this machine.
const USUAL: &str = "http://localhost:4318";
const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// Whom to push to.
pub(super) struct Push {
    to: To,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// It was said that it does not take them.
    is_told: bool,
}

impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its headers are secret.
        f.debug_tuple("Push").field(&self.to.place()).finish()
    }
}

impl Push {
    /// To this base URL, with the headers that the environment has for exporters.
    pub(super) fn to(url: &str, env: &BTreeMap<String, String>) -> Result<Self, UsageError> {
        Self::at(&with_path(url), "--otlp", env)
    }

    /// To where the variables of OpenTelemetry say.
    pub(super) fn around(env: &BTreeMap<String, String>) -> Result<Self, UsageError> {
        let given = |name: &str| env.get(name).filter(|value| !value.is_empty());
        if let Some(whole) = given(METRICS) {
            return Self::at(whole, METRICS, env);
        }
        let base = given(BASE).map_or(USUAL, String::as_str);
        Self::at(&with_path(base), BASE, env)
    }

    fn at(url: &str, what: &str, env: &BTreeMap<String, String>) -> Result<Self, UsageError> {
        let mut headers = vec![(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        )];
        for pair in env.get(HEADERS).iter().flat_map(|all| all.split(',')) {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let wrong = || UsageError::new(format!("{HEADERS}: one of its headers is not valid"));
            let mut value =
                HeaderValue::try_from(value.trim().replace("%20", " ")).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.push((
                HeaderName::try_from(name.trim()).map_err(|_| wrong())?,
                value,
            ));
        }
        Ok(Self {
            to: address(url, what)?,
            headers,
            is_told: false,
        })
    }

    /// Every few seconds, until it is dropped.
    pub(super) async fn keep_on(&mut self, desk: &Desk) {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Some(now) = desk.now() {
                let message = desk.message(&now);
                self.once(desk, message).await;
            }
        }
    }

    /// Sends one message. That it is not taken is said the first time.
    pub(super) async fn once(&mut self, desk: &Desk, message: Vec<u8>) {
        let sent = http::post(&self.to, (&self.headers, message.into())).await;
        match sent {
            Ok(_) => self.is_told = false,
            Err(trouble) => {
                if !std::mem::replace(&mut self.is_told, true) {
                    let (place, why) = (self.to.place(), redact(&trouble.to_string()));
                    desk.warn(format!(
                        "metrics are not taken by {place}: {why}. They go on being sent."
                    ));
                }
            }
        }
    }
}

/// The path of metrics behind a base URL.
fn with_path(url: &str) -> String {
    let base = url.trim_end_matches('/');
    if base.ends_with("/v1/metrics") {
        return base.to_owned();
    }
    format!("{base}/v1/metrics")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(pairs: &[(&str, &str)]) -> Result<(String, usize), String> {
        let env = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let push = Push::around(&env.collect()).map_err(|error| error.to_string())?;
        Ok((
            format!("{}{}", push.to.place(), push.to.path),
            push.headers.len(),
        ))
    }

    #[test]
    fn the_variables_of_opentelemetry_say_where() {
        let usual = ("localhost:4318/v1/metrics".to_owned(), 1);
        assert_eq!(around(&[]), Ok(usual));
        let base = around(&[
            (BASE, "http://c:1/otlp/"),
            (HEADERS, "a=b, Authorization=Basic%20x"),
        ]);
        assert_eq!(base, Ok(("c:1/otlp/v1/metrics".to_owned(), 3)));
        let whole = around(&[(METRICS, "http://c:1/m"), (BASE, "http://other")]);
        assert_eq!(whole, Ok(("c:1/m".to_owned(), 1)));
        assert!(around(&[(BASE, "c:4318")]).is_err());
        let wrong = around(&[(HEADERS, "a b=secret\n")]).unwrap_err();
        assert!(!wrong.contains("secret"), "{wrong}");
    }
}
