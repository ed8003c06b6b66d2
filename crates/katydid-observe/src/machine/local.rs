//! This machine's files.

use std::fs;

use crate::machine::{Contents, Files};
use crate::observer::{Boxed, Trouble};

/// Reads them itself. These file systems are in memory: a read does not wait for a device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Files for Local {
    fn read<'a>(&'a mut self, paths: &'a [String]) -> Boxed<'a, Result<Contents, Trouble>> {
        let read = |path: &String| fs::read(path).ok().filter(|content| !content.is_empty());
        let contents = paths.iter().map(read).collect();
        Box::pin(std::future::ready(Ok(contents)))
    }

    fn list<'a>(
        &'a mut self,
        folders: &'a [String],
    ) -> Boxed<'a, Result<Vec<Option<Vec<String>>>, Trouble>> {
        let lists = folders.iter().map(|folder| names(folder)).collect();
        Box::pin(std::future::ready(Ok(lists)))
    }

    fn count<'a>(
        &'a mut self,
        folders: &'a [String],
    ) -> Boxed<'a, Result<Vec<Option<usize>>, Trouble>> {
        let counts = folders.iter().map(|folder| count(folder)).collect();
        Box::pin(std::future::ready(Ok(counts)))
    }

    fn sockets(&mut self) -> Boxed<'_, Result<Vec<(u32, u64)>, Trouble>> {
        Box::pin(std::future::ready(Ok(sockets())))
    }
}

fn names(folder: &str) -> Option<Vec<String>> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    Some(names.collect())
}

fn count(folder: &str) -> Option<usize> {
    // Newer kernels (6.2) say the number of descriptors as the folder's size; only who may list it is told.
    let size = fs::metadata(folder).ok()?.len() as usize;
    let mut entries = fs::read_dir(folder).ok()?;
    if size > 0 && entries.next().is_some() {
        return Some(size);
    }
    names(folder).map(|names| names.len())
}

/// Sockets of all processes that this one may look into.
pub(crate) fn sockets() -> Vec<(u32, u64)> {
    let pids = names("/proc").unwrap_or_default();
    let mut found = Vec::new();
    for pid in pids.iter().filter_map(|name| name.parse::<u32>().ok()) {
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        for entry in entries.flatten() {
            let link = fs::read_link(entry.path()).ok();
            let inode = link.as_ref().and_then(|link| inode(link.to_str()?));
            found.extend(inode.map(|inode| (pid, inode)));
        }
    }
    found
}

/// The number in `socket:[123]`.
pub(crate) fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}
