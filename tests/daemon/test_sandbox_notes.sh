#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_sandbox_notes.sh SANDBOX-CALLS: notes on system calls are read right, and wrong ones are told.
tool=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
number=0
echo 1..6
point() { # point NAME COMMAND...
    number=$((number + 1))
    name=$1
    shift
    if "$@" >out 2>&1; then
        echo "ok $number $name"
    else
        echo "not ok $number $name"
        sed 's/^/# /' out
    fi
}

printf '/* syscalls: read -- one */\n    /* syscalls(io_uring): io_uring_setup\n     * io_uring_enter -- two\n     * lines */\n' >a.c
point "a note is read" sh -c '"$0" cc -- a.c | grep "WHEN_ALWAYS}, /\* read \*/"' "$tool"
point "its group and its second line, too" sh -c '"$0" cc -- a.c | grep "WHEN_IO_URING}, /\* io_uring_enter \*/"' "$tool"
point "the table has file and reason" sh -c '"$0" -t cc -- a.c | grep -F "| \`io_uring_setup\` | io_uring | \`a.c\` | two lines |"' "$tool"
printf '/* syscalls: raed -- oops */\n' >a.c
point "a call that does not exist is told" sh -c '! "$0" cc -- a.c 2>&1 >/dev/null && "$0" cc -- a.c 2>&1 | grep -F "a.c: \"raed\" is no system call"' "$tool"
printf '/* syscalls: read write */\n' >a.c
point "a note without a reason is told" sh -c '! "$0" cc -- a.c >/dev/null 2>&1 && "$0" cc -- a.c 2>&1 | grep "lacks the reason"' "$tool"
printf '/* syscalls: open -- where there is one */\n' >a.c
point "a call that only some architectures have is fine" "$tool" cc -- a.c
