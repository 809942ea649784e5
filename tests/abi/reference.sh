#!/bin/sh
# Fails if the reference page in the repository is not the one that the table makes now.
#
#   reference.sh PROGRAM PAGE
if ! "$1" | diff -u "$2" -; then
    echo "$2 is out of date: build the target abi-md" >&2
    exit 1
fi
