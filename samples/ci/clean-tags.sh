#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Deletes old tags of a pipeline and keeps the newest, by the order of their versions. Says what it would do; --delete does it. Images that another
# tag has stay, since only tags are deleted.
#
#     clean-tags.sh registry.example.org/team/app 'build-[0-9]+' 20
#     clean-tags.sh registry.example.org/team/app 'build-[0-9]+' 20 --delete
set -eu

if [ $# -lt 3 ] || [ $# -gt 4 ] || [ "${4:---delete}" != --delete ]; then
    echo "usage: ${0##*/} REPOSITORY PATTERN KEEP [--delete]" >&2
    exit 2
fi
repository=$1 pattern=$2 keep=$3 really=${4:-}
case $keep in
    '' | *[!0-9]*)
        echo "${0##*/}: KEEP is a number, not \"$keep\"" >&2
        exit 2
        ;;
esac
tags=$(regctl tag ls "$repository" --include "$pattern")
printf '%s\n' "$tags" | sort -rV | tail -n "+$((keep + 1))" | while read -r tag; do
    [ -n "$tag" ] || continue
    if [ -n "$really" ]; then
        regctl tag delete --ignore-missing "$repository:$tag" || exit 1
        echo "deleted $repository:$tag"
    else
        echo "would delete $repository:$tag"
    fi
done
