#!/bin/sh
# roundtrip.sh LAMINA FOLDER: what an event costs there and back, in instructions, with the guests
# and systems in FOLDER (tests/bench of the build), and on Xen where it is: the rows of
# docs/performance.md. Fails if the page has others, or a figure that is more than 2 % off.
set -u
here=$(dirname "$0")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

figures() # OUTPUT: in all, and each side's while it runs
{
    sed -n 's/.*back: \([0-9]*\) in all, \([0-9]*\) + \([0-9]*\) while running$/\1 \2 \3/p' "$1"
}

lamina() # ARGUMENTS: the same of what may be two domains, of which each says its own
{
    "$tool" run --icount --timeout 60 "$@" </dev/null 2>&1 | tr -d '\r' >"$work/lamina"
    sed -n 's/.*ping: .*back: \([0-9]*\) in all, \([0-9]*\) while running$/\1 \2/p' "$work/lamina"
    sed -n 's/.*pong: .* \([0-9]*\) while running$/\1/p' "$work/lamina"
    figures "$work/lamina"
}

xen() # ARGUMENTS
{
    "$here/../xen/on_xen.sh" --icount --vcpus 2 "$@" "$folder/roundtrip" >"$work/xen" 2>&1
    figures "$work/xen"
}

rows() # NAME SIDES LAMINA XEN
{
    # shellcheck disable=SC2086 # figures are words
    awk -v name="$1" -v sides="$2" -v lamina="$(echo $3)" -v xen="$(echo $4)" 'BEGIN {
        found = split(lamina, l) == 3
        split(xen, x)
        printf "| %s | %s | %s | %s |\n", name, l[1], x[1], x[1] ? sprintf("%.2f", l[1] / x[1]) : ""
        printf "| of that while either %s runs | %s | %s | |\n", sides, l[2] " + " l[3],
               x[1] ? x[2] " + " x[3] : ""
        exit !found
    }' || cat "$work/lamina"
}

tool=$1
folder=$2
{
    rows "one host CPU, two vCPUs of a domain" vCPU \
        "$(lamina --vcpus 2 --kernel "$folder/roundtrip")" "$(xen)"
    rows "one host CPU, two domains" domain "$(lamina "$folder/roundtrip-domains1.dts")" ""
    rows "two host CPUs, one for each side" side \
        "$(lamina --cpus 2 "$folder/roundtrip-domains2.dts")" "$(xen --cpus 2 --pin)"
} >"$work/rows"
cat "$work/rows"
awk -F ' *[|] *' '
    NR == FNR { if (NF > 4) page[$2] = $3 " " $4; next }
    {
        gsub(/,/, "", page[$2])
        n = split($3 " " $4, is, /[ +]+/)
        for (i = 1; i <= n; i++) {
            split(page[$2], said, /[ +]+/)
            if (is[i] && (said[i] < is[i] * 0.98 || said[i] > is[i] * 1.02))
                wrong = $2
        }
    }
    END {
        if (wrong)
            print "docs/performance.md says otherwise: " wrong
        exit wrong != "" || FNR != 6
    }' "$here/../../docs/performance.md" "$work/rows"
