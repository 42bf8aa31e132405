/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the suites that need a whole node: one in the initial namespace, its segments in a
 * tmpfs of the test's own.
 */
#ifndef KQ_TEST_FIXTURE_H
#define KQ_TEST_FIXTURE_H

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include "handle.h"
#include "node.h"
#include "snapshot.h"

#define SEGMENT_BYTES	(64u * 1024)
#define SEGMENTS	4u
#define WAIT_MS		20000u	/* of the machine's time, at least; more than anything takes */

/* True as soon as @cond is; false after WAIT_MS. */
#define wait_for(cond)								\
	({									\
		u32 _ms = 0;							\
		bool _ok;							\
										\
		while (!(_ok = (cond)) && _ms++ < WAIT_MS)			\
			msleep(1);						\
		_ok;								\
	})

/* The files of a node, and the node. */
struct fixture {
	struct vfsmount *mnt;
	struct kq_node *node;	/* with a reference of ours */
	u32 keep_entries;	/* 0: as in a node that users have */
	const char *snapshots[KQUORUM_MAX_SNAPSHOT_FDS];	/* files that it starts with */
};

static inline struct kq_config fixture_config(u32 members)
{
	struct kq_config cfg = {
		.cluster_id = 77,
		.self = 1,
		.founders = KQ_NODES_UPTO(members),
		.segments = SEGMENTS,
		.set = {
			.heartbeat_ms = 50,
			.election_ms = 500,
			.lease_ms = 2000,
			.delta_ms = 100,
			.drift_ppm = 1000,
		},
		.segment_bytes = SEGMENT_BYTES,
	};
	return cfg;
}

static inline long objects_left(void)
{
	long sum = 0;
	int i;

	for (i = 0; i < KQ_OBJECT_COUNT; i++)
		sum += atomic_long_read(&kq_objects[i]);
	return sum;
}

static inline struct vfsmount *fixture_mount(struct kunit *test)
{
	struct file_system_type *type = get_fs_type("tmpfs");
	struct vfsmount *mnt;

	KUNIT_ASSERT_NOT_NULL(test, type);
	mnt = kern_mount(type);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mnt));
	return mnt;
}

/* A file of the test's own; or an error pointer. */
static inline struct file *fixture_open(struct vfsmount *mnt, const char *name, int flags)
{
	const struct path root = { .mnt = mnt, .dentry = mnt->mnt_root };

	return file_open_root(&root, name, flags | O_LARGEFILE, flags & O_CREAT ? 0600 : 0);
}

/* The file of a segment, made when it is not there. */
static inline struct file *segment_open(struct kunit *test, struct vfsmount *mnt, u32 slot,
					int flags)
{
	struct file *file;
	char name[16];

	snprintf(name, sizeof(name), "segment-%u", slot);
	file = fixture_open(mnt, name, flags);
	if (PTR_ERR_OR_ZERO(file) == -ENOENT) {
		struct file *new = fixture_open(mnt, name, O_RDWR | O_CREAT);

		KUNIT_ASSERT_FALSE(test, IS_ERR(new));
		KUNIT_ASSERT_EQ(test, vfs_truncate(&new->f_path, SEGMENT_BYTES), 0);
		fput(new);
		file = fixture_open(mnt, name, flags);
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

/* A descriptor for @file, which belongs to it then. */
static inline int fd_of(struct kunit *test, struct file *file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, file);
	return fd;
}

static inline int take_segments(struct kunit *test, struct vfsmount *mnt, struct kq_node *node)
{
	const char *why;
	int err = 0;
	u32 i;

	for (i = 0; i < SEGMENTS && !err; i++) {
		int fd = fd_of(test, segment_open(test, mnt, i, O_RDWR));

		err = kq_disk_open(&node->disk, i, fd, &why);
		close_fd(fd);
	}
	return err;
}

/* The snapshot in a file, as SNAPSHOT_FD gives it; or an error pointer. */
static inline struct file *snapshot_take(struct kunit *test, struct file *file, const char **why)
{
	struct file *snapshot;
	int fd;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	fd = fd_of(test, file);
	snapshot = kq_snapshot_open(fd, why);
	close_fd(fd);
	return snapshot;
}

static inline void take_snapshots(struct kunit *test, struct fixture *f)
{
	const char *why = "";
	u32 i;

	for (i = 0; i < KQUORUM_MAX_SNAPSHOT_FDS && f->snapshots[i]; i++) {
		struct file *file = snapshot_take(test, fixture_open(f->mnt, f->snapshots[i],
								     O_RDONLY), &why);

		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(file), "%s", why);
		f->node->snapshots[i] = file;
	}
}

/* As NODE_START does it. Return: 0 or negative errno. */
static inline int fixture_launch(struct kunit *test, struct fixture *f, u32 members)
{
	struct kq_config cfg = fixture_config(members);
	struct kq_net *kn = kq_net(&init_net);
	int err;

	cfg.keep_entries = f->keep_entries;
	f->node = kq_node_create(&cfg);
	KUNIT_ASSERT_NOT_NULL(test, f->node);
	kq_node_get(f->node);
	strscpy(f->node->cluster, "kunit", sizeof(f->node->cluster));
	snprintf(f->node->member[1].name, sizeof(f->node->member[1].name), "n1");
	snprintf(f->node->member[2].name, sizeof(f->node->member[2].name), "n2");
	err = take_segments(test, f->mnt, f->node);
	if (!err) {
		take_snapshots(test, f);
		mutex_lock(&kn->start);
		err = kq_node_launch(f->node, &init_net);
		mutex_unlock(&kn->start);
	}
	if (err)
		kq_node_put(f->node);
	return err;
}

/* Calls @call on the core, in a step. Return: what it says, or why there was no step. */
static inline int fixture_step(struct fixture *f, int (*call)(struct kq_core *core, u64 now_ns))
{
	struct kq_step step;
	int err = kq_node_enter(f->node, &step);

	if (err)
		return err;
	err = call(step.core, step.now);
	kq_node_leave(&step);
	return err;
}

static inline int core_state(struct kq_core *core, u64 now_ns)
{
	return core->state;
}

static inline int core_serves(struct kq_core *core, u64 now_ns)
{
	return core->lead_ready && core->local.state == KQ_SESSION_LIVE;
}

static inline bool fixture_in_state(struct fixture *f, int state)
{
	return fixture_step(f, core_state) == state;
}

static inline void fixture_start(struct kunit *test, struct fixture *f, u32 members)
{
	KUNIT_ASSERT_EQ(test, fixture_launch(test, f, members), 0);
	KUNIT_ASSERT_TRUE(test, wait_for(fixture_in_state(f, KQUORUM_NODE_RUNNING)));
}

/* As the daemon of a node alone: it stands, wins, and its session begins. */
static inline void fixture_lead(struct kunit *test, struct fixture *f)
{
	KUNIT_ASSERT_TRUE(test, wait_for(!fixture_step(f, kq_core_campaign)));
	KUNIT_ASSERT_TRUE(test, wait_for(fixture_step(f, core_serves) == 1));
}

static inline void fixture_kill(struct fixture *f)
{
	if (!f->node)
		return;
	kq_node_kill(f->node);
	kq_node_put(f->node);
	f->node = NULL;
}

/*
 * A lock handle that has not asked yet; or an error pointer. The test's one thread plays many
 * processes: what else it has of the resource is somebody else's.
 */
static inline struct file *fixture_lock_file(struct fixture *f, const char *name, u32 flags,
					     u32 units)
{
	const struct kq_lock_ask ask = {
		.name = name,
		.name_len = strlen(name),
		.flags = flags | KQUORUM_LOCK_OTHERS,
		.units = units,
		.admin = true,
	};

	return kq_lock_file(f->node, &ask);
}

/* The owner is the first member of what a lock handle's file points at. */
static inline struct kq_owner fixture_owner(struct fixture *f, struct file *file)
{
	struct kq_owner o;

	mutex_lock(&f->node->lock);
	o = *(struct kq_owner *)file->private_data;
	mutex_unlock(&f->node->lock);
	return o;
}

/* For the suites' init and exit. */
static inline int fixture_setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	test->priv = f;
	f->mnt = fixture_mount(test);
	return 0;
}

static inline void fixture_teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	fixture_kill(f);
	KUNIT_EXPECT_TRUE_MSG(test, wait_for(!objects_left()), "%ld objects are left",
			      objects_left());
	kern_unmount(f->mnt);
}

#endif /* KQ_TEST_FIXTURE_H */
