#!/usr/bin/env python3
"""Writes the misuse matrix: one test case for each exported function that can be misused.

    gen_misuse.py threading.h misuse_matrix.c

Functions and parameters are read from the header. What a parameter must refuse follows from its type and name
by the rules below. A parameter without a rule is an error, so that no new function is forgotten.
"""

import re
import sys

# Callbacks that may be NULL, and the good value of the others.
OPTIONAL_CALLBACKS = {
    "threading_destructor",
    "threading_action",
    "threading_failure_hook",
    "threading_event_hook",
}
CALLBACKS = {
    "threading_target": "hold",
    "threading_callback": "do_nothing",
    "threading_predicate": "say_true",
    "threading_future_callback": "do_nothing_more",
    "threading_range_body": "do_no_range",
    "threading_range_fold": "fold_nothing",
    "threading_combine": "combine_nothing",
}

# Pointers that may be NULL, by name; and pointers that are read, with their good value.
OPTIONAL_POINTERS = {"options", "needed", "previous", "index", "message", "arg", "user", "value"}
# By type and name where the same name is also that of a result.
OPTIONAL_POINTERS |= {("void *", "item"), "results", "done_flags", ("threading_future_set_result", "result")}
READ_POINTERS = {
    "name": '"name"',
    "cpus": "&some_cpu",
    "args": "some_args",
    "identity": "&some_identity",
    "futures": "&live[KIND_future]",
    "tasks": "&some_task",
}
# What is written to, but read before, by function and name.
READ_POINTERS |= {("threading_pool_stats", "out"): "&some_statistics"}
SIZES = {"size", "capacity"}

TIMEOUTS = ["-2", "-1000000000", "INT64_MIN"]
COUNT_PAST_END = "THREADING_COUNT_MAX + 1"

# Numbers: good value and values that are refused, by name, or by function and name where it differs.
NUMBERS = {
    "timeout_ns": ("0", TIMEOUTS),
    "interval_ns": ("THREADING_SECONDS(3600)", ["-1"] + TIMEOUTS),
    "n": ("1", ["-1", "INT64_MIN"]),
    ("threading_semaphore_release", "n"): ("1", ["0", "-1", "INT64_MIN"]),
    "value": ("1", ["-1", "INT64_MIN", COUNT_PAST_END, "INT64_MAX"]),
    "parties": ("2", ["0", "-1", "INT64_MIN", COUNT_PAST_END, "INT64_MAX"]),
    "nice": ("19", ["-21", "20", "INT32_MIN", "INT32_MAX"]),
    "policy": ("THREADING_SCHED_OTHER", ["-1", "5", "INT32_MIN", "INT32_MAX"]),
    "priority": ("0", ["-1", "1", "100"]),
    ("threading_queue_put_priority", "priority"): ("0", []),
    "limit": ("2", []),
    ("threading_pool_submit_priority", "priority"): ("0", []),
    "order": ("THREADING_FIFO", ["-1", "3", "INT32_MIN", "INT32_MAX"]),
    "maxsize": ("1", []),
    "immediate": ("0", []),
    "max_workers": ("1", ["1000000", "UINT32_MAX"]),
    "begin": ("0", []),
    "end": ("10", []),
    "grain": ("0", ["-1", "INT64_MIN"]),
    ("threading_parallel_reduce", "size"): ("8", []),
    ("threading_parallel_invoke", "count"): ("1", []),
    ("threading_pool_map", "count"): ("1", []),
    ("threading_futures_wait", "count"): ("1", []),
    "when": ("THREADING_ALL_COMPLETED", ["-1", "3", "INT32_MIN", "INT32_MAX"]),
    "wait": ("0", []),
    "cancel_futures": ("0", []),
    "threads": ("0", []),
    "ident": ("threading_main_thread().id", ["0", "1", "-1", "INT64_MAX"]),
    "bytes": ("0", ["1", "4096", "32767"]),
    "count": ("1", ["0"]),
    "daemon": ("0", []),
    "code": ("1", []),
    "size": ("0", []),
    "capacity": ("0", []),
    "status": ("0", []),
    "seconds": ("0", []),
    "deadline_ns": ("0", []),
}

# Asked of a thread that has failed, so that nothing but the argument is wrong.
OF_FAILED_THREAD = {"threading_thread_result", "threading_thread_failure"}


def declarations(text):
    """The header's statements, without comments, directives and function bodies."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", " ", text, flags=re.M)
    text = re.sub(r"extern\s+\"C\"\s*\{", " ", text)
    handles = re.findall(r"typedef\s+struct\s*\w*\s*\{\s*uint64_t\s+id\s*;\s*\}\s*threading_(\w+)\s*;", text)
    text = re.sub(r"static\s+inline[^;{}]*\{(?:[^{}]|\{[^{}]*\})*\}", " ", text)
    text = re.sub(r"\{[^{}]*\}", " ", text)
    return handles, [" ".join(part.split()) for part in text.replace("}", " ").split(";")]


def split_parameters(text):
    for declaration in text.split(","):
        match = re.fullmatch(r"(.*?[\s*])(\w+)", declaration.strip())
        if not match:
            raise SystemExit(f"cannot read the parameter {declaration!r}")
        # One spelling for pointers: the type, a blank, its stars.
        kind = re.sub(r"\s*\*\s*", "*", match[1].strip())
        yield re.sub(r"(?<!\*)\*", " *", kind, count=1), match[2]


def functions(statements):
    for statement in statements:
        match = re.fullmatch(r"(?:extern )?([\w\s*]+?)\b(threading_\w+)\s*\(([^()]*)\)", statement)
        if match and not statement.startswith("typedef"):
            yield match[2], [] if match[3].strip() == "void" else list(split_parameters(match[3]))


def rule(function, kind, name, following, handles):
    """A parameter as (role, kind of handle, good value, bad values)."""
    if kind.removeprefix("threading_") in handles:
        return "HANDLE", "KIND_" + kind.removeprefix("threading_"), "0", []
    if kind in OPTIONAL_CALLBACKS:
        return "ANYTHING", "KINDS", "0", []
    if kind in CALLBACKS:
        return "REQUIRED", "KINDS", f"(uint64_t)(uintptr_t){CALLBACKS[kind]}", []
    if "*" in kind:
        good = READ_POINTERS.get((function, name)) or (READ_POINTERS.get(name) if "const" in kind else None)
        if following in SIZES and not good:
            return "BUFFER", "KINDS", "0", []
        if OPTIONAL_POINTERS & {name, (kind, name), (function, name)}:
            return "ANYTHING", "KINDS", "0", []
        if "const" in kind and not good:
            raise KeyError(name)
        return "REQUIRED", "KINDS", f"(uint64_t)(uintptr_t){good}" if good else "0", []
    good, bad = NUMBERS.get((function, name)) or NUMBERS[name]
    return "NUMBER", "KINDS", good, bad


def argument(kind, at, handles):
    if kind.removeprefix("threading_") in handles:
        return f"({kind}){{ v[{at}] }}"
    if "*" in kind or kind in OPTIONAL_CALLBACKS or kind in CALLBACKS:
        return f"({kind})(uintptr_t)v[{at}]"
    return f"({kind})v[{at}]"


def case(function, parameters, handles):
    rows, lists = [], []
    for at, (kind, name) in enumerate(parameters):
        following = parameters[at + 1][1] if at + 1 < len(parameters) else None
        try:
            role, object_kind, good, bad = rule(function, kind, name, following, handles)
        except KeyError:
            raise SystemExit(f"{function}: no rule for the parameter {kind} {name}; see the top of this file")
        values = "NULL"
        if bad:
            values = f"bad_{at}"
            lists.append(f"  static const int64_t bad_{at}[] = {{ {', '.join(bad)} }};\n")
        rows.append((role, f'    {{ "{name}", {role}, {object_kind}, {good}, {values}, {len(bad)} }},\n'))
    misusable = lists or any(role in ("HANDLE", "REQUIRED", "BUFFER") for role, _ in rows)
    if not misusable:
        return None
    arguments = ", ".join(argument(kind, at, handles) for at, (kind, _) in enumerate(parameters))
    failed = "true" if function in OF_FAILED_THREAD else "false"
    return f"""
static int64_t invoke_{function}(const uint64_t *v) {{
  return {function}({arguments});
}}

TEST({function}) {{
{"".join(lists)}  const function tried = {{ "{function}", invoke_{function}, {{
{"".join(row for _, row in rows)}  }}, {len(parameters)} }};
  misuse(&tried, {failed});
}}
"""


def main(header, output):
    with open(header, encoding="utf-8") as file:
        handles, statements = declarations(file.read())
    found = list(functions(statements))
    cases = [case(name, parameters, handles) for name, parameters in found]
    if not handles or not any(cases):
        raise SystemExit(f"{header}: no functions found")
    with open(output, "w", encoding="utf-8") as file:
        file.write('// Generated from threading.h by gen_misuse.py.\n#include "misuse.h"\n')
        file.writelines(text for text in cases if text)
    print(f"misuse matrix: {sum(map(bool, cases))} of {len(found)} functions can be misused")


if __name__ == "__main__":
    main(*sys.argv[1:])
