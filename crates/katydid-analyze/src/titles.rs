//! What endpoints are called in a summary: their names, and where a tag makes two rows of one name, which of them it is.

use std::collections::BTreeSet;

use katydid_record::{Access, EndpointKey, Kind};

type Plain<'a> = (Kind, &'a str, &'a str);

/// The endpoints of a run whose names do not tell them apart.
pub struct Titles<'a>(BTreeSet<Plain<'a>>);

impl<'a> Titles<'a> {
    pub fn new(endpoints: impl IntoIterator<Item = &'a EndpointKey>) -> Self {
        let mut seen = BTreeSet::new();
        let keys = endpoints.into_iter().map(plain);
        Self(keys.filter(|key| !seen.insert(*key)).collect())
    }

    pub fn of(&self, key: &EndpointKey) -> String {
        let tag = key.tagged.filter(|_| self.0.contains(&plain(key)));
        match tag {
            Some(Access::Read) => format!("{} (read)", key.name),
            Some(Access::Write) => format!("{} (write)", key.name),
            None => key.name.clone(),
        }
    }
}

fn plain(key: &EndpointKey) -> Plain<'_> {
    (key.kind, &key.method, &key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_double_says_its_tag() {
        let key = |name: &str, tagged| EndpointKey {
            name: name.to_owned(),
            tagged,
            ..EndpointKey::default()
        };
        let (read, write) = (Some(Access::Read), Some(Access::Write));
        let keys = [
            key("a", None),
            key("a", read),
            key("b", write),
            key("c", read),
            key("c", write),
        ];
        let titles = Titles::new(&keys);
        let names: Vec<String> = keys.iter().map(|key| titles.of(key)).collect();
        assert_eq!(names, ["a", "a (read)", "b", "c (read)", "c (write)"]);
    }
}
