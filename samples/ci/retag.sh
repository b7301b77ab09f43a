#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gives an image further tags in its repository. Nothing is pulled: of each tag, the registry gets the manifest alone.
#
#     retag.sh registry.example.org/team/app:1.4.2 1.4 1 latest
set -eu

if [ $# -lt 2 ]; then
    echo "usage: ${0##*/} IMAGE TAG..." >&2
    exit 2
fi
image=$1
shift
repository=$(regctl ref "$image" --format '{{.Registry}}/{{.Repository}}')
# Whoever moves the tag meanwhile does not move what the others get.
digest=$(regctl image digest "$image")
for tag in "$@"; do
    regctl image copy "$repository@$digest" "$repository:$tag" >/dev/null
    echo "$repository:$tag $digest"
done
