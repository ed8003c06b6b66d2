//! Stations that are measured: what they are like, and runs of them.

use fastrand::Rng;
use katydid_analyze::compare::{MARGIN, Measured, Place, Primary, Question, Value};
use katydid_record::Histogram;
use katydid_record::comparison::{Design, Measure};
use katydid_target::{Distribution, Pauses, Station, Wandering};

/// Mean time of a service, s, and the deviation of its logarithm.
const MEAN_S: f64 = 0.05;
const SIGMA: f64 = 0.5;
const SERVERS: usize = 8;
/// Shares of the endpoints, of 100.
const SHARES: [u8; 6] = [40, 25, 15, 10, 6, 4];
/// Before and while it is measured, s.
const WARM_UP_S: f64 = 15.0;
const HOLD_S: f64 = 60.0;
/// Runs that the truth is from.
const MANY: u64 = 1_000;
const PHASE: &str = "hold";

/// A kind of station.
pub struct World {
    /// In the table.
    pub name: &'static str,
    /// Arrivals per second.
    rate: f64,
    wandering: Wandering,
    /// By how much the speed of one run differs from that of another: the deviation of its logarithm.
    between: f64,
}

/// All of them.
pub fn worlds() -> Vec<World> {
    let light = Wandering {
        deviation: 0.10,
        correlation: 0.8,
    };
    let slow = Wandering {
        deviation: 0.15,
        correlation: 0.95,
    };
    let world = |name, rate, wandering, between| World {
        name,
        rate,
        wandering,
        between,
    };
    vec![
        world("light noise", 40.0, light, 0.0),
        world("light noise, runs differ by 5 %", 40.0, light, 0.05),
        world(
            "no noise, runs differ by 5 %",
            40.0,
            Wandering::default(),
            0.05,
        ),
        world("slow noise, runs differ by 5 %", 40.0, slow, 0.05),
        world("light noise, 500/s", 500.0, light, 0.05),
    ]
}

impl World {
    /// A run: what it measures where each endpoint's services take `slower` times as long.
    pub fn run(&self, seed: u64, slower: &dyn Fn(usize) -> f64) -> Measured {
        let mut rng = Rng::with_seed(seed);
        let by = (self.between * normal(&mut rng)).exp();
        let times = self.times(seed, by, slower);
        let mut run = Measured {
            id: seed.to_string(),
            phases: vec![(PHASE.to_owned(), "arrivals".to_owned())],
            ..Measured::default()
        };
        let mut all = Histogram::default();
        for (number, endpoint) in times.iter().enumerate() {
            all.merge(endpoint);
            keep(
                &mut run,
                &format!("GET /{number}"),
                endpoint,
                &[(Measure::P95, 0.95)],
            );
        }
        let measures = [
            (Measure::P50, 0.5),
            (Measure::P95, 0.95),
            (Measure::P99, 0.99),
        ];
        keep(&mut run, "", &all, &measures);
        run
    }

    /// By how much p95 of all requests is longer where services take `slower` times as long: the mean of the logarithms of many runs.
    pub fn ratio(&self, slower: f64) -> f64 {
        let place = Place {
            phase: PHASE.to_owned(),
            endpoint: String::new(),
            measure: Measure::P95,
        };
        let mean = |by: f64| {
            let runs = (0..MANY).map(|seed| self.run(77_000_000 + seed, &|_| by));
            let sum: f64 = runs.map(|run| run.values[&place].value.ln()).sum();
            sum / MANY as f64
        };
        (mean(slower) - mean(1.0)).exp()
    }

    /// Times by endpoint. All of them share one line, so that a slow one is felt by the others.
    fn times(&self, seed: u64, by: f64, slower: &dyn Fn(usize) -> f64) -> Vec<Histogram> {
        // Servers as the load needs them: two thirds are busy, or an eighth of that.
        let servers = SERVERS.max((self.rate * MEAN_S * 1.5).ceil() as usize);
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        let service = Distribution::LogNormal {
            median: MEAN_S * (-SIGMA * SIGMA / 2.0).exp(),
            sigma: SIGMA,
        };
        let mut station = Station::new(servers, service, self.wandering, Pauses::default(), seed);
        let mut times = vec![Histogram::default(); SHARES.len()];
        loop {
            let at = station.next_arrival(self.rate);
            if at >= WARM_UP_S + HOLD_S {
                return times;
            }
            let endpoint = drawn(rng.u8(0..100));
            let took = station.arrive_slower(at, by * slower(endpoint)) - at;
            if at >= WARM_UP_S {
                times[endpoint].record((took * 1e6) as u64);
            }
        }
    }
}

/// What is asked of a comparison.
pub fn question(on: Option<&str>, design: Design) -> Question {
    Question {
        design,
        labels: ["before".to_owned(), "after".to_owned()],
        primary: on.map(|endpoint| Primary {
            endpoint: Some(endpoint.to_owned()),
            measure: Measure::P95,
            phase: None,
        }),
        margin: MARGIN,
    }
}

fn keep(run: &mut Measured, endpoint: &str, times: &Histogram, measures: &[(Measure, f64)]) {
    for (measure, q) in measures {
        let place = Place {
            phase: PHASE.to_owned(),
            endpoint: endpoint.to_owned(),
            measure: *measure,
        };
        let value = times.quantile_us(*q).unwrap_or(0) as f64 / 1e3;
        run.values.insert(
            place,
            Value {
                value,
                within: 0.02,
            },
        );
    }
}

/// The endpoint that a number below 100 falls on.
fn drawn(number: u8) -> usize {
    let mut up_to = 0;
    let found = SHARES.iter().position(|share| {
        up_to += share;
        number < up_to
    });
    found.unwrap_or(0)
}

/// Around 0 with a standard deviation of 1 (Box and Muller).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}
