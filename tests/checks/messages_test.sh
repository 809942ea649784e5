#!/bin/sh
# messages_test.sh CHECKS ROOT: messages.sh notices each way in which the page-table code and
# docs/page-mapping.md can come to differ.
set -u
checks=$1 root=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
paging=hypervisor/arch/x86_64/paging
failed=0

# FILE SED_SCRIPT EXPECTED_TEXT: in a copy of the tree.
try()
{
    rm -rf "$work/tree"
    mkdir -p "$work/tree/hypervisor/arch/x86_64/pv" "$work/tree/docs"
    cp -r "$root/$paging" "$work/tree/hypervisor/arch/x86_64"
    cp "$root/hypervisor/arch/x86_64/pv/direct_write.c" "$work/tree/hypervisor/arch/x86_64/pv"
    cp "$root/docs/page-mapping.md" "$work/tree/docs"
    sed -i "$2" "$work/tree/$1"
    if cmp -s "$work/tree/$1" "$root/$1"; then
        echo "FAIL: $1: '$2' changes nothing"
        failed=1
    elif "$checks/messages.sh" "$work/tree" >"$work/said" || ! grep -qF -- "$3" "$work/said"; then
        echo "FAIL: $1: '$2' was not noticed:"
        cat "$work/said"
        failed=1
    fi
}

new='not in docs/page-mapping.md: '
old='no message any more: '
# a message that is new, reworded, in parts, gone; a new part of one
try $paging/type.c 's/^    table_put(d, frame_mfn(f));/    guest_log(d, "mfn %#lx: is new", m.n);\n&/' "${new}mfn <>: is new"
try $paging/type.c 's/it is pinned already/it has a pin/' "${old}pin of mfn <>: it is pinned already"
try $paging/update.c 's/slots 256 to 271/slots 256 " "to 272/' "${new}L4[<>] of mfn <>: slots 256 to 272 are"
try $paging/descriptor.c '/not on 8 bytes/d' "${old}update_descriptor at <>: not on 8 bytes"
try $paging/refuse.c 's/"an L4 page table"/&, "a new page"/' "${new}a new page"
try hypervisor/arch/x86_64/pv/direct_write.c 's/instruction is not/one is not/' "${new}direct write at <>: that one is not"
# a row of the page that is gone, misspelt, too many
try docs/page-mapping.md '/^| `foreign domain/d' "${new}foreign domain <>: <>"
try docs/page-mapping.md 's/^| `the domain is being/| `the domain was being/' "${old}the domain was being destroyed"
try docs/page-mapping.md '$a | `of no use` | why | |' "${old}of no use"

exit $failed
