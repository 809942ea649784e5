#!/bin/sh
# messages.sh [ROOT]: docs/page-mapping.md has every message of the page-table code, and no other.
# Messages are all texts in paging/*.c, pv/direct_write.c and core/memory.c; in the page they are what
# stands in backticks in the first column of the tables of its last section, with <...> for each conversion.
# Blanks at the ends, and texts without three letters in a row, are passed over.
set -u
root=${1:-$(dirname "$0")/../..}
arch=$root/hypervisor/arch/x86_64
page=$root/docs/page-mapping.md
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

tidy()
{
    sed 's/\(<>\)\1*/<>/g; s/^ *//; s/ *$//' | grep '[A-Za-z]\{3\}' | sort -u
}

# Without comments and includes; texts in parts are joined.
find "$arch/paging" "$arch/pv/direct_write.c" "$root/hypervisor/core/memory.c" -name '*.c' -print0 |
    xargs -0 sed 's,/\*.*\*/,,; /^#/d' |
    sed '/\/\*/,/\*\//d' | tr '\n' ' ' | sed 's/" *"//g' | grep -o '"[^"]*"' |
    sed 's/"//g; s/%[#0-9.]*[lz]*[a-z]/<>/g' | tidy >"$work/code"

sed -n '/^## Every line$/,$p' "$page" | sed -n 's/^| \(`.*\)/\1/p' | sed 's/` | .*/`/' |
    grep -o '`[^`]*`' | sed 's/`//g; s/<[^>]*>/<>/g' | tidy >"$work/page"

for list in code page; do
    [ -s "$work/$list" ] || { echo "messages: none found in the $list"; exit 1; }
done
comm -23 "$work/code" "$work/page" | sed 's/^/not in docs\/page-mapping.md: /' >"$work/wrong"
comm -13 "$work/code" "$work/page" | sed 's/^/no message any more: /' >>"$work/wrong"
cat "$work/wrong"
[ ! -s "$work/wrong" ]
