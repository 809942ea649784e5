#!/bin/sh
# Compiles each header of abi/ alone, as guests and as the hypervisor see it: C99 -pedantic,
# freestanding, by gcc and clang; C++; and from assembly.
#
#   headers.sh ROOT
set -eu

cd "$1"
warnings="-Wall -Wextra -Wundef -Wshadow -Werror"
for header in abi/*.h abi/io/*.h; do
    for mode in -DGUEST -DLAMINA_HYPERVISOR; do
        for cc in gcc clang; do
            # A header of constants only is an empty translation unit, which C99 forbids.
            printf '#include "%s"\ntypedef int not_empty;\n' "$header" |
                $cc -std=c99 -pedantic -ffreestanding $warnings $mode -I. -fsyntax-only -xc - ||
                { echo "$header: not C99 with $cc $mode" >&2; exit 1; }
        done
        printf '#include "%s"\n' "$header" |
            clang++ -std=c++11 $warnings $mode -I. -fsyntax-only -xc++ - ||
            { echo "$header: not C++ with $mode" >&2; exit 1; }
    done
    for cc in gcc clang; do
        printf '#include "%s"\n' "$header" |
            $cc -Wundef -Werror -I. -c -xassembler-with-cpp -o /dev/null - ||
            { echo "$header: not usable from assembly with $cc" >&2; exit 1; }
    done
done

# What start-up and entry code in assembly needs.
for cc in gcc clang; do
    printf '%s\n' '#include "abi/xen.h"' 'movabs $MACH2PHYS_VIRT_START, %rax' 'XEN_CPUID' \
        'mov $__HYPERVISOR_iret, %eax' 'mov $VGCF_in_syscall, %eax' 'mov $-XEN_ENOSYS, %eax' \
        'mov $FLAT_KERNEL_CS, %eax' '.long XEN_ELFNOTE_ENTRY, XEN_CPUID_LEAF(2)' |
        $cc -I. -c -xassembler-with-cpp -o /dev/null - ||
        { echo "abi/xen.h: constants not usable from assembly with $cc" >&2; exit 1; }
done

# abi/ includes itself and <stdint.h>, nothing else.
if grep -Hn '^# *include' abi/*.h abi/io/*.h abi/*.def | grep -vE 'include ("abi/|<stdint\.h>)'; then
    echo "abi/ may include abi/ and <stdint.h> only" >&2
    exit 1
fi
