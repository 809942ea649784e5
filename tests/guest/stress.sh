#!/bin/sh
# stress.sh SECONDS [CPUS [SEED [OPTION...]]]: event channels under stress (stress.c) for so many
# seconds of the guests' time, on so many host CPUs (1), with that seed (the time of day). OPTIONs are
# the guests', as fifo=abcd for the FIFO ABI in all four domains. Exit status: 0 if nothing was lost,
# came twice, or to the wrong vCPU.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
[ $# -ge 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
seconds=$1
cpus=${2-1}
seed=${3-$(date +%s)}
shift $(($# < 3 ? $# : 3))
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

[ -f "$root/build/dev/build.ninja" ] || (cd "$root" && cmake --preset dev >/dev/null) || exit 1
ninja --quiet -C "$root/build/dev" test-stress hypervisor/all tools/all || exit 1
sed "s/bootargs = \"[a-d]/& $* seconds=$seconds seed=$seed/" "$root/tests/guest/stress.dts" >"$work/stress.dts"
echo "seed $seed"
"$root/build/dev/tools/lamina" run --cpus "$cpus" --timeout $((seconds * 2 + 120)) "$work/stress.dts" </dev/null
