//! From where on the rules speak: every threshold, with where it is from.

/// Traced requests of an endpoint from which calls per request are told.
pub const TRACED: u64 = 10;
/// Equal calls per request that are N+1 (Sentry's rule has the same five).
pub const N_PLUS_ONE_CALLS: f64 = 5.0;
/// Rows that each of them gives at most: it fetches one thing.
pub const N_PLUS_ONE_ROWS: f64 = 2.0;
/// Equal writes per request that are row by row.
pub const ROW_BY_ROW_WRITES: f64 = 10.0;
/// What a query costs besides its time in the database where that was not measured, ms: the way there and back, a driver, an ORM. On one machine
/// 0.3 to 0.8 were seen.
pub const ROUND_TRIP_MS: f64 = 0.5;
/// The part of an endpoint's time that a cause has to cost to be worth its reader's.
pub const SHARE_OF_ENDPOINT: f64 = 0.10;
/// The part of a database's time that a statement has to take.
pub const SHARE_OF_DATABASE: f64 = 0.05;
/// The part of the blocks that a database reads, likewise.
pub const SHARE_OF_BLOCKS: f64 = 0.25;
/// Calls from which the mean of a statement is told.
pub const STATEMENT_CALLS: f64 = 20.0;
/// Calls as spans have them, over those that the database counts: between these two they speak of the same.
pub const AGREE: (f64, f64) = (0.7, 1.4);
/// Blocks of a call from which it can be a scan that an index would spare.
pub const SCAN_BLOCKS: f64 = 100.0;
/// Blocks for each row that comes out, likewise.
pub const SCAN_BLOCKS_PER_ROW: f64 = 20.0;
/// Rows read for each that is kept, by the plan.
pub const SCAN_WASTE: f64 = 10.0;
/// Rows that an index finds for each that its filter keeps: fewer, and a better index spares less than half.
pub const FILTER_WASTE: f64 = 2.0;
/// Blocks that an index reads to find one value: its levels, in a large table.
pub const LOOKUP_BLOCKS: f64 = 4.0;
/// Of a plan's cost, what is left at most where an index helps that was tried (dexter: half).
pub const TRIED_COST: f64 = 0.5;
/// Fewer blocks that a request has to read where an experiment helped: half of what a call reads that is worth an index.
pub const FEWER_BLOCKS: f64 = 0.5 * SCAN_BLOCKS;
/// Of a request's time, what is left at most where an experiment helped.
pub const LESS_TIME: f64 = 0.95;
/// Requests of a part of an experiment, and its parts with the change and without it.
pub const PART_REQUESTS: u64 = 5;
pub const PARTS: usize = 3;
/// Rows of a table below which a scan is right.
pub const SCAN_ROWS: f64 = 10_000.0;
/// Share of a statement in the database's time that is a finding of its own.
pub const SLOW_SHARE: f64 = 0.40;
/// Its mean, ms.
pub const SLOW_MS: f64 = 20.0;
/// Sessions that waited for a lock on average, in a phase.
pub const LOCK_WAITERS: f64 = 0.5;
/// Their share of all sessions that were not idle.
pub const LOCK_SHARE: f64 = 0.10;
/// The mean of a statement that waits for one, where a tenth of an endpoint's time goes there, ms.
pub const LOCK_MS: f64 = 5.0;
/// For so long some session was idle in a transaction at every fifth look, s. Between two statements of a busy service lie some ms, and a few
/// tens where its processors are short.
pub const HELD_S: f64 = 0.1;
/// At this share of the looks: a request that is made a few times a second is under way at some only.
pub const HELD_SHARE: f64 = 0.2;
/// The time for which a request leaves its transaction idle, over that of other endpoints.
pub const HELD_RATIO: f64 = 2.0;
/// The part of that time in which another service is called, from which on it is not for want of processors.
pub const HELD_CALLED: f64 = 0.5;
/// Time in calls of another service per request, ms.
pub const DOWNSTREAM_MS: f64 = 50.0;
/// Its share of the endpoint's time.
pub const DOWNSTREAM_SHARE: f64 = 0.3;
/// The fastest requests take this part of it at least.
pub const FLOOR: f64 = 0.8;
/// Lookups of a cache from which its hit ratio is told.
pub const LOOKUPS: f64 = 1_000.0;
/// The part of them that are reads of values.
pub const LOOKUPS_READ: f64 = 0.8;
/// Below it a cache spares less than half.
pub const HIT_RATIO: f64 = 0.5;
/// By so much the share of hits rises from the second third of the load to the last where a cache is not filled yet.
pub const HITS_RISE: f64 = 0.03;
/// The part of the misses that a count of keys has to explain.
pub const MISSES_TOLD: f64 = 0.5;
/// Entries by which a queue grew.
pub const BACKLOG: f64 = 10.0;
/// The part of their time that consumers may be busy: what comes unevenly would wait for long otherwise (queueing theory's usual four fifths).
pub const CONSUMERS_BUSY: f64 = 0.8;
/// Bytes by which memory grew.
pub const LEAK_BYTES: f64 = 30.0 * 1_048_576.0;
/// The same as a share of what it was.
pub const LEAK_SHARE: f64 = 0.33;
/// Growth per request in the last third, over that in the middle one.
pub const LEAK_GOES_ON: f64 = 0.6;
/// How long a heap may grow before its collector has shown what is left, s.
pub const LEAK_COLLECTED_S: f64 = 400.0;
/// Requests in a third of the load.
pub const LEAK_REQUESTS: f64 = 100.0;
/// What a request may take that waits in the service, bytes: growth that is less than that of more requests under way is no leak.
pub const LEAK_WAITING: f64 = 262_144.0;
/// Seconds in which so many have to be under way.
pub const LEAK_TOGETHER_S: usize = 3;
/// Of all processors' time in a phase.
pub const CPU_BUSY: f64 = 0.85;
/// The target's part of it, from which it is the target that is at the limit.
pub const CPU_OWN: f64 = 0.5;
/// Length of a phase from which it tells so, s: a start is no load.
pub const CPU_S: f64 = 5.0;
/// Of one processor's time: a process that cannot use another.
pub const ONE_CORE: f64 = 0.90;
/// Share of the looks at which a pool tells that all is in use and somebody waits.
pub const POOL_TOLD: f64 = 0.2;
/// Time of a request in the probe's burst, over what so many of them take one after the other: they were answered one by one.
pub const ONE_BY_ONE: f64 = 0.6;
/// Another endpoint beside the burst takes so many times as long as alone (the reference's canary has the same five), and so much longer, ms.
pub const BESIDE_TIMES: f64 = 5.0;
pub const BESIDE_MS: f64 = 20.0;
/// Processors that are used at most by a process that waits.
pub const IDLE_CORE: f64 = 0.4;
/// Wait before the service begins with a request, ms, and as a share of the request's time.
pub const BEFORE_MS: f64 = 20.0;
pub const BEFORE_SHARE: f64 = 0.3;
/// Requests that are in a service at a time, on average, from which it has several workers: one that answers one after the other has one at most.
pub const WORKERS: f64 = 1.5;
/// What the quickest requests take, over what all wait on average, where it is a queue: some come when it is short.
pub const QUEUE_FAST: f64 = 0.5;
/// Share of looks at which as many sessions were at work, and the most at which there may have been more.
pub const POOL_SHARE: f64 = 0.8;
pub const POOL_ABOVE: f64 = 0.1;
/// So many times nearer to what the endpoints' statements take are an application's sessions than the next one's: else it is not known which is theirs.
pub const POOL_APART: f64 = 1.5;
/// Of the sessions at work, the part that the endpoints' statements take at least; or the longest transaction, over the mean of the slowest of them.
pub const POOL_ASKED: f64 = 0.25;
pub const POOL_LONGEST: f64 = 2.0;
/// Share of sessions at work that are idle in a transaction: then no statement is what is waited for.
pub const POOL_IDLE: f64 = 0.5;
/// Share of them that wait for disks or for locks within the server: more of them would wait as well.
pub const POOL_WITHIN: f64 = 0.5;
/// Idle sessions of the application, over those at work, or one: so many a worker beside it has. With more its pool is not used up.
pub const POOL_SPARE: f64 = 0.25;
/// Nothing was answered for so long before the load ended, s.
pub const STUCK_S: f64 = 5.0;
/// Looks in a phase.
pub const POOL_LOOKS: usize = 8;
/// Requests under way that need a connection, over those at work.
pub const POOL_TIMES: f64 = 2.0;
/// Runs of a statement in requests made at once, over those of a request alone.
pub const RERUN: f64 = 0.9;
/// Time of a request's sums in the database, ms, and their share of the database's time.
pub const SUM_MS: f64 = 2.0;
pub const SUM_OF_DATABASE: f64 = 0.4;
/// With nothing cached and many asking at once: the share of them that compute a value where all who miss it do, and the most that do where one
/// computes it for the others.
pub const COLD_ALL: f64 = 0.5;
pub const COLD_ONE: f64 = 2.0;
/// Bursts by which that is told.
pub const COLD_BURSTS: u32 = 3;
/// Looks at which a statement ran with the route of an endpoint.
pub const TAGGED: f64 = 3.0;
/// Keys that never expire, by which a cache grew.
pub const KEYS: f64 = 30.0;
/// Share of a form's keys without a time to live.
pub const KEYS_FOREVER: f64 = 0.9;
/// Keys that a request makes.
pub const NEW_KEYS: f64 = 0.1;
/// Runs per request of a statement that is behind a cache, and its runs under load over those when asked one by one.
pub const RARE: f64 = 0.6;
pub const STAMPEDE: f64 = 3.0;
/// Its runs per request under load, over those when asked one by one, where a cache spares some of them.
pub const STAMPEDE_SPARED: f64 = 0.5;
/// The service's own part of a write, ms, as a share of the request, and the processors that it uses for it.
pub const OWN_MS: f64 = 100.0;
pub const OWN_SHARE: f64 = 0.67;
pub const OWN_CPU: f64 = 0.5;
/// Share of requests with status 429.
pub const REFUSED: f64 = 0.01;
/// Samples of a level from which its mean is told.
pub const SAMPLES: usize = 4;
