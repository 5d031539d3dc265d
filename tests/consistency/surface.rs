//! Every exported function is documented in the same form, is one expression, and is tested and announced.

use crate::rust_text::{Exported, closing, exported};
use crate::{c_text, expect_none, files, read};

/// Columns of the header, as in cbindgen.toml.
const WIDTH: usize = 110;

/// What the body of an exported function may be, by what the function returns.
fn bodies(returns: &str) -> &'static [&'static str] {
    match returns {
        "threading_status" => &["call(", "call_unwind("],
        "i32" => &["ask("],
        "i64" => &["count(", "boundary::count("],
        _ => &[],
    }
}

/// Functions, apart from every `destroy`, that Python has no public counterpart of; all others name theirs.
const WITHOUT_PYTHON: &[&str] = &[
    "threading_blocking_begin",
    "threading_blocking_end",
    "threading_default_pool",
    "threading_group_cancel",
    "threading_group_set_limit",
    "threading_group_wait",
    "threading_last_error",
    "threading_last_failure",
    "threading_local_get",
    "threading_local_set",
    "threading_parallel_for",
    "threading_parallel_invoke",
    "threading_pool_execute",
    "threading_pool_resize",
    "threading_pool_stats",
    "threading_pool_submit_priority",
    "threading_pool_wait",
    "threading_rlock_is_owned",
    "threading_rlock_recursion_count",
    "threading_seconds",
    "threading_semaphore_value",
    "threading_set_parallelism",
    "threading_status_message",
    "threading_status_name",
    "threading_until",
    "threading_version",
    "threading_worker_index",
];

/// What tries the short way and falls back to one of those forms.
const QUICK: &[&str] = &["quick(", "quick_beside(", "quick_put("];

/// Functions that answer with a plain value and cannot fail, so that nothing is to be caught.
const PLAIN: &[&str] = &[
    "threading_seconds",
    "threading_now",
    "threading_until",
    "threading_timeout_max",
    "threading_worker_index",
];

#[test]
fn every_function_is_documented_in_full() {
    let mut complaints = Vec::new();
    for function in exported() {
        let mut complain =
            |what: &str| complaints.push(format!("{} {}: {what}", function.place, function.name));
        let text = &function.documentation;
        let first = text.lines().next().unwrap_or_default();
        if !first.ends_with('.') && !text.contains(".\n") {
            complain("begins with no sentence");
        }
        for parameter in &function.parameters {
            if !has_tag(text, &format!("\\param {parameter}")) {
                complain(&format!("no \\param {parameter}"));
            }
        }
        for tag in text.lines().filter_map(|line| line.strip_prefix("\\param ")) {
            let name = tag.split_whitespace().next().unwrap_or_default();
            if !function.parameters.iter().any(|parameter| parameter == name) {
                complain(&format!("\\param {name} is no parameter"));
            }
        }
        if has_tag(text, "\\returns") == function.returns.is_empty() {
            complain("\\returns does not fit the signature");
        }
        for tag in ["\\threadsafety", "\\since"] {
            if !has_tag(text, tag) {
                complain(&format!("no {tag}"));
            }
        }
        let is_apart = function.name.ends_with("_destroy") || WITHOUT_PYTHON.contains(&&function.name[..]);
        if is_apart == has_tag(text, "\\sa Python") {
            complain("\\sa Python does not fit WITHOUT_PYTHON");
        }
        if text.lines().any(|line| line.chars().count() > WIDTH - " * ".len()) {
            complain("its documentation is too wide for the header");
        }
        if text.contains("*/") || text.contains("/*") {
            complain("a comment of C inside its documentation");
        }
    }
    expect_none(&complaints);
}

/// Whether a line begins with the tag and says something after it.
fn has_tag(text: &str, tag: &str) -> bool {
    let mut rests = text.lines().filter_map(|line| line.strip_prefix(tag));
    rests.any(|rest| rest.starts_with(' ') && !rest.trim().is_empty())
}

#[test]
fn every_body_is_one_expression() {
    let complaints: Vec<String> = exported()
        .iter()
        .filter(|function| !is_one_expression(function))
        .map(|function| format!("{} {}: {}", function.place, function.name, function.body))
        .collect();
    expect_none(&complaints);
}

fn is_one_expression(function: &Exported) -> bool {
    let body = function.body.as_str();
    // An `unsafe` block with its reasons may stand around the expression.
    let body = match body.split_once("unsafe {") {
        Some((before, inner)) if before.lines().all(|line| line.trim_start().starts_with("//")) => {
            inner.trim_end().trim_end_matches('}').trim()
        }
        _ => body,
    };
    let openings = bodies(&function.returns);
    if openings.is_empty() || PLAIN.contains(&function.name.as_str()) {
        return !body.is_empty() && !body.trim_end_matches(';').contains(';');
    }
    let is_whole = |rest: &str| rest[closing(rest)..].trim() == ")";
    // A short way that calls nothing may stand before the usual form.
    if let Some(rest) = QUICK.iter().find_map(|opening| body.strip_prefix(opening)) {
        let words = rest.split_whitespace().collect::<Vec<_>>().join(" ").replace("| { ", "| ");
        return is_whole(rest) && openings.iter().any(|form| words.contains(&format!("| {form}")));
    }
    openings.iter().any(|opening| body.strip_prefix(opening).is_some_and(is_whole))
}

#[test]
fn bodies_of_two_statements_are_seen() {
    let is_one = |returns: &str, body: &str| {
        is_one_expression(&Exported {
            name: "threading_x".to_string(),
            place: String::new(),
            documentation: String::new(),
            parameters: Vec::new(),
            returns: returns.to_string(),
            body: body.to_string(),
        })
    };
    assert!(is_one("threading_status", "call(\"x\", 0, || {\n    a()?;\n    b()\n})"));
    assert!(is_one("i64", "// SAFETY: a fact.\nunsafe { count(\"x\", 0, || Ok(1)) }"));
    assert!(is_one("u32", "THREADING_VERSION"));
    assert!(is_one("i32", "quick(\n    || a(),\n    || {\n        ask(\"x\", 0, || b())\n    },\n)"));
    assert!(!is_one("i32", "quick(|| a(), || 1)"));
    assert!(!is_one("threading_status", "let x = 1;\ncall(\"x\", 0, || Ok(x))"));
    assert!(!is_one("threading_status", "call(\"x\", 0, || Ok(())) + 1"));
    assert!(!is_one("threading_status", "THREADING_OK"));
    assert!(!is_one("i32", "call(\"x\", 0, || Ok(()))"));
    assert!(!is_one("u32", "let x = 1; x"));
}

#[test]
fn every_function_is_in_a_c_test() {
    let tests: String = files("c_tests", &[".c", ".cc", ".h"]).iter().map(read).collect();
    let is_named = has_word(&tests);
    let untested = exported().into_iter().filter(|function| !is_named(&function.name));
    expect_none(&untested.map(|function| format!("{} is in no C test", function.name)).collect::<Vec<_>>());
}

#[test]
fn every_symbol_is_in_the_changelog() {
    let changelog = read("CHANGELOG.md");
    let is_named = has_word(&changelog);
    let declared = c_text::declarations(&read("include/threading.h"));
    let unnamed = declared.keys().filter(|name| !is_named(name));
    expect_none(&unnamed.map(|name| format!("CHANGELOG.md does not name {name}")).collect::<Vec<_>>());
}

/// Looks whole words up in a text.
fn has_word(text: &str) -> impl Fn(&str) -> bool {
    let words: std::collections::HashSet<String> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_string).collect();
    move |word| words.contains(word)
}
