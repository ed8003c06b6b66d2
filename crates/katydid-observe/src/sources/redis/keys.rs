//! Keys by their form: `user:{n}:cart`. What is in a key is kept only where many keys share it, since it may be somebody's name.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Between the parts of a key.
const SEPARATORS: [char; 5] = [':', '|', '/', '.', '-'];
/// A part is kept as it is if so many keys have it, and this share of them.
const SHARED_BY: usize = 5;
const SHARED_SHARE: f64 = 0.02;
/// Longer parts are identities, however often they come.
const LONGEST: usize = 24;
/// Templates that are told.
const TEMPLATES: usize = 50;

/// Parts that many keys share.
#[derive(Debug, Default)]
pub struct Words(HashSet<String>);

/// A key as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name; forgotten after the survey.
    pub key: String,
    /// `string`, `list`…
    pub kind: String,
    /// It never expires.
    pub forever: bool,
    /// What it takes, bytes; `None` where that is not told.
    pub bytes: Option<u64>,
}

/// Keys of one form.
#[derive(Debug, Default, PartialEq)]
pub struct Form {
    /// Keys of the sample.
    pub count: u64,
    /// Of these, without a time to live.
    pub forever: u64,
    /// Sum of what is known, bytes.
    pub bytes: u64,
    /// The type of the last of them.
    pub kind: String,
}

impl Words {
    /// Learns from a sample.
    pub fn learn(found: &[Found]) -> Self {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for found in found {
            let parts: HashSet<String> = found.key.split(SEPARATORS).map(shape).collect();
            parts
                .into_iter()
                .for_each(|part| *seen.entry(part).or_default() += 1);
        }
        let least = SHARED_BY.max((found.len() as f64 * SHARED_SHARE).ceil() as usize);
        let shared = seen.into_iter().filter(|(_, count)| *count >= least);
        Self(shared.map(|(part, _)| part).collect())
    }

    /// The form of a key.
    pub fn template(&self, key: &str) -> String {
        let mut out = String::new();
        for part in key.split_inclusive(SEPARATORS) {
            let (word, separator) = match part.strip_suffix(SEPARATORS) {
                Some(word) => (word, &part[word.len()..]),
                None => (part, ""),
            };
            let word = shape(word);
            let is_told = word.is_empty() || word == "{n}" || self.0.contains(&word);
            out.push_str(if is_told { &word } else { "{…}" });
            out.push_str(separator);
        }
        // A uuid is five parts.
        while out.contains("{…}-{…}") {
            out = out.replace("{…}-{…}", "{…}");
        }
        out
    }
}

/// A part with its numbers taken out, or `{…}` where it is somebody's or something's identity.
fn shape(part: &str) -> String {
    let is_hex = part.len() >= 4
        && part.bytes().all(|b| b.is_ascii_hexdigit())
        && part.bytes().any(|b| b.is_ascii_digit());
    if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
        return "{n}".into();
    }
    if is_hex || part.contains('@') || part.chars().count() > LONGEST {
        return "{…}".into();
    }
    let mut out = String::new();
    for c in part.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with("{n}") {
            out.push_str("{n}");
        }
    }
    out
}

/// The forms with the most keys.
pub fn forms(words: &Words, found: &[Found]) -> Vec<(String, Form)> {
    let mut forms: BTreeMap<String, Form> = BTreeMap::new();
    for found in found {
        let form = forms.entry(words.template(&found.key)).or_default();
        form.count += 1;
        form.forever += u64::from(found.forever);
        form.bytes += found.bytes.unwrap_or(0);
        form.kind.clone_from(&found.kind);
    }
    let mut forms: Vec<_> = forms.into_iter().collect();
    forms.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
    forms.truncate(TEMPLATES);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str) -> Found {
        Found {
            key: key.into(),
            kind: "string".into(),
            forever: false,
            bytes: Some(10),
        }
    }

    #[test]
    fn only_what_many_share_is_kept() {
        let names = ["alice", "bob", "carol", "dave", "erin", "frank"];
        let mut all: Vec<Found> = (0..60).map(|n| found(&format!("cart:{n}:total"))).collect();
        all.extend(
            names
                .iter()
                .map(|name| found(&format!("user:{name}:mail:{name}@example.org"))),
        );
        let words = Words::learn(&all);
        let forms = forms(&words, &all);
        let told: Vec<&str> = forms.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(told, ["cart:{n}:total", "user:{…}:mail:{…}.org"]);
        assert_eq!((forms[0].1.count, forms[0].1.bytes), (60, 600));
        assert_eq!(
            words.template("cart:0c9f1d2e-1111-4222-8333-444455556666"),
            "cart:{…}-{n}-{n}-{n}-{n}"
        );
        assert_eq!(words.template("alice"), "{…}");
    }
}
