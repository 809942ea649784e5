# Read by scripts with the arguments HYPERVISOR BUILD: boots examples/hello on other machines than
# `lamina run` offers. Sets work, a folder for the time of the script, and failed.
# shellcheck shell=sh
set -u
hypervisor=$1
build=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# The system to boot: hello, with these properties besides.
system() # HYPERVISOR-PROPERTY DOMAIN-PROPERTY
{
    dtc -q -I dts -O dtb -o "$work/system.dtb" - <<END || exit 1
/dts-v1/;
/ {
    compatible = "lamina,system-v1";
    hypervisor { $1 };
    domains {
        hello {
            compatible = "lamina,domain";
            kernel = /incbin/("$build/examples/hello/hello");
            memory = <8>;
            $2
        };
    };
};
END
}

# Its output goes to $work/log.
boot() # QEMU-OPTION...
{
    timeout 60 qemu-system-x86_64 -cpu max,smap=off -m 128 -nodefaults -display none -no-reboot \
        -kernel "$hypervisor" -initrd "$work/system.dtb" -serial stdio \
        -device isa-debug-exit,iobase=0xf4,iosize=4 "$@" </dev/null 2>&1 | tr -d '\r' >"$work/log"
}

fail() # WHAT
{
    echo "FAIL: $1:"
    cat "$work/log"
    failed=1
}
