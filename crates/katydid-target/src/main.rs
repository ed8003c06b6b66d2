//! The command `katydid-target`: starts a target, prints where it listens, ends on a signal.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use katydid_target::{Error, Options, Target};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("katydid-target: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(Error::Reactor)?;
    allow_many_connections();
    let target = Target::spawn(options)?;
    let mut out = std::io::stdout();
    // Whoever started us may have closed its end; that is no reason not to serve.
    let _ = writeln!(out, "listening on {}", target.url()).and_then(|()| out.flush());
    signals.forever().next();
    let truth = target.stop();
    let Some(path) = &options.truth_out else {
        return Ok(());
    };
    let text = serde_json::to_vec_pretty(&truth).unwrap_or_default();
    std::fs::write(path, text).map_err(|source| Error::Write {
        path: path.clone(),
        source,
    })
}

/// Raises the limit of open files as far as it goes without privileges.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // What cannot be raised is only found out by those who need it.
    let _ = setrlimit(Resource::Nofile, raised);
}
