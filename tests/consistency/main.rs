//! What is written twice in this repository says the same both times, and the rules of CONTRIBUTING.md hold.

mod c_text;
mod header;
mod layers;
mod readme;
mod rust_text;
mod surface;
mod symbols;
mod verification;
mod versions;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A path of the repository.
fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of a file of the repository.
fn read(relative: impl AsRef<Path>) -> String {
    let path = path(&relative.as_ref().to_string_lossy());
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files under a folder of the repository whose names end so, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![path(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("a readable entry").path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {endings:?} under {folder}");
    found
}

/// Runs a command that has to succeed.
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The folder in which cargo has built the library for this run of the tests.
fn library_folder() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let folder = test.parent().expect("a folder").to_path_buf();
    assert!(folder.join("libthreading.so").exists(), "no library in {}", folder.display());
    folder
}

/// Fails with all complaints at once.
fn expect_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
