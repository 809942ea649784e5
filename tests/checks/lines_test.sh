#!/bin/sh
# lines_test.sh CHECKS: lines.sh counts code only, and fails at the limit.
set -u
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT

cat >"$tree/a.c" <<'END'
/* A comment
 * of two lines */

int a; /* code */
// comment
/* both */ int b;
/* opens
*/ int c;
END
printf '\tnop // code\n\n' >"$tree/b.S"

"$1/lines.sh" "$tree" 5 >"$tree/said" || { cat "$tree/said"; exit 1; }
grep -q '^4 lines of code' "$tree/said" || { cat "$tree/said"; exit 1; }
! "$1/lines.sh" "$tree" 4 >/dev/null
