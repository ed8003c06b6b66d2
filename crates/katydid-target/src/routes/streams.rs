//! Bodies that come in pieces: slow, endless, with trailers, ended by the close.

use serde_json::json;

use super::Played;
use crate::clock::ms_to_ns;
use crate::content::BLOCK;
use crate::parse::Request;
use crate::reply::{Answer, Bytes, Script, Step, Stream};
use crate::world::World;

const TYPE: &str = "application/octet-stream";

pub fn slow(request: &Request<'_>, _: &World) -> Played {
    let params = request.params();
    let chunked = params.flag("chunked");
    let left = params.whole("bytes", 100_000)?;
    let piece = params.whole("chunk", 1000)?;
    if !(1..=BLOCK as u64).contains(&piece) {
        return Err(format!("chunk={piece}: 1 to {BLOCK} bytes"));
    }
    if chunked {
        needs_http11(request)?;
    }
    let answer = Answer::new(request.peer, 200);
    let head = if chunked {
        answer.chunked(TYPE)
    } else {
        answer.length(TYPE, left)
    };
    let stream = Stream {
        left,
        piece: piece as usize,
        gap: ms_to_ns(params.float("ms", 5.0)?),
        chunked,
    };
    let mut script = Script::send(200, head);
    if !request.peer.head {
        script = script.then(Step::Stream(stream));
        if chunked {
            script = script.then(Step::Send(Bytes::Borrowed(b"0\r\n\r\n")));
        }
    }
    Ok(script)
}

pub fn endless(request: &Request<'_>, _: &World) -> Played {
    let left = request.params().whole("bytes", 10 * 1024 * 1024 * 1024)?;
    let head = Answer::new(request.peer, 200).length(TYPE, left);
    let script = Script::send(200, head);
    if request.peer.head {
        return Ok(script);
    }
    Ok(script.then(Step::Stream(Stream {
        left,
        piece: BLOCK,
        gap: 0,
        chunked: false,
    })))
}

pub fn trailers(request: &Request<'_>, _: &World) -> Played {
    needs_http11(request)?;
    let mut bytes = Answer::new(request.peer, 200)
        .header("Trailer", "X-Checksum, X-Rows")
        .chunked("text/plain");
    if !request.peer.head {
        bytes.extend_from_slice(
            b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Checksum: abc123\r\nX-Rows: 2\r\n\r\n",
        );
    }
    Ok(Script::send(200, bytes))
}

pub fn early_hints(request: &Request<'_>, _: &World) -> Played {
    needs_http11(request)?;
    let wait = ms_to_ns(request.params().float("ms", 0.0)?);
    let hints: &[u8] =
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n";
    let answer = Answer::new(request.peer, 200).json(&json!({ "status": "ok" }));
    Ok(Script::new(
        200,
        [
            Step::Send(Bytes::Borrowed(hints)),
            Step::Wait(wait),
            Step::Send(answer.into()),
        ],
    ))
}

pub fn close_delimited(request: &Request<'_>, _: &World) -> Played {
    let params = request.params();
    let version = match params.get("v").unwrap_or("1.0") {
        version @ ("1.0" | "1.1") => version,
        other => return Err(format!("v={other}: 1.0 or 1.1")),
    };
    let left = params.whole("bytes", 1000)?;
    let head =
        format!("HTTP/{version} 200 OK\r\nContent-Type: {TYPE}\r\nConnection: close\r\n\r\n");
    let mut script = Script::send(200, head.into_bytes());
    if !request.peer.head {
        script = script.then(Step::Stream(Stream {
            left,
            piece: BLOCK,
            gap: 0,
            chunked: false,
        }));
    }
    Ok(script.then(Step::Close))
}

fn needs_http11(request: &Request<'_>) -> Result<(), String> {
    if request.peer.http10 {
        return Err("this path needs HTTP/1.1".to_owned());
    }
    Ok(())
}
