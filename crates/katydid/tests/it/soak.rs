//! Runs of hours in seconds: a clock that is only counted drives the real pacer, recorder, writer and timeline.
//!
//! Memory is read from /proc, so what is about memory runs in a process of its own (`alone`).

use std::path::Path;
use std::process::Command;

use katydid_analyze::{Ending, summarize};
use katydid_engine::clock::{MILLISECOND, Nanos, SECOND};
use katydid_engine::message::{Instants, Row};
use katydid_engine::pacer::{Follower, Share};
use katydid_engine::recorder::{Failed, Recorder};
use katydid_record::frame::Mark;
use katydid_record::timeline::{INTERVALS, SLICES};
use katydid_record::{
    Cause, Completeness, EndpointId, FORMAT, HostFacts, Limit, Manifest, Model, Plan, Run,
    RunWriter, Schedule, Slo, Summary, Timeline,
};
use tempfile::TempDir;

/// The run's clock does not begin at zero.
const BEGAN: Nanos = 1_000 * SECOND;
const MIB: u64 = 1 << 20;

/// A run by a clock that is only counted.
struct Simulated {
    manifest: Manifest,
    follower: Follower,
    recorder: Recorder,
    writer: RunWriter,
    timeline: Timeline,
    random: fastrand::Rng,
    phase: u32,
    users: u64,
    /// What was recorded.
    ok: u64,
    failed: u64,
    arrivals: u64,
    /// Users times seconds.
    user_seconds: u64,
}

impl Simulated {
    fn new(dir: &Path, load: &str, phase: Option<&str>, endpoints: u32) -> Self {
        let schedule = schedule(load);
        let manifest = Manifest {
            format: FORMAT,
            tool_version: "0.0.0".into(),
            id: "soak".into(),
            name: "soak".into(),
            started: "2026-11-23T10:15:30Z".into(),
            started_epoch_us: 1_795_428_930_000_000,
            argv: Vec::new(),
            plan: Plan {
                command: "run".into(),
                slos: vec![within_300_ms(phase)],
                schedule: Some(schedule.clone()),
                ..Plan::default()
            },
            host: HostFacts::default(),
            scenario: Vec::new(),
        };
        let mut recorder = Recorder::new(0, "io", BEGAN);
        for id in 0..endpoints {
            recorder.announce(Row {
                id,
                method: "GET".into(),
                name: format!("/{id}"),
                ..Row::default()
            });
        }
        Self {
            writer: RunWriter::create(dir, &manifest).unwrap(),
            timeline: Timeline::watching(&manifest.plan),
            manifest,
            follower: Follower::new(schedule, BEGAN, 0, Share::WHOLE),
            recorder,
            random: fastrand::Rng::with_seed(7),
            phase: 0,
            users: 0,
            ok: 0,
            failed: 0,
            arrivals: 0,
            user_seconds: 0,
        }
    }

    /// From the first instant to the last; `each` is called at the end of each second with its number, and makes that second's requests
    /// where it is not arrivals that do.
    fn run(&mut self, endpoints: u32, mut each: impl FnMut(&mut Self, u64)) {
        let mut now = BEGAN;
        let mut next_cut = BEGAN + SECOND;
        loop {
            let news = self.follower.poll(now);
            for (name, kind) in news.phases {
                self.phase += 1;
                let frames = self.recorder.begin_phase(now, self.phase);
                self.take(&frames);
                let mark = Mark::PhaseBegan {
                    phase: self.phase,
                    name,
                    kind: kind.as_str().into(),
                };
                self.recorder.mark(now, mark);
            }
            self.users = news.users.last().map_or(self.users, |(_, due)| *due);
            self.arrivals += news.arrivals.len() as u64;
            for arrival in news.arrivals {
                let endpoint = self.random.u32(..endpoints);
                self.request(endpoint, arrival.due);
            }
            let Some(next) = news.next else { break };
            while next_cut <= next {
                let second = (next_cut - BEGAN) / SECOND - 1;
                each(self, second);
                self.cut(next_cut);
                next_cut += SECOND;
            }
            now = next;
        }
        let end = Mark::End {
            reason: "run-time".into(),
            exit_code: 0,
        };
        self.recorder.mark(now, end);
        self.take_rest(now);
    }

    fn request(&mut self, endpoint: EndpointId, due: Nanos) {
        // Lognormal: a median of 20 ms for the first endpoint, more for the later ones, and a spread of 0.6.
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.random.f64()).cos();
        let millis = (20.0 + f64::from(endpoint)) * (0.6 * normal).exp();
        let send = due + self.random.u64(5_000..60_000);
        let instants = Instants {
            due,
            asked: due,
            taken: send - 2_000,
            send,
            done: send + (millis * MILLISECOND as f64) as Nanos,
            ..Instants::default()
        };
        self.recorder.lag.record((send - due) / 1_000);
        self.recorder
            .bytes(endpoint, 180, self.random.u64(300..4_000));
        if self.random.u32(..1_000) == 0 {
            self.failed += 1;
            let failed = Failed {
                cause: Cause::Status,
                text: "503 Service Unavailable",
                status: 503,
                shape: None,
            };
            self.recorder.failed(endpoint, &instants, 0, failed);
        } else {
            self.ok += 1;
            self.recorder.ok(endpoint, &instants, 200, 1_000);
        }
    }

    fn cut(&mut self, now: Nanos) {
        self.user_seconds += self.users;
        let health = &mut self.recorder.generator;
        health.users = self.users;
        health.processors = 2;
        health.io_cpu_us = 100_000;
        health.process_cpu_us = 200_000;
        health.rss_bytes = 90 * MIB + self.random.u64(..MIB);
        let frames = self.recorder.cut(now);
        self.take(&frames);
    }

    fn take_rest(&mut self, now: Nanos) {
        let frames = self.recorder.cut(now);
        self.take(&frames);
    }

    fn take(&mut self, frames: &[katydid_record::Frame]) {
        frames.iter().for_each(|frame| self.timeline.apply(frame));
        self.writer.append(frames).unwrap();
        self.writer.flush().unwrap();
    }

    /// Closes the record; the summaries of the run and of what is read back are the same.
    fn finish(self, dir: &Path) -> (Timeline, Summary) {
        self.writer.finish().unwrap();
        let ending = Ending {
            complete: true,
            notes: Vec::new(),
        };
        let live = summarize(&self.manifest, &self.timeline, &ending);
        let run = Run::open(dir).unwrap();
        assert_eq!(run.completeness, Completeness::Whole);
        assert_eq!(run.timeline.seconds, self.timeline.seconds);
        let replayed = summarize(&run.manifest, &run.timeline, &ending);
        assert!(
            live == replayed,
            "the record tells another story than the run"
        );
        assert_eq!(live.total.requests, self.ok + self.failed);
        assert_eq!(live.total.failures, self.failed);
        (self.timeline, live)
    }
}

fn within_300_ms(phase: Option<&str>) -> Slo {
    Slo {
        text: "p95 < 300ms".into(),
        endpoint: None,
        access: None,
        phase: phase.map(str::to_owned),
        limit: Limit::Within {
            share: 0.95,
            limit_us: 300_000,
        },
    }
}

fn schedule(load: &str) -> Schedule {
    katydid::load::parse(load).unwrap().schedule
}

/// The sums over intervals are those of the run, and there are not more of them than is said.
fn check_bounds(timeline: &Timeline, phases: u64) {
    let kept = timeline.seconds.intervals().count() as u64;
    assert!(kept <= INTERVALS + 2 * (phases + 1), "{kept}");
    let counted: u64 = timeline.seconds.intervals().map(|s| s.ok + s.failed).sum();
    let total = Timeline::total(&timeline.endpoints);
    assert_eq!(counted, total.ended());
    let by_phase: u64 = timeline.phases.values().map(|phase| phase.total().ok).sum();
    assert_eq!(by_phase, total.ok);
    for slices in timeline.slices.values() {
        assert!(slices.counts.len() <= SLICES && slices.newest.len() <= 20);
    }
    let judged: u64 = timeline
        .slices
        .values()
        .map(|slices| slices.total().total)
        .sum();
    assert_eq!(judged, total.ended());
    assert!(timeline.marks.len() <= 4 + phases as usize && timeline.facts.is_empty());
    assert!(timeline.endpoints.values().all(|e| e.recent.len() <= 21));
}

#[test]
fn a_day_of_arrivals_has_the_totals_of_its_plan() {
    let dir = TempDir::new().unwrap();
    let load = "ramp to 8/s over 30m, hold 12h20m as day, spike to 40/s for 30s, hold 10m, ramp to 4/s over 19m30s, hold 10h40m as night";
    let mut run = Simulated::new(dir.path(), load, Some("day"), 3);
    run.run(3, |_, _| ());
    assert_eq!(run.arrivals, schedule(load).arrivals());
    assert_eq!(run.ok + run.failed, run.arrivals);
    let (timeline, summary) = run.finish(dir.path());
    assert_eq!(timeline.end / 1_000_000, 86_400);
    let widths: Vec<u64> = timeline
        .seconds
        .stretches
        .values()
        .map(|s| s.width_s)
        .collect();
    // The ramps and the holds of hours are coarse; the spike and what follows it keep their seconds.
    assert_eq!(
        widths[widths.len() - 6..],
        [4, 64, 1, 1, 2, 64],
        "{widths:?}"
    );
    check_bounds(&timeline, 6);
    let exact = |from_s: f64, to_s: f64| {
        let plan = schedule(load);
        plan.arrivals_by(to_s) as f64 - plan.arrivals_by(from_s) as f64
    };
    for phase in &summary.phases {
        // One that ends after the edge it was due before counts in the next phase.
        let off = phase.total.requests as f64 - exact(phase.began_s, phase.ended_s);
        assert!(off.abs() <= 2.0, "{}: {off}", phase.name);
    }
    let drifting: Vec<&str> = summary
        .drifts
        .iter()
        .filter_map(|d| d.phase.as_deref())
        .collect();
    assert_eq!(
        drifting,
        ["day"; 4]
            .into_iter()
            .chain(["night"; 4])
            .collect::<Vec<_>>()
    );
    assert!(
        summary
            .drifts
            .iter()
            .all(|d| d.outcome != katydid_record::summary::DriftOutcome::Rose)
    );
}

#[test]
fn a_day_of_users_follows_its_plan() {
    let dir = TempDir::new().unwrap();
    let load = "ramp to 200 users over 5m, hold 23h55m";
    let plan = schedule(load);
    assert_eq!(plan.model, Model::Users);
    let mut run = Simulated::new(dir.path(), load, None, 3);
    run.run(3, |run, second| {
        let due = BEGAN + second * SECOND + SECOND / 2;
        for n in 0..run.users / 50 {
            run.request((n % 3) as EndpointId, due);
        }
    });
    let (exact, found) = (plan.area(86_400.0), run.user_seconds as f64);
    assert!((found / exact - 1.0).abs() < 1e-4, "{found} {exact}");
    let (timeline, summary) = run.finish(dir.path());
    check_bounds(&timeline, 2);
    assert_eq!((summary.run.users, summary.series.width_s), (200, 32.0));
    let drawn: f64 = summary.series.length_s.iter().sum();
    assert!((drawn - 86_400.0).abs() < 1.0, "{drawn}");
}

/// Runs the named test of this file in a process of its own and gives what it printed after its name.
fn alone(name: &str, dir: &Path) -> Vec<u64> {
    let told = Command::new(std::env::current_exe().unwrap())
        .args([
            &format!("soak::{name}"),
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env("SOAK_DIR", dir)
        .output()
        .unwrap();
    let out = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.status.success(),
        "{out}\n{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let line = out.lines().find_map(|line| line.split_once("measured: "));
    let numbers = line.expect("it prints what it measured").1.split(' ');
    numbers.map(|n| n.parse().unwrap()).collect()
}

fn own_dir() -> std::path::PathBuf {
    std::env::var_os("SOAK_DIR")
        .expect("it is run by another test")
        .into()
}

/// Of this process, bytes: `VmRSS` now, `VmHWM` at most so far.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap();
    let kib = line.trim_matches(|c: char| !c.is_ascii_digit());
    kib.parse::<u64>().unwrap() * 1024
}

#[test]
#[ignore = "run by memory_is_flat_over_a_day"]
fn a_day_measured() {
    let mut run = Simulated::new(&own_dir(), "arrive at 20/s for 24h", None, 10);
    let mut seen = Vec::new();
    run.run(10, |_, second| {
        if [2, 12, 24].contains(&((second + 1) / 3_600)) && (second + 1) % 3_600 == 0 {
            seen.push(memory("VmRSS:"));
        }
    });
    println!(
        "measured: {} {} {} {}",
        seen[0],
        seen[1],
        seen[2],
        memory("VmHWM:")
    );
}

#[test]
fn memory_is_flat_over_a_day() {
    let dir = TempDir::new().unwrap();
    let measured = alone("a_day_measured", dir.path());
    let [early, midway, late, most] = measured[..] else {
        panic!("{measured:?}")
    };
    println!("after 2 h {early}, 12 h {midway}, 24 h {late}, at most {most} bytes");
    // Merged intervals have more buckets in use, up to all of them: 8 MB from 2 h to 24 h. What grew with time would add twelve times what
    // was there.
    assert!(late < early + 12 * MIB, "{measured:?}");
    assert!(late < midway + 6 * MIB, "{measured:?}");
}

#[test]
#[ignore = "run by two_hours_of_fifty_endpoints"]
fn two_hours_written() {
    let mut run = Simulated::new(&own_dir(), "arrive at 1000/s for 2h", None, 50);
    run.run(50, |_, _| ());
    let (arrivals, most) = (run.arrivals, memory("VmHWM:"));
    run.writer.finish().unwrap();
    println!("measured: {arrivals} {most}");
}

#[test]
#[ignore = "run by two_hours_of_fifty_endpoints"]
fn two_hours_reported() {
    let code =
        katydid::commands::dispatch(&["report".into(), own_dir().display().to_string()], None);
    println!("\nmeasured: {} {}", code.unwrap(), memory("VmHWM:"));
}

#[test]
fn two_hours_of_fifty_endpoints() {
    let dir = TempDir::new().unwrap();
    let written = alone("two_hours_written", dir.path());
    let size = std::fs::metadata(dir.path().join("frames.jsonl.zst"))
        .unwrap()
        .len();
    let reported = alone("two_hours_reported", dir.path());
    println!(
        "{size} bytes on disk; at most {} while running, {} reporting",
        written[1], reported[1]
    );
    assert_eq!(written[0], 7_200_000);
    assert!(size < 150_000_000, "{size}");
    assert!(written[1] < 200_000_000, "{written:?}");
    assert!(reported[1] < 200_000_000, "{reported:?}");
}
