#!/usr/bin/env bash
# Runs the models of slots, waiting and every primitive (src/sync/models), of what is left of a thread that vanished in a
# fork, of queues and of the parts of pools, and shows that the planted bugs are found.
# One test: .ci/loom.sh condition::notifying
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTFLAGS="--cfg loom ${RUSTFLAGS:-}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
# A model ends on loom's own stack: a backtrace says nothing.
export RUST_BACKTRACE=0

cargo test --profile loom --lib "models::${1:-}" -- --test-threads=1 --nocapture
