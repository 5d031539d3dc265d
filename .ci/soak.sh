#!/usr/bin/env bash
# The long versions of what `make test` runs. Each step writes a log; one that fails does not keep the others from
# running, and the last lines say which did.
#
#   .ci/soak.sh [STEP...]      all steps, some hours; or only these: repeat pinned long forks soak fuzz inject models
#                              tsan asan valgrind reproducible
#
#   SOAK_REPEATS  how often every case is run                 20
#   SOAK_SECONDS  how long the soak goes on                  600
#   SOAK_SEED     its first seed; each run draws another one
#   SOAK_FORKS    how often the hammered process forks     10000
#   SOAK_FUZZ     operations of the fuzzer              10000000
#
# Needs what the tests need, taskset, and what the checkers need. Builds into build/soak, or $CARGO_TARGET_DIR/soak.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-$PWD/build}/soak
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
seed=${SOAK_SEED:-$RANDOM}
PATH=$PATH:$PWD/build/venv/bin
tests=$out/c_tests

build() {
  cmake -S . -B "$out" -D THREADING_BUILD_TESTS=ON &&
    cmake --build "$out" -j "$jobs"
}

# Every case, again and again. What runs beside it makes a case slow, so each gets more time than in `make test`.
repeat() { ctest --test-dir "$out" -L case -j "$jobs" --repeat "until-fail:${SOAK_REPEATS:-20}" --output-on-failure; }

# Every case on one processor: what one waits for runs only when it gives the processor up.
pinned() { taskset -c 0 ctest --test-dir "$out" -L case --output-on-failure; }

# Cases of which `make test` does a part.
long() {
  local program case failed=0
  for program in faults_resources faults_limits faults_memory faults_peers faults_peers_lock faults_peers_pool \
    faults_signals; do
    for case in $("$tests/$program"); do
      THREADING_TEST_LONG=1 timeout 600 "$tests/$program" "$case" && continue
      [ $? -eq 77 ] || { echo "$program.$case failed"; failed=1; }
    done
  done
  return $failed
}

# Processes that fork while others of their threads do everything that there is to do.
forks() {
  local program case failed=0
  for program in fork_stress fork_bare exit_daemons; do
    for case in $("$tests/$program"); do
      THREADING_TEST_FORKS=${SOAK_FORKS:-10000} THREADING_TEST_ROUNDS=1000 timeout 1800 "$tests/$program" "$case" &&
        continue
      [ $? -eq 77 ] || { echo "$program.$case failed"; failed=1; }
    done
  done
  return $failed
}

# A tenth of the time each, so that ten seeds are tried.
soak() {
  local seconds=${SOAK_SECONDS:-600} i
  for i in 0 1 2 3 4 5 6 7 8 9; do "$tests/soak" $(((seconds + 9) / 10)) $((seed + i)) || return 1; done
}

fuzz() { .ci/fuzz.sh "${SOAK_FUZZ:-10000000}"; }
inject() { .ci/inject.sh; }
models() { .ci/loom.sh && .ci/shuttle.sh long; }
tsan() { .ci/tsan.sh; }
asan() { .ci/asan.sh; }
valgrind() { .ci/valgrind.sh; }
reproducible() { .ci/reproducible.sh; }

all=(repeat pinned long forks soak fuzz inject models tsan asan valgrind reproducible)
# Read as a whole before anything runs: the file may be edited meanwhile.
main() {
  local step
  [ $# -gt 0 ] || set -- "${all[@]}"
  for step; do
    [[ " ${all[*]} " == *" $step "* ]] || { echo "$0: no step $step; there are: ${all[*]}" >&2; exit 2; }
  done
  mkdir -p "$out/log"
  step build
  for step; do step "$step"; done
  printf '\n==== seed %s\n%s' "$seed" "$summary"
  exit $failed
}

summary= failed=0
step() {
  local begin=$SECONDS result=ok
  printf '\n==== %s\n' "$1"
  "$1" 2>&1 | tee "$out/log/$1.log" | tail -n 15 || result=FAILED
  [ $result = ok ] || failed=1
  summary+=$(printf '%-10s %-7s %6d s   %s' "$1" $result $((SECONDS - begin)) "$out/log/$1.log")$'\n'
}

main "$@"
