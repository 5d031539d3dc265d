#!/usr/bin/env python3
"""Forks while threads hammer: children of this library, of the C library and of what Rust programs use; and what a
fork costs. Prints Markdown tables.

    run.py LIBRARY_DIRECTORY [--forks N] [--write]     N: 500; --write puts the tables into docs/fork.md

Needs gcc and cargo. A child that hangs is ended after three seconds, so the peers take some minutes.
"""

import argparse
import os
import pathlib
import platform
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
PAGE = TOP / "docs" / "fork.md"
FLAGS = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-pedantic", "-Werror"]
LIMIT_S = 600


def output(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, timeout=LIMIT_S).stdout


def build_c(name, library, directory):
    program = directory / name
    subprocess.run([os.environ.get("CC", "gcc"), *FLAGS, f"-I{TOP / 'include'}", "-o", program, HERE / f"{name}.c",
                    f"-L{library}", "-lthreading", f"-Wl,-rpath,{library}", "-pthread"], check=True)
    return program


def build_peers(directory):
    subprocess.run([os.environ.get("CARGO", "cargo"), "build", "--release", "--locked", "--quiet", "--manifest-path",
                    HERE / "peers" / "Cargo.toml", "--target-dir", directory / "peers"], check=True)
    return directory / "peers" / "release" / "peers"


def versions():
    """What stands in the lock file of the peers, and what is of the system."""
    locked = dict(re.findall(r'name = "([\w-]+)"\nversion = "([\d.]+)"', (HERE / "peers" / "Cargo.lock").read_text()))
    crates = ["parking_lot", "crossbeam-channel", "crossbeam-deque", "rayon"]
    compiler = output("rustc", "--version").split()[1]
    return ", ".join([" ".join(platform.libc_ver()), f"Rust {compiler}", *(f"{name} {locked[name]}" for name in crates)])


def machine():
    system = platform.uname()
    release = ".".join(re.findall(r"\d+", system.release)[:2])
    return f"{len(os.sched_getaffinity(0))} CPUs ({system.machine}), {system.system} {release}"


def share(count, forks):
    return "0" if count == 0 else f"{count} ({100 * count / forks:.0f} %)"


def survival(programs, forks):
    yield "| hammered by 8 threads, used in the child | children | work | hang | crash |"
    yield "|---|---:|---:|---:|---:|"
    for program in programs:
        for subject in output(program).splitlines():
            name, *counts = output(program, subject, str(forks)).strip().split("\t")
            made, worked, refused, hung, crashed = map(int, counts)
            if refused:
                raise SystemExit(f"{name}: {refused} children got an error")
            yield f"| {name} | {made} | {share(worked, made)} | {share(hung, made)} | {share(crashed, made)} |"
            print(".", end="", flush=True)


def latency(program):
    yield "| in the process | MiB | `fork()` | `_Fork()`, without handlers |"
    yield "|---|---:|---:|---:|"
    for line in output(program).splitlines():
        name, mebibytes, handlers, without = line.split("\t")
        yield f"| {name} | {mebibytes} | {handlers} µs | {without} µs |"


def put_into_page(tables):
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in tables.items():
        begin, end = f"<!-- {name}: run.py -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        if not rest or not after:
            raise SystemExit(f"docs/fork.md has no place for {name}")
        text = before + begin + "\n".join(lines) + "\n" + end + after
    PAGE.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--forks", type=int, default=500)
    parser.add_argument("--write", action="store_true")
    wanted = parser.parse_args()
    library = wanted.library.resolve(strict=True)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        programs = [build_c("survive", library, directory), build_peers(directory)]
        where = f"{machine()}; {versions()}."
        tables = {
            "latency": [where.split(";")[0] + ".", "", *latency(build_c("latency", library, directory))],
            "survival": [where, "", *survival(programs, wanted.forks)],
        }
    print()
    for lines in tables.values():
        print("\n".join(lines), end="\n\n")
    if wanted.write:
        put_into_page(tables)


if __name__ == "__main__":
    main()
