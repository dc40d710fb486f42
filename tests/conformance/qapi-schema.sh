#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs the schema compiler over the conformance cases, which lie beside the source tree.
#
#     qapi-schema.sh SOURCE_ROOT QAPIC
script=$1/../shared/conformance/qapi-schema/run.py
if [ ! -f "$script" ]; then
    echo "SKIP qapi-schema: no conformance cases at ../shared/conformance/qapi-schema"
    exit 77
fi
if ! command -v python3 >/dev/null; then
    echo "SKIP qapi-schema: no python3"
    exit 77
fi
QAPIC=$2 exec python3 "$script"
