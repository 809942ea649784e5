#!/bin/sh
# Builds with gcc and clang and runs every test, those in QEMU also without the self-checks. Arguments go to ctest: ./test.sh -R grant
set -u
cd "$(dirname "$0")" || exit 1
tools/install-packages.sh test || exit 1

passed=0
failed=0
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT

targets=all

build() # PRESET
{
    [ -f "build/$1/build.ninja" ] || cmake --preset "$1" >"$logs/build" 2>&1 || return 1
    # shellcheck disable=SC2086  # one word a target
    ninja -C "build/$1" -j 2 -k 0 $targets >"$logs/build" 2>&1
}

run_tests() # PRESET CTEST-ARGUMENT...
{
    preset=$1
    shift
    echo "== $preset: build"
    if ! build "$preset"; then
        cat "$logs/build"
        echo "== $preset: the build failed"
        failed=$((failed + 1))
        return
    fi
    echo "== $preset: tests"
    ctest --test-dir "build/$preset" -j 2 --output-on-failure -O "$logs/$preset" "$@"
    status=$?
    summary=$(grep '% tests passed, ' "$logs/$preset" | tail -n 1)
    if [ -z "$summary" ]; then
        # ctest itself failed, or no name matched.
        failed=$((failed + (status != 0)))
        return
    fi
    bad=$(echo "$summary" | sed 's/.*passed, \([0-9]*\) tests* failed.*/\1/')
    all=$(echo "$summary" | sed 's/.*out of \([0-9]*\).*/\1/')
    failed=$((failed + bad))
    passed=$((passed + all - bad))
}

run_tests dev "$@"
run_tests clang "$@"
targets="hypervisor/all tools/all examples/all tests/guest/all tests/guest/bad/all
    tests/bench/all"
run_tests release -L guest "$@"

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
