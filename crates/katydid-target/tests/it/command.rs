//! The program: what it prints, how it ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use katydid_target::Truth;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;

#[test]
fn it_prints_its_address_and_writes_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_katydid-target"))
        .args(["--truth-out", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let addr = line.trim().strip_prefix("listening on http://").unwrap();
    let mut client = Client::new(addr.parse().unwrap());
    assert_eq!(client.get("/null").status, 200);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let truth: Truth = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(truth.paths["/null"].served, 1);
}

#[test]
fn help_lists_the_behaviours_and_mistakes_are_told() {
    let run = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_katydid-target"))
            .args(args)
            .output();
        let done = done.unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, help) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(help.contains("/queue") && help.contains("POST /_control/freeze"));
    let (code, text) = run(&["--freeze-at", "soon", "--freeze-for", "1s"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("write it as 500ms"), "{text}");
    let (code, text) = run(&["--bind", "203.0.113.1:1"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("cannot listen on 203.0.113.1:1"), "{text}");
}
