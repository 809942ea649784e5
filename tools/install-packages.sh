#!/bin/sh
# install-packages.sh run|test: installs what packages.txt lists for that and is missing. Says
# nothing when nothing is.
set -u
here=$(dirname "$0")
wanted=run
[ "$1" = test ] && wanted='run|test'

# Not Debian: whoever lacks something learns it from cmake.
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0

packages=$(grep -v '^#' "$here/packages.txt" | grep -E "[[:blank:]]($wanted)\$" | sed 's/[[:blank:]].*//')
# shellcheck disable=SC2086  # one word a package
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null |
    sed -n 's/^installed //p')
missing=
for package in $packages; do
    echo "$installed" | grep -qx "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "lamina: packages are missing; install them with: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "lamina: installing$missing" >&2
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
apt()
{
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" </dev/null >"$log" 2>&1
}
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $missing; then
    # Package lists that are old or were never fetched.
    apt update && apt install --no-install-recommends $missing || {
        cat "$log" >&2
        echo "lamina: cannot install$missing" >&2
        exit 1
    }
fi
