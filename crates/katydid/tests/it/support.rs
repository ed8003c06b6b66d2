//! A little world to parse in: an environment, a home and a current folder of its own.

use std::path::Path;

use katydid::{OptionRow, Resolved, Surroundings, UsageError};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

pub struct World {
    folder: TempDir,
    around: Surroundings,
}

impl World {
    pub fn new() -> World {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        let around = Surroundings {
            env: [].into(),
            home: Some(folder.path().join("home")),
            cwd: folder.path().to_owned(),
        };
        World { folder, around }
    }

    pub fn file(self, name: &str, text: &str) -> World {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> World {
        self.around.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn locate(&self, argv: &[&str]) -> Result<katydid::Located, UsageError> {
        katydid::locate(&words(argv), &self.around)
    }

    pub fn resolve(&self, argv: &[&str]) -> Result<Resolved, UsageError> {
        self.resolve_with(argv, &[])
    }

    pub fn resolve_with(
        &self,
        argv: &[&str],
        custom: &[OptionRow],
    ) -> Result<Resolved, UsageError> {
        katydid::resolve(&words(argv), custom, &self.around)
    }

    /// What differs from the defaults, as JSON; or the error's text.
    pub fn differs(&self, argv: &[&str]) -> Value {
        match self.resolve(argv) {
            Ok(resolved) => {
                let plain = World::new().resolve(&[]).unwrap();
                changed(&resolved, &plain)
            }
            Err(UsageError(text)) => json!(format!("error: {text}")),
        }
    }
}

fn changed(resolved: &Resolved, plain: &Resolved) -> Value {
    let options = |resolved: &Resolved| match serde_json::to_value(&resolved.options).unwrap() {
        Value::Object(map) => map,
        other => panic!("options are {other}"),
    };
    let plain = options(plain);
    let differing = options(resolved)
        .into_iter()
        .filter(|(dest, value)| plain[dest] != *value);
    Value::Object(differing.collect::<Map<_, _>>())
}

pub fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(ToString::to_string).collect()
}

/// An option that a locustfile's listener added.
pub fn custom(flag: &str, env: Option<&str>) -> OptionRow {
    OptionRow {
        flags: vec![flag.to_owned()],
        dest: flag.trim_start_matches('-').replace('-', "_"),
        env: env.map(str::to_owned),
        default: Value::Null,
        action: "store".to_owned(),
        nargs: None,
        kind: "str".to_owned(),
        choices: None,
        help: String::new(),
        group: String::new(),
        status: katydid::cli::Status::Locust,
    }
}
