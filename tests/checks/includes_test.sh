#!/bin/sh
# includes_test.sh CHECKS: includes.sh passes a tree that keeps the rules and names each violation.
set -u
check=$1/includes.sh
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
failed=0

put() # FILE LINE...
{
    mkdir -p "$tree/$(dirname "$1")"
    file=$tree/$1
    shift
    printf '%s\n' "$@" >"$file"
}

arch=hypervisor/arch/x86_64
put abi/xen.h '#include "abi/errno.h"'
put abi/errno.h
put hypervisor/lib/types.h '#include <stdint.h>'
put hypervisor/core/arch.h '#include "abi/xen.h"' '#include "lib/types.h"' '#include "arch_types.h"'
put hypervisor/core/grant.c '#include "grant.h"' '#include "core/arch.h"'
put hypervisor/core/grant.h
put $arch/arch_types.h '#include "paging/types.h"' '#include "pv/types.h"' '#include "cpu/traps.h"'
put $arch/paging/types.h
put $arch/pv/types.h
put $arch/cpu/traps.c '#include "core/arch.h"' '#include "pv/types.h"' '#include "cpu/traps.h"'
put $arch/cpu/traps.h
put $arch/paging/frame.c '#include "cpu/traps.h"'
put $arch/paging/frame.h
put $arch/pv/bounce.c '#include "paging/frame.h"' '#include "cpu/traps.h"'
put $arch/pv/bounce.h
put $arch/boot/start.c '#include "pv/bounce.h"'
put hypervisor/main.h
put hypervisor/main.c '#include "core/grant.h"' '#include "pv/bounce.h"'
put guest-sdk/include/lamina/guest.h '#include "abi/xen.h"'
put examples/hello/hello.c '#include <lamina/guest.h>' '#include <string.h>'
put tools/main.c '#include "abi/xen.h"' '#include "blob.h"'
put tools/blob.h

"$check" "$tree" >"$tree/said" || { echo "FAIL: finds fault with good files:"; cat "$tree/said"; failed=1; }

# Plants one line at the end of a file; the check must name the file.
wrong() # FILE INCLUDE
{
    cp "$tree/$1" "$tree/kept"
    echo "#include $2" >>"$tree/$1"
    if "$check" "$tree" >"$tree/said" || ! grep -q "^$1:[0-9]*: .* must not include" "$tree/said"; then
        echo "FAIL: does not find $2 in $1"
        cat "$tree/said"
        failed=1
    fi
    cp "$tree/kept" "$tree/$1"
}

wrong abi/xen.h '"lib/types.h"'
wrong hypervisor/lib/types.h '"core/grant.h"'
wrong hypervisor/lib/types.h '"abi/xen.h"'
wrong hypervisor/core/grant.c '"arch_types.h"'
wrong hypervisor/core/grant.c '"cpu/traps.h"'
wrong hypervisor/core/grant.c '"arch/x86_64/paging/types.h"'
wrong hypervisor/core/arch.h '"paging/frame.h"'
wrong $arch/arch_types.h '"core/grant.h"'
wrong $arch/cpu/traps.c '"paging/frame.h"'
wrong $arch/cpu/traps.c '"../pv/bounce.h"'
wrong $arch/paging/frame.c '"pv/bounce.h"'
wrong $arch/pv/bounce.c '"hypervisor/main.h"'
wrong guest-sdk/include/lamina/guest.h '"hypervisor/core/grant.h"'
wrong examples/hello/hello.c '"core/grant.h"'
wrong tools/main.c '"core/grant.h"'
wrong tools/main.c '<lamina/guest.h>'

exit $failed
