//! Keys by their form: `user:{n}:cart`. What is in a key is kept only where many keys share it, since it may be somebody's name.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Between the parts of a key.
const SEPARATORS: [char; 5] = [':', '|', '/', '.', '-'];
/// A part is kept as it is if so many keys have it at its place, and this share of them…
const SHARED_BY: usize = 5;
const SHARED_SHARE: f64 = 0.05;
/// …and no more words than these stand there: names of things that people or programs made are many.
const WORDS_AT_A_PLACE: usize = 3;
/// Longer parts are identities, however often they come.
const LONGEST: usize = 24;
/// Letters of a uuid.
const UUID: usize = 36;
/// Stands for what is not told.
pub const HIDDEN: &str = "{…}";
/// Templates that are told.
const TEMPLATES: usize = 50;

/// Parts that many keys share, by their place in the key.
#[derive(Debug, Default)]
pub struct Words(Vec<HashSet<String>>);

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
        let mut places: Vec<HashMap<String, usize>> = Vec::new();
        for found in found {
            for (place, part) in without_uuids(&found.key).split(SEPARATORS).enumerate() {
                if places.len() <= place {
                    places.push(HashMap::new());
                }
                let word = match shape(part) {
                    word if word == "{n}" || word.is_empty() => continue,
                    // Each counts as one of many at its place, and is never kept.
                    word if word == HIDDEN => format!("{HIDDEN}{part}"),
                    word => word,
                };
                *places[place].entry(word).or_default() += 1;
            }
        }
        let least = SHARED_BY.max((found.len() as f64 * SHARED_SHARE).ceil() as usize);
        let kept = |words: HashMap<String, usize>| {
            let is_structure = words.len() <= WORDS_AT_A_PLACE;
            let words = words.into_iter().filter(|(word, count)| {
                is_structure && *count >= least && !word.starts_with(HIDDEN)
            });
            words.map(|(word, _)| word).collect()
        };
        Self(places.into_iter().map(kept).collect())
    }

    /// The form of a key.
    pub fn template(&self, key: &str) -> String {
        self.template_with(key, &[])
    }

    /// The same, where these words are kept too.
    pub fn template_with(&self, key: &str, also: &[&str]) -> String {
        let is_kept = |place: usize, word: &str| {
            let mut words = self.0.get(place).into_iter();
            also.contains(&word) || words.any(|words| words.contains(word))
        };
        shaped(key, is_kept)
    }
}

/// A name whose numbers, addresses and long parts are taken out; its words are kept.
pub fn without_numbers(name: &str) -> String {
    shaped(name, |_, _| true)
}

/// Its first part, and the rest with what separates them.
pub fn first_part(key: &str) -> (&str, &str) {
    key.split_at(key.find(SEPARATORS).unwrap_or(key.len()))
}

/// Whether it has one part only.
pub fn is_single(key: &str) -> bool {
    !key.contains(SEPARATORS)
}

fn shaped(key: &str, is_kept: impl Fn(usize, &str) -> bool) -> String {
    let mut out = String::new();
    for (place, part) in without_uuids(key).split_inclusive(SEPARATORS).enumerate() {
        let (word, separator) = match part.strip_suffix(SEPARATORS) {
            Some(word) => (word, &part[word.len()..]),
            None => (part, ""),
        };
        let word = shape(word);
        let is_told = word.is_empty() || word == "{n}" || word != HIDDEN && is_kept(place, &word);
        out.push_str(if is_told { &word } else { HIDDEN });
        out.push_str(separator);
    }
    while out.contains("{…}-{…}") {
        out = out.replace("{…}-{…}", "{…}");
    }
    out
}

/// With one part, an identity, for each uuid: its five would have other forms from key to key.
fn without_uuids(key: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = key;
    while let Some(at) = rest.as_bytes().windows(UUID).position(is_uuid) {
        out.push_str(&rest[..at]);
        out.push('@');
        rest = &rest[at + UUID..];
    }
    if out.is_empty() {
        return Cow::Borrowed(key);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
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
        return HIDDEN.into();
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
            "cart:{…}"
        );
        let twice =
            "cart:abcdefab-abcd-abcd-abcd-abcdefabcdef:0c9f1d2e-1111-4222-8333-444455556666:n";
        assert_eq!(words.template(twice), "cart:{…}:{…}:{…}");
        assert_eq!(words.template("alice"), "{…}");
    }
}
