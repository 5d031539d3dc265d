#!/usr/bin/env bash
# Says what `make test` ran, from the logs of the runners in the directory that it is given; what failed comes last.
set -euo pipefail

logs=$1

missing() { printf '  %-40s       did not get so far\n' "$1"; }

# Sums what the closing lines of cargo's test runners say.
rust() {
  [ -f "$2" ] || { missing "$1"; return; }
  awk -v title="$1" '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
    END { printf "  %-40s %5d passed %3d failed %3d skipped\n", title, passed, failed, ignored }' "$2"
}

# CTest counts a skipped test as passed and lists it a second time at the end.
c() {
  [ -f "$2" ] || { missing "$1"; return; }
  awk -v title="$1" '/tests failed out of/ { failed = $4; total = $NF } / \(Skipped\)$/ { skipped++ }
    END { printf "  %-40s %5d passed %3d failed %3d skipped\n", title, total - failed - skipped, failed, skipped }' "$2"
  sed -n 's/^[[:space:]]*[0-9]* - \(.*\) (Skipped)$/    skipped: \1/p' "$2"
}

echo
echo "make test ran"
rust "Rust: units, surface, header, symbols" "$logs/rust.log"
rust "Rust: units, portable backend" "$logs/rust-portable.log"
c "C: cases, header, examples, installing" "$logs/c.log"
c "C: cases, portable backend" "$logs/c-portable.log"
for log in "$logs"/*.log; do [ ! -f "$log" ] || "$(dirname "$0")"/failures.sh "$log"; done
