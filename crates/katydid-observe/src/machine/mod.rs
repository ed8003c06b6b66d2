//! A machine through its kernel's files: this one, or another one through ssh. It knows how to read them and not what they mean.

pub mod cgroup;
pub mod host;
pub mod local;
pub mod process;
pub mod remote;
pub mod tally;
pub mod text;
pub(crate) mod who;

use crate::observer::{Boxed, Trouble};

/// Contents of files in the order asked for; `None`: it is not there, is empty, or may not be read.
pub type Contents = Vec<Option<Vec<u8>>>;

/// Reads files and folders below `/proc` and `/sys`. That one cannot be read is no error; that none can be is.
pub trait Files: Send {
    /// Contents of files.
    fn read<'a>(&'a mut self, paths: &'a [String]) -> Boxed<'a, Result<Contents, Trouble>>;

    /// Names in folders.
    fn list<'a>(
        &'a mut self,
        folders: &'a [String],
    ) -> Boxed<'a, Result<Vec<Option<Vec<String>>>, Trouble>>;

    /// How many names are in folders.
    fn count<'a>(
        &'a mut self,
        folders: &'a [String],
    ) -> Boxed<'a, Result<Vec<Option<usize>>, Trouble>> {
        Box::pin(async move {
            let lists = self.list(folders).await?;
            let counts = lists.into_iter().map(|list| list.map(|list| list.len()));
            Ok(counts.collect())
        })
    }

    /// Which process holds which socket: pid and inode, of those that may be seen.
    fn sockets(&mut self) -> Boxed<'_, Result<Vec<(u32, u64)>, Trouble>>;
}
