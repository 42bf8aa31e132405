// SPDX-License-Identifier: GPL-2.0
/*
 * Marks into the logs of writes, without a process for each: what a mark says was known
 * before it is there, so all that must be durable for it stands before it.
 */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

#include "write_log.h"

struct message {
	struct dm_ioctl head;
	struct dm_target_msg target;	/* sector 0; the text follows */
	char text[SECTOR];
};

static void mark_put(int control, const char *device, const char *text)
{
	struct message m = {
		.head = {
			.version = { DM_VERSION_MAJOR, 0, 0 },
			.data_size = sizeof(m),
			.data_start = offsetof(struct message, target),
		},
	};

	snprintf(m.head.name, sizeof(m.head.name), "%s", device);
	snprintf((char *)&m + offsetof(struct message, target) +
		 offsetof(struct dm_target_msg, message), sizeof(m.text), "mark %s", text);
	if (ioctl(control, DM_TARGET_MSG, &m))
		fail("%s: mark %s: %s", device, text, strerror(errno));
}

/**
 * marks_put() - each line of the standard input becomes a mark
 * @devices: names for the device mapper; a line "d1 TEXT" is for the device d1, "all TEXT"
 *	for each of them
 * @count: how many
 */
void marks_put(char **devices, int count)
{
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC), i;
	char line[256], name[32], text[200];

	if (control < 0)
		fail("/dev/mapper/control: %s", strerror(errno));
	while (fgets(line, sizeof(line), stdin)) {
		bool known = false;

		if (sscanf(line, "%31s %199s", name, text) != 2)
			fail("no mark: %s", line);
		for (i = 0; i < count; i++) {
			if (strcmp(name, "all") && strcmp(name, devices[i]))
				continue;
			mark_put(control, devices[i], text);
			known = true;
		}
		if (!known)
			fail("no such device: %s", name);
	}
}
