//! Requests that wait before the service begins with them.

use katydid_record::Confidence;
use katydid_record::finding::{Cost, Evidence};

use super::super::sure;
use super::super::words::evidence;
use super::{Case, EndpointCase, limits};

/// Requests that wait before the service begins with them, while nothing computes.
pub struct Late<'c> {
    /// Endpoints of which that is known.
    pub traced: Vec<&'c EndpointCase>,
    /// At so many of them they do.
    pub at: usize,
    /// Requests per second, of all of these.
    pub per_second: f64,
    /// Requests that the service was busy with, on average: by Little's law.
    pub inside: f64,
    /// Requests that waited.
    pub waiting: f64,
    /// Processors that its processes used.
    pub cores: f64,
    /// At so many of them the quickest requests hardly waited.
    in_line: usize,
}

impl Late<'_> {
    /// How long each waited, ms.
    pub fn wait_ms(&self) -> f64 {
        self.waiting / self.per_second * 1e3
    }

    /// They stand in line. Distance, a proxy or a long body is there for the quickest requests too; some come when a line is short.
    fn is_queue(&self) -> bool {
        self.in_line > 0 && self.in_line * 2 >= self.at
    }

    /// How sure it is that they stand in line, and by what.
    pub fn sureness(&self) -> (Confidence, String) {
        let by = "spans + response times";
        sure(self.is_queue(), &format!("{by} + processors"), by)
    }

    /// How long each endpoint's wait.
    pub fn waits(&self) -> impl Iterator<Item = Evidence> {
        self.traced.iter().map(|of| {
            let what = format!("wait before the service begins, {}", of.title);
            evidence(
                &of.source(),
                what,
                of.waited_ms(),
                "ms",
                Some(limits::BEFORE_MS),
            )
        })
    }

    /// What all that wait costs, told of one of the endpoints.
    pub fn cost(&self, case: &Case<'_>, of: &EndpointCase) -> Cost {
        case.cost_in_all(of, of.waited_ms(), self.waiting * case.seconds())
    }
}

impl EndpointCase {
    /// How long its requests waited before the service began with them, ms, as far as that is known.
    fn waited_ms(&self) -> f64 {
        self.before_ms.unwrap_or(0.0)
    }
}

impl Case<'_> {
    /// Whether requests wait before the service begins with them, at half of the endpoints and more, while neither its processes nor the machine have
    /// much to do.
    pub fn late(&self) -> Option<Late<'_>> {
        let all = self.endpoints.iter();
        let traced: Vec<&EndpointCase> = all.filter(|of| of.before_ms.is_some()).collect();
        let is_late = |of: &&&EndpointCase| {
            let waited = of.waited_ms();
            waited >= limits::BEFORE_MS && waited >= limits::BEFORE_SHARE * of.mean_ms
        };
        let late: Vec<_> = traced.iter().filter(is_late).collect();
        let stands_in_line =
            |of: &&&&EndpointCase| of.fast_ms <= limits::QUEUE_FAST * of.waited_ms();
        let in_line = late.iter().filter(stands_in_line).count();
        let (cores, busy) = (self.target_cores()?, self.machine_busy()?);
        let is_idle = cores <= limits::IDLE_CORE && busy <= limits::CPU_BUSY;
        let per_second = |of: &EndpointCase| of.requests as f64 / self.seconds();
        let under_way = |ms: fn(&EndpointCase) -> f64| {
            traced.iter().map(|of| per_second(of) * ms(of) / 1e3).sum()
        };
        let inside = under_way(|of| of.served_ms.unwrap_or(0.0));
        let waiting = under_way(EndpointCase::waited_ms);
        let at = late.len();
        (traced.len() >= 2 && at * 2 >= traced.len() && is_idle).then(|| Late {
            at,
            in_line,
            per_second: traced.iter().map(|of| per_second(of)).sum(),
            inside,
            waiting,
            cores,
            traced,
        })
    }
}
