#!/bin/sh
# format.sh [--fix]: are all C files as .clang-format says? --fix makes them so.
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "${1-}" = --fix ] && set -- -i || set -- --dry-run -Werror
find abi debug hypervisor guest-sdk examples tools tests -name '*.[ch]' -print0 | xargs -0 clang-format "$@"
