# Runs the cases of C test programs under a checker. Sourced by .ci/tsan.sh, .ci/asan.sh and .ci/valgrind.sh, which set
#
#   out       where to build; programs to $out/bin, logs to $out/log
#   skips     lines `PROGRAM.CASE  why`, with patterns as in file names
#   programs  prints the names of all programs
#   build_library
#   build_program NAME SOURCE
#   run_case BINARY CASE REPORT        leaves what the checker has to report, and only that, in files REPORT.*
#
# A case whose name begins with `reported` has a fault on purpose: it passes when that is reported.

jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}

skipped() {
  local pattern why
  while read -r pattern why; do
    # shellcheck disable=SC2053
    if [ -n "$pattern" ] && [[ $1 == $pattern ]]; then return 0; fi
  done <<<"$skips"
  return 1
}

source_of() {
  case $1 in
    misuse) python3 c_tests/gen_misuse.py include/threading.h "$out/misuse.c" >&2 && echo "$out/misuse.c" ;;
    *) ls "c_tests/$1.c" 2>/dev/null || ls c_tests/*/"$1.c" ;;
  esac
}

# Runs one case and writes its verdict beside its log. A report counts from whatever process of the case it comes, and
# however that ended.
one() {
  local directory=$out/log/$1/$2 status=0 reports
  mkdir -p "$directory"
  if skipped "$1.$2"; then
    echo skipped >"$directory/verdict"
    return
  fi
  run_case "$out/bin/$1" "$2" "$directory/report" >"$directory/output" 2>&1 </dev/null || status=$?
  reports=$(find "$directory" -name 'report.*' -size +0)
  case $2:$status:$reports in
    reported*:) echo "FAILED: the fault was not reported" ;;
    reported*) echo passed ;;
    *:124: | *:137:) echo "FAILED: no end" ;;
    *:0:) echo passed ;;
    *:77:) echo skipped ;;
    *:) echo "FAILED: exit status $status" ;;
    *) echo "FAILED: reported" ;;
  esac >"$directory/verdict"
}

# How many verdicts of a program begin so.
count() { cat "$out/log/$1"/*/verdict | grep -c "^$2" || true; }

program() {
  local name=$1 source list begin=$SECONDS verdict result=ok
  rm -rf "$out/log/$name"
  if ! source=$(source_of "$name") || ! build_program "$name" "$source" || ! list=$("$out/bin/$name"); then
    printf 'FAIL %-22s does not build or lists no cases\n' "$name"
    total_failed=$((total_failed + 1))
    return
  fi
  xargs -P "$jobs" -I{} bash -c 'one "$1" "$2"' one "$name" {} <<<"$list"
  local passed failed skipped
  passed=$(count "$name" passed) failed=$(count "$name" FAILED) skipped=$(count "$name" skipped)
  [ "$failed" = 0 ] || result=FAIL
  printf '%-4s %-22s %4d passed, %2d failed, %2d skipped  %4d s\n' \
    $result "$name" "$passed" "$failed" "$skipped" $((SECONDS - begin))
  for verdict in $(grep -l ^FAILED "$out/log/$name"/*/verdict || true); do
    printf '     %s %s, see %s\n' "$(basename "${verdict%/*}")" "$(cat "$verdict")" "${verdict%/*}"
  done
  total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
  total_skipped=$((total_skipped + skipped))
}

# A line of the skip list that names no case any more hides the next one of that name.
check_skips() {
  local pattern why
  while read -r pattern why; do
    if [ -n "$pattern" ] && ! compgen -G "$out/log/${pattern/.//}/verdict" >/dev/null; then
      echo "FAIL the skip list names $pattern, which does not exist"
      total_failed=$((total_failed + 1))
    fi
  done <<<"$skips"
}

run_programs() {
  local names name
  total_passed=0 total_failed=0 total_skipped=0
  names=$*
  [ -n "$names" ] || names=$(programs)
  mkdir -p "$out/bin" "$out/log"
  build_library
  export out skips
  export -f one skipped run_case
  for name in $names; do program "$name"; done
  [ $# -gt 0 ] || check_skips
  echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
  [ "$total_failed" = 0 ]
}
