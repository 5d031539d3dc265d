//! The version stands in Cargo.toml; the header, the changelog and the names of installed files follow it.

use crate::{c_text, read};

#[test]
fn header_has_the_version_of_the_package() {
    let header = c_text::declarations(&read("include/threading.h"));
    let value = |name: &str| -> u32 {
        let define = header.get(name).unwrap_or_else(|| panic!("no {name}"));
        define.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    };
    let (major, minor, patch) = (
        value("THREADING_VERSION_MAJOR"),
        value("THREADING_VERSION_MINOR"),
        value("THREADING_VERSION_PATCH"),
    );
    assert_eq!(format!("{major}.{minor}.{patch}"), env!("CARGO_PKG_VERSION"));
    assert_eq!(value("THREADING_VERSION"), major * 1_000_000 + minor * 1_000 + patch);
}

#[test]
fn changelog_has_a_section_for_this_version() {
    let heading = format!("\n## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").contains(&heading), "CHANGELOG.md has no{heading}");
}

#[test]
fn nothing_else_repeats_the_version() {
    for file in ["CMakeLists.txt", "Makefile", "build.rs", ".ci/run", "cmake/threading.pc.in"] {
        let text = read(file);
        assert!(!text.contains(env!("CARGO_PKG_VERSION")), "{file} should take the version from Cargo.toml");
    }
}
