#!/bin/sh
# lines.sh [FOLDER [LIMIT]]: counts lines of code (C and assembly, not linker scripts; neither blank nor
# only comment) and fails from LIMIT on. Files that deserve a second look for their length are named.
set -u
folder=${1:-$(dirname "$0")/../../hypervisor}
limit=${2:-10000}

find "$folder" \( -name '*.[chS]' -o -name '*.def' \) ! -name '*.lds.S' | sort | xargs awk -v limit="$limit" '
function finish()
{
    if (file != "" && length_of_file > 400)
        printf "note: %s has %d lines\n", file, length_of_file
}
FNR == 1 { finish(); file = FILENAME; comment = 0 }
{
    length_of_file = FNR
    line = $0
    code = ""
    while (line != "") {
        if (comment) {
            end = index(line, "*/")
            comment = end == 0
            line = end ? substr(line, end + 2) : ""
        } else {
            start = index(line, "/*")
            code = code (start ? substr(line, 1, start - 1) : line)
            comment = start > 0
            line = start ? substr(line, start + 2) : ""
        }
    }
    sub(/\/\/.*/, "", code)
    count += code ~ /[^ \t]/
}
END {
    finish()
    printf "%d lines of code, limit %d\n", count, limit
    exit count >= limit
}'
