//! How much comes into a list and how much goes out of it, by where its ends of the look before have got to.
//!
//! What was last then, and stands at place p of n now, has n − 1 − p entries behind it that have come since; of the l there were then, l − 1 − p have
//! gone. Both ends are followed, as lists are filled at one end or the other. Entries are kept from one look to the next
//! only, and stand in no record; but they are sent back to the server as what is looked for, where its MONITOR and its slow log show them.

use redis::{Pipeline, Value, cmd, from_redis_value};

/// An end is looked for among so many entries; if more have come since, it is not found.
const WITHIN: u64 = 2_000;
/// Entries that come or go while we ask.
const SLACK: f64 = 2.0;
/// Entries that are larger are not asked for again, bytes.
const LARGEST: usize = 65_536;

/// A list that is followed.
#[derive(Debug, Default)]
pub struct Flow {
    before: Option<Before>,
    /// Its entries are too large, or may not be read.
    is_left: bool,
    /// Entries that have come since it was first looked at: at least so many.
    pub came: f64,
    /// Entries that have gone, likewise.
    pub went: f64,
}

#[derive(Debug)]
struct Before {
    length: f64,
    /// The entries at its ends, if it had any.
    ends: Option<[Vec<u8>; 2]>,
}

impl Flow {
    /// Asks for the ends of before and of now; how many questions these are.
    pub fn ask(&self, key: &str, asked: &mut Pipeline) -> usize {
        if self.is_left {
            return 0;
        }
        let ends = self.before.as_ref().and_then(|before| before.ends.as_ref());
        for (end, rank) in ends.into_iter().flatten().zip([1, -1]) {
            let mut place = cmd("LPOS");
            place.arg(key).arg(end).arg("RANK").arg(rank);
            asked.add_command(place.arg("MAXLEN").arg(WITHIN).clone());
        }
        for end in [0, -1] {
            asked.add_command(cmd("LINDEX").arg(key).arg(end).clone());
        }
        if ends.is_some() { 4 } else { 2 }
    }

    /// Takes what was answered, of a list that has so many entries now. Whether it is followed.
    pub fn learn(&mut self, length: f64, answers: Vec<Value>) -> bool {
        if answers.is_empty() {
            return false;
        }
        let is_refused = answers.iter().any(|of| matches!(of, Value::ServerError(_)));
        let mut answers = answers.into_iter();
        let had_ends = answers.len() == 4;
        let mut place = || -> Option<f64> { from_redis_value(answers.next()?).ok()? };
        let places = if had_ends {
            [place(), place()]
        } else {
            [None, None]
        };
        let mut end = || -> Option<Vec<u8>> { from_redis_value(answers.next()?).ok()? };
        let ends = end().zip(end()).map(|(first, last)| [first, last]);
        let is_large = ends.iter().flatten().any(|end| end.len() > LARGEST);
        self.is_left = is_large || is_refused;
        if let Some(before) = &self.before {
            match since(before.length, length, places) {
                Some((came, went)) => {
                    (self.came, self.went) = (self.came + came, self.went + went);
                }
                None => self.is_left = true,
            }
        }
        self.before = Some(Before { length, ends });
        !self.is_left
    }
}

/// How many came and how many went between two lengths, given where the first and the last entry of before stand now. If neither is there
/// any more, all of before went: at least so many. `None` where that cannot be: entries are equal, or more have come than are looked through.
fn since(before: f64, now: f64, [first, last]: [Option<f64>; 2]) -> Option<(f64, f64)> {
    if first.is_none() && last.is_none() {
        let is_seen_whole = before.max(now) <= WITHIN as f64;
        return is_seen_whole.then_some((now, before));
    }
    let filled_behind = last.map(|place| (now - 1.0 - place, before - 1.0 - place));
    let filled_before = first.map(|place| (place, before + place - now));
    let smaller = |flow: &(f64, f64)| flow.0.min(flow.1);
    let candidates = [filled_behind, filled_before].into_iter().flatten();
    let known = candidates.max_by(|a, b| smaller(a).total_cmp(&smaller(b)));
    // Something may come or go between two of our questions.
    let known = known.filter(|flow| smaller(flow) >= -SLACK);
    known.map(|(came, went)| (came.max(0.0), went.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_followed_at_whichever_end_it_is_filled() {
        let check =
            |before, now, places, truth| assert_eq!(since(before, now, places), Some(truth));
        // 10 entries, 3 go in front, 5 come behind.
        check(10.0, 12.0, [None, Some(6.0)], (5.0, 3.0));
        // The same list, filled in front and emptied behind.
        check(10.0, 12.0, [Some(5.0), None], (5.0, 3.0));
        // Nothing has gone: both are there.
        check(4.0, 6.0, [Some(0.0), Some(3.0)], (2.0, 0.0));
        check(4.0, 6.0, [Some(2.0), Some(5.0)], (2.0, 0.0));
        check(4.0, 4.0, [Some(0.0), Some(3.0)], (0.0, 0.0));
        // One came between two questions.
        check(4.0, 5.0, [Some(0.0), Some(4.0)], (0.0, 0.0));
    }

    #[test]
    fn what_is_all_new_has_gone_once_at_least() {
        assert_eq!(since(3.0, 2.0, [None, None]), Some((2.0, 3.0)));
        assert_eq!(since(0.0, 5.0, [None, None]), Some((5.0, 0.0)));
    }

    #[test]
    fn what_cannot_be_is_not_told() {
        // All entries are equal: the first is found at once, the last as late as can be.
        assert_eq!(since(500.0, 510.0, [Some(0.0), Some(509.0)]), None);
        assert_eq!(
            since(9_000.0, 9_000.0, [None, None]),
            None,
            "both ends are far away"
        );
    }

    #[test]
    fn what_may_not_be_read_is_not_asked_for_again() {
        let mut flow = Flow::default();
        assert!(
            flow.learn(1.0, vec![Value::Nil, Value::Nil]),
            "it went meanwhile"
        );
        let large = || Value::BulkString(vec![0; LARGEST + 1]);
        assert!(!flow.learn(5.0, vec![large(), large()]));
        let mut asked = Pipeline::new();
        assert_eq!(flow.ask("jobs", &mut asked), 0);
        assert!(!flow.learn(6.0, Vec::new()));
    }
}
