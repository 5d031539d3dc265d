#!/bin/sh
# Runs CPython's own tests against the library: of its locks, conditions, semaphores, events and barriers, of its
# queues, or of its thread pools and futures.
#
#   run.sh LIBRARY_DIRECTORY locks|queues|futures [TEST...]      TEST: BarrierTests.test_reset, for instance
#
# The interpreter is $PYTHON, else the newest one found that ships these tests (many systems package them apart),
# also among those of pyenv. Without one nothing is tested: that is said, and the exit status is 77.
set -u

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 2 ] || ! library=$(cd "$1" 2>/dev/null && pwd); then
  echo "usage: $0 LIBRARY_DIRECTORY locks|queues|futures [TEST...]" >&2
  exit 2
fi
what=$2
shift 2
case $what in
  locks) module=test.lock_tests ;;
  queues) module=test.test_queue ;;
  futures) module=test.test_concurrent_futures ;;
  *) echo "no tests of $what here" >&2; exit 2 ;;
esac
[ -f "$library/libthreading.so" ] || { echo "no libthreading.so in $library" >&2; exit 2; }

pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions
pythons=
for minor in 15 14 13 12 11 10 9; do
  pythons="$pythons python3.$minor $pyenv/3.$minor.*/bin/python3"
done
for python in ${PYTHON:-$pythons python3}; do
  if "$python" -c "import ctypes, $module" 2>/dev/null; then
    "$python" -VV
    THREADING_LIBRARY=$library/libthreading.so PYTHONDONTWRITEBYTECODE=1 \
      exec "$python" "$here/test_$what.py" "$@"
  fi
done
echo "SKIP: no Python here ships $module (tried: ${PYTHON:-python3.9 to python3.15 and python3})"
exit 77
