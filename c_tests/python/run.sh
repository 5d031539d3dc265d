#!/bin/sh
# Runs CPython's own tests of its locks, conditions, semaphores, events and barriers against the library.
#
#   run.sh LIBRARY_DIRECTORY [TEST...]      TEST: BarrierTests.test_reset, for instance
#
# The interpreter is $PYTHON, else the first one found that ships its test package (many systems package it
# apart). Without one nothing is tested: that is said, and the exit status is 77.
set -u

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || ! library=$(cd "$1" 2>/dev/null && pwd); then
  echo "usage: $0 LIBRARY_DIRECTORY [TEST...]" >&2
  exit 2
fi
shift
[ -f "$library/libthreading.so" ] || { echo "no libthreading.so in $library" >&2; exit 2; }

for python in ${PYTHON:-python3 python3.15 python3.14 python3.13 python3.12 python3.11}; do
  if "$python" -c 'import ctypes, test.lock_tests' 2>/dev/null; then
    "$python" -VV
    THREADING_LIBRARY=$library/libthreading.so PYTHONDONTWRITEBYTECODE=1 \
      exec "$python" "$here/test_locks.py" "$@"
  fi
done
echo "SKIP: no Python here ships test.lock_tests (tried: ${PYTHON:-python3 and python3.11 to python3.15})"
exit 77
