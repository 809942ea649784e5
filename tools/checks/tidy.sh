#!/bin/sh
# tidy.sh BUILD PART...: clang-tidy, with the root's .clang-tidy, on the sources of those folders that
# BUILD (configured for clang) compiles.
set -u
build=$1
shift
parts=$(echo "$*" | tr ' ' '|')
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1

# Each source once, even if several targets compile it. offsets.c makes no object file.
sources=$(sed -n 's/^ *"file": "\(.*\.c\)",*$/\1/p' "$build/compile_commands.json" | sort -u |
    grep -E "^$root/($parts)/" | grep -v /offsets.c)
if [ -z "$sources" ]; then
    echo "$build compiles nothing in: $*"
    exit 1
fi

# The analyzer's limit of states a function: with its own, a few functions take minutes and tell no more.
xclang='--extra-arg=-Xclang'
limit="$xclang --extra-arg=-analyzer-config $xclang --extra-arg=max-nodes=30000"

log=$build/tidy-$1.log
# shellcheck disable=SC2086  # several words
echo "$sources" | xargs -n 1 -P 2 clang-tidy --quiet -p "$build" $limit >"$log" 2>&1
status=$?
grep -v 'warnings* generated\|^Suppressed\|^Use -header-filter\|^$' "$log"
exit $status
