//! Part of the build script: prints src/capi as include/threading.h.
//!
//! cbindgen runs once per section file, so that a topic's types, constants and functions stay together, and what it
//! prints is put back into the order of the source. The parts without a Rust counterpart are the .h files beside this.
//!
//! `THREADING_HEADER=write` stores the result, `=check` fails the build when the committed header differs, and without
//! either a difference is a warning.

use std::{env, fs};

const COMMITTED: &str = "include/threading.h";
const PARTS: &str = "src/capi/header";
const WIDTH: usize = 110;
/// What stands before each function.
const API: &str = "THREADING_API ";

/// A section of the header: its title, the files it is made of, and the function to look at first.
struct Section {
    title: &'static str,
    sources: &'static [&'static str],
    begin_with: &'static str,
}

const fn section(title: &'static str, sources: &'static [&'static str], begin_with: &'static str) -> Section {
    Section { title, sources, begin_with }
}

const SECTIONS: &[Section] = &[
    section("Version, status and time", &["status.rs", "macros.h"], "threading_status_name()"),
    section("Threads", &["thread.rs", "thread_attributes.rs"], "threading_thread_spawn()"),
    section("Who else is there", &["current.rs"], "threading_current_thread()"),
    section("Hooks and the end of the process", &["hooks.rs"], "threading_set_excepthook()"),
    section("Locals", &["local.rs"], "threading_local_create()"),
    section("Lock", &["lock.rs"], "threading_lock_acquire()"),
    section("RLock", &["rlock.rs"], "threading_rlock_acquire()"),
    section("Condition", &["condition.rs"], "threading_condition_wait_for()"),
    section("Semaphore", &["semaphore.rs"], "threading_semaphore_acquire()"),
    section("Event", &["event.rs"], "threading_event_wait()"),
    section("Barrier", &["barrier.rs"], "threading_barrier_wait()"),
    section("Timer", &["timer.rs"], "threading_timer_create()"),
    section("Queue", &["queue.rs"], "threading_queue_put()"),
    section("Future", &["future.rs"], "threading_future_result()"),
    section("Pool", &["pool.rs", "worker.rs"], "threading_pool_submit()"),
    section("Group", &["group.rs"], "threading_group_submit()"),
    section("Parallel loops", &["parallel.rs"], "threading_parallel_for()"),
    section("THREADING_WITH", &["with.h"], "THREADING_WITH"),
];

/// Generates the header and stores, checks or compares it.
pub(crate) fn refresh() {
    println!("cargo::rerun-if-env-changed=THREADING_HEADER");
    for input in ["src/capi", "cbindgen.toml", COMMITTED] {
        println!("cargo::rerun-if-changed={input}");
    }
    let header = match generate() {
        Ok(header) => header,
        // rustc reports the same defect, and says where it is.
        Err(error) => return println!("cargo::warning={COMMITTED} not generated: {error}"),
    };
    if fs::read_to_string(COMMITTED).is_ok_and(|committed| committed == header) {
        return;
    }
    match env::var("THREADING_HEADER").as_deref() {
        Ok("write") => fs::write(COMMITTED, header).expect("the header can be written"),
        Ok("check") => println!("cargo::error={COMMITTED} differs from src/capi; run `make header`"),
        _ => println!("cargo::warning={COMMITTED} differs from src/capi; run `make header`"),
    }
}

fn generate() -> Result<String, String> {
    let mut contents = Vec::new();
    let mut body = String::new();
    for section in SECTIONS {
        let mut functions = 0;
        body += &banner(section.title);
        for source in section.sources {
            let text = if source.ends_with(".rs") { print(source)? } else { part(source)? };
            functions += text.lines().filter(|line| is_prototype(line)).count();
            body.push('\n');
            body += text.trim_end();
            body.push('\n');
        }
        let count = if functions > 0 { format!("  {functions:>2} functions") } else { String::new() };
        contents.push(format!(" *   {:<33} {:<32}{count}", section.title, section.begin_with));
    }
    let contents: Vec<&str> = contents.iter().map(|line| line.trim_end()).collect();
    let preamble = part("preamble.h")?.replace("@CONTENTS@", &contents.join("\n"));
    Ok(preamble + &body + &part("epilogue.h")?)
}

fn part(name: &str) -> Result<String, String> {
    fs::read_to_string(format!("{PARTS}/{name}")).map_err(|error| format!("{name}: {error}"))
}

fn banner(title: &str) -> String {
    let dashes = "-".repeat(WIDTH - "/* ---- ".len() - title.len() - " */".len() - 1);
    format!("\n/* ---- {title} {dashes} */\n")
}

/// Whether a line begins the declaration of a function.
fn is_prototype(line: &str) -> bool {
    line.starts_with(API)
}

/// Prints one file of src/capi as C, in the order of the file.
fn print(name: &str) -> Result<String, String> {
    let path = format!("src/capi/{name}");
    let source = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let items = items(&source);
    let mut config = cbindgen::Config::from_file("cbindgen.toml")?;
    // A type that only other sections use is printed all the same.
    config.export.include =
        items.iter().filter(|item| item.is_type).map(|item| item.name.to_string()).collect();
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(&path)
        .generate()
        .map_err(|error| format!("{path}: {error}"))?;
    let mut printed = Vec::new();
    bindings.write(&mut printed);
    let printed = String::from_utf8(printed).map_err(|error| error.to_string())?;
    let mut blocks: Vec<(usize, String)> = Vec::new();
    for block in printed.trim().split("\n\n") {
        let name = declared(block).ok_or_else(|| format!("{path}: no name in\n{block}"))?;
        let place = items.iter().position(|item| item.name == name);
        let place = place.ok_or_else(|| format!("{path}: `{name}` is printed but not public"))?;
        blocks.push((place, in_c(block, &items[place])));
    }
    blocks.sort_by_key(|&(place, _)| place);
    let blocks: Vec<String> = blocks.into_iter().map(|(_, block)| block).collect();
    Ok(blocks.join("\n\n"))
}

/// Something that a section file makes public.
struct Item<'a> {
    name: &'a str,
    is_type: bool,
    is_function: bool,
    is_int64_constant: bool,
}

fn items(source: &str) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for line in source.lines().filter_map(|line| line.strip_prefix("pub ")) {
        let after = |word: &str| line.split_once(word).map(|(_, rest)| rest);
        let keyword = line.split(' ').next().unwrap_or_default();
        let rest = match keyword {
            "const" | "type" | "struct" if !line.starts_with("const fn") => after(" "),
            _ => after(" fn "),
        };
        if let Some(rest) = rest {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            items.push(Item {
                name: &rest[..end],
                is_type: keyword == "type" || keyword == "struct",
                is_function: !matches!(keyword, "const" | "type" | "struct"),
                is_int64_constant: keyword == "const" && rest[end..].starts_with(": i64"),
            });
        }
    }
    items
}

/// The name that a printed block declares.
fn declared(block: &str) -> Option<&str> {
    let declaration = &block[block.find("*/").map_or(0, |end| end + 2)..];
    let declaration = declaration.trim_start();
    let word = |text: &'_ str| text.find([' ', ';', '(', ')']).unwrap_or(text.len());
    let begin = if declaration.starts_with("#define ") {
        "#define ".len()
    } else if declaration.starts_with("typedef struct ") {
        "typedef struct ".len()
    } else if declaration.starts_with("typedef ") && declaration.contains("(*") {
        declaration.find("(*")? + 2
    } else {
        let end = declaration.find(['(', ';'])?;
        declaration[..end].rfind([' ', '*'])? + 1
    };
    let name = &declaration[begin..];
    Some(&name[..word(name)])
}

/// What C needs that cbindgen does not print: constants that keep their type and their sign wherever they stand, and
/// types named by their typedef alone, and what stands before functions.
fn in_c(block: &str, item: &Item) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in block.lines() {
        let define = line.strip_prefix("#define ").and_then(|define| define.split_once(' '));
        lines.push(match define {
            Some((name, value)) if item.is_int64_constant && value.starts_with('-') => {
                format!("#define {name} ((int64_t){value})")
            }
            Some((name, value)) if item.is_int64_constant => format!("#define {name} INT64_C({value})"),
            Some((name, value)) if value.starts_with('-') => format!("#define {name} ({value})"),
            _ if line.starts_with("typedef struct ") => line.to_string(),
            _ => line.replace("struct threading_", "threading_"),
        });
    }
    if item.is_function {
        let first = lines.iter().rposition(|line| line.ends_with("*/")).map_or(0, |end| end + 1);
        lines[first].insert_str(0, API);
        lines[first + 1..].iter_mut().for_each(|line| line.insert_str(0, &" ".repeat(API.len())));
    }
    lines.join("\n")
}
