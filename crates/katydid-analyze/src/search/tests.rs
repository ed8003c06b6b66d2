//! Searches of services that answer by a formula: equal steps give equal counts.

mod beyond;

use std::fmt::Write;

use super::*;

/// Requests per second and unit of height.
const EACH: f64 = 10.0;

fn wish(budgets: &[f64]) -> Wish {
    Wish {
        budgets: budgets.to_vec(),
        start: 5.0,
        ceiling: None,
        whole: false,
        time_s: None,
        limit_s: 0.0,
        beyond: false,
        fast: false,
        hysteresis: false,
    }
}

/// A step during which so large a share of the requests is bad, by objective.
fn during(wish: &Wish, step: Step, shares: &[f64]) -> Seen {
    let total = (EACH * step.height).round().max(1.0);
    let mut slices: Vec<Vec<(u64, u64)>> = vec![Vec::new(); shares.len()];
    let mut cut = false;
    while !cut && (slices[0].len() as f64) < step.hold_s {
        for (slices, share) in slices.iter_mut().zip(shares) {
            // What is rounded off one second comes in a later one.
            let second = slices.len() as f64;
            let bad = (share * total * (second + 1.0)).round() - (share * total * second).round();
            slices.push((bad as u64, total as u64));
        }
        cut = is_over(wish, step.purpose, &slices, false);
    }
    Seen {
        step,
        lasted_s: step.settle_s + slices[0].len() as f64,
        slices,
        cut,
        invalid: false,
        busy: 0.0,
        took: None,
    }
}

/// Bad share that doubles with every 2 % of height and is `budget` at the limit.
fn breaks_at(limit: f64, budget: f64) -> impl Fn(f64) -> f64 {
    move |height| (budget * (height / limit).powf(35.0)).min(1.0)
}

/// All steps of a search, and how it ended; `make` says what comes of a step.
fn drive(wish: &Wish, make: impl Fn(&[Seen], Step) -> Seen) -> (Vec<Seen>, Outcome) {
    let mut seen = Vec::new();
    loop {
        match next(wish, &seen) {
            Next::Step(step) => seen.push(make(&seen, step)),
            Next::Done(outcome) => return (seen, outcome),
        }
        assert!(seen.len() < 200, "no end: {:?}", seen.last());
    }
}

fn search(wish: &Wish, shares: impl Fn(f64) -> Vec<f64>) -> (Vec<Seen>, Outcome) {
    drive(wish, |_, step| during(wish, step, &shares(step.height)))
}

fn heights(seen: &[Seen], purpose: Purpose) -> Vec<f64> {
    let of = seen.iter().filter(|seen| seen.step.purpose == purpose);
    of.map(|seen| (seen.step.height * 10.0).round() / 10.0)
        .collect()
}

#[test]
fn from_coarse_to_fine_to_confirmed() {
    let limit = breaks_at(100.0, 0.05);
    let (seen, outcome) = search(&wish(&[0.05]), |height| vec![limit(height)]);
    let mut told = String::new();
    for seen in &seen {
        let Step {
            purpose,
            height,
            settle_s,
            hold_s,
            ..
        } = seen.step;
        let cut = if seen.cut { ", cut" } else { "" };
        writeln!(
            told,
            "{} {height:.1} {settle_s}+{hold_s}{cut}",
            purpose.as_str()
        )
        .expect("a text");
    }
    let expected = "\
coarse 5.0 10+12
coarse 10.0 3+12
coarse 20.0 3+12
coarse 40.0 3+12
coarse 80.0 3+12
coarse 160.0 3+12, cut
calm 33.9 0+120, cut
coarse 113.1 3+12, cut
calm 28.5 0+120, cut
fine 78.0 5+30
";
    assert!(told.starts_with(expected), "{told}");
    let Outcome::Found {
        height,
        low,
        high,
        binding: 0,
        confirmation: Confirmation::Held(confirmed),
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!((height / 100.0 - 1.0).abs() < 0.01, "{outcome:?}");
    assert!(
        low < 100.0 && 100.0 < high && high / low < 1.06,
        "{outcome:?}"
    );
    assert!((confirmed - low).abs() < 1e-9);
    assert_eq!(heights(&seen, Purpose::Fine).len(), at::ENOUGH);
}

#[test]
fn the_same_steps_give_the_same_next_one() {
    let limit = breaks_at(100.0, 0.05);
    let wish = wish(&[0.05]);
    let (seen, _) = search(&wish, |height| vec![limit(height)]);
    for n in 0..seen.len() {
        assert_eq!(next(&wish, &seen[..n]), Next::Step(seen[n].step));
    }
}

#[test]
fn each_height_is_as_often_before_each_other() {
    let order: Vec<f64> = (0..16).map(part).collect();
    for row in order.chunks(4) {
        let mut row = row.to_vec();
        row.sort_by(f64::total_cmp);
        assert_eq!(row, at::PARTS);
    }
    for row in at::ORDER {
        for column in 0..3 {
            let pair = (row[column], row[column + 1]);
            let pairs = at::ORDER.iter().flat_map(|row| row.windows(2));
            let same = pairs.filter(|other| (other[0], other[1]) == pair);
            assert_eq!(same.count(), 1, "{pair:?}");
        }
    }
}

#[test]
fn the_objective_that_is_broken_first_binds() {
    let (slow, failed) = (breaks_at(100.0, 0.05), breaks_at(70.0, 0.01));
    let (_, outcome) = search(&wish(&[0.05, 0.01]), |height| {
        vec![slow(height), failed(height)]
    });
    let Outcome::Found {
        height,
        low,
        high,
        binding,
        ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(binding, 1);
    assert!(
        low < 70.0 && 70.0 < high && (height / 70.0 - 1.0).abs() < 0.02,
        "{outcome:?}"
    );
}

#[test]
fn a_share_that_is_bad_at_any_load_moves_nothing() {
    let limit = breaks_at(100.0, 0.03);
    let (_, outcome) = search(&wish(&[0.05]), |height| vec![0.02 + 0.98 * limit(height)]);
    let Outcome::Found { height, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!((height / 100.0 - 1.0).abs() < 0.02, "{outcome:?}");
}

#[test]
fn broken_at_idle() {
    let (seen, outcome) = search(&wish(&[0.01, 0.05]), |_| vec![0.0, 0.4]);
    assert_eq!(
        outcome,
        Outcome::BrokenAtIdle {
            height: 1.25,
            binding: 1
        }
    );
    // The first is made twice: what was cold is warm then.
    assert_eq!(heights(&seen, Purpose::Coarse), [5.0, 5.0, 1.3]);
}

#[test]
fn a_target_that_only_fails_is_broken_at_idle() {
    let (seen, outcome) = search(&wish(&[0.05, 0.01]), |_| vec![1.0, 1.0]);
    assert_eq!(
        outcome,
        Outcome::BrokenAtIdle {
            height: 0.5,
            binding: 1
        }
    );
    assert_eq!(seen.len(), 2);
    let (_, outcome) = search(
        &Wish {
            whole: true,
            start: 1.0,
            ..wish(&[0.05])
        },
        |_| vec![1.0],
    );
    assert!(
        matches!(outcome, Outcome::BrokenAtIdle { .. }),
        "{outcome:?}"
    );
}

#[test]
fn from_far_above_it_goes_down() {
    let limit = breaks_at(20.0, 0.05);
    let high = Wish {
        start: 100.0,
        ..wish(&[0.05])
    };
    let (_, outcome) = search(&high, |height| vec![limit(height)]);
    let Outcome::Found { low, high, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(low < 20.0 && 20.0 < high, "{outcome:?}");
}

#[test]
fn one_that_is_only_cold_is_asked_again() {
    let wish = wish(&[0.05]);
    let mut seen: Vec<Seen> = Vec::new();
    while seen.len() < 4 {
        let Next::Step(step) = next(&wish, &seen) else {
            panic!("it is over");
        };
        let share = if seen.is_empty() { 0.4 } else { 0.0 };
        seen.push(during(&wish, step, &[share]));
    }
    assert_eq!(heights(&seen, Purpose::Coarse), [5.0, 5.0, 10.0, 20.0]);
}

#[test]
fn an_objective_without_requests_decides_nothing() {
    let limit = breaks_at(100.0, 0.05);
    let wish = wish(&[0.05, 0.01]);
    let (_, outcome) = drive(&wish, |_, step| {
        let mut one = during(&wish, step, &[limit(step.height), 0.0]);
        // One request in twenty seconds.
        for (n, second) in one.slices[1].iter_mut().enumerate() {
            *second = (0, u64::from(n % 20 == 0));
        }
        one
    });
    let Outcome::Found {
        binding: 0, height, ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!((height / 100.0 - 1.0).abs() < 0.02, "{outcome:?}");
}

#[test]
fn what_never_breaks_has_no_number() {
    let until = Wish {
        ceiling: Some(300.0),
        ..wish(&[0.05])
    };
    let (seen, outcome) = search(&until, |_| vec![0.0]);
    assert_eq!(outcome, Outcome::OutOfReach { above: 300.0 });
    assert_eq!(
        heights(&seen, Purpose::Coarse),
        [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0]
    );
}

/// A search in which steps are invalid.
fn disturbed(
    wish: &Wish,
    limit: f64,
    is_invalid: impl Fn(&[Seen], Step) -> bool,
) -> (Vec<Seen>, Outcome) {
    let share = breaks_at(limit, 0.05);
    drive(wish, |seen, step| Seen {
        invalid: is_invalid(seen, step),
        ..during(wish, step, &[share(step.height)])
    })
}

#[test]
fn a_generator_that_does_not_keep_up_has_no_number_either() {
    let (_, outcome) = disturbed(&wish(&[0.05]), 1e6, |_, step| step.height > 200.0);
    let Outcome::OutOfReach { above } = outcome else {
        panic!("{outcome:?}");
    };
    assert!((140.0..=200.0).contains(&above), "{above}");
    let (_, outcome) = disturbed(&wish(&[0.05]), 1e6, |_, _| true);
    assert_eq!(outcome, Outcome::OutOfReach { above: 0.0 });
}

#[test]
fn one_hiccup_of_the_generator_changes_nothing() {
    let (seen, outcome) = disturbed(&wish(&[0.05]), 100.0, |seen, step| {
        seen.len() == 1 || (step.purpose == Purpose::Fine && seen.len() % 9 == 0)
    });
    assert_eq!(heights(&seen, Purpose::Coarse)[..3], [5.0, 10.0, 10.0]);
    assert!(matches!(outcome, Outcome::Found { .. }), "{outcome:?}");
}

#[test]
fn a_generator_that_gives_up_near_the_limit_ends_it() {
    let (_, outcome) = disturbed(&wish(&[0.05]), 100.0, |_, step| step.height > 70.0);
    assert!(
        matches!(outcome, Outcome::OutOfReach { above } if (50.0..70.0).contains(&above)),
        "{outcome:?}"
    );
    let (_, outcome) = disturbed(&wish(&[0.05]), 100.0, |_, step| {
        step.purpose == Purpose::Fine
    });
    assert!(
        matches!(
            outcome,
            Outcome::Unfinished {
                lacking: Lacking::Generator,
                ..
            }
        ),
        "{outcome:?}"
    );
}

#[test]
fn users_are_whole() {
    let whole = Wish {
        whole: true,
        start: 1.0,
        ..wish(&[0.05])
    };
    // At any load so much is bad; the limit is between two numbers of users.
    for (floor, limit, expected) in [
        (0.0, 7.4, 6.0..=7.0),
        (0.01, 7.4, 6.0..=7.0),
        (0.0, 1.4, 1.0..=1.0),
    ] {
        let share = breaks_at(limit, 0.05);
        let (seen, outcome) = search(&whole, |users| vec![floor + (1.0 - floor) * share(users)]);
        assert!(seen.iter().all(|seen| seen.step.height.fract() == 0.0));
        let Outcome::Found {
            height, low, high, ..
        } = outcome
        else {
            panic!("{limit}: {outcome:?}");
        };
        assert!(
            expected.contains(&height) && low <= limit && limit.floor() <= high,
            "{outcome:?}"
        );
    }
}

#[test]
fn the_time_is_kept() {
    let limit = breaks_at(100.0, 0.05);
    for minutes in [0.2, 0.5, 1.0, 2.0, 3.3, 5.0, 7.7, 10.0, 15.0] {
        let short = Wish {
            time_s: Some(60.0 * minutes),
            ..wish(&[0.05])
        };
        let (seen, outcome) = search(&short, |height| vec![limit(height)]);
        let spent: f64 = seen.iter().map(|seen| seen.lasted_s).sum();
        assert!(spent <= 60.0 * minutes + 1e-9, "{spent}");
        match outcome {
            Outcome::Found { low, high, .. } => {
                assert!(minutes > 5.0 && low < 100.0 && 100.0 < high, "{outcome:?}");
            }
            Outcome::Unfinished {
                held,
                broke,
                lacking: Lacking::Time,
            } => {
                let holds = held.is_none_or(|held| held < 100.0);
                let breaks = broke.is_none_or(|broke| broke > 100.0);
                assert!(minutes < 10.0 && holds && breaks, "{outcome:?}");
            }
            other => panic!("{minutes}: {other:?}"),
        }
    }
}

#[test]
fn a_slow_recovery_keeps_the_time_too() {
    for seconds in (30..900).step_by(40) {
        let short = Wish {
            time_s: Some(f64::from(seconds)),
            ..wish(&[0.05])
        };
        let (seen, _) = drive(&short, |_, step| {
            let share = if step.height > 100.0 { 1.0 } else { 0.0 };
            let mut one = during(&short, step, &[share]);
            if step.purpose == Purpose::Calm {
                // The whole time but for its last seconds.
                let bad = during(
                    &short,
                    Step {
                        purpose: Purpose::Coarse,
                        hold_s: step.hold_s.min(100.0),
                        ..step
                    },
                    &[0.6],
                );
                one.slices[0].splice(0..0, bad.slices[0].clone());
                one.slices[0].truncate(step.hold_s as usize);
                one.lasted_s = one.slices[0].len() as f64;
            }
            one
        });
        let spent: f64 = seen.iter().map(|seen| seen.lasted_s).sum();
        assert!(spent <= f64::from(seconds) + 1e-9, "{spent} of {seconds}");
    }
}

#[test]
fn who_does_not_recover_is_left_alone() {
    let wish = wish(&[0.05]);
    let (_, outcome) = drive(&wish, |seen, step| {
        let was_broken = seen.iter().any(|seen| seen.cut);
        let share = f64::from(was_broken || step.height > 100.0);
        during(&wish, step, &[share])
    });
    let Outcome::Stuck { after, at } = outcome else {
        panic!("{outcome:?}");
    };
    assert!((after - 160.0).abs() < 1e-9 && at < 80.0, "{outcome:?}");
}

#[test]
fn a_target_that_gets_slower_all_the_time_has_no_number() {
    let wish = wish(&[0.05]);
    let (seen, outcome) = drive(&wish, |seen, step| {
        let share = breaks_at(100.0 * 0.99_f64.powi(seen.len() as i32), 0.05);
        during(&wish, step, &[share(step.height)])
    });
    assert!(matches!(outcome, Outcome::TooNoisy { .. }), "{outcome:?}");
    assert!(
        seen.iter()
            .all(|seen| seen.step.purpose != Purpose::Confirm)
    );
}

#[test]
fn a_step_ends_when_nothing_works() {
    let wish = wish(&[0.05]);
    let over = |purpose, slices: Vec<(u64, u64)>| is_over(&wish, purpose, &[slices], false);
    assert!(!over(Purpose::Fine, vec![(9, 10); 9]));
    assert!(over(Purpose::Fine, vec![(9, 10); 10]));
    assert!(!over(
        Purpose::Fine,
        [vec![(9, 10); 9], vec![(0, 10)]].concat()
    ));
    // A second in which nothing ended says nothing; a few that do are too few.
    assert!(over(Purpose::Fine, [(9, 10), (0, 0)].repeat(5)));
    assert!(!over(Purpose::Fine, vec![(0, 0); 10]));
    assert!(is_over(&wish, Purpose::Fine, &[vec![]], true));
    assert!(over(Purpose::Calm, vec![(0, 10); 5]));
    assert!(!over(Purpose::Calm, vec![(0, 10); 4]));
    assert!(!over(Purpose::Calm, vec![(0, 0); 5]));
    assert!(!over(
        Purpose::Calm,
        [vec![(0, 10); 9], vec![(10, 10)]].concat()
    ));
    assert!(!is_over(&wish, Purpose::Calm, &[vec![(0, 10); 5]], true));
}

#[test]
fn no_step_is_made_that_would_keep_the_generator_too_busy() {
    // A thousandth of its time for each unit of height: 800 is the most.
    let (seen, outcome) = drive(&wish(&[0.05]), |_, step| Seen {
        busy: step.height / 1_000.0,
        ..during(&wish(&[0.05]), step, &[0.0])
    });
    assert_eq!(
        heights(&seen, Purpose::Coarse)[5..],
        [160.0, 320.0, 640.0, 800.0]
    );
    assert_eq!(outcome, Outcome::OutOfReach { above: 800.0 });
}

#[test]
fn a_fast_search_names_a_load_that_clearly_keeps_the_budget() {
    let fast = Wish {
        fast: true,
        ..wish(&[0.05])
    };
    // At 80 half of the budget is used up.
    let share = |height: f64| -> f64 { if height > 79.0 { 0.025 } else { 0.0 } };
    let limit = breaks_at(100.0, 0.05);
    let (_, outcome) = search(&fast, |height| vec![share(height).max(limit(height))]);
    let Outcome::Between {
        held: Some(held),
        broke,
        ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(held < 79.0 && broke > 100.0, "{held} {broke}");
}
