//! What was called so far, and how it looks in C.

use core::ffi::{CStr, c_char};
use core::fmt::{self, Write};

/// The kinds of handles; the order is that of the program's variables only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Lock,
    Rlock,
    Condition,
    Semaphore,
    Event,
    Barrier,
    Local,
    Timer,
    Queue,
    Future,
    Thread,
    Pool,
    Group,
}

pub(crate) const KINDS: [Kind; 13] = [
    Kind::Lock,
    Kind::Rlock,
    Kind::Condition,
    Kind::Semaphore,
    Kind::Event,
    Kind::Barrier,
    Kind::Local,
    Kind::Timer,
    Kind::Queue,
    Kind::Future,
    Kind::Thread,
    Kind::Pool,
    Kind::Group,
];

impl Kind {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Kind::Lock => "lock",
            Kind::Rlock => "rlock",
            Kind::Condition => "condition",
            Kind::Semaphore => "semaphore",
            Kind::Event => "event",
            Kind::Barrier => "barrier",
            Kind::Local => "local",
            Kind::Timer => "timer",
            Kind::Queue => "queue",
            Kind::Future => "future",
            Kind::Thread => "thread",
            Kind::Pool => "pool",
            Kind::Group => "group",
        }
    }
}

/// An object that was made, by the name of its variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) kind: Kind,
    pub(crate) number: u32,
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.kind.noun(), self.number)
    }
}

/// An argument as C writes it.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Integer(i64),
    Code(&'static str),
    Text(String),
    /// A handle of this kind that is made of a number, or of a variable of another kind.
    Handle(Kind, Result<Variable, u64>),
    /// Where the handle is written.
    Out(Variable),
    Pointer(usize),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Shown::Integer(i64::MIN) => f.write_str("INT64_MIN"),
            Shown::Integer(i64::MAX) => f.write_str("INT64_MAX"),
            Shown::Integer(number) => write!(f, "{number}"),
            Shown::Code(code) => f.write_str(code),
            Shown::Text(text) => f.write_str(text),
            Shown::Handle(kind, Ok(variable)) if *kind == variable.kind => write!(f, "{variable}"),
            Shown::Handle(kind, Ok(variable)) => write!(f, "(threading_{}){{ {variable}.id }}", kind.noun()),
            Shown::Handle(kind, Err(number)) => {
                write!(f, "(threading_{}){{ UINT64_C({number:#x}) }}", kind.noun())
            }
            Shown::Out(variable) => write!(f, "&{variable}"),
            Shown::Pointer(number) => write!(f, "(void *){number}"),
        }
    }
}

pub(crate) enum Step {
    Call { function: &'static str, args: Vec<Shown>, wanted: Vec<i64>, got: Option<i64> },
    Equal { what: &'static str, wanted: String },
    Say(String),
}

pub(crate) fn status_name(status: i64) -> String {
    // SAFETY: any number is allowed, and the text is good for ever.
    let name = unsafe { CStr::from_ptr(crate::abi::threading_status_name(status as i32)) };
    let name = name.to_string_lossy();
    if name.starts_with("THREADING_") { name.into_owned() } else { status.to_string() }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Step::Call { function, args, wanted, got } => {
                let args: Vec<String> = args.iter().map(Shown::to_string).collect();
                let call = format!("{function}({})", args.join(", "));
                let is_status = !asks(function);
                match (wanted.as_slice(), got) {
                    ([], _) => write!(f, "{call};")?,
                    ([0..=7], _) if !is_status => write!(f, "EQ({call}, {});", wanted[0])?,
                    ([one], _) if *one > 7 || *one < -14 || is_number(function) => {
                        write!(f, "EQ({call}, {one});")?
                    }
                    ([one], _) => write!(f, "IS({call}, {});", status_name(*one))?,
                    (several, got) => {
                        let names: Vec<String> = several.iter().map(|one| status_name(*one)).collect();
                        let shown = got.filter(|got| several.contains(got)).unwrap_or(several[0]);
                        write!(f, "IS({call}, {});  // any of {}", status_name(shown), names.join(", "))?;
                    }
                }
                match got {
                    Some(got) if !wanted.is_empty() && !wanted.contains(got) => {
                        write!(f, "  // <- it is {}", status_name(*got))
                    }
                    None => f.write_str("  // <- it has not returned"),
                    _ => Ok(()),
                }
            }
            Step::Equal { what, wanted } if wanted.starts_with('"') => write!(f, "STR_EQ({what}, {wanted});"),
            Step::Equal { what, wanted } => write!(f, "EQ({what}, {wanted});"),
            Step::Say(text) => f.write_str(text),
        }
    }
}

/// Whether what the function returns is no status, also below 0.
fn is_number(function: &str) -> bool {
    ["threading_worker_index", "threading_seconds"].contains(&function)
}

/// Whether what the function returns is an answer or a count.
fn asks(function: &str) -> bool {
    [
        "_locked",
        "_is_owned",
        "_count",
        "_value",
        "_is_set",
        "_parties",
        "_n_waiting",
        "_broken",
        "_qsize",
        "_tasks",
        "_empty",
        "_full",
        "_is_shutdown",
        "_cancelled",
        "_running",
        "_done",
        "_is_alive",
        "_is_daemon",
        "_index",
        "_seconds",
        "_until",
    ]
    .iter()
    .any(|end| function.ends_with(end))
        && !function.ends_with("task_done")
}

/// A function of the program: the test itself, or what a thread runs.
struct Body {
    name: Option<u32>,
    steps: Vec<Step>,
}

/// The program so far.
#[derive(Default)]
pub(crate) struct Trace {
    /// Those that are being written, the innermost last.
    open: Vec<Body>,
    closed: Vec<Body>,
    variables: Vec<Variable>,
}

impl Trace {
    pub(crate) fn open_test(&mut self) {
        self.open.push(Body { name: None, steps: Vec::new() });
    }

    pub(crate) fn open_body(&mut self, name: u32) {
        self.open.push(Body { name: Some(name), steps: Vec::new() });
    }

    pub(crate) fn close(&mut self) {
        let body = self.open.pop();
        self.closed.extend(body);
    }

    pub(crate) fn push(&mut self, step: Step) {
        if let Some(body) = self.open.last_mut() {
            body.steps.push(step);
        }
    }

    /// What the last call came to.
    pub(crate) fn returned(&mut self, value: i64, options: &[i64]) {
        let steps = self.open.last_mut().map(|body| &mut body.steps);
        if let Some(Step::Call { got, wanted, .. }) = steps.and_then(|steps| steps.last_mut()) {
            *got = Some(value);
            wanted.extend_from_slice(options);
        }
    }

    pub(crate) fn declare(&mut self, kind: Kind) -> Variable {
        let number = self.variables.iter().filter(|variable| variable.kind == kind).count() as u32;
        let variable = Variable { kind, number };
        self.variables.push(variable);
        variable
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(include_str!("prelude.c"))?;
        for variable in &self.variables {
            writeln!(f, "static threading_{} {variable};", variable.kind.noun())?;
        }
        let bodies: Vec<&Body> = self.closed.iter().chain(self.open.iter().rev()).collect();
        for body in &bodies {
            if let Some(name) = body.name {
                writeln!(f, "static void *body_{name}(void *arg);")?;
            }
        }
        for body in bodies {
            let returned = match body.name {
                Some(name) => {
                    write!(f, "\nstatic void *body_{name}(void *arg) {{\n")?;
                    "  return arg;\n"
                }
                None => {
                    f.write_str("\nTEST(found_by_the_fuzzer) {\n")?;
                    ""
                }
            };
            for step in &body.steps {
                writeln!(f, "  {step}")?;
            }
            write!(f, "{returned}}}\n")?;
        }
        Ok(())
    }
}

/// A text as a literal of C.
pub(crate) fn literal(text: &[u8]) -> String {
    let mut shown = String::from("\"");
    for byte in text {
        match byte {
            b'"' | b'\\' => write!(shown, "\\{}", *byte as char),
            b' '..=b'~' => write!(shown, "{}", *byte as char),
            _ => write!(shown, "\\{byte:03o}"),
        }
        .expect("a String takes all");
    }
    shown.push('"');
    shown
}

/// A text that was passed, or NULL.
pub(crate) fn text_of(text: *const c_char) -> Shown {
    if text.is_null() {
        return Shown::Code("NULL");
    }
    // SAFETY: only texts of this program are shown, and they end with a NUL.
    Shown::Text(literal(unsafe { CStr::from_ptr(text) }.to_bytes()))
}
