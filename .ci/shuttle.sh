#!/usr/bin/env bash
# Runs whole pools (src/pool/schedules) in random schedules, with shuttle for the system, and shows that planted bugs
# are found. One group of models, ten times as long: .ci/shuttle.sh idling long
set -euo pipefail
cd "$(dirname "$0")/.."

# Of each model; together more than 100,000.
SCHEDULES="${SCHEDULES:-6000}"
models=""
for word in "$@"; do
  case "$word" in
    long) SCHEDULES=$((SCHEDULES * 10)) ;;
    *) models="$word" ;;
  esac
done
export SCHEDULES

export RUSTFLAGS="--cfg shuttle ${RUSTFLAGS:-}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/shuttle"
# A schedule ends on shuttle's own stack: a backtrace says nothing.
export RUST_BACKTRACE=0

cargo test --profile loom --lib "schedules::$models" -- --test-threads=1 --nocapture
