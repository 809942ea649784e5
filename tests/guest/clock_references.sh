#!/bin/sh
# clock_references.sh HYPERVISOR BUILD: by which clock the TSC is measured on which machine, and how
# well. Where the TSC counts instructions its rate is known: 1 GHz.
set -u
hypervisor=$1
build=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

cat >"$work/system.dts" <<END
/dts-v1/;
/ {
    compatible = "lamina,system-v1";
    domains {
        hello {
            compatible = "lamina,domain";
            kernel = /incbin/("$build/examples/hello/hello");
            memory = <8>;
        };
    };
};
END
dtc -q -I dts -O dtb -o "$work/system.dtb" "$work/system.dts" || exit 1

boot() # OPTION...
{
    timeout 60 qemu-system-x86_64 -cpu max,smap=off -m 128 -nodefaults -display none -no-reboot \
        -kernel "$hypervisor" -initrd "$work/system.dtb" -serial stdio \
        -device isa-debug-exit,iobase=0xf4,iosize=4 "$@" </dev/null 2>&1 | tr -d '\r' >"$work/log"
}

# The line must name the clock and promise so much; under -icount the promise must be true.
expect() # CLOCK PPM|any OPTION...
{
    clock=$1
    most=$2
    shift 2
    boot "$@"
    if awk -v clock="$clock" -v most="$most" '
        /^.lamina. .* MHz by / && index($0, " MHz by " clock ", within ") {
            for (i = 1; i <= NF; i++) {
                if ($i == "MHz")
                    mhz = $(i - 1)
                if ($i == "ppm")
                    ppm = $(i - 1)
            }
            off = (mhz - 1000) * 1000
            off = off < 0 ? -off : off
            right = most == "any" || (ppm <= most && off <= ppm + 1)
        }
        /^Hello from a guest/ { runs = 1 }
        END { exit !(right && runs) }' "$work/log"; then
        echo "ok: $clock with $*: $(sed -n 's/.*CPU used, //p' "$work/log")"
    else
        echo "FAIL: $clock, to $most ppm, with $*:"
        cat "$work/log"
        failed=1
    fi
}

for clock in icount any; do
    case $clock in
    icount) set -- -icount shift=0,sleep=off; hpet=2 acpi=10 pit=40 ;;
    any) set -- -accel tcg; hpet=any acpi=any pit=any ;;
    esac
    expect HPET $hpet -machine pc "$@"
    expect HPET $hpet -machine q35 "$@"
    expect "ACPI timer" $acpi -machine pc,hpet=off "$@"
    expect "ACPI timer" $acpi -machine q35,hpet=off "$@"
    expect PIT $pit -machine pc -no-acpi "$@"
done

# To the last second of the dates that the clock can mean.
boot -rtc base=2099-12-31T23:59:59
grep -q "^Hello from a guest" "$work/log" || { echo "FAIL: the last second"; cat "$work/log"; failed=1; }
exit $failed
