#!/bin/sh
# Builds and runs the examples and compares what they print with what their last comment expects.
#
#   run.sh LIBRARY_DIRECTORY [NAME...]      NAME: 03_lock, for instance; all of them without one
#
# The last comment of an example is one of
#   /* Expected output:                 these lines in this order
#   /* Expected output, in any order:   these lines, however the threads interleave
#   /* Expected output, one of:         several blocks with a line `or:` between them: one of the blocks
# A line /* Arguments: ... */ has the program's arguments; data/ is a folder here.
# Whatever goes to stderr counts as output, and the exit status must be 0.
set -u

seconds=20
unset LD_LIBRARY_PATH # it would win over the directory that was asked for
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || ! library=$(cd "$1" 2>/dev/null && pwd); then
  echo "usage: $0 LIBRARY_DIRECTORY [NAME...]" >&2
  exit 2
fi
shift
[ $# -gt 0 ] || set -- $(cd "$here" && ls -- *.c)

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
ln -s "$here/data" "$work/data" || exit 2

# The first line of the last "Expected output" comment, and its body.
heading() { sed -n 's|^/\* Expected output||p' "$1" | tail -n 1; }
expected() {
  awk '/^\/\* Expected output/ { body = ""; inside = 1; next }
       /^\*\/$/ { inside = 0 }
       inside { body = body $0 "\n" }
       END { printf "%s", body }' "$1"
}

arguments() { sed -n 's|^/\* Arguments: \(.*\) \*/$|\1|p' "$1" | tail -n 1; }

# Compares the files $1 (expected) and $2 (printed) as the heading $3 says; shows the difference.
same() {
  case $3 in
    :) diff "$1" "$2" ;;
    ", in any order:")
      sort "$1" >"$1.sorted"
      sort "$2" >"$2.sorted"
      diff "$1.sorted" "$2.sorted" ;;
    ", one of:")
      awk -v stem="$1" 'BEGIN { n = 1; printf "" >(stem "." n) }
                        $0 == "or:" { n++; printf "" >(stem "." n); next }
                        { print >(stem "." n) }' "$1"
      for block in "$1".[0-9]*; do cmp -s "$block" "$2" && return 0; done
      echo "none of these blocks:"; cat "$1"; echo "but:"; cat "$2"
      return 1 ;;
    *) echo "no expected output"; return 1 ;;
  esac
}

run() {
  "${CC:-gcc}" -std=c11 -Wall -Wextra -pedantic -Werror ${CFLAGS:-} -I"$here/../include" \
    -o "$work/$1" "$here/$1.c" -L"$library" -lthreading -Wl,-rpath,"$library" || return 1
  # shellcheck disable=SC2046 # each word is an argument
  (cd "$work" && exec timeout -k 1 "$seconds" "./$1" $(arguments "$here/$1.c")) >"$work/$1.printed" 2>&1 </dev/null
  status=$?
  case $status in
    0) ;;
    124 | 137) echo "still running after $seconds s"; cat "$work/$1.printed"; return 1 ;;
    *) echo "exit status $status"; cat "$work/$1.printed"; return 1 ;;
  esac
  expected "$here/$1.c" >"$work/$1.expected"
  same "$work/$1.expected" "$work/$1.printed" "$(heading "$here/$1.c")"
}

passed=0 failed=0
for name; do
  name=$(basename "$name" .c)
  if run "$name" >"$work/report" 2>&1; then
    echo "ok $name"
    passed=$((passed + 1))
  else
    echo "FAIL $name"
    sed 's/^/  /' "$work/report"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
