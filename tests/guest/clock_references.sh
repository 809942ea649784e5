#!/bin/sh
# clock_references.sh HYPERVISOR BUILD: by which clock the TSC is measured on which machine, and how
# well. Where the TSC counts instructions its rate is known: 1 GHz.
. "$(dirname "$0")/boot.sh"
system "" ""

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
        fail "$clock, to $most ppm, with $*"
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
grep -q "^Hello from a guest" "$work/log" || fail "the last second"
exit $failed
