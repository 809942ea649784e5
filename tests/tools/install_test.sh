#!/bin/sh
# install_test.sh BUILD: what `cmake --install` installs boots its system, from wherever it is put.
set -eu
check=$(dirname "$(readlink -f "$0")")/../guest/check_run.sh
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$1" --prefix "$prefix/first" >"$prefix/log" || { cat "$prefix/log"; exit 1; }
mv "$prefix/first" "$prefix/second"
cd /
"$check" --expect 'round trips' -- "$prefix/second/bin/lamina" run --timeout 60
