//! Answers after a delay whose law is known: fixed, drawn, or from a queue.

use super::{Played, key};
use crate::clock::{MS, ms_to_ns};
use crate::distributions::Distribution;
use crate::lock;
use crate::parse::Request;
use crate::reply::{Answer, Script};
use crate::world::World;

const BODY: &[u8] = b"{\"status\":\"ok\"}";

pub fn delay(request: &Request<'_>, _: &World) -> Played {
    let ms = request.params().float("ms", 20.0)?;
    Ok(after(request, ms_to_ns(ms)))
}

pub fn dist(request: &Request<'_>, world: &World) -> Played {
    let params = request.params();
    let name = params.get("name").unwrap_or("lognormal");
    let distribution = Distribution::from_query(name, &params)?;
    let ms = lock(&world.chance).draw(&key(request), &distribution);
    Ok(after(request, ms_to_ns(ms)))
}

pub fn queue(request: &Request<'_>, world: &World) -> Played {
    let params = request.params();
    let k = params.whole("k", 1)?;
    if !(1..=100_000).contains(&k) {
        return Err(format!("k={k}: 1 to 100000 servers"));
    }
    let dist = params.get("dist").unwrap_or("fixed");
    let distribution = Distribution::from_query(dist, &params)?;
    let name = params.get("name").unwrap_or("default");
    let mut chance = lock(&world.chance);
    let service = ms_to_ns(chance.draw(&key(request), &distribution));
    let end = chance.enqueue(name, k as usize, request.read_at, service)?;
    drop(chance);
    Ok(after(request, end.saturating_sub(request.read_at)))
}

/// The answer says what was drawn, so that even a client without access to the truth can compare.
fn after(request: &Request<'_>, ns: u64) -> Script {
    let answer = Answer::new(request.peer, 200)
        .header("X-Intended-Ms", &format!("{:.6}", ns as f64 / MS as f64))
        .body("application/json", BODY);
    Script::delayed(200, ns, answer)
}
