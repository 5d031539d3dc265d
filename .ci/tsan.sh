#!/usr/bin/env bash
# Runs the cases of the C test programs under ThreadSanitizer, with the library and the programs instrumented.
#
#   .ci/tsan.sh [PROGRAM...]      all of c_tests/*.c, misuse and races; or only these
#
# Needs what the tests need, gcc, and setarch. Builds into build/tsan, or $CARGO_TARGET_DIR/tsan.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-$PWD/build}/tsan
limit=200
export THREADING_TEST_TIMEOUT_SCALE=10

# What cannot work here, as `PROGRAM.CASE  why`, with patterns as in file names. The first three reasons hold for programs
# of C alone in the same way.
skips='
barrier_faults.fault_B26_a_cancelled_party_still_counts          TSan takes no atomic for synchronisation inside of
condition_faults.pthread_cancel_leaves_a_waiter_in_its_place__*  its interceptors of pause, poll and so on, and a thread
rlock.fault_B9_owner_was_cancelled_while_holding                 that is cancelled there never gets out of them for TSan
rlock.fault_B9_waiters_inherit_from_an_owner_that_was_cancelled  the same
thread.pthread_cancel_ends_the_thread_as_cancelled               the same
thread_argument.argument_of_a_cancelled_thread                   the same
event.set_from_a_signal_handler_wakes_the_thread_it_interrupts  TSan keeps signals for its interceptors; a wait has none
exit.fault_D34_main_may_leave_by_pthread_exit     the last thread ends the process, but TSan has one of its own
fork.a_forking_thread_may_return_in_the_child     exit handlers run on a thread that TSan has finished with, and crash
pool_fork.the_child_returns_from_the_task         the same
queue_fork.a_fork_in_a_signal_handler_*           the part of fork() that TSan has allocates, and it reports itself
fork_stress.fault_E8_forks_amid_threads_and_timers  a child of a process with threads starts threads of its own, which TSan
fork_stress.fault_E8_forks_amid_pools_and_futures   says of itself that it does not support: it crashes in the start of
fork_stress.fault_E8_forks_amid_everything          such a thread, before any code of its own
fork_bare.*               children of a fork without handlers inherit the locks that TSan itself has taken
queue_fork.after_a_fork_without_handlers_*       the same
unload.*                                          loads and unloads a shared library; here it is linked statically
'

host=$(rustc -vV | sed -n 's/^host: //p')
runtime=$(rustc --print sysroot)/lib/rustlib/$host/lib/librustc-stable_rt.tsan.a
library=$out/cargo/$host/release/libthreading.a

# -fexceptions: a thread may be left by force anywhere, and TSan's own stack has to follow.
flags=(-std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=thread -fexceptions -Wall -Wextra -pedantic -Werror -Ic_tests -Iinclude)

# Optimised little and not at link time, so that the stacks of a report show what the source has. RUSTC_BOOTSTRAP
# because -Z is for nightly else; the standard library is as shipped and not instrumented. Unannounced: what the library
# says of itself to a user's tool would hide its faults from this one.
build_library() {
  RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg unannounced" \
    CFLAGS="-fsanitize=thread -g" CARGO_PROFILE_RELEASE_DEBUG=2 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo rustc --release --lib --crate-type staticlib --target "$host" --target-dir "$out/cargo"
  gcc "${flags[@]}" -c c_tests/harness.c -o "$out/harness.o"
  gcc -std=c11 -O1 -g -Wall -Wextra -c c_tests/tsan/keys.c -o "$out/keys.o"
}

# Linked by hand, because the runtime is rustc's for both languages: gcc's lacks what the library needs.
build_program() {
  gcc "${flags[@]}" -c "$2" -o "$out/bin/$1.o" &&
    gcc "$out/bin/$1.o" "$out/harness.o" "$out/keys.o" -Wl,--wrap=pthread_key_create "$library" "$runtime" \
      -rdynamic -lstdc++ -lgcc_s -lutil -lrt -lpthread -lm -ldl -o "$out/bin/$1"
}

# Crashes are for the cases to see, and for children of threads that forked to go on. An allocation may fail.
options="suppressions=$PWD/c_tests/tsan/suppressions handle_segv=0 handle_abort=0 die_after_fork=0"
options+=" allocator_may_return_null=1"

run_case() {
  TSAN_OPTIONS="$options log_path=$3" timeout --kill-after=5 "$limit" setarch "$(uname -m)" -R "$1" "$2"
}
export limit options

programs() {
  local source
  for source in c_tests/*.c c_tests/tsan/races.c; do basename "$source" .c; done | grep -vx harness
  echo misuse
}

. .ci/cases.sh
run_programs "$@"
