#!/bin/sh
# unsafe_cpu.sh HYPERVISOR BUILD: on a CPU with Meltdown an untrusted domain runs only if the tree says
# so; on others, and for who may map everything anyway, nothing changes.
. "$(dirname "$0")/boot.sh"

expect() # WHAT PATTERN CPU HYPERVISOR-PROPERTY DOMAIN-PROPERTY
{
    system "$4" "$5"
    boot -cpu "$3,smap=off"
    if grep -q "$2" "$work/log"; then
        echo "ok: $1"
    else
        fail "$1: nothing matches '$2' in"
    fi
}

runs='^Hello from a guest'
expect "refused" "^.lamina. /domains/hello: untrusted, and this CPU is open to Meltdown" Skylake-Client "" ""
expect "allowed by the tree" "$runs" Skylake-Client "allow-unsafe-cpu;" ""
expect "trusted" "$runs" Skylake-Client "" 'privileges = "foreign-map";'
expect "a CPU without the leak" "$runs" EPYC "" ""
exit $failed
