//! Which of the processes is the server, and what it is called.

use std::collections::{BTreeSet, HashMap};

/// Of the holders of a socket those whose parent holds none. The first process of the machine hands sockets to services that it
/// starts, and is none of them.
pub(crate) fn without_children(holders: &BTreeSet<u32>, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let only_first = holders.len() == 1;
    let is_holder = |pid: &u32| holders.contains(pid) && (*pid != 1 || only_first);
    let roots = holders
        .iter()
        .filter(|pid| is_holder(pid) && !parents.get(pid).is_some_and(is_holder));
    roots.copied().collect()
}

/// How many numbers `0-3,8` stands for.
pub(crate) fn listed(ranges: &str) -> Option<f64> {
    let mut count = 0.0;
    for range in ranges.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        count += last.parse::<f64>().ok()? - first.parse::<f64>().ok()? + 1.0;
    }
    Some(count)
}

/// What a process is called by people: of an interpreter, what it runs. Nothing else of its arguments is used.
pub(crate) fn called(cmdline: &str, comm: &str) -> String {
    let words: Vec<&str> = words(cmdline).collect();
    let interprets = ["python", "node", "ruby", "java", "perl", "php"]
        .iter()
        .any(|name| {
            words
                .first()
                .is_some_and(|word| base(word).starts_with(name))
        });
    if !interprets {
        return comm.to_owned();
    }
    let module = words.iter().position(|word| *word == "-m");
    let named = match module.and_then(|place| words.get(place + 1)) {
        Some(module) => Some((*module).to_owned()),
        None => words
            .get(1)
            .filter(|word| !word.starts_with('-'))
            .map(|word| base(word)),
    };
    named.unwrap_or_else(|| comm.to_owned())
}

/// What it executes: `python3.12`, `node`, `java`; a process that has written a title over its arguments is told by its name.
pub(crate) fn program(cmdline: &str, comm: &str) -> String {
    let first = words(cmdline).next().map(base);
    let is_name = |name: &String| !name.contains([' ', ':']);
    first.filter(is_name).unwrap_or_else(|| comm.to_owned())
}

fn words(cmdline: &str) -> impl Iterator<Item = &str> {
    cmdline.split('\0').filter(|word| !word.is_empty())
}

fn base(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_call_it() {
        let called = |words: &[&str], comm| called(&words.join("\0"), comm);
        assert_eq!(
            called(&["/v/bin/python3", "-m", "uvicorn", "a:b"], "python3"),
            "uvicorn"
        );
        assert_eq!(
            called(&["/usr/bin/python3", "/v/bin/gunicorn", "x"], "gunicorn"),
            "gunicorn"
        );
        assert_eq!(called(&["python3", "-c", "secret"], "python3"), "python3");
        assert_eq!(called(&["postgres: writer"], "postgres"), "postgres");
        assert_eq!(called(&[], "kworker"), "kworker");
    }

    #[test]
    fn what_it_executes() {
        let program = |words: &[&str], comm| program(&words.join("\0"), comm);
        let gunicorn = ["/usr/bin/python3.12", "/v/bin/gunicorn", "x"];
        assert_eq!(program(&gunicorn, "gunicorn"), "python3.12");
        assert_eq!(program(&["node", "server.js"], "MainThread"), "node");
        assert_eq!(program(&["postgres: writer"], "postgres"), "postgres");
        assert_eq!(program(&[], "kworker"), "kworker");
    }

    #[test]
    fn ranges_of_processors() {
        assert_eq!(listed("0-3,8\n"), Some(5.0));
        assert_eq!(listed("0\n"), Some(1.0));
        assert_eq!(listed(""), None);
    }

    #[test]
    fn the_root_of_those_that_hold_a_socket() {
        let parents = HashMap::from([(10, 1), (11, 10), (12, 10), (20, 5)]);
        let roots =
            |holders: &[u32]| without_children(&holders.iter().copied().collect(), &parents);
        assert_eq!(roots(&[10, 11, 12]), [10]);
        assert_eq!(roots(&[11, 12]), [11, 12]);
        assert_eq!(roots(&[1, 10, 11]), [10]);
        assert_eq!(roots(&[10, 20]), [10, 20]);
        assert_eq!(roots(&[1]), [1]);
    }
}
