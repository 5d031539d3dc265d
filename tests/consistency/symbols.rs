//! The shared library exports the functions of the header and nothing else, and is linked as promised.

use crate::{c_text, library_folder, read, run};
use std::process::Command;

#[test]
fn library_exports_the_functions_of_the_header() {
    let library = library_folder().join("libthreading.so");
    let output = run(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(library));
    let text = String::from_utf8(output.stdout).expect("nm prints text");
    let mut exported: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    exported.sort_unstable();
    assert_eq!(exported, c_text::functions(&read("include/threading.h")));
}

#[test]
fn library_is_linked_as_promised() {
    let library = library_folder().join("libthreading.so");
    let output = run(Command::new("readelf").args(["-dlW"]).arg(library));
    let text = String::from_utf8(output.stdout).expect("readelf prints text");
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    for wanted in [&format!("[libthreading.so.{major}]")[..], "NODELETE", "BIND_NOW", "GNU_RELRO"] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
}
