#!/bin/sh
# budgets.sh [--xen] [--markdown] LAMINA BENCH: runs the guest BENCH with the tool LAMINA, counting
# instructions, and prints what each operation costs beside its budget. Fails if one costs more.
# With --xen the guest runs on Xen too, and what fails is a figure of Xen's that is not as in the
# table. With --markdown the table is one for docs/performance.md.
set -u
here=$(dirname "$0")
xen=
markdown=0
while :; do
    case $1 in
    --xen) xen=1 ;;
    --markdown) markdown=1 ;;
    *) break ;;
    esac
    shift
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() # FILE
{
    cat "$1"
    exit 1
}

if [ -n "$xen" ]; then
    "$here/../xen/on_xen.sh" --icount "$2" >"$work/xen" 2>&1 || fail "$work/xen"
fi
"$1" run --icount --timeout 60 --kernel "$2" </dev/null 2>&1 | tr -d '\r' >"$work/lamina"
# A guest that ended early lacks rows, and the comparison says so; this is to see why.
! grep -E -i "panic|crash|exception [0-9]|not on this hypervisor" "$work/lamina" ||
    fail "$work/lamina"
awk -v markdown=$markdown -f "$here/compare.awk" "$here/budgets.tsv" "$work/lamina" ${xen:+"$work/xen"} ||
    exit 1

# What the page says is what is measured, to 2 %.
[ -n "$xen" ] || awk -F '\t' '
    NR == FNR { if (NF == 2) now[$1] = $2 + 0; next }
    split($0, cell, / *\| */) == 8 && (cell[2] in now) {
        rows++
        said = cell[5]
        if (said < now[cell[2]] * 0.98 || said > now[cell[2]] * 1.02) {
            printf "docs/performance.md says %d for %s, which is %d\n", said, cell[2], now[cell[2]]
            wrong = 1
        }
    }
    END { exit wrong || !rows }' "$work/lamina" "$here/../../docs/performance.md"
