//! Corners of HTTP that a client has to get right: redirects, cookies, codings, statuses,
//! authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Played;
use super::faults::status_of;
use crate::content::Coding;
use crate::parse::Request;
use crate::reply::{Answer, Script};
use crate::world::World;

pub fn status(request: &Request<'_>, _: &World) -> Played {
    let code = request.path.rsplit('/').next().unwrap_or_default();
    let code = code
        .parse()
        .map_err(|_| format!("`{code}` is not a status"))?;
    let status = status_of(code)?;
    let mut answer = Answer::new(request.peer, status);
    if (300..400).contains(&status) && status != 304 {
        answer = answer.header("Location", "/null");
    }
    Ok(Script::send(
        status,
        answer.json(&json!({ "status": status })),
    ))
}

pub fn redirect(request: &Request<'_>, _: &World) -> Played {
    let params = request.params();
    let status = status_of(params.whole("status", 302)?)?;
    let to = params.get("to").unwrap_or("/");
    let hops = params.whole("n", 1)?;
    let location = if hops > 1 {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("to", to)
            .append_pair("status", &status.to_string())
            .append_pair("n", &(hops - 1).to_string())
            .finish();
        format!("/redirect?{query}")
    } else {
        to.to_owned()
    };
    let answer = Answer::new(request.peer, status)
        .header("Location", &location)
        .body("text/plain", location.as_bytes());
    Ok(Script::send(status, answer))
}

pub fn cookie(request: &Request<'_>, _: &World) -> Played {
    let params = request.params();
    let sent: Map<String, Value> = request
        .header("cookie")
        .unwrap_or_default()
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let mut answer = Answer::new(request.peer, 200);
    if let Some(set) = params.get("set") {
        answer = answer.header("Set-Cookie", &format!("{set}; Path=/"));
    }
    Ok(Script::send(200, answer.json(&json!({ "cookies": sent }))))
}

pub fn echo(request: &Request<'_>, _: &World) -> Played {
    let headers: Vec<Value> = request
        .headers
        .iter()
        .map(|header| json!([header.name, String::from_utf8_lossy(header.value)]))
        .collect();
    let answer = Answer::new(request.peer, 200).json(&json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": headers,
        "body": String::from_utf8_lossy(request.body),
        "body_bytes": request.body.len(),
    }));
    Ok(Script::send(200, answer))
}

pub fn gzip(request: &Request<'_>, _: &World) -> Played {
    Ok(coded(request, Coding::Gzip))
}

pub fn br(request: &Request<'_>, _: &World) -> Played {
    Ok(coded(request, Coding::Brotli))
}

pub fn zstd(request: &Request<'_>, _: &World) -> Played {
    Ok(coded(request, Coding::Zstd))
}

pub fn deflate(request: &Request<'_>, _: &World) -> Played {
    let raw = request.params().flag("raw");
    let coding = if raw {
        Coding::RawDeflate
    } else {
        Coding::Deflate
    };
    Ok(coded(request, coding))
}

fn coded(request: &Request<'_>, coding: Coding) -> Script {
    let answer = Answer::new(request.peer, 200)
        .header("Content-Encoding", coding.name())
        .body("application/json", coding.page());
    Script::send(200, answer)
}

pub fn expect(request: &Request<'_>, _: &World) -> Played {
    let asked = request.expects_continue();
    let answer = Answer::new(request.peer, 200)
        .json(&json!({ "expected": asked, "body_bytes": request.body.len() }));
    Ok(Script::send(200, answer))
}

pub fn basic_auth(request: &Request<'_>, _: &World) -> Played {
    let params = request.params();
    let user = params.get("user").unwrap_or("u");
    let pass = params.get("pass").unwrap_or("p");
    let wanted = STANDARD.encode(format!("{user}:{pass}"));
    let matches = request
        .header("authorization")
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, sent)| scheme.eq_ignore_ascii_case("basic") && sent == wanted);
    Ok(if matches {
        let answer = Answer::new(request.peer, 200).json(&json!({ "user": user }));
        Script::send(200, answer)
    } else {
        let answer = Answer::new(request.peer, 401)
            .header("WWW-Authenticate", "Basic realm=\"target\"")
            .json(&json!({ "error": "unauthorized" }));
        Script::send(401, answer)
    })
}
