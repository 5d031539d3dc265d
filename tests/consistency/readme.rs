//! What the README shows works: its program, its commands and its link flags.

use crate::{library_folder, path, read, run};
use std::path::PathBuf;
use std::process::Command;

/// The fenced block that follows a text of the README.
fn block_after<'a>(readme: &'a str, text: &str, fence: &str) -> &'a str {
    let from = readme.find(text).unwrap_or_else(|| panic!("README.md does not say {text:?}"));
    let begin = readme[from..].find(fence).expect("a block follows") + from + fence.len();
    let end = readme[begin..].find("\n```").expect("the block ends") + begin;
    readme[begin..=end].trim_start_matches('\n')
}

#[test]
fn program_prints_what_the_readme_says() {
    let readme = read("README.md");
    let program = block_after(&readme, "# libthreading", "```c\n");
    let wanted = block_after(&readme, "It prints", "```text\n");
    assert!(program.lines().count() <= 20, "the first program is short");
    assert_eq!(compile_and_run(program, "readme"), wanted);
}

#[test]
fn header_opens_with_the_same_program() {
    let readme = read("README.md");
    let program = block_after(&readme, "# libthreading", "```c\n");
    let commented: String = program
        .lines()
        .map(|line| if line.is_empty() { " *\n".to_string() } else { format!(" *   {line}\n") })
        .collect();
    assert!(
        read("include/threading.h").contains(&commented),
        "the header's program is another:\n{commented}"
    );
}

/// Compiles a program against the library that this run has built, and returns what it prints.
fn compile_and_run(program: &str, name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder for the program");
    let library = folder.join(format!("libthreading.so.{}", env!("CARGO_PKG_VERSION_MAJOR")));
    std::fs::copy(library_folder().join("libthreading.so"), &library).expect("the library");
    let (source, executable) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&source, program).expect("the program is written");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_string());
    run(Command::new(compiler)
        .args(["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror"])
        .arg("-I")
        .arg(path("include"))
        .arg(&source)
        .arg(&library)
        .arg(format!("-Wl,-rpath,{}", folder.display()))
        .arg("-o")
        .arg(&executable));
    // cargo's own search path would come before the one of the program.
    let output = run(Command::new(executable).env_remove("LD_LIBRARY_PATH"));
    String::from_utf8(output.stdout).expect("the program prints text")
}

#[test]
fn commands_are_rules_of_the_makefile() {
    let (readme, makefile) = (read("README.md"), read("Makefile"));
    let mut commands = 0;
    for text in [&readme, &read("CONTRIBUTING.md")] {
        for (at, _) in text.match_indices("`make ").chain(text.match_indices("\nmake ")) {
            let rest = &text[at + "`make ".len()..];
            let target: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            let is_rule = makefile.contains(&format!("\n{target}:"));
            assert!(target.is_empty() || is_rule, "the Makefile has no {target:?}");
            commands += usize::from(is_rule);
        }
    }
    assert!(commands >= 4, "the README shows how to build");
}

#[test]
fn files_that_are_linked_to_exist() {
    for document in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(document);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(path(target).exists(), "{document} links to {target}");
            }
        }
    }
}

#[test]
fn link_flags_are_what_the_compiler_says() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    let output = run(Command::new(cargo)
        .current_dir(path(""))
        .args(["rustc", "--lib", "--crate-type", "staticlib", "--color=never", "--target-dir"])
        .arg(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("native"))
        .args(["--", "--print", "native-static-libs"]));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, flags) = text.split_once("native-static-libs: ").expect("rustc prints the flags");
    let flags = flags.lines().next().expect("a line").trim();

    assert!(read("README.md").contains(&format!("libthreading.a {flags}")), "README.md without {flags}");
    let names = flags.replace("-l", "");
    let line = format!("set(THREADING_NATIVE_LIBRARIES {names})");
    assert!(read("CMakeLists.txt").contains(&line), "CMakeLists.txt without {line}");
}
