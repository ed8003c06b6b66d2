//! A search for the greatest load that keeps the objectives: its steps, and its answer. Data only; who decides is the analysis.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a search is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // each is wished for by itself
pub struct Wish {
    /// For each objective the share of requests that may be bad.
    pub budgets: Vec<f64>,
    /// Height of the first step: arrivals per second, or users.
    pub start: f64,
    /// No step is higher: what the generator can do.
    pub ceiling: Option<f64>,
    /// Heights are whole numbers: users.
    pub whole: bool,
    /// How long all of it may take, seconds.
    pub time_s: Option<f64>,
    /// How long a request may take: the longest limit of the objectives, seconds. A step settles for as long at least.
    #[serde(default)]
    pub limit_s: f64,
    /// When the limit is found and confirmed, what happens beyond it is tried: overloads on purpose.
    #[serde(default)]
    pub beyond: bool,
    /// Only between which two heights it breaks.
    #[serde(default)]
    pub fast: bool,
    /// When the limit is found and confirmed, some loads are tried on the way up to more than it, and again on the way down.
    #[serde(default)]
    pub hysteresis: bool,
}

impl Wish {
    /// What heights count.
    pub fn unit(&self) -> &'static str {
        if self.whole { "users" } else { "arrivals/s" }
    }
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Between which two heights it breaks, roughly.
    Coarse,
    /// Near the limit: one of the points that the answer is made from.
    Fine,
    /// Little load, until what was left over is worked off.
    Calm,
    /// Whether the lower end of the answer holds.
    Confirm,
    /// More than the limit, on purpose: how much still works.
    Beyond,
    /// Well below the limit: what is usual before a spike.
    Base,
    /// Far more than the limit, for a short time.
    Spike,
    /// The load of the base again: how long it takes to recover.
    Back,
    /// On the way up, over the limit.
    Up,
    /// The same loads on the way down: what the way up has left behind.
    Down,
}

impl Purpose {
    /// In lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coarse => "coarse",
            Self::Fine => "fine",
            Self::Calm => "calm",
            Self::Confirm => "confirm",
            Self::Beyond => "beyond",
            Self::Base => "base",
            Self::Spike => "spike",
            Self::Back => "back",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// After the limit is known: such a step says nothing of where it is.
    pub fn is_beyond(self) -> bool {
        match self {
            Self::Coarse | Self::Fine | Self::Calm | Self::Confirm => false,
            Self::Beyond | Self::Base | Self::Spike | Self::Back | Self::Up | Self::Down => true,
        }
    }

    /// An overload that is meant, or what it has left behind: it is not ended because nothing works.
    pub fn is_overload(self) -> bool {
        matches!(self, Self::Beyond | Self::Spike | Self::Up | Self::Down)
    }
}

/// One step: a time at a height.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What for.
    pub purpose: Purpose,
    /// Arrivals per second, or users.
    pub height: f64,
    /// How long it takes from the height before to this one, seconds: users are started one after the other.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rise_s: f64,
    /// Time after that which is not looked at, seconds.
    pub settle_s: f64,
    /// Time that is, seconds; less when the step is cut.
    pub hold_s: f64,
}

impl Step {
    /// From beginning to end, seconds.
    pub fn length_s(&self) -> f64 {
        self.rise_s + self.settle_s + self.hold_s
    }
}

/// As serde asks for it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(seconds: &f64) -> bool {
    *seconds <= 0.0
}

/// What of the target is in use, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InUse {
    /// `db connections 92 of 97`.
    pub text: String,
    /// As a share of what there is.
    pub share: f64,
}

/// How a step ended, as it was decided then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// How long it lasted until then, seconds.
    pub lasted_s: f64,
    /// Seconds after settling that count.
    pub seconds: u64,
    /// Before its time.
    pub cut: bool,
    /// The generator did not keep up.
    pub invalid: bool,
    /// Part of the time that the generator's busiest thread was at work; 0 where that is not known.
    #[serde(default)]
    pub busy: f64,
    /// How long its requests took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
    /// What of the target was nearest its limit then, as far as that was watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<InUse>,
}

/// How long requests took: the logarithm of the time in µs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Took {
    /// Its mean.
    pub ln_us: f64,
    /// The standard error of that, for requests that are independent.
    pub error: f64,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// As it was asked for.
    pub step: Step,
    /// How long it lasted, seconds.
    pub lasted_s: f64,
    /// For each objective, `(bad, total)` of the requests that ended in each second after settling. A second in which none did says
    /// nothing.
    pub slices: Vec<Vec<(u64, u64)>>,
    /// It was ended early: nearly all was bad, or (of a calm one) all was well again.
    pub cut: bool,
    /// The generator did not keep up: its counts say nothing of the target.
    pub invalid: bool,
    /// Part of the time that the generator's busiest thread was at work; 0 where that is not known.
    pub busy: f64,
    /// How long its requests took; `None`: there were too few.
    pub took: Option<Took>,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The greatest height that keeps all objectives.
    Found {
        /// As likely too high as too low.
        height: f64,
        /// Lower end of the 95 % interval.
        low: f64,
        /// Upper end.
        high: f64,
        /// The number of the objective that is broken first.
        binding: usize,
        /// What came of holding the lower end.
        confirmation: Confirmation,
    },
    /// The same, but the ends are too far apart, or a longer search could find them elsewhere: no answer.
    TooNoisy {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// The number of the objective that is broken first.
        binding: usize,
    },
    /// Between these two heights, by a few short steps: all that was asked for.
    Between {
        /// The greatest height up to which all objectives were clearly kept, if there is one.
        held: Option<f64>,
        /// The least at which one was broken for good.
        broke: f64,
        /// The number of that objective.
        binding: usize,
    },
    /// There was not enough for more than this.
    Unfinished {
        /// The greatest height that held, if any did.
        held: Option<f64>,
        /// The least that did not, if any.
        broke: Option<f64>,
        /// What there was not enough of.
        lacking: Lacking,
    },
    /// An objective is broken at the least load that was tried.
    BrokenAtIdle {
        /// That load.
        height: f64,
        /// The number of the objective.
        binding: usize,
    },
    /// It holds as far as the generator reaches.
    OutOfReach {
        /// The greatest height that held; 0: none.
        above: f64,
    },
    /// After an overload it did not recover, at a load that it had held before.
    Stuck {
        /// The height of the overload.
        after: f64,
        /// The load at which it did not recover.
        at: f64,
    },
}

/// What came of holding the lower end of the interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "confirmation", content = "height")]
pub enum Confirmation {
    /// There was no time for one that could succeed, or the generator did not keep up in it.
    NotMade,
    /// At this height all objectives held.
    Held(f64),
    /// At this height, the lowest that was tried, one did not, or it cannot be told.
    Failed(f64),
}

/// A search, as the summary has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SearchSummary {
    /// `found`, `between`, `too_noisy`, `unfinished`, `broken_at_idle`, `out_of_reach` or `stuck`.
    pub outcome: String,
    /// False: it was stopped before its end, and this is what was known by then.
    pub complete: bool,
    /// The answer, in a sentence.
    pub answer: String,
    /// What else there is to know of it, in sentences.
    pub remarks: Vec<String>,
    /// What heights count: `arrivals/s` or `users`.
    pub unit: String,
    /// The greatest height that keeps all objectives, where it was found.
    pub height: Option<f64>,
    /// Lower end of its 95 % interval; of `between` the greatest height up to which all objectives were clearly kept.
    pub low: Option<f64>,
    /// Upper end; of `between` the least height at which one was broken.
    pub high: Option<f64>,
    /// The height that was then held for some minutes; null if none was.
    pub confirmed: Option<f64>,
    /// The number, among the objectives, of the one that is broken first.
    pub binding: Option<usize>,
    /// What must hold.
    pub objectives: Vec<ObjectiveSummary>,
    /// Requests that ended for each arrival.
    pub requests_per_arrival: Option<f64>,
    /// Requests that ended per second for each user, where heights count users.
    pub requests_per_user_s: Option<f64>,
    /// Where latency begins to bend, if it does below the height that was found.
    pub knee: Option<KneeSummary>,
    /// What was bad at which height, from the least on; steps of nearly the same height together.
    pub levels: Vec<LevelSummary>,
    /// Where most requests were good.
    pub peak: Option<PeakSummary>,
    /// What came of loads beyond the limit, where they were tried.
    pub beyond: Vec<BeyondSummary>,
    /// What came of a spike, if one was made.
    pub spike: Option<SpikeSummary>,
    /// Loads on the way up and on the way down, the greatest first, where that was tried.
    pub hysteresis: Vec<RungSummary>,
    /// Its steps, in their order.
    pub steps: Vec<StepSummary>,
}

impl SearchSummary {
    /// `FOUND`, `BETWEEN` (what a fast search is asked for) or `NOT FOUND`.
    pub fn verdict(&self) -> &'static str {
        match self.height {
            Some(_) => "FOUND",
            None if self.outcome == "between" => "BETWEEN",
            None => "NOT FOUND",
        }
    }

    /// It answers what was asked for.
    pub fn is_answered(&self) -> bool {
        self.verdict() != "NOT FOUND"
    }

    /// The objective that levels are about: the one that is broken first, or the first.
    pub fn objective(&self) -> Option<&ObjectiveSummary> {
        self.objectives.get(self.binding.unwrap_or(0))
    }
}

/// Where latency begins to bend: from this height on a quantile is more than twice what it is with little load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KneeSummary {
    /// Arrivals per second, or users.
    pub height: f64,
    /// Which quantile of the times of all successful requests: 0.95.
    pub quantile: f64,
    /// What it is with little load, milliseconds.
    pub base_ms: f64,
}

/// Steps of a search at nearly the same height, but for those that let the target recover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LevelSummary {
    /// The mean of their heights.
    pub height: f64,
    /// How many they are.
    pub steps: u64,
    /// Share of bad requests of the objective that is broken first, or of the first one.
    pub bad: f64,
}

/// The load with which most requests were good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PeakSummary {
    /// Arrivals per second, or users.
    pub height: f64,
    /// Requests per second that were good for the objective that is broken first.
    pub goodput: f64,
}

/// A load beyond the limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BeyondSummary {
    /// So many times the height that was found.
    pub times: f64,
    /// Arrivals per second, or users.
    pub height: f64,
    /// Requests per second that were good for the objective that is broken first.
    pub goodput: f64,
    /// As a share of the greatest goodput of all steps with as much load or less.
    pub of_peak: f64,
    /// `graceful` (90 % of the peak or more), `degraded` (half or more) or `collapse`.
    pub outcome: String,
    /// Whether all was well again under little load; null if that was not seen.
    pub recovered: Option<bool>,
}

/// A spike, and what came after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SpikeSummary {
    /// The load before and after it, as a part of the height that was found.
    pub base_times: f64,
    /// The same as a height.
    pub base: f64,
    /// The load during it, as times the height that was found.
    pub times: f64,
    /// The same as a height.
    pub height: f64,
    /// How long it lasted, seconds.
    pub lasted_s: f64,
    /// For how long the load of the base was watched after it, seconds.
    pub watched_s: f64,
    /// `recovered`, `metastable` (not while it was watched, three minutes) or `unknown`.
    pub outcome: String,
    /// Seconds from its end until all budgets are kept for good.
    pub recovery_s: Option<f64>,
    /// What a lower load brought, where it did not recover.
    pub relief: Option<ReliefSummary>,
}

/// A load on the way up to more than the limit, and again on the way down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RungSummary {
    /// As a part of the height that was found.
    pub times: f64,
    /// Arrivals per second.
    pub height: f64,
    /// On the way up.
    pub up: WaySummary,
    /// On the way down.
    pub down: WaySummary,
    /// On the way down `same`, `slower`, `broken` (an objective that was kept on the way up), or `unknown`.
    pub outcome: String,
}

/// What a load did to requests on one of the two ways.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WaySummary {
    /// Share that was bad for the objective that is broken first; null where none ended.
    pub bad: Option<f64>,
    /// A percentile of all successful requests, that of the objective or else p95, milliseconds.
    pub ms: Option<f64>,
}

/// A lower load, for a target that did not recover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ReliefSummary {
    /// As a part of the height that was found.
    pub times: f64,
    /// Arrivals per second, or users.
    pub height: f64,
    /// Whether all was well again.
    pub recovered: bool,
    /// After so many seconds; or for so long it was watched.
    pub after_s: f64,
}

/// One objective of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ObjectiveSummary {
    /// As it was written.
    pub text: String,
    /// The share of requests that may be bad.
    pub budget: f64,
}

/// One step of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StepSummary {
    /// Its phase.
    pub phase: String,
    /// `coarse`, `fine`, `calm` or `confirm`; beyond the limit `beyond`, `base`, `spike`, `back`, `up` or `down`.
    pub purpose: String,
    /// Arrivals per second, or users.
    pub height: f64,
    /// How long it lasted.
    pub lasted_s: f64,
    /// False: the generator did not keep up.
    pub counts: bool,
    /// It was ended early.
    pub cut: bool,
    /// For each objective the share of bad requests after settling; null where none ended.
    pub bad: Vec<Option<f64>>,
    /// What of the target was nearest its limit at its end.
    pub in_use: Option<InUse>,
}

/// What a search had too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lacking {
    /// The time it was given is over.
    Time,
    /// In too many steps the generator did not keep up.
    Generator,
    /// No request was about any objective.
    Requests,
}
