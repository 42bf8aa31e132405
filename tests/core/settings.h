/* SPDX-License-Identifier: GPL-2.0 */
/* Settings that can be used, for tests in which they do not matter. */
#ifndef KQUORUM_TESTS_CORE_SETTINGS_H
#define KQUORUM_TESTS_CORE_SETTINGS_H

#define TEST_SETTINGS { .heartbeat_ms = 100, .election_ms = 1000, .lease_ms = 2000, .delta_ms = 50, \
			.drift_ppm = 500 }

#endif /* KQUORUM_TESTS_CORE_SETTINGS_H */
