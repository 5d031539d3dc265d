//! Modules use only what lies below them: capi, timer, thread, sync, slot and park, then plain parts, then sys.

use crate::{expect_none, files, path, read};
use std::path::Path;

/// The layers from the top; a module may use its own layer and those below.
const LAYERS: &[&[&str]] = &[
    &["capi"],
    &["pool", "timer", "queue"],
    &["thread"],
    &["sync"],
    &["slot", "park"],
    &["time", "error", "atomic", "frame"],
    &["sys"],
];

/// What the order of the layers would allow, but the design does not.
const FORBIDDEN: &[(&str, &str)] = &[("capi", "sys")];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// `Err` names what is wrong with a module using another.
fn allowed(user: &str, used: &str) -> Result<(), String> {
    let (Some(from), Some(to)) = (layer(user), layer(used)) else {
        return Err(format!("`{used}` is in no layer"));
    };
    // Plain values such as errors may be named from everywhere, also from below.
    if from > to && used != "error" {
        return Err(format!("`{used}` lies above `{user}`"));
    }
    if FORBIDDEN.contains(&(user, used)) {
        return Err(format!("`{user}` must not use `{used}`"));
    }
    Ok(())
}

#[test]
fn modules_use_only_what_lies_below() {
    let mut complaints = Vec::new();
    for file in files("src", &[".rs"]) {
        let module = module_of(&file);
        if module == "lib" || file.ends_with("src/capi/header/generate.rs") || is_test(&file) {
            continue;
        }
        for used in used_modules(&production_code(&read(&file))) {
            if used != module
                && let Err(reason) = allowed(&module, &used)
            {
                complaints.push(format!("{}: {reason}", file.display()));
            }
        }
    }
    expect_none(&complaints);
}

fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(path("src")).expect("a file of src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

fn is_test(file: &Path) -> bool {
    // What stands for the system in models uses their atomics.
    let is_model = file.ends_with("sys/model.rs");
    is_model || file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs")
}

/// The code without comments, and without the test module at the end of the file.
fn production_code(source: &str) -> String {
    let is_test_module = |lines: &[&str]| {
        lines[0].starts_with("#[cfg(")
            && lines[0].contains("test")
            && lines.get(1).is_some_and(|line| line.contains("mod "))
    };
    let lines: Vec<&str> = source.lines().collect();
    let end = (0..lines.len()).find(|&at| is_test_module(&lines[at..])).unwrap_or(lines.len());
    let code = lines[..end].iter().map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// The modules that stand after `crate::`, alone or in braces.
fn used_modules(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = &group[..crate::rust_text::closing(group)];
                let mut depth = 0;
                for part in group.split_inclusive(['{', '}', ',']) {
                    if depth == 0 {
                        used.push(first_word(part.trim()));
                    }
                    depth += part.matches('{').count() as i32 - part.matches('}').count() as i32;
                }
            }
            None => used.push(first_word(rest)),
        }
    }
    used.retain(|module| !module.is_empty());
    used
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn comparison_sees_a_wrong_use() {
    let code = production_code(
        "use crate::{error::{A, B}, sys, time};\n// crate::capi\nfn f() { crate::park::wait() }",
    );
    assert_eq!(used_modules(&code), ["error", "sys", "time", "park"]);
    assert!(allowed("sync", "thread").is_err());
    assert!(allowed("capi", "sys").is_err());
    assert!(allowed("sys", "time").is_err());
    assert!(allowed("park", "nowhere").is_err());
    assert!(allowed("sync", "park").is_ok());
    assert_eq!(production_code("a\n#[cfg(test)]\nmod tests {\n    use crate::capi;"), "a");
}
