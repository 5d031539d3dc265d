#!/usr/bin/env bash
# What the project is made of: the packages in the library are those of sbom.cdx.json, their licences are allowed, and
# cargo-deny finds nothing against any package, those for building and testing included, by the rules of deny.toml.
#
#   .ci/supply.sh            without cargo-deny, or without its list of advisories, it says what was left out
#   .ci/supply.sh install    builds cargo-deny into build/tools first; some minutes
set -euo pipefail
cd "$(dirname "$0")/.."
deny_version=0.20.2
tools=$PWD/build/tools

.ci/sbom.py check

if [ "${1-}" = install ]; then
  cargo install cargo-deny --locked --version "$deny_version" --root "$tools" --target-dir "$tools/target"
  rm -rf "$tools/target"
fi
deny=$tools/bin/cargo-deny
[ -x "$deny" ] || deny=$(command -v cargo-deny || true)
if [ -z "$deny" ]; then
  echo "SKIP cargo-deny: it is not installed; \`.ci/supply.sh install\` does that"
  exit
fi

# Also what other systems need: the rules are about all of it.
cargo fetch --locked --quiet
# Offline first: rules about what is here need nothing else.
"$deny" --offline check licenses bans sources
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if "$deny" check advisories >"$log" 2>&1; then
  tail -n 1 "$log"
elif grep --quiet --fixed-strings "failed to fetch advisory database" "$log"; then
  echo "SKIP advisories: the list cannot be fetched"
else
  cat "$log" >&2
  exit 1
fi
