#!/bin/sh
# Compares abi/ with Xen's public headers: every constant, every structure's size, every field's
# offset, size and sign. The list of what to compare is taken from abi/ by the compiler, so a new name
# cannot be forgotten: it has a counterpart in Xen, or it is in the list of Lamina's own names.
#
#   compare.sh ROOT OWN_NAMES CALLS [XEN_HEADERS]
#     ROOT         the folder with abi/
#     OWN_NAMES    file: names that Xen does not have ("struct x" for a structure), # comments
#     CALLS        file: for each macro with arguments, a call whose value is compared
#     XEN_HEADERS  /usr/include/xen unless given (Debian's libxen-dev)
set -eu

root=$1 own_names=$2 calls=$3 xen=${4:-/usr/include/xen}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! grep -qs XEN_PUBLIC_XEN_H "$xen/xen.h"; then
    echo "compare.sh: no Xen headers in $xen: install libxen-dev" >&2
    exit 2
fi

# --- the two sides, as one file each that includes everything ---

# (abi/hypercalls.h is left out: macros for reading the table, nothing that a guest meets.)
(cd "$root" && ls abi/*.h abi/io/*.h) | grep -v '^abi/hypercalls.h$' |
    sed 's/.*/#include "&"/' >"$work/ours.h"
{
    echo '#include <stdint.h>'
    echo '#include <stddef.h>'
    for h in xen callback elfnote errno event_channel features grant_table memory nmi physdev \
             sched vcpu version arch-x86/cpuid io/console io/ring; do
        echo "#include \"$xen/$h.h\""
    done
    # __XEN_TOOLS__ from the beginning would rename the registers of xen.h; so what domctl.h needs of it
    # is put here, and of the union only the size is compared.
    cat <<END
#define __XEN_TOOLS__ 1
#define __XEN_PUBLIC_HVM_SAVE_H__
#define XEN_GUEST_HANDLE_64(t) XEN_GUEST_HANDLE(t)
typedef uint64_t __attribute__((aligned(8))) uint64_aligned_t;
typedef int64_t __attribute__((aligned(8))) int64_aligned_t;
struct xen_arch_domainconfig { uint32_t any; };
struct xenctl_bitmap { uint32_t any; };
struct hvm_vmce_vcpu { uint32_t any; };
#include "$xen/domctl.h"
END
} >"$work/xen.h"
# -std=c99 makes Xen's cpu_user_regs one without unnamed unions.
ours="clang -std=c99 -I$root"
theirs="clang -std=c99 -D__XEN_INTERFACE_VERSION__=0x00040e00"

# --- names: "define NAME", "call NAME", "struct struct NAME", "field struct NAME.path", and "tail"
# for a field that is an array without a size ---

# Macros that were defined in a file whose path matches `where`, and enumerators of any file.
macros() {
    awk -v where="$1" '
        /^# [0-9]+ "/ { here = index($3, where) != 0; next }
        here && /^#define [A-Za-z_0-9]+\(/ { sub(/\(.*/, "", $2); print "call " $2; next }
        here && /^#define / && NF > 2 { print "define " $2; next }
        /^ *[A-Z_0-9]+ = [0-9]+,/ { print "define " $1 }' | sort -u
}

# Reads clang`s layout dump: two columns of blanks deeper is one level further inside.
records() {
    awk '
        /Dumping AST Record Layout/ { top = 1; next }
        /\[sizeof=/ { top = 0; skip = 0; next }
        !/ \| / { next }
        {
            text = $0
            sub(/^[^|]*\| /, "", text)
            depth = match(text, /[^ ]/) - 1
            sub(/^ */, "", text)
            if (top) {
                top = 0
                skip = text !~ /^(struct|union) [A-Za-z_0-9]+$/ || text ~ / (__va_list_tag|__NSConst.*)$/
                record = text
                if (!skip) print "struct " record
                next
            }
            if (skip) next
            n = split(text, word, " ")
            level = depth / 2
            path[level] = word[n]
            name = path[1]
            for (i = 2; i <= level; i++) name = name "." path[i]
            print (word[n - 1] ~ /\[\]$/ ? "tail " : "field ") record "." name
        }' | sort -u
}

$ours -E -dD -xc "$work/ours.h" | macros "abi/" >"$work/ours.names"
$ours -fsyntax-only -Xclang -fdump-record-layouts-complete -xc "$work/ours.h" | records >>"$work/ours.names"
$theirs -E -dD -xc "$work/xen.h" | macros "$xen/" >"$work/xen.names"
$theirs -fsyntax-only -Xclang -fdump-record-layouts-complete -xc "$work/xen.h" | records >>"$work/xen.names"

# --- what to compare, and what is on one side only ---

awk -v own="$own_names" -v calls="$calls" '
    BEGIN {
        while ((getline line < own) > 0) {
            sub(/#.*/, "", line); gsub(/^ +| +$/, "", line)
            if (line != "") lamina[line] = 1
        }
        while ((getline line < calls) > 0) {
            name = line; sub(/\(.*/, "", name)
            if (line ~ /\(/) { call[name] = line; called[name] = 0 }
        }
    }
    function name_of(s) { sub(/^[a-z]+ /, "", s); return s }
    function fail(text) { print "abi: " text > "/dev/stderr"; bad = 1 }
    NR == FNR { theirs[$0] = 1; next }
    /^(field|tail) / {
        record = $2 " " $3; sub(/\..*/, "", record)
        if (record in lamina) next
        if (!($0 in theirs)) { sub(/^[^.]*\./, "", $3); fail(record ", " $3 ": a field that Xen does not have"); next }
        print; next
    }
    {
        name = name_of($0); seen[name] = 1
        if (name in lamina) {
            if ($0 in theirs) fail(name ": listed as Lamina'"'"'s own, but Xen has it")
            next
        }
        if (!($0 in theirs)) { fail(name ": Xen has no such name; if it is Lamina'"'"'s own, list it in " own); next }
        if ($1 == "call") {
            if (!(name in call)) { fail(name ": a macro with arguments; add a call of it to " calls); next }
            called[name] = 1; print "call " call[name]; next
        }
        print
    }
    END {
        for (n in lamina) if (!(n in seen)) fail(n ": listed as Lamina'"'"'s own, but not in abi/")
        for (n in called) if (!called[n]) fail(n ": called in " calls ", but not a name of both sides")
        exit bad
    }' "$work/xen.names" "$work/ours.names" >"$work/list" || exit 1

# --- one program for each side prints all values ---

awk '
    BEGIN {
        print "#include <stddef.h>\n#include <stdio.h>"
        print "static void number(const char *n, long long v) { printf(\"%s is %#llx\\n\", n, v); }"
        print "static void text(const char *n, const char *v) { printf(\"%s is %s\\n\", n, v); }"
        print "#define VALUE(n, x) _Generic((x), char *: text, default: number)(n, x)"
        print "#define SIGN(x) _Generic((x), signed char: \", signed\", short: \", signed\", " \
            "int: \", signed\", long: \", signed\", default: \"\")"
        print "int main(void) {"
    }
    /^(define|call) / {
        x = $0; sub(/^[a-z]+ /, "", x)
        printf "VALUE(\"%s\", %s);\n", x, x
    }
    /^struct / {
        x = $2 " " $3
        printf "printf(\"sizeof(%s) is %%zu\\n\", sizeof(%s));\n", x, x
    }
    /^field / {
        record = $2 " " $3; field = record; sub(/\..*/, "", record); sub(/^[^.]*\./, "", field)
        printf "printf(\"%s.%s is at %%zu, size %%zu%%s\\n\", offsetof(%s, %s), " \
            "sizeof(((%s *)0)->%s), SIGN(((%s *)0)->%s));\n",
            record, field, record, field, record, field, record, field
    }
    /^tail / {
        record = $2 " " $3; field = record; sub(/\..*/, "", record); sub(/^[^.]*\./, "", field)
        printf "printf(\"%s.%s is at %%zu\\n\", offsetof(%s, %s));\n", record, field, record, field
    }
    END { print "return 0;\n}" }' "$work/list" >"$work/values.c"

$theirs -w -include "$work/xen.h" "$work/values.c" -o "$work/xen"
"$work/xen" >"$work/xen.values"
for side in "a guest" "the hypervisor"; do
    mode=
    [ "$side" = "a guest" ] || mode=-DLAMINA_HYPERVISOR
    $ours $mode -w -include "$work/ours.h" "$work/values.c" -o "$work/ours"
    "$work/ours" >"$work/ours.values"
    paste -d '\n' "$work/ours.values" "$work/xen.values" | awk -v side="$side" '
        NR % 2 { ours = $0; next }
        ours != $0 {
            sub(/.* is /, "", $0)
            print "abi: as " side " sees it, " ours "; in Xen it is " $0 > "/dev/stderr"; bad = 1
        }
        END { exit bad }' || failed=1
done
[ -z "${failed:-}" ] || exit 1
echo "abi: $(grep -cE '^(define|call)' "$work/list") constants, $(grep -c ^struct "$work/list") structures and" \
    "$(grep -cE '^(field|tail)' "$work/list") fields are as in Xen"
