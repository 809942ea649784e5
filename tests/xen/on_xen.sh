#!/bin/sh
# on_xen.sh [--icount] [--timeout SECONDS] [--vcpus N] [--cpus N] [--pin] GUEST [CMDLINE]
# Boots GUEST as the first domain of Debian's Xen in QEMU and prints what it prints, with Xen's own
# lines only if it does not come to its end. --pin: its vCPUs are pinned, one to each of the N host
# CPUs. Exit status: 0 it powered off, 1 it did not, 77 there is no Xen here, 124 it was still
# running after SECONDS (60).
set -u

xen=/boot/xen-4.17-amd64.gz
seconds=60
icount=
vcpus=1
cpus=1
pin=
while :; do
    case ${1-} in
    --icount) icount=--icount ;;
    --timeout) seconds=$2; shift ;;
    --vcpus) vcpus=$2; shift ;;
    --cpus) cpus=$2; shift ;;
    --pin) pin=dom0_vcpus_pin ;;
    *) break ;;
    esac
    shift
done
[ $# -ge 1 ] || { echo "on_xen.sh: which guest?" >&2; exit 2; }
guest=$1
cmdline=${2-}
if [ ! -r "$xen" ]; then
    echo "not tried on Xen: there is no $xen (package xen-hypervisor-4.17-amd64)"
    exit 77
fi

work=$(mktemp -d) || exit 1
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
gzip -dc "$xen" >"$work/xen" || exit 1
mkfifo "$work/serial" || exit 1

# Commas separate modules; within an argument they are doubled.
initrd=$(printf '%s' "$guest${cmdline:+ $cmdline}" | sed 's/,/,,/g')
timeout "$seconds" qemu-system-x86_64 ${icount:+-icount shift=0} -cpu max,smap=off -smp "$cpus" -m 512 \
    -nodefaults -display none -no-reboot -serial stdio -kernel "$work/xen" -initrd "$initrd" \
    -append "console=com1 com1=115200,8n1 noreboot dom0=pv dom0_max_vcpus=$vcpus $pin dom0_mem=64M guest_loglvl=none" \
    </dev/null >"$work/serial" 2>"$work/errors" &
pid=$!

# A machine that Xen halted stays so: its last line is the end of the run.
status=
while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
    "(XEN) Hardware Dom0 halted"*) status=0; break ;;
    "(XEN) Hardware Dom0 "* | "(XEN) Manual reset required"*) status=1; break ;;
    esac
done <"$work/serial" >"$work/output"
[ -z "$status" ] || kill "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
[ $? -ne 124 ] || status=${status:-124}
status=${status:-1}
pid=

if [ "$status" -eq 0 ]; then
    grep -v '^(XEN)' "$work/output" | tr -d '\r'
    exit 0
fi
cat "$work/output" "$work/errors" | tr -d '\r'
exit "$status"
