#!/usr/bin/env bash
# Builds the libraries twice, from two copies of the source in folders of other names, at another place of cargo's
# packages, in another language and time zone: the bytes are the same, and no path of the machine is in them.
#
#   .ci/reproducible.sh
#
# Needs what `make` needs; two to four minutes of CPU time. Builds into a temporary folder, which it removes.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# What git tracks or would track, as it is in the working tree.
copy() {
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
    tar --create --null --files-from=- | tar --extract --directory="$1"
}

build() {
  echo "building in $1"
  (cd "$1" && env -u RUSTFLAGS -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET_DIR "${@:2}" make all >"$1.log" 2>&1) ||
    { cat "$1.log" >&2; exit 1; }
}

first=$work/first second=$work/a-longer-name/second
copy "$first"
mkdir -p "${second%/*}"
cp -a "$first" "$second"
# The same packages, unpacked at another place.
mkdir -p "$work/packages/registry"
cp -R "$cargo_home/registry/cache" "$cargo_home/registry/index" "$work/packages/registry"
if [ -e "$cargo_home/config.toml" ]; then cp "$cargo_home/config.toml" "$work/packages"; fi

build "$first" LC_ALL=C TZ=UTC CARGO_BUILD_JOBS=1
build "$second" LC_ALL=C.UTF-8 TZ=Asia/Tokyo CARGO_HOME="$work/packages"

failed=
for library in "$first"/build/lib/*; do
  name=${library##*/}
  if ! cmp "$library" "$second/build/lib/$name"; then failed+=" $name"; fi
  for path in "$work" "$cargo_home" "$PWD"; do
    if grep --quiet --fixed-strings --text "$path/" "$library"; then failed+=" $name(contains $path)"; fi
  done
done
if [ -n "$failed" ]; then
  echo "not reproducible:$failed" >&2
  exit 1
fi
sha256sum "$first"/build/lib/*.so.*.*.* "$first"/build/lib/*.a | sed "s|$work/first/||"
