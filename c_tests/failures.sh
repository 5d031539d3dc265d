#!/usr/bin/env bash
# Names the tests that failed in the log of a test runner, cargo's or CTest's, with what each has said, as far as it goes
# on a page. CTest puts a test's labels behind the verdict.
set -euo pipefail

log=$1
sed -n 's/^test \(.*\) \.\.\. FAILED$/    failed: \1/p' "$log"
sed -nE '/^The following tests FAILED:/,/^Errors while/ s/^\s*[0-9]+ - (\S+) \(([^)]*)\).*$/\1 \2/p' "$log" |
  while read -r test how; do
    printf '    failed: %s (%s)\n' "$test" "$how"
    awk -v test="$test" '
      / Test +#[0-9]+: / { for (i = 1; i < NF; i++) if ($i ~ /^#[0-9]+:$/) inside = $(i + 1) == test && /\*\*\*/; next }
      /^ +Start +[0-9]+: / || /tests passed,/ { inside = 0 }
      inside && NF && ++said <= 40 { print "      " $0 }' "$log"
  done
