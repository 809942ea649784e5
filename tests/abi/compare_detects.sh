#!/bin/sh
# Shows that compare.sh finds what it is there for: each case spoils a copy of abi/ in one way, and
# the comparison must fail with a message that names the thing, and the values where there are two.
#
#   compare_detects.sh ROOT TESTS_ABI
set -eu

root=$1 here=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# case FILE SED_SCRIPT EXPECTED_TEXT...: FILE is in the copy of abi/ or of the lists.
try() {
    file=$1 script=$2
    shift 2
    rm -rf "$work/copy"
    mkdir "$work/copy"
    cp -r "$root/abi" "$here/own_names.txt" "$here/calls.txt" "$work/copy"
    sed -i "$script" "$work/copy/$file"
    if cmp -s "$work/copy/$file" "$root/$file" || cmp -s "$work/copy/$file" "$here/$file"; then
        echo "$file: '$script' changes nothing"
        failed=1
        return
    fi
    if "$here/compare.sh" "$work/copy" "$work/copy/own_names.txt" "$work/copy/calls.txt" \
        >"$work/out" 2>&1; then
        echo "$file: '$script' was not noticed"
        failed=1
        return
    fi
    for text; do
        if ! grep -qF -- "$text" "$work/out"; then
            echo "$file: '$script': the message does not say '$text':"
            cat "$work/out"
            failed=1
        fi
    done
}

# wrong values
try abi/sched.h 's/\(define SCHEDOP_poll  *\)3/\14/' 'SCHEDOP_poll is 0x4' 'in Xen it is 0x3'
try abi/errno.h 's/\(define XEN_ENOSYS  *\)38/\139/' 'XEN_ENOSYS is 0x27' 'in Xen it is 0x26'
try abi/arch-x86_64.h 's/0x78, 0x65/0x78, 0x66/; s/0x78,0x65/0x78,0x66/' 'XEN_CPUID is .byte 0x0f,0x0b,0x78,0x66'
try abi/memory.h 's/(((node) + 1) << 8)/((node) << 8)/' 'XENMEMF_node(5) is 0x500' 'in Xen it is 0x600'
# wrong layout: order, size of a field, size of a structure
try abi/sched.h 's/uint32_t nr_ports/uint64_t nr_ports/' 'struct sched_poll.nr_ports is at 8, size 8' 'at 8, size 4'
try abi/xen.h 's/uint64_t mod_len/uint32_t more, mod_len/' 'struct start_info, more: a field that Xen does not have'
try abi/event_channel.h '/uint32_t vcpu;   \/\* out/d' 'struct evtchn_status.u.interdomain.port is at 16'
try abi/vcpu.h 's/uint64_t time\[4\]/uint64_t time[5]/' 'sizeof(struct vcpu_runstate_info) is 56' 'in Xen it is 48'
try abi/guest_ptr.h 's/uint64_t addr;/uint32_t addr;/' 'as the hypervisor sees it, struct sched_poll.ports is at 0, size 4'
try abi/grant_table.h 's/int16_t status;       *\/\* out \*\/$/uint16_t status;/' ', signed'
# new names that no one listed
try abi/version.h 's/^#define XENVER_build_id.*/&\n#define XENVER_new 11/' 'XENVER_new: Xen has no such name'
try abi/callback.h 's/^struct callback_unregister/struct callback_new { int x; };\n&/' 'struct callback_new: Xen has no such name'
try abi/lamina.h 's/struct lamina_version {/struct lamina_versions {/' 'struct lamina_versions: Xen has no such name' 'struct lamina_version: listed'
try abi/memory.h 's/^#define XENMEMF_vnode.*/&\n#define XENMEMF_new(x) (x)/' 'XENMEMF_new: Xen has no such name'
# stale and wrong lists
try own_names.txt '$a LAMINA_GONE' 'LAMINA_GONE: listed' 'not in abi/'
try own_names.txt '$a XEN_EPERM' 'XEN_EPERM: listed' 'but Xen has it'
try own_names.txt '/^E820_RAM/d' 'E820_RAM: Xen has no such name'
try calls.txt '/^XENMEMF_node/d' 'XENMEMF_node: a macro with arguments'
try calls.txt '$a XEN_GONE(1)' 'XEN_GONE: called'

[ $failed = 0 ] && echo "abi: every spoilt copy was noticed"
exit $failed
