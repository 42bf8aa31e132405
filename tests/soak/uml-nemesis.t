#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 24 hours of virtual time with clients and a nemesis in User Mode Linux, as 12 machines of two hours
# The test is tests/nemesis/uml.t, each time with another seed. KQ_MACHINES: another number.
set -u
export KQ_SECONDS=${KQ_SECONDS:-7200}
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
# shellcheck source=tests/soak/machines.sh
. tests/soak/machines.sh
machines "${KQ_MACHINES:-12}" tests/nemesis/uml.t
