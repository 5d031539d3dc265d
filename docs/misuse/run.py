#!/usr/bin/env python3
"""Misuses this library and its peers, and writes what happens into docs/misuse.md, or compares it with the page.

    run.py write LIBRARY_FOLDER [BUILD_FOLDER]
    run.py check LIBRARY_FOLDER [BUILD_FOLDER]      the columns of this library and, where its version is the page's,
                                                    of POSIX threads

Needs a compiler for C++20, $CXX or c++, and glibc 2.32. The column of a system that is not there stays as it is.
"""

import concurrent.futures
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile

from rows import ROWS

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "misuse.md"

# Title of the column: source, flags, package.
SYSTEMS = {
    "POSIX": ("pthread.cc", [], None),
    "POSIX, checked": ("pthread.cc", ["-DCHECKED"], None),
    "C11": ("c11.cc", [], None),
    "GLib": ("glib.cc", [], "glib-2.0"),
    "libuv": ("libuv.cc", [], "libuv"),
    "C++": ("std.cc", [], None),
    "libthreading": ("libthreading.cc", [], None),
}
CHECKED_COLUMNS = ["libthreading", "POSIX", "POSIX, checked"]

# How long a row may take before it is said to hang, and how many times as long when the page did not expect that.
HANG_SECONDS = 2
PATIENCE = 20
# How often a row is run to find out whether it varies.
ROUNDS = 3
# Most rows sleep, so there may be more at once than there are CPUs.
AT_ONCE = 8

INTRODUCTION = """\
# What happens when you ...

What thread libraries answer to mistakes. Each cell is the outcome of a small program that makes the mistake, in a
process of its own: none is written by hand. `docs/misuse/run.py write build/lib` writes this page anew from the
programs in [docs/misuse](misuse); a test compares this library's column with a fresh run.

How to read a cell:

- a status, an errno or an answer as its library names it; "returns" where a call has no answer
- "hangs": no end within two seconds; `SIGABRT` and others: the process was ended
- after a semicolon, what was the matter afterwards; when there is nothing, the object still did its work
- †: the documentation of the library leaves this undefined or says nothing of it; elsewhere it may be otherwise
- "varies": not the same in three runs
- –: the library has no such thing

"POSIX" has default mutexes, "POSIX, checked" those that are error-checking and robust. This library's lock belongs to
nobody, as Python's: any thread may release it, and so nothing can be found out about who waits for whom; its rlock
belongs to a thread. A recursive lock is each library's own. A pool has one worker; C++'s tasks are those of
`std::async`. Statuses of this library are without their `THREADING_`.
"""


class Absent(Exception):
    """The system is not here; says why."""


def build(system, library_folder, build_folder):
    """The program of a system."""
    source, flags, package = SYSTEMS[system]
    program = build_folder / re.sub(r"\W+", "_", system)
    libraries = []
    if package:
        try:
            found = subprocess.run(["pkg-config", "--cflags", "--libs", package], capture_output=True, text=True)
        except FileNotFoundError:
            raise Absent("no pkg-config") from None
        if found.returncode != 0:
            raise Absent(f"no {package}")
        libraries = shlex.split(found.stdout)
    if system == "libthreading":
        libraries = [f"-I{HERE.parent.parent / 'include'}", f"-L{library_folder}", "-lthreading",
                     f"-Wl,-rpath,{library_folder}"]
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    subprocess.run([*compiler, "-std=c++20", "-O1", "-pthread", "-Wall", "-Wextra", "-Werror", *flags, HERE / source,
                    *libraries, "-ldl", "-o", program], check=True)
    return program


def rows_of(system, program):
    """The version of the system; its rows: name -> (whether it is run, what the program says about it)."""
    listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    (_, version), *lines = [line.split("\t") for line in listed.splitlines()]
    found = {name: (kind == "row", about) for name, kind, about in lines}
    wanted = {name for section in ROWS.values() for name, _ in section}
    if set(found) != wanted or len(lines) != len(found):
        raise SystemExit(f"{system}: rows that are missing, too many or there twice: {sorted(set(found) ^ wanted)}")
    return version, found


def run_once(program, row, patience=1):
    """What a row says and how it ends, as a cell has it."""
    environment = {**os.environ, "MISUSE_PATIENCE": str(patience)}
    with subprocess.Popen([program, row], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          stdin=subprocess.DEVNULL, env=environment, start_new_session=True) as process:
        try:
            said, _ = process.communicate(timeout=HANG_SECONDS * patience)
            hangs = False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            hangs = True
    parts = said.splitlines()
    if hangs:
        parts.append("hangs")
    elif process.returncode < 0:
        parts.append(f"`{signal.Signals(-process.returncode).name}`")
    elif process.returncode > 0:
        raise SystemExit(f"{program} {row}: exit status {process.returncode}")
    return "; ".join(parts).replace(":; ", ": ") or "nothing"


def cell(program, row, about, rounds):
    outcomes = sorted({run_once(program, row) for _ in range(rounds)})
    text = outcomes[0] if len(outcomes) == 1 else "varies: " + ", or ".join(outcomes)
    return text + (" †" if about == "undefined" else "")


def column(system, library_folder, build_folder):
    """Its version, and its cells by row."""
    program = build(system, library_folder, build_folder)
    version, found = rows_of(system, program)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        cells = {name: pool.submit(cell, program, name, about, ROUNDS) if is_run else None
                 for name, (is_run, about) in found.items()}
        return version, {name: result.result() if result else f"– {found[name][1]}" for name, result in cells.items()}


# ---- The page ----

def read_page():
    """System -> (version, cells by row), as the page has them."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    versions = dict(re.findall(r"^- ([^:\n]+): (.+)$", text.partition("## Versions")[2], re.MULTILINE))
    names = {title: name for section in ROWS.values() for name, title in section}
    columns = {system: (versions.get(system, ""), {}) for system in SYSTEMS}
    for line in text.splitlines():
        title, *cells = [part.strip() for part in line.strip("|").split("|")]
        if title in names and len(cells) == len(SYSTEMS):
            for system, value in zip(SYSTEMS, cells):
                columns[system][1][names[title]] = value
    return columns


def page_of(columns):
    lines = [INTRODUCTION]
    for section, rows in ROWS.items():
        lines += [f"## {section}\n", "| | " + " | ".join(SYSTEMS) + " |", "|---" * (len(SYSTEMS) + 1) + "|"]
        lines += ["| " + " | ".join([title, *(columns[system][1].get(name, "") for system in SYSTEMS)]) + " |"
                  for name, title in rows]
        lines.append("")
    lines.append("## Versions\n")
    lines += [f"- {system}: {version}" for system, (version, _) in columns.items()]
    return "\n".join(lines) + "\n"


def write(library_folder, build_folder):
    columns = read_page()
    for system in SYSTEMS:
        try:
            columns[system] = column(system, library_folder, build_folder)
        except Absent as why:
            print(f"{system}: stays as it is, {why}")
    PAGE.write_text(page_of(columns), encoding="utf-8")
    return 0


def differences(system, documented, program):
    """The rows whose fresh outcome is not the page's, also when no slowness of the machine can be the reason."""
    version, found = rows_of(system, program)
    old_version, cells = documented
    if system != "libthreading" and version != old_version:
        print(f"{system}: not compared, the page is of {old_version}, here is {version}")
        return
    compared = {name for name, (is_run, _) in found.items() if is_run and not cells.get(name, "").startswith("varies")}

    def outcome(name):
        mark = " †" if found[name][1] == "undefined" else ""
        text = run_once(program, name) + mark
        return text if text == cells.get(name) else run_once(program, name, PATIENCE) + mark

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for name, text in zip(compared, pool.map(outcome, compared)):
            if text != cells.get(name):
                yield f"{name}: the page says \"{cells.get(name)}\", it is \"{text}\""
    print(f"{system}: {len(compared)} rows compared")


def check(library_folder, build_folder):
    columns = read_page()
    wrong = []
    for system in CHECKED_COLUMNS:
        program = build(system, library_folder, build_folder)
        wrong += [f"{system}, {line}" for line in differences(system, columns[system], program)]
    if page_of(columns) != PAGE.read_text(encoding="utf-8"):
        wrong.append("the rows or the text of the page are not those of docs/misuse")
    for line in wrong:
        print(f"misuse.md: {line}")
    return 1 if wrong else 0


def main(what, library_folder, build_folder=None):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(build_folder or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return {"write": write, "check": check}[what](pathlib.Path(library_folder).resolve(), folder)


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4 or sys.argv[1] not in ("write", "check"):
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))
