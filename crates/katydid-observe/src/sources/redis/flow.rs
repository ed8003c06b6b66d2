//! How much comes into a list and how much goes out of it, by where its ends of the look before have got to.
//!
//! What was last then, and stands at place p of n now, has n − 1 − p entries behind it that have come since; of the l there were then, l − 1 − p have
//! gone. Both ends are followed, as lists are filled at one end or the other. Entries are kept from one look to the next only, and nowhere written.

use redis::{Pipeline, Value, cmd, from_redis_value};

/// An end is looked for among so many entries; if more have come since, it is not found.
const WITHIN: u64 = 2_000;
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
            let (came, went) = since(before.length, length, places);
            (self.came, self.went) = (self.came + came, self.went + went);
        }
        self.before = Some(Before { length, ends });
        !self.is_left
    }
}

/// How many came and how many went between two lengths, given where the first and the last entry of before stand now. If neither is there
/// any more, all of before went: at least so many.
fn since(before: f64, now: f64, [first, last]: [Option<f64>; 2]) -> (f64, f64) {
    let filled_behind = last.map(|place| (now - 1.0 - place, before - 1.0 - place));
    let filled_before = first.map(|place| (place, before + place - now));
    let is_possible = |(came, went): &(f64, f64)| *came >= 0.0 && *went >= 0.0;
    let known = filled_behind.filter(is_possible);
    known
        .or(filled_before.filter(is_possible))
        .unwrap_or((now, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_followed_at_whichever_end_it_is_filled() {
        // 10 entries, 3 go in front, 5 come behind.
        assert_eq!(since(10.0, 12.0, [None, Some(6.0)]), (5.0, 3.0));
        // The same list, filled in front and emptied behind.
        assert_eq!(since(10.0, 12.0, [Some(5.0), None]), (5.0, 3.0));
        // Nothing has gone: both are there.
        assert_eq!(since(4.0, 6.0, [Some(0.0), Some(3.0)]), (2.0, 0.0));
        assert_eq!(since(4.0, 6.0, [Some(2.0), Some(5.0)]), (2.0, 0.0));
        assert_eq!(since(4.0, 4.0, [Some(0.0), Some(3.0)]), (0.0, 0.0));
    }

    #[test]
    fn what_is_all_new_has_gone_once_at_least() {
        assert_eq!(since(3.0, 2.0, [None, None]), (2.0, 3.0));
        assert_eq!(since(0.0, 5.0, [None, None]), (5.0, 0.0));
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
