#!/bin/sh
# scale.sh LAMINA SCALE: runs the guest SCALE with the tool LAMINA in machines of 64 MiB to 2 GiB and
# among 1 to 100 domains, counting instructions, and prints a table of what pinning and the end of a
# domain cost in each. Fails if that depends on anything but the entries and pages themselves.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
lamina=$(readlink -f "$1")
guest=$(readlink -f "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

domain() # NAME MIB BOOTARGS
{
    echo "$1: $1 { compatible = \"lamina,domain\"; kernel = /incbin/(\"$guest\");
        memory = <$2>; bootargs = \"$3\"; };"
}

# The domains that end: their memory and entries. The others of a machine wait for the first to be
# over, and then end too.
kinds="4:0 4:4096 4:8192 8:0 16:0"
names="4 MiB|4 MiB and 4096 entries|4 MiB and 8192 entries|8 MiB|16 MiB"

system() # DOMAINS
{
    left=$(($1 - 1))
    wires=
    port=10
    echo '/dts-v1/; / { compatible = "lamina,system-v1"; domains {'
    domain first 4 "measure $left"
    for kind in $kinds; do
        [ "$left" -gt 0 ] || break
        domain "end$port" "${kind%:*}" "end ${kind#*:}"
        wires="$wires $port"
        port=$((port + 1))
        left=$((left - 1))
    done
    while [ "$left" -gt 0 ]; do
        domain "end$port" 4 "end 0"
        wires="$wires $port"
        port=$((port + 1))
        left=$((left - 1))
    done
    echo '}; wiring {'
    for port in $wires; do
        echo "wire$port { compatible = \"lamina,event-channel\";
            ends = <&first $port &end$port 10>; };"
    done
    echo '}; };'
}

# Columns: RAM:DOMAINS.
columns="64M:6 256M:6 1G:6 2G:6 2G:1 2G:10 2G:100"
for column in $columns; do
    system "${column#*:}" >"$work/$column.dts"
    "$lamina" run --icount --timeout 100 --ram "${column%:*}" "$work/$column.dts" </dev/null 2>&1 |
        tr -d '\r' >"$work/$column"
    if ! grep -q '^(lamina) all domains are over' "$work/$column" ||
        grep -Eq 'crashed|panic' "$work/$column"; then
        cat "$work/$column"
        exit 1
    fi
done
cd "$work" || exit 1
# shellcheck disable=SC2086  # one word a file
awk -v ends="$names" -f "$here/scale.awk" $columns
