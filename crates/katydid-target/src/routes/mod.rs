//! The table of behaviours: which path does what. A new one is a line here and a function in the
//! file of its kind.
//! Knows requests and scripts, not connections.

// All behaviours have one signature, also those that cannot be asked wrongly.
#![expect(clippy::unnecessary_wraps)]

mod delays;
mod faults;
mod http;
mod plain;
mod shop;
mod streams;

use std::fmt::Write as _;

use serde_json::json;

use crate::control;
use crate::parse::Request;
use crate::reply::{Answer, Peer, Script, Step};
use crate::world::World;

/// What a behaviour gives; the error says which parameter is wrong and is answered 400.
type Played = Result<Script, String>;

struct Route {
    /// `{…}` stands for one segment; with `{id}`, all are counted as one path.
    path: &'static str,
    /// Query parameters with their defaults, and what it does.
    usage: &'static str,
    play: fn(&Request<'_>, &World) -> Played,
}

const fn route(
    path: &'static str,
    usage: &'static str,
    play: fn(&Request<'_>, &World) -> Played,
) -> Route {
    Route { path, usage, play }
}

/// All behaviours; the most used first, because the search is linear.
static ROUTES: &[Route] = &[
    route(
        "/null",
        "200 in 186 bytes, the cheapest there is",
        plain::null,
    ),
    route("/", "the same", plain::null),
    route(
        "/bytes",
        "n=2048 json=0 ms=0: a body of n bytes",
        plain::bytes,
    ),
    route("/delay", "ms=20: 200 after a delay", delays::delay),
    route(
        "/dist",
        "name=lognormal&median=&sigma=0.5 | exp&mean= | uniform&lo=0&hi= | pareto&min=&alpha=1.5&max=60000 | bimodal&a=&b=&p=0.1 | fixed&ms=: a delay drawn from it, ms",
        delays::dist,
    ),
    route(
        "/queue",
        "k=1 ms= name=default dist=fixed: k servers behind one FIFO queue; dist=exp has the mean ms, others take their parameters as /dist",
        delays::queue,
    ),
    route(
        "/error",
        "share=1 status=500 ms=0: exactly this share of errors",
        faults::error,
    ),
    route(
        "/status/{code}",
        "an answer with this status, framed as it must be",
        http::status,
    ),
    route(
        "/slow",
        "bytes=100000 chunk=1000 ms=5 chunked=0: a body in pieces, ms apart",
        streams::slow,
    ),
    route(
        "/endless",
        "bytes=10737418240: a long body as fast as it is read",
        streams::endless,
    ),
    route(
        "/trailers",
        "a chunked body with trailers",
        streams::trailers,
    ),
    route("/early-hints", "ms=0: 103, then 200", streams::early_hints),
    route(
        "/close-delimited",
        "v=1.0 bytes=1000: a body ended by the close",
        streams::close_delimited,
    ),
    route("/close", "200 with Connection: close", faults::close),
    route(
        "/idle-close",
        "ms=50: 200, keep-alive, but closes when idle for ms",
        faults::idle_close,
    ),
    route(
        "/never",
        "reads the request and says nothing",
        faults::never,
    ),
    route(
        "/reset",
        "at=headers | partial | body | accept&n=1: RST before any byte, inside the head, inside the body, or at the next n accepts",
        faults::reset,
    ),
    route(
        "/garbage",
        "bytes that are not HTTP, then the close",
        faults::garbage,
    ),
    route(
        "/truncated",
        "bytes=1000: half of the promised body, then FIN",
        faults::truncated,
    ),
    route("/redirect", "to=/ status=302 n=1: n hops", http::redirect),
    route(
        "/cookie",
        "set=name=value: sets it and answers the cookies received",
        http::cookie,
    ),
    route(
        "/echo",
        "method, path, query, headers and body as JSON",
        http::echo,
    ),
    route("/gzip", "a JSON page, compressed", http::gzip),
    route("/br", "the same", http::br),
    route("/zstd", "the same", http::zstd),
    route(
        "/deflate",
        "raw=0: the same; raw=1 without zlib's wrapping",
        http::deflate,
    ),
    route(
        "/expect",
        "refuse=0: 100 Continue (as everywhere), or 417 with refuse=1",
        http::expect,
    ),
    route(
        "/basic-auth",
        "user=u pass=p: 401 unless they match",
        http::basic_auth,
    ),
    route(
        "/shop/login",
        "POST: sets a session cookie, JSON token",
        shop::login,
    ),
    route("/shop/dashboard", "2 KB JSON", shop::dashboard),
    route(
        "/shop/orders",
        "GET page=: 2 KB JSON list; POST: 201 with id and job",
        shop::orders,
    ),
    route(
        "/shop/orders/{id}/invoice",
        "POST: 202 {\"job\": n}",
        shop::invoice,
    ),
    route("/shop/jobs/{id}", "{\"status\": \"done\"}", shop::job),
];

const CONTROL_USAGE: &str = "\
Control, never counted:
  GET /_truth                  counts per path, connections, freezes, as JSON
  GET /_truth/requests         from=0 limit=: instants of each request (with --log-requests), JSON lines
  POST /_control/reset         forgets both
  POST /_control/freeze        ms=: stops the world for so long; this answer is the last thing sent
";

/// The list of behaviours, for `--help`.
pub fn usage() -> String {
    let mut text = String::from("Behaviours, by path and query:\n");
    for route in ROUTES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:<28} {}", route.path, route.usage);
    }
    text.push('\n');
    text.push_str(CONTROL_USAGE);
    text
}

/// What a request causes, and the path it is counted under.
pub fn route_request<'b>(request: &Request<'b>, world: &World) -> (&'b str, Script) {
    if control::is_control(request.path) {
        return (request.path, control::route(request));
    }
    let Some(route) = ROUTES
        .iter()
        .find(|route| matches(route.path, request.path))
    else {
        let answer = Answer::new(request.peer, 404).json(&json!({ "error": "no such path" }));
        return (request.path, Script::send(404, answer));
    };
    let script = (route.play)(request, world).unwrap_or_else(|error| {
        let answer = Answer::new(request.peer, 400).json(&json!({ "error": error }));
        Script::send(400, answer)
    });
    let counted = if route.path.contains("{id}") {
        route.path
    } else {
        request.path
    };
    (counted, script)
}

/// The answer to a request that is not understood, and the end of its connection.
pub fn refusal(status: u16) -> Script {
    let peer = Peer {
        keep_alive: false,
        http10: false,
        head: false,
    };
    let answer = Answer::new(peer, status).json(&json!({ "error": "refused" }));
    Script::send(status, answer).then(Step::Close)
}

/// Whether a request that waits for `100 Continue` is to be turned away.
pub fn refuses_continue(request: &Request<'_>) -> bool {
    request.path == "/expect" && request.params().flag("refuse")
}

fn matches(pattern: &str, path: &str) -> bool {
    if !pattern.contains('{') {
        return pattern == path;
    }
    let mut segments = path.split('/');
    let fits = pattern.split('/').all(|expected| {
        segments
            .next()
            .is_some_and(|got| got == expected || (expected.starts_with('{') && !got.is_empty()))
    });
    fits && segments.next().is_none()
}

/// The key of a URL, under which its state lasts.
fn key(request: &Request<'_>) -> String {
    format!("{}?{}", request.path, request.query)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("/status/{code}", "/status/404"));
        assert!(matches(
            "/shop/orders/{id}/invoice",
            "/shop/orders/7/invoice"
        ));
        assert!(!matches("/status/{code}", "/status/"));
        assert!(!matches("/status/{code}", "/status/404/x"));
        assert!(!matches("/shop/orders/{id}/invoice", "/shop/orders/7"));
        assert!(!matches("/null", "/nul"));
    }
}
