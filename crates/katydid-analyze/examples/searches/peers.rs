//! The methods of others, made anew after what their documentation says: the methods, not the products.

use katydid_analyze::interval;

use crate::Tried;
use crate::world::World;

/// Doubling and then halving, one step of 10 s for each verdict, until two loads within 1 % differ (Nighthawk's adaptive load).
pub fn bisection(world: &World, seed: u64) -> Tried {
    let mut station = world.station(1_000 + seed);
    let (mut held, mut broke, mut rate) = (None, None, 5.0);
    loop {
        let slices = world.seconds(&mut station, rate, 10.0);
        // What an overload has left over is not the next step's.
        station.finish();
        if share(&slices) <= world.budget {
            held = Some(rate);
        } else {
            broke = Some(rate);
        }
        rate = match (held, broke) {
            (Some(held), Some(broke)) if broke / held < 1.01 => break,
            (Some(held), Some(broke)) => f64::midpoint(held, broke),
            (Some(held), None) => 2.0 * held,
            (None, _) => break,
        };
    }
    Tried {
        answer: held.map(|held| (held, None)),
        is_confirmed: false,
        seconds: station.now(),
    }
}

/// A ramp that ends when too many of all requests so far were bad (a threshold that aborts, in k6).
pub fn ramp(world: &World, seed: u64) -> Tried {
    const LENGTH_S: f64 = 600.0;
    let mut station = world.station(1_000 + seed);
    // To about twice what the station could do at best.
    let top = 40.0 * world.servers as f64;
    let (mut bad, mut total) = (0, 0);
    let mut rate = 0.0;
    while station.now() < LENGTH_S {
        rate = (top * station.now() / LENGTH_S).max(1.0);
        let slices = world.seconds(&mut station, rate, 1.0);
        bad += slices[0].0;
        total += slices[0].1;
        if station.now() > 10.0 && bad as f64 > world.budget * total as f64 {
            break;
        }
    }
    Tried {
        answer: Some((rate, None)),
        is_confirmed: false,
        seconds: station.now(),
    }
}

fn share(slices: &[(u64, u64)]) -> f64 {
    let (bad, total) = interval::sum(slices);
    bad as f64 / (total as f64).max(1.0)
}
