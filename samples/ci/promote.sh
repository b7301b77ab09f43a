#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings a tested image from one registry to the next: by digest, so that production gets what was tested whatever becomes of the tag, with its
# signatures and SBOMs, and with proof at the end.
#
#     promote.sh staging.example.org/team/app:build-42 registry.example.org/team/app:1.4.2
#
# DIGEST=sha256:...      what the tests ran on; the image is refused when the tag has moved since
# NEEDS="TYPE..."        artifact types that have to hang on the image, such as application/vnd.dev.cosign.artifact.sig.v1+json
set -eu

if [ $# -ne 2 ]; then
    echo "usage: ${0##*/} SOURCE TARGET" >&2
    exit 2
fi
source=$1 target=$2
repository=$(regctl ref "$source" --format '{{.Registry}}/{{.Repository}}')
digest=$(regctl image digest "$source")
if [ "${DIGEST:-$digest}" != "$digest" ]; then
    echo "$source is $digest now, the tests ran on $DIGEST" >&2
    exit 1
fi
for type in ${NEEDS:-}; do
    found=$(regctl artifact list "$repository@$digest" --filter-artifact-type "$type" --format '{{len .Descriptors}}')
    if [ "$found" -eq 0 ]; then
        echo "$source has no artifact of type $type" >&2
        exit 1
    fi
done
# --verify reads every manifest back; the tag is written last.
regctl image copy --referrers --digest-tags --verify "$repository@$digest" "$target" >/dev/null
arrived=$(regctl image digest "$target")
if [ "$arrived" != "$digest" ]; then
    echo "$target is $arrived, wanted $digest" >&2
    exit 1
fi
echo "$target $digest"
