//! Answers without any fault: the null answer and bodies of a given size.

use serde_json::json;

use super::Played;
use crate::clock::ms_to_ns;
use crate::content::{BLOCK, FILLER};
use crate::parse::Request;
use crate::reply::{Answer, Bytes, Script, Step, Stream};
use crate::world::World;

/// The null answer.
pub const NULL: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: katydid-target\r\n\
    Content-Type: application/json\r\n\
    Cache-Control: no-store\r\n\
    Content-Length: 66\r\n\
    \r\n\
    {\"status\":\"ok\",\"service\":\"katydid-target\",\"null\":true,\"n\":1111111}";

const NULL_BODY: usize = 66;

/// Largest JSON body; other bodies are streamed and have no limit.
const JSON_CAP: u64 = 64 * 1024 * 1024;

pub fn null(request: &Request<'_>, _: &World) -> Played {
    let bytes: Bytes = if request.peer.is_plain() {
        Bytes::Borrowed(NULL)
    } else {
        let body = &NULL[NULL.len() - NULL_BODY..];
        Answer::new(request.peer, 200)
            .body("application/json", body)
            .into()
    };
    Ok(Script::send(200, bytes))
}

pub fn bytes(request: &Request<'_>, _: &World) -> Played {
    let params = request.params();
    let n = params.whole("n", 2048)?;
    let wait = Step::Wait(ms_to_ns(params.float("ms", 0.0)?));
    let answer = Answer::new(request.peer, 200);
    if params.flag("json") {
        const FRAME: u64 = r#"{"data":""}"#.len() as u64;
        if !(FRAME..=JSON_CAP).contains(&n) {
            return Err(format!("n={n}: JSON takes {FRAME} to {JSON_CAP} bytes"));
        }
        let data: String = FILLER
            .iter()
            .cycle()
            .take((n - FRAME) as usize)
            .map(|byte| char::from(*byte))
            .collect();
        let bytes = answer.json(&json!({ "data": data }));
        return Ok(Script::new(200, [wait, Step::Send(bytes.into())]));
    }
    if n <= BLOCK as u64 {
        let bytes = answer.body("application/octet-stream", &FILLER[..n as usize]);
        return Ok(Script::new(200, [wait, Step::Send(bytes.into())]));
    }
    let head = answer.length("application/octet-stream", n);
    let script = Script::new(200, [wait, Step::Send(head.into())]);
    if request.peer.head {
        return Ok(script);
    }
    Ok(script.then(Step::Stream(Stream {
        left: n,
        piece: BLOCK,
        gap: 0,
        chunked: false,
    })))
}

#[cfg(test)]
mod tests {
    use super::{NULL, NULL_BODY};

    #[test]
    fn null_is_framed() {
        let text = std::str::from_utf8(NULL).expect("ASCII");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert_eq!(body.len(), NULL_BODY);
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        serde_json::from_str::<serde_json::Value>(body).expect("JSON");
        assert_eq!(NULL.len(), 186);
    }
}
