#!/usr/bin/env bash
# Runs the programs of this folder under a race detector, with the library as it is released: of what is guarded.c it
# must report nothing, and of racy.c every function `race_*`.
#
#   run.sh LIBRARY_DIRECTORY shared|static tsan|helgrind|drd [COMPILER]
#
# When the tool is missing nothing is tested: that is said, and the exit status is 77.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
library=$1 kind=$2 tool=$3 compiler=${4:-gcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
  echo "SKIP: $*"
  exit 77
}

flags=(-std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -pedantic -Werror -I"$here" -I"$here/../../include")
case $kind in
  shared) libraries=(-L"$library" -lthreading -Wl,-rpath,"$library") ;;
  static) libraries=("$library/libthreading.a" -lgcc_s -lutil -lrt -lpthread -lm -ldl) ;;
esac

command -v "$compiler" >/dev/null || skip "there is no $compiler"
case $tool in
  tsan)
    flags+=(-fsanitize=thread)
    echo 'int main(void) { return 0; }' >"$work/try.c"
    # Where addresses are chosen more at random than the tool knows, it has to be switched off.
    under=(setarch "$(uname -m)" -R)
    "$compiler" -fsanitize=thread "$work/try.c" -o "$work/try" 2>/dev/null ||
      skip "$compiler does not link with -fsanitize=thread"
    "${under[@]}" "$work/try" 2>/dev/null || skip "no program runs with -fsanitize=thread here"
    export TSAN_OPTIONS="exitcode=99 allow_addr2line=1"
    ;;
  helgrind | drd)
    command -v valgrind >/dev/null || skip "there is no valgrind"
    # --fair-sched: threads take turns. --vex-guest-chase: the function in a report is the one that it happened in.
    under=(valgrind --tool="$tool" --fair-sched=yes --vex-guest-chase=no --error-exitcode=99)
    ;;
esac

# Runs a program; its exit status says whether the tool has reported something.
reports() {
  "$compiler" "${flags[@]}" "$here/$1.c" "${libraries[@]}" -o "$work/$1"
  "${under[@]}" "$work/$1" >"$work/$1.log" 2>&1
}

status=0
reports guarded || status=$?
if [ "$status" -ne 0 ] || ! grep -qx 'all done' "$work/guarded.log"; then
  cat "$work/guarded.log"
  echo "FAIL: $tool does not take correct code for correct, or it did not come to its end ($status)"
  exit 1
fi

status=0
reports racy || status=$?
missed=
races=$(sed -n 's/^RACE(\([a-z_]*\))$/race_\1/p' "$here/racy.c")
for race in $races; do
  # The innermost function of a report.
  grep -qE "(#0|at 0x[0-9A-F]+:) $race\b" "$work/racy.log" || missed+=" $race"
done
if [ -z "$races" ] || [ -n "$missed" ] || ! grep -qx 'all done' "$work/racy.log"; then
  cat "$work/racy.log"
  echo "FAIL: $tool has not found$missed, or the program did not come to its end ($status)"
  exit 1
fi
echo "$tool: nothing to report of guarded.c, and all $(wc -w <<<"$races") races of racy.c found"
