#!/usr/bin/env bash
# Runs tests of which some fail with the CTest that it is given, and compares what failures.sh makes of the log.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >CTestTestfile.cmake <<'EOF'
add_test(first.passes true)
add_test(second.fails sh -c "echo what it said; exit 1")
add_test(third.is_killed sh -c "echo its last words; kill -SEGV $$")
add_test(fourth.has_no_end sleep 60)
add_test(killed.out_of_hand sh -c "kill -KILL $$")
add_test(says.a_lot sh -c "seq 100000; exit 1")
add_test(fifth.fails_without_a_label false)
add_test(sixth.is_skipped sh -c "exit 77")
set_tests_properties(first.passes second.fails third.is_killed PROPERTIES LABELS case)
set_tests_properties(fourth.has_no_end PROPERTIES TIMEOUT 1 LABELS "case;slow")
set_tests_properties(sixth.is_skipped PROPERTIES SKIP_RETURN_CODE 77 LABELS case)
EOF
status=0
"$1" --output-on-failure >log 2>&1 || status=$?
# What CTest ends with when tests have failed.
[ $status = 8 ] || { cat log; exit 1; }

diff - <("$here/failures.sh" log) <<EOF
    failed: second.fails (Failed)
      what it said
    failed: third.is_killed (SEGFAULT)
      its last words
    failed: fourth.has_no_end (Timeout)
    failed: killed.out_of_hand (Subprocess killed)
    failed: says.a_lot (Failed)
$(seq 40 | sed 's/^/      /')
    failed: fifth.fails_without_a_label (Failed)
EOF
