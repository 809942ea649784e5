#!/bin/sh
# run_test.sh GROUP LAMINA MACHINE: one group of tests of `lamina run`; MACHINE is machine.S, built.
set -u

group=$1
lamina=$2
machine=$3
check=$(dirname "$0")/../guest/check_run.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# expect CHECKS... -- COMMAND...: counts what check_run.sh finds.
expect()
{
    "$check" "$@" || failed=$((failed + 1))
}

tree='/dts-v1/; / { compatible = "lamina,system-v1"; domains { }; };'
echo "$tree" >"$work/good.dts"

# boot BEHAVIOUR OPTION...: the test machine.
boot=$work/boot
cat >"$boot" <<END
#!/bin/sh
behaviour=\$1
shift
exec "$lamina" run --hypervisor "$machine" --timeout 30 --boot-args "\$behaviour" "\$@"
END
chmod +x "$boot"

usage()
{
    expect --expect '^Usage: lamina COMMAND' -- "$lamina" --help
    expect --expect '^lamina [0-9]+\.[0-9]+' -- "$lamina" --version
    expect --expect '^Usage: lamina run' --expect '--timeout=SECONDS' -- "$lamina" run --help
    expect --exit 2 --expect '^Usage: lamina COMMAND' -- "$lamina"
    expect --exit 2 --expect "no command 'walk'" -- "$lamina" walk
    expect --exit 2 --expect "unrecognized option '--fast'" -- "$lamina" run --fast
    expect --exit 2 --expect '--ram 5x: expected a size' -- "$lamina" run --ram 5x
    expect --exit 2 --expect '--ram -1: expected a size' -- "$lamina" run --ram=-1
    expect --exit 2 --expect 'expected a size' -- "$lamina" run --ram 99999999999999999999G
    expect --exit 2 --expect 'expected a size' -- "$lamina" run --ram 20000000000G
    expect --exit 2 --expect 'expected whole MiB' -- "$lamina" run --kernel x --memory 1K
    for number in 0 65 2x; do
        expect --exit 2 --expect "--cpus $number: expected a number from 1 to 64" -- \
            "$lamina" run --cpus $number
    done
    expect --exit 2 --expect '--timeout 0: expected' -- "$lamina" run --timeout 0
    expect --exit 2 --expect '--timeout 5s: expected' -- "$lamina" run --timeout 5s
    expect --exit 2 --expect 'expected tcg or kvm' -- "$lamina" run --accel xen
    expect --exit 2 --expect 'tcg only' -- "$lamina" run --icount --accel kvm
    expect --exit 2 --expect "one SYSTEM only" -- "$lamina" run a.dts b.dts
    expect --exit 2 --expect "not both" -- "$lamina" run --kernel a b.dts
    expect --exit 2 --expect "which is missing" -- "$lamina" run --vcpus 2
}

input()
{
    : >"$work/empty"
    echo 'not a tree' >"$work/garbage"
    echo '/dts-v1/; / { compatible = ; };' >"$work/wrong.dts"
    echo '/dts-v1/; / { a = /incbin/("not-there"); };' >"$work/incbin.dts"
    dtc -q -I dts -O dtb -o "$work/good.dtb" "$work/good.dts"
    head -c 50 "$work/good.dtb" >"$work/short.dtb"

    for file in not-there:'cannot read system' empty:'is empty' garbage:'is no device tree' \
        wrong.dts:'not a valid device tree source' incbin.dts:'not a valid device tree source' \
        short.dtb:'not a valid device tree blob'; do
        expect --exit 2 --expect "${file#*:}" --reject 'test machine' -- \
            "$boot" 0 "$work/${file%%:*}"
    done
    for file in not-there:'cannot read kernel' empty:'is empty' .:'cannot read kernel'; do
        expect --exit 2 --expect "${file#*:}" --reject 'test machine' -- \
            "$boot" 0 --kernel "$work/${file%%:*}"
    done
    expect --exit 2 --expect 'cannot read ramdisk' -- \
        "$boot" 0 --kernel "$machine" --ramdisk "$work/not-there"
    expect --exit 2 --expect 'cannot write log' -- \
        "$boot" 0 --log "$work/not/there" "$work/good.dts"
    expect --exit 2 --expect 'cannot read hypervisor' -- \
        "$boot" 0 --hypervisor "$work/not-there" "$work/good.dts"

    # What QEMU and dtc see has commas and blanks in its name; /incbin/ is relative to the source.
    mkdir "$work/a, b"
    echo '/dts-v1/; / { a = /incbin/("some, data"); };' >"$work/a, b/c, d.dts"
    echo 'data' >"$work/a, b/some, data"
    cp "$machine" "$work/a, b/e, f"
    expect --expect 'test machine' -- \
        "$boot" m --hypervisor "$work/a, b/e, f" --log "$work/a, b/log, g" "$work/a, b/c, d.dts"
    expect --expect 'test machine' -- "$boot" m "$work/good.dtb"
    expect --expect '^not $' -- "$boot" m --unchecked "$work/garbage"
    expect --expect 'test machine' -- "$boot" 0 --unchecked "$work/empty"
    expect --expect 'test machine' -- \
        "$boot" 0 --kernel "$machine" --ramdisk "$machine" --cmdline 'a b' --memory 1G --vcpus 2
}

status()
{
    for code in 0 1 3; do
        expect --exit $code --expect '^test machine$' --reject 'lamina:' -- \
            "$boot" $code "$work/good.dts"
    done
    expect --exit 1 --expect 'triple fault' -- "$boot" t "$work/good.dts"
    expect --exit 124 --expect '^test machine$' --expect 'stopped after 1 second' -- \
        "$boot" h "$work/good.dts" --timeout 1
    expect --exit 124 --expect '^test machine$' -- "$boot" i "$work/good.dts" --timeout 1
    expect --expect '^test machine$' -- "$boot" 0 --icount --cpus 2 --ram 64M "$work/good.dts"

    # Without --icount, CPUs of the machine are threads of their own.
    mkdir "$work/shown"
    printf '#!/bin/sh\necho "$@"\n' >"$work/shown/qemu-system-x86_64"
    chmod +x "$work/shown/qemu-system-x86_64"
    shown="env PATH=$work/shown:$PATH $boot 0"
    for options in :'-accel tcg .*-smp 1' '--cpus 1:-accel tcg .*-smp 1' \
        '--cpus 64:-accel tcg,thread=multi .*-smp 64' \
        '--cpus 4 --icount:-accel tcg .*-smp 4 .*-icount'; do
        # shellcheck disable=SC2086  # one word an option
        expect --exit 1 --expect "${options#*:}" -- $shown ${options%%:*} "$work/good.dts"
    done

    # QEMU missing, refusing its arguments, and killed.
    expect --exit 1 --expect 'install the package qemu-system-x86' -- \
        env PATH=/not-there "$boot" 0 --unchecked "$work/good.dts"
    expect --exit 1 --expect 'qemu-system-x86_64 failed with status 1' -- \
        "$boot" 0 --hypervisor "$work/good.dts" "$work/good.dts"
    mkdir "$work/bin"
    printf '#!/bin/sh\nkill -SEGV $$\n' >"$work/bin/qemu-system-x86_64"
    chmod +x "$work/bin/qemu-system-x86_64"
    expect --exit 1 --expect 'killed by signal 11' -- \
        env "PATH=$work/bin:$PATH" "$boot" 0 "$work/good.dts"
}

relay()
{
    # Input that is there long before the machine is; its end does not end the run.
    expect --expect '^hello$' --input 'hello
quit' -- "$boot" e "$work/good.dts"
    expect --exit 124 --expect '^test machine$' -- "$boot" h "$work/good.dts" --timeout 2 </dev/null
    expect --expect '^test machine$' -- sh -c 'exec "$@" <&-' sh "$boot" 0 "$work/good.dts"

    # More than the serial line's buffers hold, and nothing of it lost or changed.
    awk 'BEGIN { for (i = 0; i < 400; i++) print "line", i, "abcdefghijklmnoprstuvwxyz" }' >"$work/text"
    { cat "$work/text" && echo quit; } | {
        "$boot" e --log "$work/log" "$work/good.dts"
    } >"$work/output" || failed=$((failed + 1))
    tail -n +2 "$work/output" | cmp - "$work/text" || failed=$((failed + 1))
    cmp "$work/output" "$work/log" || failed=$((failed + 1))

    # Nobody reads the output any more: the run ends.
    "$boot" i "$work/good.dts" | head -n 3 >"$work/output"
    grep -q 'test machine' "$work/output" || failed=$((failed + 1))

    # A signal ends the machine too.
    "$boot" i "$work/good.dts" >/dev/null &
    pid=$!
    sleep 1
    children=$(cat /proc/$pid/task/$pid/children)
    kill $pid
    wait $pid
    [ $? -eq 143 ] || failed=$((failed + 1))
    for child in $children; do
        ! kill -0 "$child" 2>/dev/null || failed=$((failed + 1))
    done
    [ -n "$children" ] || failed=$((failed + 1))
}

$group
[ $failed -eq 0 ] || echo "$failed checks failed"
[ $failed -eq 0 ]
