//! A shop that does nothing: the answers of a realistic flow, all precomputed, so that a benchmark
//! of clients does not measure a server.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Played;
use crate::parse::Request;
use crate::reply::{Answer, Bytes, Peer, Script};
use crate::world::World;

const COOKIE: (&str, &str) = ("Set-Cookie", "session=s-000001; Path=/; HttpOnly");

/// An answer made once, in the form for most requests, with the body for all others.
struct Canned {
    status: u16,
    header: Option<(&'static str, &'static str)>,
    body: String,
    whole: Vec<u8>,
}

impl Canned {
    fn new(status: u16, header: Option<(&'static str, &'static str)>, body: &Value) -> Self {
        let mut canned = Self {
            status,
            header,
            body: body.to_string(),
            whole: Vec::new(),
        };
        canned.whole = canned.build(Peer {
            keep_alive: true,
            http10: false,
            head: false,
        });
        canned
    }

    fn build(&self, peer: Peer) -> Vec<u8> {
        let mut answer = Answer::new(peer, self.status);
        if let Some((name, value)) = self.header {
            answer = answer.header(name, value);
        }
        answer.body("application/json", self.body.as_bytes())
    }

    fn play(&'static self, request: &Request<'_>) -> Script {
        let bytes: Bytes = if request.peer.is_plain() {
            Bytes::Borrowed(&self.whole)
        } else {
            self.build(request.peer).into()
        };
        Script::send(self.status, bytes)
    }
}

static LOGIN: LazyLock<Canned> = LazyLock::new(|| {
    Canned::new(
        200,
        Some(COOKIE),
        &json!({"token": "t-000001", "user": {"id": 1, "name": "Ada"}}),
    )
});

static DASHBOARD: LazyLock<Canned> = LazyLock::new(|| {
    let recent: Vec<_> = (0..20).map(order).collect();
    Canned::new(
        200,
        None,
        &json!({"user": "Ada", "open": 17, "recent": recent}),
    )
});

static ORDERS: LazyLock<Canned> = LazyLock::new(|| {
    let orders: Vec<_> = (0..20).map(order).collect();
    Canned::new(200, None, &json!({"orders": orders, "pages": 10}))
});

static CREATED: LazyLock<Canned> = LazyLock::new(|| {
    Canned::new(
        201,
        None,
        &json!({"id": 1001, "job": 501, "status": "queued", "total": "42.00"}),
    )
});

static INVOICE: LazyLock<Canned> = LazyLock::new(|| Canned::new(202, None, &json!({"job": 502})));

static JOB: LazyLock<Canned> = LazyLock::new(|| Canned::new(200, None, &json!({"status": "done"})));

static WRONG_METHOD: LazyLock<Canned> =
    LazyLock::new(|| Canned::new(405, None, &json!({"error": "method not allowed"})));

fn order(n: u32) -> Value {
    json!({"id": 1000 + n, "customer": format!("customer-{n:04}"), "items": n % 5 + 1,
        "status": "shipped", "total": format!("{}.90", 10 + n)})
}

fn when(request: &Request<'_>, method: &str, canned: &'static Canned) -> Script {
    let allowed = request.method == method || (request.method == "HEAD" && method == "GET");
    if allowed {
        canned.play(request)
    } else {
        WRONG_METHOD.play(request)
    }
}

pub fn login(request: &Request<'_>, _: &World) -> Played {
    Ok(when(request, "POST", &LOGIN))
}

pub fn dashboard(request: &Request<'_>, _: &World) -> Played {
    Ok(when(request, "GET", &DASHBOARD))
}

pub fn orders(request: &Request<'_>, _: &World) -> Played {
    Ok(if request.method == "POST" {
        CREATED.play(request)
    } else {
        when(request, "GET", &ORDERS)
    })
}

pub fn invoice(request: &Request<'_>, _: &World) -> Played {
    Ok(when(request, "POST", &INVOICE))
}

pub fn job(request: &Request<'_>, _: &World) -> Played {
    Ok(when(request, "GET", &JOB))
}
