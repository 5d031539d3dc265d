#!/usr/bin/env bash
# Runs the cases of the C test programs on a library in which sleeps, exchanges, stores and spare memory fail now and
# then, as they may (docs/inject.md): each kind by itself, then all at once. Then shows that each kind brings a planted
# bug to light.
#
#   .ci/inject.sh            all of that; some ten minutes
#   .ci/inject.sh short      all kinds at once, and the planted bugs
#   .ci/inject.sh delay 7    one kind, or several with commas between, with this seed
#
# Needs what the tests need, and CMake. Builds into build/inject, or $CARGO_TARGET_DIR/inject.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-$PWD/build}/inject
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
PATH=$PATH:$PWD/build/venv/bin

# A bug that can be planted, and the program whose cases find it.
plants='
sleep     barrier    whoever wakes takes it that it was told something
exchange  semaphore  an exchange that failed is taken to say that there is no permit
delay     queue      a cell is marked full before the item is in it
memory    pool       a thread that found no seat does not look again
'

cmake -S . -B "$out" -D THREADING_BUILD_TESTS=ON -D THREADING_FEATURES=fault-inject >/dev/null
cmake --build "$out" -j "$jobs"

# What has failed so far.
failed=

# Runs all cases with these kinds of faults. Sleeps are short and turns many: cases take up to twice their time.
suite() {
  printf '\n-- %s, seed %s\n' "$1" "$2"
  THREADING_INJECT=$1,seed=$2 THREADING_TEST_TIMEOUT_SCALE=2 \
    ctest --test-dir "$out" -L case -j "$jobs" --output-on-failure --timeout 120 >"$out/$1.log" 2>&1 ||
    failed+=" $1"
  grep -E 'tests passed|Total Test time' "$out/$1.log" || true
  c_tests/failures.sh "$out/$1.log"
}

# Runs the cases of a program until one fails, and says which; a hang is found, too.
finds() {
  local case status
  for case in $("$out/c_tests/$2"); do
    status=0
    THREADING_INJECT=$1,plant=$1,seed=$3 timeout 10 "$out/c_tests/$2" "$case" >/dev/null 2>&1 || status=$?
    case $status in
      0 | 77) ;;
      *) echo "$2.$case"; return ;;
    esac
  done
  return 1
}

# Each kind finds its bug within a few passes.
planted() {
  local kind program bug pass found=
  printf '\n-- planted\n'
  while read -r kind program bug; do
    [ -n "$kind" ] || continue
    for pass in 1 2 3 4 5; do
      if found=$(finds "$kind" "$program" "$pass"); then break; fi
    done
    if [ -n "$found" ]; then
      echo "$kind: $bug: found by $found in pass $pass"
    else
      echo "$kind: $bug: NOT FOUND by $program"
      failed+=" planted:$kind"
    fi
  done <<<"$plants"
}

all=sleep,exchange,delay,memory
seed=${2:-$((RANDOM + 1))}
case ${1:-} in
  '') for kinds in ${all//,/ } $all; do suite "$kinds" "$seed"; done; planted ;;
  short) suite $all "$seed"; planted ;;
  *) suite "$1" "$seed" ;;
esac
[ -z "$failed" ] || { printf '\nfailed:%s; see %s/*.log\n' "$failed" "$out"; exit 1; }
