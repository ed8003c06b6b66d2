//! The control paths: truth, reset, freeze. They are answered between batches of events, when no
//! shard is held, and are never counted.
//! Knows the whole world, not sockets.

use std::time::Duration;

use serde_json::json;

use crate::clock::ms_to_ns;
use crate::parse::Request;
use crate::reply::{Answer, Peer, Script, Step};
use crate::world::World;

/// What a control path asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// The counts.
    Truth,
    /// The log, as JSON lines.
    Requests {
        /// Lines to skip.
        from: usize,
        /// Lines at most.
        limit: usize,
    },
    /// Forget both.
    ResetTruth,
    /// Stop the world.
    Freeze(Duration),
}

/// Whether a path is a control path.
pub fn is_control(path: &str) -> bool {
    path.starts_with("/_")
}

/// What a request for a control path causes.
pub fn route(request: &Request<'_>) -> Script {
    let peer = request.peer;
    match parse(request) {
        Ok(Some(control)) => Script::new(200, [Step::Control(control, peer)]),
        Ok(None) => refuse(peer, 404, "no such control path (a POST perhaps?)"),
        Err(text) => refuse(peer, 400, &text),
    }
}

fn parse(request: &Request<'_>) -> Result<Option<Control>, String> {
    let params = request.params();
    Ok(Some(match (request.method, request.path) {
        ("GET", "/_truth") => Control::Truth,
        ("GET", "/_truth/requests") => Control::Requests {
            from: params.whole("from", 0)? as usize,
            limit: params.whole("limit", u64::MAX)? as usize,
        },
        ("POST", "/_control/reset") => Control::ResetTruth,
        ("POST", "/_control/freeze") => {
            Control::Freeze(Duration::from_nanos(ms_to_ns(params.required("ms")?)))
        }
        _ => return Ok(None),
    }))
}

fn refuse(peer: Peer, status: u16, text: &str) -> Script {
    Script::send(
        status,
        Answer::new(peer, status).json(&json!({ "error": text })),
    )
}

impl Control {
    /// The answer.
    pub fn answer(&self, world: &World, peer: Peer) -> Vec<u8> {
        let answer = Answer::new(peer, 200);
        match self {
            Self::Truth => {
                let truth = serde_json::to_vec(&world.truth()).unwrap_or_default();
                answer.body("application/json", &truth)
            }
            Self::Requests { from, limit } => {
                let log = world.truth().log;
                let mut lines = Vec::new();
                for request in world.requests(*from, *limit) {
                    // Writing plain data to a Vec cannot fail.
                    let _ = serde_json::to_writer(&mut lines, &request);
                    lines.push(b'\n');
                }
                answer
                    .header("X-Log-Kept", &log.kept.to_string())
                    .header("X-Log-Dropped", &log.dropped.to_string())
                    .body("application/x-ndjson", &lines)
            }
            Self::ResetTruth => {
                world.reset_truth();
                answer.json(&json!({ "reset": true }))
            }
            Self::Freeze(length) => answer.json(&json!({ "freeze_ms": length.as_millis() as u64 })),
        }
    }

    /// What happens before the answer: a client that has read it finds the world frozen.
    pub fn before(&self, world: &World) {
        if let Self::Freeze(length) = self {
            world.freeze.start(*length);
        }
    }
}
