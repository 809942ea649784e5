#!/bin/sh
# unsafe_cpu.sh HYPERVISOR BUILD: on a CPU with Meltdown an untrusted domain runs only if the tree says
# so; on others, and for who may map everything anyway, nothing changes.
set -u
hypervisor=$1
build=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

boot() # CPU HYPERVISOR-PROPERTY DOMAIN-PROPERTY
{
    cat >"$work/system.dts" <<END
/dts-v1/;
/ {
    compatible = "lamina,system-v1";
    hypervisor { $2 };
    domains {
        hello {
            compatible = "lamina,domain";
            kernel = /incbin/("$build/examples/hello/hello");
            memory = <8>;
            $3
        };
    };
};
END
    dtc -q -I dts -O dtb -o "$work/system.dtb" "$work/system.dts" || exit 1
    timeout 30 qemu-system-x86_64 -cpu "$1,smap=off" -m 128 -nodefaults -display none -no-reboot \
        -kernel "$hypervisor" -initrd "$work/system.dtb" -serial stdio \
        -device isa-debug-exit,iobase=0xf4,iosize=4 </dev/null >"$work/log" 2>&1
}

expect() # WHAT PATTERN
{
    if grep -q "$2" "$work/log"; then
        echo "ok: $1"
    else
        echo "FAIL: $1: nothing matches '$2' in"
        cat "$work/log"
        failed=1
    fi
}

runs='^Hello from a guest'
boot Skylake-Client "" ""
expect "refused" "^.lamina. /domains/hello: untrusted, and this CPU is open to Meltdown"
boot Skylake-Client "allow-unsafe-cpu;" ""
expect "allowed by the tree" "$runs"
boot Skylake-Client "" 'privileges = "foreign-map";'
expect "trusted" "$runs"
boot EPYC "" ""
expect "a CPU without the leak" "$runs"
exit $failed
