#!/bin/sh
# check_run.sh [--exit STATUS] [--expect REGEX]... [--reject REGEX]... [--count NUMBER REGEX]
#              [--input TEXT] [--date SECONDS] -- COMMAND...
# Runs COMMAND and compares its exit status and its output, line by line, with what is expected.
# With --date it prints "wall clock N", N seconds after 1970: at that date, within so many seconds.
set -u

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
: >"$work/expect"
: >"$work/reject"
: >"$work/input"
status=0
count=
date=

while [ $# -gt 0 ]; do
    case $1 in
    --exit) status=$2 ;;
    --expect) printf '%s\n' "$2" >>"$work/expect" ;;
    --reject) printf '%s\n' "$2" >>"$work/reject" ;;
    --count) count=$2 counted=$3; shift ;;
    --date) date=$2 ;;
    --input) printf '%s\n' "$2" >"$work/input" ;;
    --) shift; break ;;
    *) echo "check_run.sh: what is '$1'?" >&2; exit 2 ;;
    esac
    shift 2
done

began=$(date +%s)
"$@" <"$work/input" >"$work/raw" 2>&1
got=$?
# Serial lines end in \r\n; expressions that end in $ should not have to know.
tr -d '\r' <"$work/raw" >"$work/output"

failures=0
fail()
{
    echo "FAIL: $1"
    failures=$((failures + 1))
}

[ "$got" -eq "$status" ] || fail "exit status $got, expected $status"
while IFS= read -r regex; do
    grep -Eq -e "$regex" "$work/output" || fail "no line matches: $regex"
done <"$work/expect"
while IFS= read -r regex; do
    found=$(grep -E -m 1 -e "$regex" "$work/output") &&
        fail "a line matches that must not: $regex: $found"
done <"$work/reject"

if [ -n "$count" ]; then
    found=$(grep -Ec -e "$counted" "$work/output")
    [ "$found" -eq "$count" ] || fail "$found lines match, expected $count: $counted"
fi

if [ -n "$date" ]; then
    ended=$(date +%s)
    told=$(sed -n 's/.*wall clock \([0-9]*\)$/\1/p' "$work/output")
    [ "${told:-0}" -ge $((began - date)) ] && [ "$told" -le $((ended + date)) ] ||
        fail "wall clock: ${told:-none}, and it was $began to $ended"
fi

[ "$failures" -eq 0 ] && exit 0
echo "--- command: $*"
echo "--- output:"
cat "$work/output"
echo "--- end of output"
exit 1
