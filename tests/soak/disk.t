#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# disks that fail, hang, fill, are cut, frozen or damaged under a cluster, on both kernels
exec "$(dirname "$0")/../e2e/disk.t" "$@"
