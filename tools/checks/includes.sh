#!/bin/sh
# includes.sh [ROOT]: reports each #include that points upward or sideways. Who may include what:
set -u
rules='
abi     abi
lib     lib
core    core lib abi
arch    pv paging cpu lib abi
cpu     cpu core lib abi
paging  paging cpu core lib abi
pv      pv paging cpu core lib abi
boot    boot pv paging cpu core lib abi
debug   debug paging cpu core lib abi
main    main boot pv paging cpu core lib abi
sdk     sdk abi
example example sdk abi
tools   tools abi
'
# Besides, core/arch.h, and it alone in core/, includes arch_types.h; and everything under arch/ may
# include the types.h files there, which together make arch_types.h.

cd "${1:-$(dirname "$0")/../..}" || exit 1
find abi debug hypervisor guest-sdk examples tools -name '*.[chS]' -o -name '*.def' -o -name '*.lds' 2>/dev/null |
sort | awk -v rules="$rules" '
function zone(path)
{
    if (path ~ /^hypervisor\/arch\/[^\/]*\/(cpu|paging|pv|boot)\//) {
        split(path, part, "/")
        return part[4]
    }
    if (path ~ /^hypervisor\/arch\//) return "arch"
    if (path ~ /^hypervisor\/core\//) return "core"
    if (path ~ /^hypervisor\/lib\//) return "lib"
    if (path ~ /^hypervisor\//) return "main"
    if (path ~ /^guest-sdk\//) return "sdk"
    if (path ~ /^examples\//) return "example"
    return substr(path, 1, index(path, "/") - 1)
}

# The file that an include means: what the including folder has, then what the include paths have.
# A path that only another part has on its include path is tried last, so that it is found too.
function resolve(file, name, quoted,    folder, place, places, n, i)
{
    folder = file
    sub(/[^\/]*$/, "", folder)
    place = folder name
    while (sub(/[^\/]+\/\.\.\//, "", place))
        ;
    if (quoted && place in exists)
        return place
    n = split(quoted ? "/ hypervisor/ hypervisor/arch/x86_64/ guest-sdk/include/ guest-sdk/ tools/" \
                     : "/ guest-sdk/include/", places, " ")
    for (i = 1; i <= n; i++) {
        sub(/^\/$/, "", places[i])
        if ((places[i] name) in exists)
            return places[i] name
    }
    return ""
}

function permitted(file, target,    from, to)
{
    from = zone(file)
    to = zone(target)
    if (target ~ /^hypervisor\/arch\/[^\/]*\/([^\/]*\/types|arch_types)\.h$/)
        return file ~ /^hypervisor\/arch\// || file == "hypervisor/core/arch.h"
    return from == to || (from, to) in may
}

BEGIN {
    lines = split(rules, rule, "\n")
    for (i = 1; i <= lines; i++) {
        words = split(rule[i], word, " ")
        for (j = 2; j <= words; j++)
            may[word[1], word[j]] = 1
    }
}
{ exists[$0] = 1 }
END {
    bad = 0
    for (file in exists) {
        number = 0
        while ((getline line < file) > 0) {
            number++
            if (line !~ /^[ \t]*#[ \t]*include[ \t]*["<]/)
                continue
            quoted = line ~ /include[ \t]*"/
            name = line
            sub(/^[^"<]*["<]/, "", name)
            sub(/[">].*$/, "", name)
            target = resolve(file, name, quoted)
            if (target != "" && !permitted(file, target)) {
                printf "%s:%d: %s must not include %s\n", file, number, zone(file), target
                bad++
            }
        }
        close(file)
    }
    exit bad > 0
}'
