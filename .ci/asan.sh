#!/usr/bin/env bash
# Runs the cases of the C test programs under AddressSanitizer, with the library and the programs instrumented: no bad
# access, and nothing lost.
#
#   .ci/asan.sh [PROGRAM...]      all of c_tests/*.c, misuse and memory; or only these
#
# Needs what the tests need, and gcc with its libasan. Builds into build/asan, or $CARGO_TARGET_DIR/asan.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-$PWD/build}/asan
limit=200
export THREADING_TEST_TIMEOUT_SCALE=10

# What cannot work here, as `PROGRAM.CASE  why`, with patterns as in file names.
skips='
fork_stress.*                                     a child of a process whose threads allocate may find the lock of
fork_handlers.fault_E9_*                          the allocator taken for ever: the one of libasan knows nothing of fork
fork.fault_E16_children_fork_again                the same
pool_fork.forks_amid_the_calls_of_four_threads    the same
pool_fork.a_loop_body_forks                       the same
faults_peers*.fault_K25_*                         the same
exit_daemons.fault_E15_*                          such a child exits, and what the threads of its parent had is called lost
rlock.fault_B9_*cancelled*                        a thread that is cancelled leaves its frames marked as in use, on which
faults_signals.fault_D17_cancelled_at_any_moment  libasan stumbles when it looks at its signal stack
faults_limits.fault_H8_no_descriptor_to_be_had    libasan has no descriptor either, for its report
'

host=$(rustc -vV | sed -n 's/^host: //p')
library=$out/cargo/$host/release/libthreading.so
flags=(-std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=address -fno-omit-frame-pointer -fexceptions
  -Wall -Wextra -pedantic -Werror -Ic_tests -Iinclude)

# A shared library, so that it can be unloaded, too; the runtime is gcc's, which the program brings. RUSTC_BOOTSTRAP
# because -Z is for nightly else; the standard library is as shipped and not instrumented, its allocations are seen.
build_library() {
  RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address -Zexternal-clangrt -Cforce-frame-pointers=yes" \
    CFLAGS="-fsanitize=address -fno-omit-frame-pointer -g" \
    CARGO_PROFILE_RELEASE_DEBUG=2 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo rustc --release --lib --crate-type cdylib --target "$host" --target-dir "$out/cargo"
  # The name that programs look for at run time.
  ln -sf libthreading.so "$out/cargo/$host/release/$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')"
  gcc "${flags[@]}" -c c_tests/harness.c -o "$out/harness.o"
}

build_program() {
  gcc "${flags[@]}" "$2" "$out/harness.o" -L"${library%/*}" -lthreading -Wl,-rpath,"${library%/*}" -lpthread -lm -ldl \
    -o "$out/bin/$1"
}

# Crashes are for the cases to see. An allocation may fail.
options="handle_segv=0 handle_abort=0 allocator_may_return_null=1 detect_leaks=1 detect_stack_use_after_return=0"

# What is no error is a warning: that an allocation fails, or that a forked child lacks the threads of its parent.
run_case() {
  local status=0
  ASAN_OPTIONS="$options log_path=$3" timeout --kill-after=5 "$limit" "$1" "$2" || status=$?
  find "${3%/*}" -name 'report.*' ! -exec grep -q 'ERROR: ' {} \; -exec cat {} \; -delete
  return $status
}
export limit options

programs() {
  local source
  for source in c_tests/*.c c_tests/tsan/memory.c; do basename "$source" .c; done | grep -vx harness
  echo misuse
}

. .ci/cases.sh
run_programs "$@"
