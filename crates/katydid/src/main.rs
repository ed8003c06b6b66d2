//! The plain binary: what katydid does without Python.

use std::process::ExitCode;

use katydid::EXIT_USAGE;

fn main() -> ExitCode {
    let words = std::env::args_os()
        .skip(1)
        .map(std::ffi::OsString::into_string);
    let code = match words.collect::<Result<Vec<String>, _>>() {
        Ok(argv) => katydid::commands::dispatch(&argv, None).unwrap_or_else(|| {
            eprintln!("error: this needs the Python package, which brings the same command: install katydid's wheel");
            EXIT_USAGE
        }),
        Err(word) => {
            eprintln!("error: {} is not valid text", word.display());
            EXIT_USAGE
        }
    };
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
