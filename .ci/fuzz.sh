#!/usr/bin/env bash
# Plays random sequences of calls, compared with a sequential model (fuzz/src/lib.rs), guided by the code of the library
# that they reach. New inputs that reach more are kept in the build folder; `minimise` makes the corpus anew of them.
#
#   .ci/fuzz.sh [OPERATIONS]      10,000,000 calls, which takes some minutes
#   .ci/fuzz.sh short             the corpus and 100,000 random calls, without libFuzzer
#   .ci/fuzz.sh planted           shows that a planted bug is found, guided and not
#   .ci/fuzz.sh minimise          writes fuzz/corpus anew, without inputs that reach nothing of their own
#
# What differs from the model ends the run; it prints the calls as a test in C and leaves the input as crash-*.
# Needs Rust and a C++ compiler. Builds into build/fuzz, or $CARGO_TARGET_DIR/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-$PWD/build}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
manifest=fuzz/Cargo.toml
mkdir -p "$out/corpus"

# Coverage as libFuzzer wants it, by passes that stable Rust has. One unit for each crate, and no optimisation across.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage+=" -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"

# build CFG: the program `guided`, and says where it is.
build() {
  RUSTFLAGS="$coverage $1" cargo build --release --locked --manifest-path $manifest --target "$host" \
    --features guided --bin guided --target-dir "$out/guided${1:+-planted}"
  guided=$out/guided${1:+-planted}/$host/release/guided
}

options=(-max_len=1024 -len_control=0 -timeout=60 -rss_limit_mb=4096 -artifact_prefix="$out/")

case ${1:-} in
  short)
    cargo build --locked --manifest-path $manifest --bin fuzz --target-dir "$out/short"
    "$out/short/debug/fuzz" --operations 100000 --seed "${SEED:-1}" fuzz/corpus
    ;;
  planted)
    RUSTFLAGS="--cfg planted_fuzz" cargo build --locked --manifest-path $manifest --bin fuzz --target-dir "$out/planted"
    if "$out/planted/debug/fuzz" --operations 100000 >"$out/planted.log" 2>&1; then
      echo "100,000 random operations do not find the planted bug" >&2
      exit 1
    fi
    grep -h 'not as the model says' "$out/planted.log"
    build "--cfg planted_fuzz"
    if "$guided" "${options[@]}" -seed=1 -runs=100000 >"$out/planted.log" 2>&1; then
      echo "100,000 guided inputs do not find the planted bug" >&2
      exit 1
    fi
    grep -h 'not as the model says' "$out/planted.log"
    ;;
  minimise)
    build ""
    rm -rf "$out/minimised"
    mkdir "$out/minimised"
    "$guided" "${options[@]}" -set_cover_merge=1 -use_counters=0 "$out/minimised" "$out/corpus" fuzz/corpus
    # The longest reach the most; so many are played in a second.
    find "$out/minimised" -type f -printf '%s %p\n' | sort -rn | head -n 290 | cut -d' ' -f2- >"$out/chosen"
    find fuzz/corpus -type f -delete
    xargs -a "$out/chosen" cp -t fuzz/corpus
    du -bs fuzz/corpus
    ;;
  *)
    build ""
    export FUZZ_OPERATIONS=${1:-10000000}
    "$guided" "${options[@]}" -seed="${SEED:-$RANDOM}" "$out/corpus" fuzz/corpus >"$out/log" 2>&1 || {
      tail -n 500 "$out/log"
      exit 1
    }
    tail -n 1 "$out/log"
    ;;
esac
