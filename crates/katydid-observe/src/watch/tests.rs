use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use katydid_record::{Body, Mark, Name};

use super::*;
use crate::batch::Batch;
use crate::observer::{Boxed, Observer};

/// Fails to open `absent` times, then at each look numbered in `fails`; panics at the look `panics`.
#[derive(Clone, Default)]
struct Fake {
    absent: u32,
    fails_after: Option<u32>,
    panics: bool,
    opened: Arc<AtomicU32>,
    looks: Arc<AtomicU32>,
    counted: Arc<AtomicU32>,
}

const EVERY: Duration = Duration::from_millis(40);

impl Source for Fake {
    fn subject(&self) -> String {
        "fake".into()
    }

    fn every(&self) -> Duration {
        EVERY
    }

    fn open(&mut self) -> Boxed<'_, Result<Box<dyn Observer>, Trouble>> {
        Box::pin(async move {
            if self.opened.fetch_add(1, Ordering::Relaxed) < self.absent {
                return Err(Trouble::lost("connection refused, password=hunter2"));
            }
            Ok(Box::new(self.clone()) as Box<dyn Observer>)
        })
    }
}

impl Observer for Fake {
    fn watched(&self) -> Watched {
        Watched {
            subject: self.subject(),
            ..Watched::default()
        }
    }

    fn look<'a>(&'a mut self, batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async move {
            let number = self.looks.fetch_add(1, Ordering::Relaxed);
            assert!(!self.panics, "as it was told");
            if self.fails_after == Some(number) {
                return Err(Trouble::lost("gone"));
            }
            let read = batch.begin();
            batch.counter("looks", "", &[], f64::from(number));
            if batch.is_edge() {
                batch.counter("edges", "", &[], 1.0);
            }
            batch.end(read);
            Ok(())
        })
    }

    fn count<'a>(&'a mut self, _batch: &'a mut Batch) -> Boxed<'a, Result<(), Trouble>> {
        Box::pin(async {
            self.counted.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }
}

/// Everything that came until `enough`, or five seconds have passed.
fn watched(
    fake: &Fake,
    wait: Duration,
    enough: impl Fn(&[Frame]) -> bool,
) -> (Vec<Frame>, Vec<Opened>) {
    let began = Instant::now();
    let clock: Clock = Arc::new(move || began.elapsed().as_micros() as u64);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let for_sink = seen.clone();
    let sink = move |frames: Vec<Frame>| for_sink.lock().expect("no panic").extend(frames);
    let source: Box<dyn Source> = Box::new(fake.clone());
    let (watch, opened) = Watch::start(vec![source], &clock, sink, wait).expect("a thread");
    watch.edge();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !enough(&seen.lock().expect("no panic")) && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(watch.finish());
    let frames = seen.lock().expect("no panic").clone();
    (frames, opened)
}

fn marks(frames: &[Frame]) -> Vec<&Mark> {
    let marks = frames.iter().filter_map(|frame| match &frame.body {
        Body::Mark(mark) => Some(mark),
        _ => None,
    });
    marks.collect()
}

fn samples(frames: &[Frame]) -> usize {
    frames
        .iter()
        .filter(|frame| matches!(frame.body, Body::Samples(_)))
        .count()
}

#[test]
fn it_looks_at_its_distance_and_says_what_that_costs() {
    let (frames, opened) = watched(&Fake::default(), Duration::from_secs(5), |frames| {
        samples(frames) > 20
    });
    assert!(opened[0].result.is_ok());
    assert!(samples(&frames) > 20);
    assert_eq!(marks(&frames), Vec::<&Mark>::new());
    let named = frames.iter().filter_map(|frame| match &frame.body {
        Body::Names(names) => Some(names),
        _ => None,
    });
    let named: Vec<&str> = named
        .flatten()
        .filter_map(|name| match name {
            Name::Series { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        named,
        [
            "looks",
            "edges",
            "observer.read",
            "observer.cpu",
            "observer.stalls"
        ]
    );
}

#[test]
fn what_is_absent_at_first_is_seen_when_it_comes() {
    let fake = Fake {
        absent: 1,
        ..Fake::default()
    };
    let (frames, opened) = watched(&fake, Duration::from_secs(5), |frames| samples(frames) > 2);
    assert!(opened[0].result.is_err());
    assert!(samples(&frames) > 2);
    let marks = marks(&frames);
    assert!(
        matches!(marks[..], [Mark::Lost { .. }, Mark::Regained { .. }]),
        "{marks:?}"
    );
    assert!(!format!("{marks:?}").contains("hunter2"));
}

#[test]
fn a_loss_while_it_looks_is_a_mark_and_is_mended() {
    let fake = Fake {
        fails_after: Some(2),
        ..Fake::default()
    };
    let is_mended = |frames: &[Frame]| marks(frames).len() == 2 && samples(frames) > 8;
    let (frames, _) = watched(&fake, Duration::from_secs(5), is_mended);
    let marks = marks(&frames);
    assert!(
        matches!(marks[..], [Mark::Lost { .. }, Mark::Regained { .. }]),
        "{marks:?}"
    );
}

#[test]
fn a_defect_of_an_observer_is_a_loss_and_nothing_else() {
    let fake = Fake {
        panics: true,
        ..Fake::default()
    };
    let (frames, opened) = watched(&fake, Duration::from_secs(5), |frames| !frames.is_empty());
    assert!(opened.is_empty());
    assert!(matches!(&marks(&frames)[..], [Mark::Lost { why, .. }] if why.contains("defect")));
}

fn started(fake: &Fake, wait: Duration) -> Watch {
    let began = Instant::now();
    let clock: Clock = Arc::new(move || began.elapsed().as_micros() as u64);
    let source: Box<dyn Source> = Box::new(fake.clone());
    let (watch, _) = Watch::start(vec![source], &clock, |_| {}, wait).expect("a thread");
    watch
}

#[test]
fn a_probe_has_its_look_before_it_goes_on() {
    let fake = Fake::default();
    let watch = started(&fake, Duration::from_secs(5));
    for number in 1..=20 {
        assert!(watch.count(Duration::from_secs(5)));
        assert_eq!(fake.counted.load(Ordering::Relaxed), number);
    }
    let looks = fake.looks.load(Ordering::Relaxed);
    assert!(watch.finish());
    assert_eq!(fake.looks.load(Ordering::Relaxed), looks + 1);
}

#[test]
fn a_probe_does_not_wait_for_what_is_lost() {
    let fake = Fake {
        absent: u32::MAX,
        ..Fake::default()
    };
    let watch = started(&fake, Duration::from_millis(200));
    assert!(watch.count(Duration::from_secs(5)));
}
