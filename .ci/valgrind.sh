#!/usr/bin/env bash
# Runs cases of the C test programs under valgrind's memcheck: no bad access, and nothing definitely lost.
#
#   .ci/valgrind.sh [PROGRAM...]      the programs below; or only these
#
# Needs what the tests need, and valgrind. Builds into build/valgrind, or $CARGO_TARGET_DIR/valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-$PWD/build}/valgrind
limit=200
export THREADING_TEST_TIMEOUT_SCALE=10

# What cannot work here, as `PROGRAM.CASE  why`, with patterns as in file names.
skips='
time.fault_C13_a_thousand_timeouts_at_once_of_*  more threads than valgrind has room for, and a limit of CPU time
'

library=$out/cargo/release/libthreading.so
flags=(-std=c11 -D_GNU_SOURCE -O1 -g -fexceptions -Wall -Wextra -pedantic -Werror -Ic_tests -Iinclude)

# As released, with debugging information.
build_library() {
  CARGO_PROFILE_RELEASE_DEBUG=2 \
    cargo rustc --release --lib --crate-type cdylib --target-dir "$out/cargo"
  # The name that programs look for at run time.
  ln -sf libthreading.so "$out/cargo/release/$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')"
}

build_program() {
  gcc "${flags[@]}" "$2" c_tests/harness.c -L"${library%/*}" -lthreading -Wl,-rpath,"${library%/*}" -lpthread -lm \
    -o "$out/bin/$1"
}

# --fair-sched: threads take turns, else one that polls may keep the others from running for long.
run_case() {
  timeout --kill-after=5 "$limit" valgrind --quiet --fair-sched=yes --error-exitcode=99 --num-callers=30 \
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --log-file="$3.%p" "$1" "$2"
}
export limit

# Programs that say nothing of memory that the others do not, or only run for long, are left out. What `memory` does
# wrong has to be found.
programs() {
  printf '%s\n' lock rlock condition condition_wait_for semaphore event barrier local timer timer_callbacks with \
    thread thread_argument thread_attributes thread_identity registry hooks options status time smoke memory
}

. .ci/cases.sh
run_programs "$@"
