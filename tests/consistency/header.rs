//! include/threading.h is what c_tests/prototypes.expected says, name by name and type by type.

use crate::{c_text, expect_none, read};

#[test]
fn header_is_what_was_promised() {
    let header = c_text::declarations(&read("include/threading.h"));
    let expected = c_text::declarations(&read("c_tests/prototypes.expected"));
    assert!(expected.len() > 100, "the expectation itself was read: {}", expected.len());
    let mut complaints = Vec::new();
    for (name, wanted) in &expected {
        match header.get(name) {
            Some(found) if found == wanted => {}
            Some(found) => complaints.push(format!("wanted {wanted}\n found {found}")),
            None => complaints.push(format!("missing {wanted}")),
        }
    }
    for (name, found) in &header {
        if !expected.contains_key(name) {
            complaints.push(format!("not in c_tests/prototypes.expected: {found}"));
        }
    }
    expect_none(&complaints);
}

/// What c_tests/abi/layout.h lays down leaves out no struct, no field and no type of a callback.
#[test]
fn layout_is_that_of_every_type() {
    let layout = read("c_tests/abi/layout.h");
    let mut complaints = Vec::new();
    let mut expect = |line: String| {
        if !layout.contains(&line) {
            complaints.push(format!("not in c_tests/abi/layout.h: {line}..."));
        }
    };
    for (name, text) in c_text::declarations(&read("include/threading.h")) {
        let Some(typedef) = text.strip_prefix("typedef ") else { continue };
        let Some((_, rest)) = typedef.split_once('{') else {
            expect(format!("ALIAS({name}, "));
            continue;
        };
        let fields = rest.split(';').filter_map(|field| field.rsplit([' ', '*']).next());
        let fields: Vec<&str> = fields.filter(|field| !field.is_empty() && !field.starts_with('}')).collect();
        // What THREADING_WITH keeps is its own affair, and of each handle one thing is to be said.
        if name == "threading_with" {
            continue;
        }
        expect(format!("STRUCT({name}, "));
        for field in fields.iter().filter(|_| fields != ["id"]) {
            expect(format!("FIELD({name}, {field}, "));
        }
    }
    expect_none(&complaints);
}

#[test]
fn comparison_sees_every_kind_of_difference() {
    let good = "#define THREADING_A INT64_C(0x10)\nint32_t threading_f(int64_t a, void **b);\n\
                typedef struct threading_s { size_t size; } threading_s;\n\
                typedef void (*threading_g)(void *arg);";
    let same = "#define THREADING_A INT64_C(16) /* ; */\nint32_t\nthreading_f(int64_t a,\n  void **b);\n\
                typedef struct threading_s {\n  /** a */\n  size_t size;\n} threading_s;\n\
                typedef void (*threading_g)(void *arg);";
    assert_eq!(c_text::declarations(good), c_text::declarations(same));
    for (from, to) in [
        ("(0x10)", "(0x11)"),
        ("INT64_C(0x10)", "16"),
        ("int64_t a", "int32_t a"),
        ("int64_t a", "int64_t x"),
        ("void **b", "void *b"),
        ("int64_t a, void **b", "void **b, int64_t a"),
        ("size_t size", "size_t sizes"),
        ("(void *arg)", "(const void *arg)"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(c_text::declarations(good), c_text::declarations(&changed), "{from} -> {to}");
    }
}
