//! What a healthy server does not do: errors, resets, silence, garbage, early closes.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::{Played, key};
use crate::clock::ms_to_ns;
use crate::content::FILLER;
use crate::lock;
use crate::parse::Request;
use crate::reply::{Answer, Bytes, Script, Step};
use crate::world::World;

pub fn error(request: &Request<'_>, world: &World) -> Played {
    let params = request.params();
    let share = params.float("share", 1.0)?;
    if share > 1.0 {
        return Err(format!("share={share}: at most 1"));
    }
    let status = status_of(params.whole("status", 500)?)?;
    let wait = ms_to_ns(params.float("ms", 0.0)?);
    let (status, body) = if lock(&world.chance).takes_part(&key(request), share) {
        (status, json!({ "error": "as asked" }))
    } else {
        (200, json!({ "status": "ok" }))
    };
    let answer = Answer::new(request.peer, status).json(&body);
    Ok(Script::delayed(status, wait, answer))
}

/// A status that can end an exchange.
pub fn status_of(status: u64) -> Result<u16, String> {
    match u16::try_from(status) {
        Ok(status @ 200..=999) => Ok(status),
        _ => Err(format!("status {status}: 200 to 999")),
    }
}

pub fn close(request: &Request<'_>, _: &World) -> Played {
    let mut peer = request.peer;
    peer.keep_alive = false;
    let answer = Answer::new(peer, 200).json(&json!({ "status": "ok" }));
    Ok(Script::send(200, answer).then(Step::Close))
}

pub fn idle_close(request: &Request<'_>, _: &World) -> Played {
    let after = ms_to_ns(request.params().float("ms", 50.0)?);
    let answer = Answer::new(request.peer, 200).json(&json!({ "status": "ok" }));
    Ok(Script::send(200, answer).then(Step::IdleClose(after)))
}

pub fn never(_: &Request<'_>, _: &World) -> Played {
    Ok(Script::new(0, [Step::Never]))
}

pub fn reset(request: &Request<'_>, world: &World) -> Played {
    let params = request.params();
    let whole = Answer::new(request.peer, 200).length("application/octet-stream", 1000);
    let cut: Vec<u8> = match params.get("at").unwrap_or("headers") {
        "headers" => return Ok(Script::new(0, [Step::Reset])),
        "partial" => whole[..whole.len() / 2].to_vec(),
        "body" => [&whole[..], &FILLER[..500]].concat(),
        "accept" => {
            let n = params.whole("n", 1)?;
            world.resets_at_accept.store(n, Ordering::Relaxed);
            let answer = Answer::new(request.peer, 200).json(&json!({ "resets": n }));
            return Ok(Script::send(200, answer));
        }
        other => return Err(format!("at={other}: headers, partial, body or accept")),
    };
    Ok(Script::new(200, [Step::Send(cut.into()), Step::Reset]))
}

pub fn garbage(_: &Request<'_>, _: &World) -> Played {
    let noise: &[u8] = b"\x00\xff\x13NOT/HTTP at all\x7f\r\n\r\nnothing: here\r\n\r\n";
    Ok(Script::send(0, Bytes::Borrowed(noise)).then(Step::Close))
}

pub fn truncated(request: &Request<'_>, _: &World) -> Played {
    let bytes = request
        .params()
        .whole("bytes", 1000)?
        .clamp(2, FILLER.len() as u64);
    let mut answer = Answer::new(request.peer, 200).length("application/octet-stream", bytes);
    answer.extend_from_slice(&FILLER[..bytes as usize / 2]);
    Ok(Script::send(200, answer).then(Step::Close))
}
