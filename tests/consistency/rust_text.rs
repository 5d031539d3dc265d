//! Reads the exported functions out of src/capi: enough of Rust for files that rustfmt has formatted.

use crate::{files, read};

/// An exported function as its file has it.
pub(crate) struct Exported {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) documentation: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) returns: String,
    pub(crate) body: String,
}

/// Every exported function of the library.
pub(crate) fn exported() -> Vec<Exported> {
    let mut found = Vec::new();
    for file in files("src/capi", &[".rs"]) {
        if file.components().any(|part| part.as_os_str() == "header") {
            continue;
        }
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        found.extend(exported_of(&read(&file), &name));
    }
    assert!(!found.is_empty(), "no exported function was found");
    found
}

fn exported_of(source: &str, file: &str) -> Vec<Exported> {
    let lines: Vec<&str> = source.lines().collect();
    let marks = (0..lines.len()).filter(|&at| lines[at].starts_with("#[unsafe(no_mangle)]"));
    marks.map(|mark| function(&lines, mark, file)).collect()
}

fn function(lines: &[&str], mark: usize, file: &str) -> Exported {
    let is_head = |line: &&str| line.starts_with("///") || line.starts_with("#[");
    let head = lines[..mark].iter().rev().take_while(|line| is_head(line)).count();
    let documentation: Vec<&str> =
        lines[mark - head..mark].iter().filter_map(|line| line.strip_prefix("///")).map(str::trim).collect();
    let begin = mark + lines[mark..].iter().position(|line| line.starts_with("pub ")).expect("a function");
    let end = begin
        + lines[begin..]
            .iter()
            .position(|line| line.ends_with('}') && !line.starts_with(' '))
            .expect("a function ends");
    let text = lines[begin..=end].join("\n");
    let (signature, body) = text.split_once('{').expect("a function has a body");
    let (before, rest) = signature.split_once('(').expect("a function has parameters");
    let close = closing(rest);
    Exported {
        name: before.rsplit(' ').next().expect("a function has a name").to_string(),
        place: format!("{file}:{}", begin + 1),
        documentation: documentation.join("\n"),
        parameters: split_top(&rest[..close]),
        returns: rest[close + 1..].trim().trim_start_matches("->").trim().to_string(),
        body: body.trim_end().trim_end_matches('}').trim().to_string(),
    }
}

/// Where the parenthesis that is open at the beginning of the text closes.
pub(crate) fn closing(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("not closed: {text}");
}

/// The names of parameters.
fn split_top(parameters: &str) -> Vec<String> {
    let (mut names, mut depth, mut current) = (Vec::new(), 0, String::new());
    for c in parameters.chars().chain([',']) {
        match c {
            '(' | '<' | '[' => depth += 1,
            ')' | '>' | ']' => depth -= 1,
            ',' if depth == 0 => {
                let name = current.split(':').next().unwrap_or_default().trim();
                if !name.is_empty() {
                    names.push(name.trim_start_matches("mut ").to_string());
                }
                current.clear();
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_read_whole() {
        let source = "/// Does it.\n///\n/// \\param a  the first\n#[must_use]\n#[unsafe(no_mangle)]\n\
                      pub unsafe extern \"C\" fn threading_x_do(\n    a: i64,\n    \
                      out: Option<&mut MaybeUninit<(u8, u8)>>,\n) -> threading_status {\n    \
                      call(|| {\n        one()\n    })\n}\n";
        let [function] = &exported_of(source, "x.rs")[..] else { panic!("one function") };
        assert_eq!(function.name, "threading_x_do");
        assert_eq!(function.parameters, ["a", "out"]);
        assert_eq!(function.returns, "threading_status");
        assert_eq!(function.documentation, "Does it.\n\n\\param a  the first");
        assert_eq!(function.body, "call(|| {\n        one()\n    })");
    }
}
