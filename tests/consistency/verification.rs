//! docs/verification.md names every model, with its bound, and every planted bug, as the sources have them.
//!
//! `THREADING_VERIFICATION=write cargo test --test consistency verification` writes its tables anew.

use crate::{files, path, read};
use std::collections::BTreeMap;
use std::fmt::Write;

const PAGE: &str = "docs/verification.md";

/// What one group of models shows: their names, and the bugs that they find.
#[derive(Default)]
struct Group {
    models: Vec<String>,
    bugs: Vec<String>,
}

#[test]
fn models_are_those_of_the_sources() {
    let page = read(PAGE);
    let wanted = ["models", "schedules"].iter().fold(page.clone(), |page, &folder| {
        let (from, to) = (format!("<!-- {folder} -->\n"), format!("<!-- end of {folder} -->"));
        let begin = page.find(&from).unwrap_or_else(|| panic!("{PAGE} has no {from}")) + from.len();
        let end = page.find(&to).unwrap_or_else(|| panic!("{PAGE} has no {to}"));
        format!("{}{}{}", &page[..begin], table(folder), &page[end..])
    });
    if std::env::var("THREADING_VERIFICATION").as_deref() == Ok("write") {
        std::fs::write(path(PAGE), &wanted).expect("the page is written");
    } else {
        assert!(page == wanted, "{PAGE} does not say what the sources do; it should be\n{wanted}");
    }
}

#[test]
fn planted_bugs_are_all_named() {
    let (page, atomic) = (read(PAGE), read("src/atomic.rs"));
    let (_, seeds) = atomic.split_once("enum Seed {").expect("there are bugs to plant");
    let (seeds, _) = seeds.split_once("\n}").expect("the list ends");
    let names = seeds.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
    let names: Vec<&str> = names.map(|line| line.split([' ', ',']).next().unwrap_or(line)).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{PAGE} does not say who finds the planted bug {name}");
    }
}

#[test]
fn commands_exist() {
    let page = read(PAGE);
    let mut commands = 0;
    for (at, _) in page.match_indices("`.ci/") {
        let command = page[at + 1..].split([' ', '`']).next().unwrap_or_default();
        assert!(path("").join(".ci").exists() && path(command).exists(), "{PAGE} names {command}");
        commands += 1;
    }
    assert!(commands > 5, "the page says how each proof is run");
}

/// The table of the models under all folders of this name.
fn table(folder: &str) -> String {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let inside = format!("/{folder}/");
    for file in files("src", &[".rs"]).iter().filter(|file| file.to_string_lossy().contains(&inside)) {
        let source = std::fs::read_to_string(file).expect("a source");
        let mut found = Group::default();
        for line in source.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("holds(\"") {
                found.models.push(model(rest));
            } else if let Some(rest) = line.strip_prefix("finds(Seed::") {
                let bug = format!("`{}`", rest.split(',').next().unwrap_or_default());
                if !found.bugs.contains(&bug) {
                    found.bugs.push(bug);
                }
            }
        }
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        if !found.models.is_empty() {
            assert!(groups.insert(name, found).is_none(), "two files of one name");
        }
    }
    assert!(groups.len() > 2, "no models under {folder}");
    let bound = if folder == "models" { ", and up to how many preemptions" } else { "" };
    let mut text = format!("| group | models{bound} | planted bugs that are found |\n|---|---|---|\n");
    for (name, Group { models, bugs }) in groups {
        writeln!(text, "| {name} | {} | {} |", models.join("; "), bugs.join(" "))
            .expect("a String takes all");
    }
    text
}

/// `group: name", 3, ...` as `name (3)`.
fn model(call: &str) -> String {
    let (name, rest) = call.split_once('"').expect("a name ends");
    let name = name.split_once(": ").map_or(name, |(_, name)| name);
    match rest.trim_start_matches([',', ' ']).split(',').next().and_then(|bound| bound.parse::<u32>().ok()) {
        Some(bound) => format!("{name} ({bound})"),
        None => name.into(),
    }
}
