//! The stations that are searched, and where their limit is.

use katydid_analyze::interval;
use katydid_analyze::search::limits;
use katydid_record::search::Took;
use katydid_target::{Distribution, Pauses, Station, Wandering};

/// A kind of station, and the objective.
pub struct World {
    /// In the table.
    pub name: &'static str,
    /// Servers.
    pub servers: usize,
    /// Longest time that is good, seconds.
    pub within_s: f64,
    /// Share that may be bad.
    pub budget: f64,
    /// How its speed changes.
    pub wandering: Wandering,
    /// When it stops.
    pub pauses: Pauses,
    /// What it does with who would be late.
    pub manners: Manners,
    /// The methods of others are tried, too.
    pub with_peers: bool,
}

/// What a station does with who would be late.
#[derive(Clone, Copy, PartialEq)]
pub struct Manners {
    /// Who would stay longer is refused, seconds.
    pub most_s: f64,
    /// What it costs to refuse one, as a part of the work that it would have been.
    pub refusal: f64,
    /// Who would stay longer is tried again, seconds.
    pub patience_s: f64,
    /// What one that is tried again costs, as times the work that it would have been.
    pub storm: f64,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            most_s: f64::INFINITY,
            refusal: 0.0,
            patience_s: f64::INFINITY,
            storm: 1.0,
        }
    }
}

pub const MEAN_S: f64 = 0.05;
const SIGMA: f64 = 0.5;
/// Noise that a search can cope with.
pub const LIGHT: Wandering = Wandering {
    deviation: 0.10,
    correlation: 0.8,
};

/// All of them.
pub fn worlds() -> Vec<World> {
    let still = Wandering::default();
    let wandering = |deviation, correlation| Wandering {
        deviation,
        correlation,
    };
    let slow = wandering(0.25, 0.95);
    let slower = wandering(0.15, 0.99);
    let fast = wandering(0.3, 0.3);
    let world = |name, servers, wandering, with_peers| World {
        with_peers,
        ..World::new(name, servers, wandering)
    };
    let paused = |name, servers| World {
        pauses: Pauses {
            every_s: 20.0,
            length_s: 0.25,
        },
        ..world(name, servers, still, false)
    };
    let strict = |name, servers, wandering| World {
        within_s: 0.3,
        budget: 0.01,
        ..world(name, servers, wandering, false)
    };
    vec![
        world("light noise", 8, LIGHT, true),
        world("slow noise", 8, slow, true),
        world("no noise", 8, still, true),
        world("fast noise", 8, fast, false),
        world("slower noise", 8, slower, false),
        world("light noise, 2 servers", 2, LIGHT, false),
        world("light noise, 32 servers", 32, LIGHT, false),
        world("no noise, 32 servers", 32, still, false),
        paused("pauses", 8),
        paused("pauses, 32 servers", 32),
        strict("p99, light noise", 8, LIGHT),
        strict("p99, no noise, 32 servers", 32, still),
    ]
}

/// What came of a time at a rate.
pub struct Held {
    /// Bad and all of each second, by arrival.
    pub slices: Vec<(u64, u64)>,
    /// It was ended early.
    pub cut: bool,
    /// How long each stayed that was not refused, seconds.
    pub times: Vec<f64>,
}

impl Held {
    pub fn took(&self) -> Option<Took> {
        let n = self.times.len() as f64;
        let ln_us = |time: &f64| (1e6 * time).max(1.0).ln();
        let mean = self.times.iter().map(ln_us).sum::<f64>() / n;
        let squares = self.times.iter().map(|time| (ln_us(time) - mean).powi(2));
        let error = (squares.sum::<f64>() / (n * n)).sqrt();
        (n >= limits::LEAST_TIMES).then_some(Took { ln_us: mean, error })
    }
}

impl World {
    /// All wait in one queue, and 95 % have to be good.
    pub fn new(name: &'static str, servers: usize, wandering: Wandering) -> Self {
        Self {
            name,
            servers,
            within_s: 0.2,
            budget: 0.05,
            wandering,
            pauses: Pauses::default(),
            manners: Manners::default(),
            with_peers: false,
        }
    }

    /// One of its kind.
    pub fn station(&self, seed: u64) -> Station {
        // The mean of a log-normal distribution is its median times exp(σ²/2).
        let service = Distribution::LogNormal {
            median: MEAN_S * (-SIGMA * SIGMA / 2.0).exp(),
            sigma: SIGMA,
        };
        Station::new(self.servers, service, self.wandering, self.pauses, seed)
    }

    /// Lets requests arrive at `rate` for so long: bad and all of each second, by arrival.
    pub fn seconds(&self, station: &mut Station, rate: f64, length_s: f64) -> Vec<(u64, u64)> {
        self.held(station, rate, length_s, |_, _| false).slices
    }

    /// Lets requests arrive at `rate` for so long. `is_over` is told also how long they stayed, by second.
    pub fn held(
        &self,
        station: &mut Station,
        rate: f64,
        length_s: f64,
        is_over: impl Fn(&[(u64, u64)], &[f64]) -> bool,
    ) -> Held {
        let (began, mut slices) = (station.now(), Vec::new());
        let (mut stayed, mut times) = (Vec::new(), Vec::new());
        let (mut second, mut time) = ((0, 0), 0.0);
        loop {
            let at = station.next_arrival(rate);
            while at - began >= (slices.len() + 1) as f64 || at - began >= length_s {
                slices.push(second);
                stayed.push(time / f64::max(1.0, second.1 as f64));
                (second, time) = ((0, 0), 0.0);
                let is_last = slices.len() as f64 >= length_s;
                if is_last || is_over(&slices, &stayed) {
                    station.idle_until(began + slices.len() as f64);
                    return Held {
                        slices,
                        cut: !is_last,
                        times,
                    };
                }
            }
            let stays = self.arrive(station, at);
            // Who is refused knows it at once.
            time += stays.unwrap_or(0.0);
            times.extend(stays);
            let is_bad = stays.is_none_or(|stays| stays > self.within_s);
            second = (second.0 + u64::from(is_bad), second.1 + 1);
        }
    }

    /// How long one stays who arrives then; `None`: it is refused.
    fn arrive(&self, station: &mut Station, at: f64) -> Option<f64> {
        let Manners {
            most_s,
            refusal,
            patience_s,
            storm,
        } = self.manners;
        if most_s.min(patience_s).is_infinite() {
            return Some(station.arrive(at) - at);
        }
        // How long one would stay is known only when it has come; then it comes once more, otherwise.
        let before = station.clone();
        let mut stays = station.arrive(at) - at;
        if stays > patience_s {
            station.clone_from(&before);
            stays = station.arrive_slower(at, storm) - at;
        }
        if stays > most_s {
            station.clone_from(&before);
            station.arrive_slower(at, refusal);
            return None;
        }
        Some(stays)
    }

    /// The rate at which the share of bad requests is the budget, from long times at neighbouring rates.
    pub fn limit(&self) -> f64 {
        const REQUESTS: f64 = 3e6;
        self.crossing(REQUESTS, |rate, requests| {
            let mut station = self.station(7);
            self.seconds(&mut station, rate, 60.0);
            let length = (requests / rate).clamp(600.0, 30_000.0);
            let slices = self.seconds(&mut station, rate, length.ceil());
            let (bad, total) = interval::sum(&slices);
            bad as f64 / total as f64
        })
    }

    /// The same, where the share of bad ones is told by rate and number of requests; so many requests at each rate.
    pub fn crossing(&self, requests: f64, share: impl Fn(f64, f64) -> f64) -> f64 {
        let share = |rate: f64, requests: f64| share(rate, requests).max(1e-7);
        let most = self.servers as f64 / MEAN_S;
        let (mut low, mut high) = (0.1 * most, 1.1 * most);
        for _ in 0..6 {
            let rate = (low * high).sqrt();
            if share(rate, 4e5) > self.budget {
                high = rate;
            } else {
                low = rate;
            }
        }
        // A line through ln(share) of the rates around it: noise of one of them weighs little, and they are so near that it is straight.
        let about = (low * high).sqrt();
        let near = self.budget / 2.0..2.0 * self.budget;
        let points: Vec<(f64, f64)> = (-12..=12)
            .map(|i| about * (1.0 + 0.005 * f64::from(i)))
            .map(|rate| (rate.ln(), share(rate, requests)))
            .filter(|(_, share)| near.contains(share))
            .map(|(x, share)| (x, share.ln()))
            .collect();
        let n = points.len() as f64;
        let (x, y) = points
            .iter()
            .fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        let over: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
        let under: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        (x + (self.budget.ln() - y) * under / over).exp()
    }
}
