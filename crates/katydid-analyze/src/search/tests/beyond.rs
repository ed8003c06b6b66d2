//! Beyond the limit: stations whose queue has no end, that shed, and that work more when they are slow.

use katydid_target::{Distribution, Pauses, Station, Wandering};

use super::super::beyond::{is_mended, recovery, said};
use super::*;

const LIMIT_S: f64 = 0.2;
const MEAN_S: f64 = 0.05;
const SERVERS: usize = 8;

/// A station that may refuse who would stay too long, and may have to do more for who waits.
struct Service {
    station: Station,
    /// Who would stay longer is refused.
    most_s: f64,
    /// From the base of the spike on each request is so much work while answers are late, as if all were tried again.
    storm: f64,
}

impl Service {
    fn new(most_s: f64, storm: f64) -> Self {
        let service = Distribution::LogNormal {
            median: MEAN_S * (-0.125_f64).exp(),
            sigma: 0.5,
        };
        let never = Pauses::default();
        Self {
            station: Station::new(SERVERS, service, Wandering::default(), never, 11),
            most_s,
            storm,
        }
    }

    fn step(&mut self, wish: &Wish, seen: &[Seen], step: Step) -> Seen {
        let of_spike = |purpose| matches!(purpose, Purpose::Base | Purpose::Spike | Purpose::Back);
        let is_spiked = seen.iter().any(|seen| of_spike(seen.step.purpose));
        let storm = if is_spiked { self.storm } else { 1.0 };
        let (began, mut slices, mut stays) = (self.station.now(), Vec::new(), Vec::new());
        let mut cut = false;
        while !cut && (slices.len() as f64) < step.length_s() {
            let (second, stay) = self.second(step.height, storm, began + slices.len() as f64);
            slices.push(second);
            stays.push(stay);
            let lately = &stays[stays.len().saturating_sub(5)..];
            let stay = lately.iter().sum::<f64>() / lately.len() as f64;
            let is_drowned = lately.len() >= 3
                && !step.purpose.is_overload()
                && is_drowned(stay * step.height, step.height, LIMIT_S, MEAN_S);
            let settled = &slices[slices.len().min(step.settle_s as usize)..];
            let is_full = slices.len() as f64 >= step.length_s();
            cut = !is_full && is_over(wish, step.purpose, &[settled.to_vec()], is_drowned);
        }
        Seen {
            step,
            lasted_s: slices.len() as f64,
            slices: vec![slices.split_off(slices.len().min(step.settle_s as usize))],
            cut,
            invalid: false,
            busy: 0.0,
            took: None,
        }
    }

    /// Bad and all who arrive within a second, and how long they stay on average.
    fn second(&mut self, rate: f64, storm: f64, from: f64) -> ((u64, u64), f64) {
        let (mut bad, mut total, mut stayed) = (0, 0, 0.0);
        loop {
            let at = self.station.next_arrival(rate);
            if at >= from + 1.0 {
                self.station.idle_until(from + 1.0);
                return ((bad, total), stayed / f64::max(1.0, total as f64));
            }
            total += 1;
            let mut tried = self.station.clone();
            let mut stays = tried.arrive(at) - at;
            if stays > LIMIT_S {
                tried = self.station.clone();
                stays = tried.arrive_slower(at, storm) - at;
            }
            if stays > self.most_s {
                self.station.idle_until(at);
                bad += 1;
                continue;
            }
            self.station = tried;
            bad += u64::from(stays > LIMIT_S);
            stayed += stays;
        }
    }
}

fn beyond() -> Wish {
    Wish {
        limit_s: LIMIT_S,
        beyond: true,
        ..wish(&[0.05])
    }
}

fn try_out(wish: &Wish, mut service: Service) -> (Vec<Seen>, Outcome) {
    let mut seen = Vec::new();
    loop {
        match next(wish, &seen) {
            Next::Step(step) => {
                let one = service.step(wish, &seen, step);
                seen.push(one);
            }
            Next::Done(outcome) => return (seen, outcome),
        }
        assert!(seen.len() < 200, "no end: {:?}", seen.last());
    }
}

fn told(seen: &[Seen], outcome: Outcome) -> said::Said {
    let Outcome::Found {
        height, binding, ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    said::said(&beyond(), seen, height, binding)
}

fn purposes(seen: &[Seen]) -> Vec<&'static str> {
    let after = seen
        .iter()
        .rposition(|seen| seen.step.purpose == Purpose::Confirm);
    let after = &seen[after.expect("a confirmation") + 1..];
    after
        .iter()
        .map(|seen| seen.step.purpose.as_str())
        .collect()
}

#[test]
fn where_all_wait_in_one_queue_next_to_nothing_works() {
    let (seen, outcome) = try_out(&beyond(), Service::new(f64::INFINITY, 1.0));
    assert_eq!(
        purposes(&seen),
        ["beyond", "calm", "beyond", "calm", "base", "spike", "back"]
    );
    let said = told(&seen, outcome);
    let outcomes: Vec<&str> = said.beyond.iter().map(|of| of.outcome.as_str()).collect();
    assert_eq!(outcomes, ["collapse", "collapse"], "{said:?}");
    assert!(said.beyond.iter().all(|of| of.recovered == Some(true)));
    let spike = said.spike.expect("a spike");
    // What came in 30 s beyond what can be done takes as long as that at half the limit.
    let after = spike.recovery_s.expect("it recovers");
    assert!(
        spike.outcome == "recovered" && (20.0..80.0).contains(&after),
        "{spike:?}"
    );
    let peak = said.peak.expect("a peak");
    assert!((100.0..160.0).contains(&peak.goodput), "{peak:?}");

    let without = Wish {
        beyond: false,
        ..beyond()
    };
    let (fewer, same) = try_out(&without, Service::new(f64::INFINITY, 1.0));
    assert_eq!((fewer.as_slice(), same), (&seen[..seen.len() - 7], outcome));
}

#[test]
fn who_refuses_what_is_too_much_is_graceful() {
    let (seen, outcome) = try_out(&beyond(), Service::new(LIMIT_S, 1.0));
    let said = told(&seen, outcome);
    let outcomes: Vec<&str> = said.beyond.iter().map(|of| of.outcome.as_str()).collect();
    assert_eq!(outcomes, ["graceful", "graceful"], "{said:?}");
    let spike = said.spike.expect("a spike");
    assert!(
        spike.recovery_s.is_some_and(|after| after <= 2.0),
        "{spike:?}"
    );
    assert!(said.remarks[0].contains("(graceful)"), "{:?}", said.remarks);
}

#[test]
fn who_tries_again_does_not_recover_from_a_spike() {
    let (seen, outcome) = try_out(&beyond(), Service::new(4.0, 3.0));
    assert_eq!(purposes(&seen)[4..], ["base", "spike", "back", "calm"]);
    let said = told(&seen, outcome);
    let spike = said.spike.expect("a spike");
    assert_eq!(
        (spike.outcome.as_str(), spike.recovery_s),
        ("metastable", None)
    );
    let relief = spike.relief.expect("a lower load");
    assert!(
        relief.recovered && (relief.times - 0.2).abs() < 1e-9,
        "{relief:?}"
    );
    let is_told = |remark: &String| {
        remark.starts_with("Did not recover from a spike of 30 s to 2× within 180 s")
    };
    assert!(said.remarks.iter().any(is_told), "{:?}", said.remarks);
}

#[test]
fn what_was_known_is_the_answer_at_any_moment() {
    let wish = beyond();
    let (seen, outcome) = try_out(&wish, Service::new(4.0, 3.0));
    let first = seen.iter().position(|seen| seen.step.purpose.is_beyond());
    for n in first.expect("steps beyond")..seen.len() {
        assert_eq!(next(&wish, &seen[..n]), Next::Step(seen[n].step));
        let stopped = Wish {
            time_s: Some(seen[..n].iter().map(|seen| seen.lasted_s).sum()),
            ..wish.clone()
        };
        assert_eq!(next(&stopped, &seen[..n]), Next::Done(outcome), "{n}");
    }
}

#[test]
fn there_is_no_step_beyond_what_may_be_or_without_time() {
    let limit = breaks_at(100.0, 0.05);
    let made = |wish: &Wish| {
        let (seen, outcome) = search(wish, |height| vec![limit(height)]);
        assert!(matches!(outcome, Outcome::Found { .. }), "{outcome:?}");
        let spent: f64 = seen.iter().map(|seen| seen.lasted_s).sum();
        assert!(wish.time_s.is_none_or(|time| spent <= time), "{spent}");
        heights(&seen, Purpose::Beyond).len() + heights(&seen, Purpose::Spike).len()
    };
    let up_to = |ceiling| Wish {
        ceiling: Some(ceiling),
        ..beyond()
    };
    assert_eq!(
        [140.0, 170.0, 250.0].map(|ceiling| made(&up_to(ceiling))),
        [0, 1, 3]
    );
    let within = |minutes: f64| Wish {
        time_s: Some(60.0 * minutes),
        ..beyond()
    };
    assert_eq!(
        [9.0, 15.0, 90.0].map(|minutes| made(&within(minutes))),
        [0, 2, 3]
    );
    for minutes in [18.0, 22.0, 25.0, 28.0] {
        made(&within(minutes));
    }
}

#[test]
fn it_has_recovered_when_it_stays_so() {
    let wish = beyond();
    let of = |parts: &[(usize, (u64, u64))]| {
        let seconds = parts.iter().flat_map(|(n, second)| vec![*second; *n]);
        vec![seconds.collect::<Vec<_>>()]
    };
    let (bad, good, none) = ((100, 100), (0, 100), (0, 0));
    let mended = of(&[(11, bad), (30, good)]);
    assert_eq!(recovery(&wish, &mended), Some(11));
    assert!(is_mended(&wish, &mended) && !is_mended(&wish, &of(&[(11, bad), (29, good)])));
    // For a moment only, and so late that it is not known.
    assert_eq!(
        recovery(&wish, &of(&[(5, bad), (12, good), (20, bad)])),
        None
    );
    assert_eq!(recovery(&wish, &of(&[(100, bad), (9, good)])), None);
    // Nothing that comes back is not well.
    assert_eq!(recovery(&wish, &of(&[(40, none)])), None);
    assert_eq!(
        recovery(&wish, &of(&[(9, none), (1, good), (40, none)])),
        None
    );
    assert_eq!(recovery(&wish, &of(&[(9, none), (40, good)])), Some(9));
}

#[test]
fn an_overload_on_purpose_ends_only_when_there_cannot_be_more() {
    let wish = beyond();
    for purpose in [Purpose::Beyond, Purpose::Spike] {
        let over = |is_exhausted| is_over(&wish, purpose, &[vec![(9, 10); 20]], is_exhausted);
        assert!(!over(false) && over(true));
    }
    let limit = breaks_at(100.0, 0.05);
    let (mut seen, outcome) = search(&wish, |height| vec![limit(height)]);
    let first = seen
        .iter()
        .position(|seen| seen.step.purpose == Purpose::Beyond);
    let first = first.expect("an overload");
    seen.truncate(first + 2);
    seen[first].cut = true;
    seen[first].slices[0].truncate(8);
    // There is no use in still more load, but it can be made to come all at once.
    let Next::Step(base) = next(&wish, &seen) else {
        panic!("no spike");
    };
    assert_eq!(base.purpose, Purpose::Base);
    let said = told(&seen, outcome);
    assert_eq!((said.beyond.len(), said.spike), (1, None));
    assert!(
        said.remarks[0].starts_with("More than 1.5× was not tried"),
        "{:?}",
        said.remarks
    );
}

#[test]
fn what_comes_late_does_not_reopen_the_search() {
    let wish = beyond();
    let (mut seen, outcome) = try_out(&wish, Service::new(f64::INFINITY, 1.0));
    let overload = seen
        .iter()
        .position(|seen| seen.step.purpose == Purpose::Beyond);
    seen.truncate(overload.expect("an overload") + 1);
    let confirmed = seen
        .iter_mut()
        .rfind(|seen| seen.step.purpose == Purpose::Confirm)
        .expect("a confirmation");
    for (bad, total) in &mut confirmed.slices[0] {
        *bad = *total / 2;
    }
    let Outcome::Found { height, .. } = outcome else {
        panic!("{outcome:?}");
    };
    let Next::Done(Outcome::Found {
        height: still,
        confirmation: Confirmation::Failed(_),
        ..
    }) = next(&wish, &seen)
    else {
        panic!("{:?}", next(&wish, &seen));
    };
    assert!((still - height).abs() < 1e-9);
}

#[test]
fn an_overload_lasts_until_its_queue_is_longer_than_a_request_may_take() {
    let wish = Wish {
        limit_s: 6.0,
        ..beyond()
    };
    let limit = breaks_at(100.0, 0.05);
    let (seen, _) = search(&wish, |height| vec![limit(height)]);
    let settled: Vec<f64> = seen
        .iter()
        .filter(|seen| seen.step.purpose == Purpose::Beyond)
        .map(|seen| seen.step.settle_s)
        .collect();
    assert_eq!(settled, [18.0, 12.0]);
}
