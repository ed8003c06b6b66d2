//! A service with known truth on a clock of its own: k servers, one queue, and a machine whose speed wanders.
//!
//! What takes a real target hours passes here in a moment, so that a search can be made hundreds of times. It knows arrivals and
//! service times, neither requests nor sockets.

use fastrand::Rng;

use crate::distributions::{Distribution, normal, open_unit};

/// How the speed of the machine changes: the logarithm of all service times of a second is an autoregressive process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wandering {
    /// Standard deviation of the logarithm.
    pub deviation: f64,
    /// Correlation from second to second.
    pub correlation: f64,
}

/// All servers stop at random instants, as for a collection of garbage. Who arrived before one is not held up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pauses {
    /// Mean time from the end of one to the next, seconds; 0: there are none.
    pub every_s: f64,
    /// How long each lasts, seconds.
    pub length_s: f64,
}

/// k servers behind one first-come first-served queue. Time is in seconds and only goes on with arrivals.
#[derive(Clone, Debug)]
pub struct Station {
    free_at: Vec<f64>,
    service: Distribution,
    wandering: Wandering,
    pauses: Pauses,
    rng: Rng,
    now: f64,
    /// Of the wandering process, in units of its deviation.
    level: f64,
    /// The second that it is of.
    second: i64,
    next_pause: f64,
}

impl Station {
    /// `service`: times in seconds, when the machine is as fast as on average.
    pub fn new(
        servers: usize,
        service: Distribution,
        wandering: Wandering,
        pauses: Pauses,
        seed: u64,
    ) -> Self {
        let mut rng = Rng::with_seed(seed);
        let level = normal(&mut rng);
        let mut station = Self {
            free_at: vec![0.0; servers.max(1)],
            service,
            wandering,
            pauses,
            rng,
            now: 0.0,
            level,
            second: 0,
            next_pause: f64::INFINITY,
        };
        station.plan_pause(0.0);
        station
    }

    /// The time.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// When the next one arrives of `rate` per second that come independently of one another.
    pub fn next_arrival(&mut self, rate: f64) -> f64 {
        self.now - open_unit(&mut self.rng).ln() / rate
    }

    /// A request arrives `at`, which is not before the last one; answers when it is done.
    pub fn arrive(&mut self, at: f64) -> f64 {
        self.arrive_slower(at, 1.0)
    }

    /// The same of one whose service takes so many times as long as others do.
    pub fn arrive_slower(&mut self, at: f64, times: f64) -> f64 {
        self.now = at;
        self.wander(at);
        while at >= self.next_pause {
            let begins = self.next_pause;
            for free in &mut self.free_at {
                *free = free.max(begins) + self.pauses.length_s;
            }
            self.plan_pause(begins + self.pauses.length_s);
        }
        let Wandering { deviation, .. } = self.wandering;
        // The mean of the factor is 1.
        let slower = (deviation * self.level - deviation * deviation / 2.0).exp();
        let service = self.service.draw(&mut self.rng) * slower * times;
        let earliest = self.free_at.iter_mut().min_by(|a, b| a.total_cmp(b));
        let Some(free) = earliest else {
            return at + service;
        };
        *free = free.max(at) + service;
        *free
    }

    /// Nobody arrives until all that have come are done.
    pub fn finish(&mut self) {
        self.now = self.free_at.iter().copied().fold(self.now, f64::max);
    }

    /// Nobody arrives until then.
    pub fn idle_until(&mut self, at: f64) {
        self.now = self.now.max(at);
    }

    fn wander(&mut self, at: f64) {
        let Wandering { correlation, .. } = self.wandering;
        while self.second < at as i64 {
            self.second += 1;
            let fresh = (1.0 - correlation * correlation).sqrt() * normal(&mut self.rng);
            self.level = correlation * self.level + fresh;
        }
    }

    fn plan_pause(&mut self, from: f64) {
        if self.pauses.every_s > 0.0 {
            self.next_pause = from - self.pauses.every_s * open_unit(&mut self.rng).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential(servers: usize, wandering: Wandering, pauses: Pauses) -> Station {
        Station::new(servers, Distribution::Exp(1.0), wandering, pauses, 7)
    }

    /// Mean time from arrival to end of many requests.
    fn mean_time(mut station: Station, rate: f64) -> f64 {
        const N: usize = 400_000;
        let mut sum = 0.0;
        for _ in 0..N {
            let at = station.next_arrival(rate);
            sum += station.arrive(at) - at;
        }
        sum / N as f64
    }

    fn near(found: f64, expected: f64, part: f64) {
        assert!(
            (found / expected - 1.0).abs() < part,
            "{found}, not {expected}"
        );
    }

    /// M/M/1: 1/(μ−λ). M/M/2 by Erlang's C formula: 1/μ + C/(2μ−λ) with C = 2ρ²/(1+ρ).
    #[test]
    fn queues_are_as_long_as_erlang_says() {
        let (wandering, pauses) = (Wandering::default(), Pauses::default());
        near(mean_time(exponential(1, wandering, pauses), 0.5), 2.0, 0.03);
        let rho: f64 = 0.75;
        let expected = 1.0 + 2.0 * rho * rho / (1.0 + rho) / (2.0 - 1.5);
        near(
            mean_time(exponential(2, wandering, pauses), 1.5),
            expected,
            0.03,
        );
    }

    #[test]
    fn the_speed_wanders_around_its_mean() {
        let wandering = Wandering {
            deviation: 0.25,
            correlation: 0.5,
        };
        // So many servers that nobody waits.
        near(
            mean_time(exponential(40, wandering, Pauses::default()), 2.0),
            1.0,
            0.03,
        );
    }

    #[test]
    fn pauses_stop_all_servers() {
        let pauses = Pauses {
            every_s: 10.0,
            length_s: 2.0,
        };
        // Of 12 s two are a pause, in which one waits for 1 s on average.
        let found = mean_time(exponential(40, Wandering::default(), pauses), 2.0);
        near(found, 1.0 + 2.0 / 12.0, 0.05);
    }
}
