//! Another machine's files, through one ssh connection: a shell there reads commands from its input and only reads files.
//!
//! Nothing is written or installed there. It needs `sh`, `grep` and `ls`.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::machine::local::inode;
use crate::machine::{Contents, Files};
use crate::observer::{Boxed, Trouble};

/// A file of ssh's configuration instead of the user's own.
const CONFIG: &str = "KATYDID_SSH_CONFIG";
/// Ends an answer; no file of the kernel has it.
const END: &str = "--katydid-end--";
/// Longest answer, bytes.
const MOST: usize = 16 << 20;
/// Paths asked for at once: a command of the shell has a longest line.
const AT_ONCE: usize = 500;

/// The connection.
pub struct Remote {
    // Kept, for it ends the process when it is dropped.
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Remote {
    /// Connects with the system's ssh, which asks nobody anything. `target` is `[user@]host`.
    pub async fn connect(target: &str, port: Option<u16>) -> Result<Self, Trouble> {
        let mut command = Command::new("ssh");
        if let Some(config) = std::env::var_os(CONFIG) {
            command.arg("-F").arg(config);
        }
        command.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=4"]);
        command.args(["-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=2"]);
        // What the user's configuration does besides belongs to the user's own logins.
        command.args(["-a", "-x", "-o", "ClearAllForwardings=yes"]);
        command.args(["-o", "RemoteCommand=none", "-o", "ControlMaster=no"]);
        if let Some(port) = port {
            command.arg("-p").arg(port.to_string());
        }
        command.args(["--", target, "exec env LC_ALL=C sh"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| Trouble::Refused {
            why: format!("ssh cannot be started: {error}"),
            remedy: "install the ssh client of the system (openssh-client)".into(),
        })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Trouble::lost("ssh has no input or output"));
        };
        let mut remote = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        match remote.ask("").await {
            Ok(_) => Ok(remote),
            Err(_) => Err(remote.why(target).await),
        }
    }

    async fn why(&mut self, target: &str) -> Trouble {
        let mut said = Vec::new();
        if let Some(errors) = self.child.stderr.take() {
            // What it said until it broke is what there is to be told.
            let _ = errors.take(20_000).read_to_end(&mut said).await;
        }
        explain(target, &String::from_utf8_lossy(&said))
    }

    /// What a command prints there.
    async fn ask(&mut self, command: &str) -> Result<Vec<u8>, Trouble> {
        let lost =
            |error: std::io::Error| Trouble::Lost(format!("the ssh connection broke: {error}"));
        let line = format!("{command}\necho {END}\n");
        self.input.write_all(line.as_bytes()).await.map_err(lost)?;
        self.input.flush().await.map_err(lost)?;
        let mut answer = Vec::new();
        loop {
            let began = answer.len();
            let read = self
                .output
                .read_until(b'\n', &mut answer)
                .await
                .map_err(lost)?;
            if read == 0 || answer.len() > MOST {
                return Err(Trouble::lost("the ssh connection ended"));
            }
            // A last line without an end stands before it.
            let is_end = answer.trim_ascii_end().ends_with(END.as_bytes());
            if is_end {
                let end = answer.trim_ascii_end().len() - END.len();
                answer.truncate(end.max(began));
                return Ok(answer);
            }
        }
    }

    /// Runs a command on paths, some at a time.
    async fn ask_all(&mut self, command: &str, paths: &[String]) -> Result<Vec<u8>, Trouble> {
        let mut all = Vec::new();
        for paths in paths.chunks(AT_ONCE) {
            let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
            let line = format!("{command} {} /dev/null 2>/dev/null", paths.join(" "));
            all.extend(self.ask(&line).await?);
        }
        Ok(all)
    }
}

impl Files for Remote {
    fn read<'a>(&'a mut self, paths: &'a [String]) -> Boxed<'a, Result<Contents, Trouble>> {
        Box::pin(async move {
            let wanted: Vec<String> = paths
                .iter()
                .filter(|path| !path.is_empty())
                .cloned()
                .collect();
            if wanted.is_empty() {
                return Ok(vec![None; paths.len()]);
            }
            Ok(parted(paths, &self.ask_all("grep -Hs ''", &wanted).await?))
        })
    }

    fn list<'a>(
        &'a mut self,
        folders: &'a [String],
    ) -> Boxed<'a, Result<Vec<Option<Vec<String>>>, Trouble>> {
        Box::pin(async move {
            if folders.is_empty() {
                return Ok(Vec::new());
            }
            let answer = self.ask_all("ls -1", folders).await?;
            Ok(listed(folders, &String::from_utf8_lossy(&answer)))
        })
    }

    fn sockets(&mut self) -> Boxed<'_, Result<Vec<(u32, u64)>, Trouble>> {
        Box::pin(async move {
            let answer = self.ask("ls -l /proc/[0-9]*/fd 2>/dev/null").await?;
            Ok(held(&String::from_utf8_lossy(&answer)))
        })
    }
}

fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// Puts the lines `path:line` of grep to their paths, which come in the order asked for.
fn parted(paths: &[String], answer: &[u8]) -> Contents {
    let mut contents: Contents = vec![None; paths.len()];
    let mut place = 0;
    for line in answer.split_inclusive(|byte| *byte == b'\n') {
        let belongs = |path: &String| {
            let rest = line.strip_prefix(path.as_bytes())?;
            (!path.is_empty())
                .then(|| rest.strip_prefix(b":"))
                .flatten()
        };
        let found = paths[place..]
            .iter()
            .enumerate()
            .find_map(|(step, path)| Some((place + step, belongs(path)?)));
        if let Some((at, rest)) = found {
            place = at;
            contents[at].get_or_insert_default().extend_from_slice(rest);
        }
    }
    contents
}

/// The names below the heads `folder:` of ls.
fn listed(folders: &[String], answer: &str) -> Vec<Option<Vec<String>>> {
    let mut lists: Vec<Option<Vec<String>>> = vec![None; folders.len()];
    let mut current = None;
    for line in answer.lines() {
        let head = line.strip_suffix(':').filter(|head| head.starts_with('/'));
        if let Some(head) = head {
            current = folders.iter().position(|folder| folder == head);
            if let Some(place) = current {
                lists[place] = Some(Vec::new());
            }
        } else if let Some(list) = current.and_then(|place| lists[place].as_mut())
            && !line.is_empty()
        {
            list.push(line.to_owned());
        }
    }
    // A folder that may not be listed has a head and nothing below it.
    lists
        .into_iter()
        .map(|list| list.filter(|list| !list.is_empty()))
        .collect()
}

/// Pids and inodes of `ls -l /proc/*/fd`.
fn held(answer: &str) -> Vec<(u32, u64)> {
    let mut pid = None;
    let mut found = Vec::new();
    for line in answer.lines() {
        if let Some(head) = line
            .strip_prefix("/proc/")
            .and_then(|rest| rest.strip_suffix("/fd:"))
        {
            pid = head.parse().ok();
        } else if let Some((_, link)) = line.rsplit_once(" -> ") {
            found.extend(pid.zip(inode(link)));
        }
    }
    found
}

/// What ssh said, as one sentence, and what to do.
fn explain(target: &str, said: &str) -> Trouble {
    let refused = |why: String, remedy: String| Trouble::Refused { why, remedy };
    if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        return refused(
            format!(
                "the host key of {target} is not the one that is known: it was set up anew, or somebody stands in between"
            ),
            "compare the new key with the machine's, then remove the old one with ssh-keygen -R"
                .into(),
        );
    }
    if said.contains("Host key verification failed") {
        return refused(
            format!("the host key of {target} is not known"),
            format!("connect once by hand and compare the key: ssh {target}"),
        );
    }
    if said.contains("Permission denied") || said.contains("Too many authentication failures") {
        return refused(
            format!(
                "{target} refuses the login: no key of yours is accepted there, or it needs a passphrase"
            ),
            format!("make this work without a question: ssh -o BatchMode=yes {target} true"),
        );
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Trouble::Lost(format!(
        "no ssh connection to {target}: {}",
        last.unwrap_or("it ended without a word").trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn lines_go_to_their_files() {
        let paths = owned(&["/a", "", "/b:c", "/d", "/a"]);
        let answer = b"/a:1\n/a:/d:2\n/b:c:3\n/a:4\n";
        let text = |text: &str| Some(text.as_bytes().to_vec());
        let expected = vec![text("1\n/d:2\n"), None, text("3\n"), None, text("4\n")];
        assert_eq!(parted(&paths, answer), expected);
        assert_eq!(parted(&paths, b""), vec![None; 5]);
    }

    #[test]
    fn lists_and_links() {
        let answer = "/dev/null\n\n/proc/1/fd:\n\n/proc/2/fd:\n0\n10\n";
        let folders = owned(&["/proc/1/fd", "/proc/2/fd", "/proc/3/fd"]);
        assert_eq!(
            listed(&folders, answer),
            [None, Some(owned(&["0", "10"])), None]
        );
        let links = "/proc/7/fd:\ntotal 0\nlrwx------ 1 r r 64 Jan 1 00:00 3 -> socket:[99]\nl 1 -> /dev/null\n/proc/self/fd:\nl 1 -> socket:[1]\n";
        assert_eq!(held(links), [(7, 99)]);
        assert_eq!(quoted("/a'b"), r"'/a'\''b'");
    }

    #[test]
    fn refusals_say_what_to_do() {
        let said = explain("me@box", "me@box: Permission denied (publickey).\r\n");
        assert!(said.remedy().contains("BatchMode=yes me@box"), "{said:?}");
        assert!(
            explain("box", "Host key verification failed.\r\n")
                .remedy()
                .ends_with("ssh box")
        );
        let lost = explain(
            "box",
            "ssh: connect to host box port 22: Connection refused\r\n",
        );
        assert!(matches!(lost, Trouble::Lost(why) if why.ends_with("Connection refused")));
    }
}
