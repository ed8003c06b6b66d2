//! All thresholds of a search. bench/search says what comes of them.

/// Growth of coarse steps while next to nothing is bad, and from then on.
pub const FAST: f64 = 2.0;
/// See [`FAST`].
pub const CAREFUL: f64 = 1.4;
/// "Next to nothing": this part of the budget.
pub const NOTHING: f64 = 0.1;
/// Times the budget that a coarse step is broken at; never more than half of the requests.
pub const BROKEN: f64 = 3.0;
/// Fewer bad requests break nothing.
pub const FEW: u64 = 3;
/// A bracket is narrow enough when its ends are so far apart.
pub const NARROW: f64 = 1.42;
/// A search that ends with the bracket names the greatest load at which no more than this part of the budget was used up: in a few
/// seconds a load just above the limit often keeps it.
pub const CLEARLY: f64 = 0.2;
/// The generator's busiest thread may be at work for this part of the time: no coarse step is made that would need more.
pub const BUSY: f64 = 0.8;
/// With less of it, what it needs for more load cannot be told.
pub const BUSY_TELLS: f64 = 0.2;
/// A step that is higher by no more than this factor is not worth making.
pub const LITTLE_MORE: f64 = 1.05;
/// Below the first step by this factor, where it was broken already.
pub const DOWN: f64 = 4.0;
/// As little load is idle: arrivals per second, or users.
pub const IDLE: f64 = 0.5;

/// Users started per second from one step to the next; all of them within [`LONGEST_RISE_S`].
pub const RISE: f64 = 20.0;
/// See [`RISE`].
pub const LONGEST_RISE_S: f64 = 15.0;
/// Settling and hold of a coarse step, seconds.
pub const COARSE_S: (f64, f64) = (3.0, 12.0);
/// Settling of the first step of all: what is cold then is warm.
pub const FIRST_SETTLE_S: f64 = 10.0;
/// Of a fine one.
pub const FINE_S: (f64, f64) = (5.0, 30.0);
/// Longest hold of a fine step, where requests are few.
pub const LONGEST_FINE_S: f64 = 120.0;
/// Bad requests that a hold at the limit should bring.
pub const WITNESSES: f64 = 25.0;
/// Of a step that lets the target recover: the longest, seconds.
pub const CALM_S: f64 = 120.0;
/// Its height, as a part of the estimate.
pub const CALM: f64 = 0.3;
/// Of a confirmation.
pub const CONFIRM_S: (f64, f64) = (5.0, 180.0);
/// The shortest confirmation that is worth making.
pub const SHORT_CONFIRM_S: f64 = 60.0;
/// The longest, where requests are few.
pub const LONGEST_CONFIRM_S: f64 = 600.0;
/// Bad requests that a hold at the limit has to bring at least, so that one without any is surely below it: −ln 0.025.
pub const LEAST_WITNESSES: f64 = 3.7;
/// Part of a limited time that is kept for it.
pub const CONFIRM_PART: f64 = 0.2;

/// Heights of fine steps, as parts of the estimate: mostly below it, so that few need time to recover.
pub const PARTS: [f64; 4] = [0.82, 0.90, 0.97, 1.04];
/// Their order: in each row each once, and each follows each other one equally often (Williams 1949), so that neither a drift of the
/// target nor what a step leaves behind is always the same part's.
pub const ORDER: [[usize; 4]; 4] = [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]];
/// Until there are so many, the estimate is only moved, not fitted.
pub const FIT_FROM: usize = 4;
/// Fewest and most fine steps.
pub const FEWEST: usize = 8;
/// See [`FEWEST`].
pub const MOST: usize = 48;
/// Steps of all sorts after which no more fine ones are made; a run keeps a hundred phases apart.
pub const MOST_STEPS: usize = 90;
/// Part of its budget that an objective has used up when it is near its limit.
pub const NEAR: f64 = 0.5;
/// With so many, and with each [`MORE`] of them, the search ends if the interval is [`PRECISE`] and not [`TOO_SLOW`]. It is not looked at in between: who
/// stops at the first moment at which it is narrow stops where it is too narrow.
pub const ENOUGH: usize = 24;
/// See [`ENOUGH`].
pub const MORE: usize = 8;
/// Upper end over lower end that is precise.
pub const PRECISE: f64 = 1.15;
/// Upper end over lower end that is no answer.
pub const TOO_WIDE: f64 = 1.25;
/// Growth of the interval by what neighbouring steps have in common that is too much: the target's speed wanders so slowly that the search
/// has seen too little of it.
pub const TOO_SLOW: f64 = 1.2;
/// Upper end over lower end of an interval that is good enough even so.
pub const NEGLIGIBLE: f64 = 1.08;
/// Deviation of the target's speed from step to step that is too much: a search has seen too few of its slow times.
pub const WANDERS: f64 = 0.1;
/// Steps from which that can be told.
pub const WANDERS_FROM: usize = 6;
/// Times from which it can be told how long requests took.
pub const LEAST_TIMES: f64 = 30.0;
/// The next step is made at an estimate beyond the lowest and highest steps so far by no more than this factor.
pub const LEAP: f64 = 1.3;
/// Coarse steps below this part of the estimate tell what is bad at any load.
pub const FLOOR_BELOW: f64 = 0.6;

/// A step is cut when so many seconds in a row are as bad as [`LOST`].
pub const CUT_AFTER: usize = 10;
/// Share of bad requests of a second in which nothing works.
pub const LOST: f64 = 0.9;
/// A step is cut, too, when requests stay for so many times what they may take, and what they take under little load, together.
pub const DROWNED: f64 = 3.0;
/// Fewer requests in flight are no overload.
pub const AWAITED: f64 = 10.0;
/// Seconds that are looked at for it: the most, and the fewest since the step began.
pub const DROWNED_S: (u64, u64) = (5, 3);
/// After a step whose last seconds were as bad as this on average, the target may recover first.
pub const STRAINED: f64 = 0.5;
/// So many seconds are looked at for it, and for a recovery.
pub const LAST: usize = 5;
/// After a confirmation that fails, the next one's height, as a part of that one's.
pub const LOWER: f64 = 0.95;
/// Share of something of the target that is in use when it is near its limit.
pub const FULL: f64 = 0.9;
/// Confirmations at most.
pub const CONFIRMATIONS: usize = 3;

/// Loads beyond the limit, as times what was found.
pub const BEYOND: [f64; 2] = [1.5, 2.0];
/// Settling and hold of one, seconds.
pub const BEYOND_S: (f64, f64) = (3.0, 60.0);
/// Part of a limited time that is kept for what is beyond.
pub const BEYOND_PART: f64 = 0.3;
/// As long as all of it takes at most, where requests may take no longer than seconds.
pub const BEYOND_MOST_S: f64 = 690.0;
/// Part of the peak goodput that is left there: as much is graceful.
pub const GRACEFUL: f64 = 0.9;
/// Less is a collapse.
pub const COLLAPSE: f64 = 0.5;
/// The goodput of so few seconds, or fewer, is not told.
pub const SHORT: usize = 5;
/// Steps whose heights are nearer to each other than by this factor have one goodput: the peak is the greatest of several, and would be
/// that of the luckiest.
pub const TOGETHER: f64 = 1.05;
/// The load before and after a spike, as a part of what was found.
pub const BASE: f64 = 0.5;
/// Settling and hold before it, seconds.
pub const BASE_S: (f64, f64) = (5.0, 20.0);
/// Its load, as times what was found.
pub const SPIKE: f64 = 2.0;
/// How long it lasts, seconds.
pub const SPIKE_S: f64 = 30.0;
/// How long the load of the base is watched after it, seconds: who has not recovered by then does not by itself. An endless queue has worked off
/// such a spike in the time of two.
pub const BACK_S: f64 = 180.0;
/// Recovered: the budgets are kept in the first so many seconds, and in so many as far as they were watched.
pub const MENDED: (usize, usize) = (10, 30);
/// A load for who does not recover, as a part of what was found, and for how long, seconds.
pub const RELIEF: (f64, f64) = (0.2, 60.0);
/// Between the end of a step and the next, seconds.
pub const TOLD_S: f64 = 2.0;
/// A run keeps so many phases apart.
pub const MOST_PHASES: usize = 100;
/// Overloads and what follows each, at most.
pub const STEPS_BEYOND: usize = 8;
/// The way up and down, and a time to recover.
pub const STEPS_OF_RUNGS: usize = WAY_UP.len() + WAY_DOWN.len() + 1;

/// Loads on the way up, as parts of what was found: the last is more than it can do, or nearly so.
pub const WAY_UP: [f64; 4] = [0.5, 0.7, 0.9, 1.2];
/// The same on the way down.
pub const WAY_DOWN: [f64; 3] = [0.9, 0.7, 0.5];
/// Settling and hold of each, seconds.
pub const RUNG_S: (f64, f64) = (5.0, 25.0);
/// Part of a limited time that is kept for them.
pub const RUNGS_PART: f64 = 0.25;
/// As long as they take, and the time after them.
pub const RUNGS_MOST_S: f64 = 350.0;
/// So many times slower on the way down is worse.
pub const STAYS: f64 = 1.5;
/// Parts of a hold that are compared with one another.
pub const BATCHES: usize = 5;

/// Latency has begun to bend where it is so many times what it is with little load.
pub const BENT: f64 = 2.0;
/// Only just below the limit, from this part of it on, that is no knee: it has to be somewhere.
pub const JUST_BELOW: f64 = 0.95;
/// Little load: less than this part of what was found.
pub const LITTLE: f64 = 0.5;
