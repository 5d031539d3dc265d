//! Reads declarations out of a C header: enough of C for a header that cbindgen printed.

use std::collections::BTreeMap;

/// Name and declaration of everything that a header declares, in one normal form.
pub(crate) type Declarations = BTreeMap<String, String>;

/// Parses a header. `THREADING_API`, inline functions, and macros that are no part of the promise (ending in `_`), are
/// left out.
pub(crate) fn declarations(header: &str) -> Declarations {
    let text = without_comments(header).replace("\\\n", " ");
    let mut found = Declarations::new();
    let mut code = String::new();
    for line in text.lines() {
        match line.trim_start().strip_prefix('#') {
            Some(directive) => define(directive, &mut found),
            None => {
                code += line;
                code.push('\n');
            }
        }
    }
    let code = code.replace("extern \"C\" {", "");
    for declaration in split_declarations(&code) {
        let declaration = squeeze(&declaration).replace("THREADING_API ", "");
        let inner = declaration.trim_start_matches("typedef ");
        if inner.starts_with("static ") || inner.starts_with("THREADING_") || declaration == "}" {
            continue;
        }
        found.insert(name_of(&declaration), declaration);
    }
    found
}

/// The names of the functions that a header declares.
pub(crate) fn functions(header: &str) -> Vec<String> {
    let is_function = |text: &str| !text.starts_with("typedef") && !text.starts_with("#define");
    declarations(header).into_iter().filter(|(_, text)| is_function(text)).map(|(name, _)| name).collect()
}

fn define(directive: &str, found: &mut Declarations) {
    let Some(rest) = directive.trim_start().strip_prefix("define ") else { return };
    let rest = rest.trim();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, value) = rest.split_at(end);
    // An include guard has no value; a name that ends in an underscore is private.
    if value.is_empty() || name.ends_with('_') {
        return;
    }
    found.insert(name.to_string(), format!("#define {name} {}", constant(value)));
}

/// An integer constant in its plainest form, so that 0x10, INT64_C(16) and (16) are one; other text squeezed.
fn constant(value: &str) -> String {
    let squeezed = squeeze(value);
    let (mut kind, mut text) = ("", squeezed.as_str());
    if let Some(inner) = text.strip_prefix("INT64_C(").and_then(|rest| rest.strip_suffix(')')) {
        (kind, text) = ("int64 ", inner);
    }
    text = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    if let Some(inner) = text.strip_prefix("(int64_t)") {
        (kind, text) = ("int64 ", inner);
    }
    let number = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_or(squeezed.clone(), |number| format!("{kind}{number}"))
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find("/*") {
        kept += &rest[..begin];
        let end = rest[begin..].find("*/").expect("a comment ends");
        rest = &rest[begin + end + 2..];
    }
    kept + rest
}

/// Splits at the semicolons, and after the closing brace of a function's body, that are not inside braces.
fn split_declarations(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut current, mut depth) = (String::new(), 0);
    for c in code.chars() {
        current.push(c);
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let is_body = c == '}' && !current.trim_start().starts_with("typedef");
        if depth <= 0 && (c == ';' || is_body) {
            depth = 0;
            found.push(std::mem::take(&mut current));
        }
    }
    assert_eq!(current.trim(), "", "a declaration that does not end");
    found
}

/// One blank between words, none beside punctuation.
fn squeeze(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let joins = out.ends_with(is_word) && word.starts_with(|c| is_word(c) || c == '*' || c == '(');
        if joins {
            out.push(' ');
        }
        out += word;
    }
    out.replace(" (", "(").replace(" *", "*").replace("* ", "*").trim_end_matches(';').to_string()
}

fn name_of(declaration: &str) -> String {
    let before = match declaration.split_once("(*") {
        Some((_, rest)) if declaration.starts_with("typedef") => rest.split(')').next(),
        _ if declaration.starts_with("typedef") => Some(declaration),
        _ => declaration.split('(').next(),
    };
    let before = before.expect("a declaration names something");
    let begin = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    before[begin..].to_string()
}
