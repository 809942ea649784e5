#!/bin/sh
# cppcheck.sh BUILD: a second opinion on all C of the hypervisor and the host tool. It cannot read the
# empty arguments in hypercalls.def; takes the two ends of a linker table for different objects, and an
# output argument for one that is read; and does not know that an asm goto writes.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
mkdir -p "$1/cppcheck"
cd "$root" && exec cppcheck --quiet --enable=warning,performance,portability --std=c11 -j 2 \
    --cppcheck-build-dir="$1/cppcheck" --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem --suppress=unmatchedSuppression \
    --suppress=legacyUninitvar:hypervisor/arch/x86_64/pv/guest_access.h \
    --suppress=comparePointers --suppress=ctuuninitvar --suppress=syntaxError:abi/hypercalls.def \
    -DLAMINA_HYPERVISOR -DCPPCHECK -D__x86_64__ -I. -Ihypervisor -Ihypervisor/arch/x86_64 hypervisor debug tools
