#!/bin/sh
# run.sh MODEL...: Spin visits every state of the model and finds nothing wrong; of each variant that
# breaks a rule it finds what is wrong. With SHOW=1 also the numbers.
set -u
models=$(cd "$(dirname "$0")" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

# Unoptimized: gcc takes longer for the one huge function of pan.c than it saves.
build() # MODEL
{
    spin -a "$models/$1.pml" >spin.out && cc -w -O0 -DSAFETY -DMEMLIM=1800 -o "$1" pan.c && return
    cat spin.out
    echo "FAIL: $1.pml does not build"
    exit 1
}

search() # MODEL VARIANT ACTORS
{
    VARIANT=$2 ACTORS=$3 "./$1" -m2000000 -w23 >out
}

holds() # MODEL ACTORS
{
    search "$1" 0 "$2"
    if grep -q 'errors: 0$' out && ! grep -Eq 'depth too small|out of memory|max.*reached' out; then
        states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)
        echo "$1, actors $2: no error in all $states states"
        [ -z "${SHOW:-}" ] || grep -E 'elapsed|total actual' out
    else
        echo "FAIL: $1, actors $2:"
        cat out
        failed=1
    fi
}

breaks() # MODEL ACTORS VARIANT...
{
    model=$1 actors=$2
    shift 2
    for variant; do
        search "$model" "$variant" "$actors"
        # A model that ran out of depth or memory has found nothing.
        if found=$(grep -E '^pan:1: (assertion violated|invalid end state)' out); then
            [ -z "${SHOW:-}" ] || echo "$model, variant $variant: $found"
        else
            echo "FAIL: $model, actors $actors: variant $variant is not found out"
            failed=1
        fi
    done
    echo "$model, actors $actors: $# variants found out"
}

check_clock()
{
    holds clock 0
    breaks clock 0 1 2 3
}

check_mutex()
{
    holds mutex 0
    breaks mutex 0 1 2 3 4 5 6 7
}

# Actors 1: two vCPUs; 2: a vCPU and the peer; 3: two vCPUs with fewer operations, and the peer.
check_page_types()
{
    for actors in 1 2 3; do
        holds page_types $actors
    done
    breaks page_types 1 1 2 3 5 7 8 9 10 11 12 13 14 16 17
    breaks page_types 2 4 6 15
}

# Actors: what the guest does once before it waits; bits of `guest` in the model.
check_events()
{
    for actors in 0 1 2 4 8; do
        holds events $actors
    done
    breaks events 0 1 2 4 5 6 9 15 16 18
    breaks events 1 10 11
    breaks events 2 7 8 17
    breaks events 4 12 13
    breaks events 8 14
    breaks events 16 3
}

# Actors: which vCPUs there are, and who sends; bits of `scope` in the model.
check_wake()
{
    holds wake 0
    holds wake 2
    breaks wake 0 3 4
    breaks wake 1 1 2
}

# Actors: what the guest does once with a port; bits of `guest` in the model.
check_fifo()
{
    for actors in 0 1 2 4 8 16; do
        holds fifo $actors
    done
    breaks fifo 0 1 2 3 4 5 6 7 8 9 15 16 17 18
    breaks fifo 1 10 11 14
    breaks fifo 4 13 19 20 21
    breaks fifo 40 12
}

check_bind()
{
    holds bind 0
    breaks bind 0 1 2 3 4
}

# Actors: CPUs.
check_call()
{
    holds call 2
    holds call 3
    breaks call 2 1 2 3 4 5 6 8
    breaks call 3 7
}

for model; do
    build "$model"
    "check_$model"
done
exit $failed
