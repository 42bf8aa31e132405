/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the suites about what the module does before a lease or a grant runs out: threads that note
 * which signals they get and when, and a node that ticks no more.
 */
#ifndef KQ_TEST_VICTIM_H
#define KQ_TEST_VICTIM_H

#include <linux/cred.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include "fixture.h"

#define WARN_MS		1000u
#define KILL_MS		500u
#define LATE_MS		200u	/* until a thread of a busy machine runs */
#define LEASE_MS	2000u	/* of the fixture */
#define SIGNALS_MAX	8

/* A thread that notes the signals that it gets. */
struct victim {
	struct task_struct *task;
	bool becomes_user;	/* it is to drop what its creator could be signalled by */
	bool is_user;
	u32 count;
	int signal[SIGNALS_MAX];
	u64 at_ns[SIGNALS_MAX];	/* kq_clock() */
};

static bool ticks_stopped;

static inline struct cred *cred_of(uid_t uid)
{
	struct cred *cred = prepare_creds();

	if (!cred)
		return NULL;
	cred->uid = KUIDT_INIT(uid);
	cred->euid = cred->uid;
	cred->suid = cred->uid;
	cred->fsuid = cred->uid;
	cap_clear(cred->cap_effective);
	return cred;
}

static inline void note_signals(struct victim *v)
{
	while (signal_pending(current)) {
		int signal = kernel_dequeue_signal();
		u32 i = v->count;

		if (!signal || i == SIGNALS_MAX)
			return;
		v->at_ns[i] = kq_clock();
		v->signal[i] = signal;
		smp_store_release(&v->count, i + 1);	/* pairs with came() */
	}
}

static inline int victim_thread(void *ctx)
{
	struct victim *v = ctx;

	allow_signal(SIGTERM);
	allow_signal(SIGKILL);
	while (!kthread_should_stop()) {
		if (READ_ONCE(v->becomes_user) && !v->is_user) {
			struct cred *cred = cred_of(1000);

			if (cred)
				commit_creds(cred);
			WRITE_ONCE(v->is_user, cred);
		}
		note_signals(v);
		schedule_timeout_interruptible(1);
	}
	return 0;
}

static inline struct victim *victim_make(struct kunit *test)
{
	struct victim *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, v);
	v->task = kthread_run(victim_thread, v, "victim");
	KUNIT_ASSERT_FALSE(test, IS_ERR(v->task));
	return v;
}

static inline u32 came(struct victim *v)
{
	return smp_load_acquire(&v->count);	/* pairs with note_signals() */
}

static inline void victim_end(struct victim *v)
{
	kthread_stop(v->task);
}

static inline struct kquorum_on_loss term_then_kill(const struct victim *v)
{
	return (struct kquorum_on_loss){
		.pid = task_pid_nr(v->task), .flags = KQUORUM_ON_LOSS_KILL, .signal = SIGTERM,
		.warn_ms = WARN_MS, .kill_ms = KILL_MS, .cgroup_fd = -1,
	};
}

static inline ssize_t put(struct file *file, struct kquorum_on_loss what)
{
	loff_t pos = 0;

	return kernel_write(file, &what, sizeof(what), &pos);
}

/* As whoever has these credentials. */
static inline ssize_t put_as(struct kunit *test, struct file *file, struct kquorum_on_loss what,
			     uid_t uid)
{
	struct cred *cred = cred_of(uid);
	const struct cred *own;
	ssize_t n;

	KUNIT_ASSERT_NOT_NULL(test, cred);
	own = override_creds(cred);
	n = put(file, what);
	revert_creds(own);
	put_cred(cred);
	return n;
}

/* Return: the deadline, which stays as it is from here on. */
static inline u64 stop_ticks(struct fixture *f)
{
	u64 deadline;

	cancel_delayed_work_sync(&f->node->tick);
	ticks_stopped = true;
	mutex_lock(&f->node->lock);
	deadline = f->node->core->local.deadline_ns;
	mutex_unlock(&f->node->lock);
	return deadline;
}

/* The tick has a reference to the node, which it gives back when that is down. */
static inline void go_on_ticking(struct fixture *f)
{
	ticks_stopped = false;
	queue_delayed_work(kq_wq, &f->node->tick, 0);
}

static inline void expect_at(struct kunit *test, const struct victim *v, u32 i, int signal,
			     u64 deadline, u32 margin_ms)
{
	u64 due = deadline - (u64)margin_ms * NSEC_PER_MSEC;

	KUNIT_EXPECT_EQ(test, v->signal[i], signal);
	KUNIT_EXPECT_GE(test, v->at_ns[i] + 2 * NSEC_PER_MSEC, due);
	KUNIT_EXPECT_LE(test, v->at_ns[i], due + (u64)LATE_MS * NSEC_PER_MSEC);
}

static inline int on_loss_setup(struct kunit *test)
{
	int err = fixture_setup(test);

	if (err)
		return err;
	fixture_start(test, test->priv, 1);
	fixture_lead(test, test->priv);
	return 0;
}

static inline void on_loss_teardown(struct kunit *test)
{
	if (ticks_stopped)
		go_on_ticking(test->priv);
	fixture_teardown(test);
}

#endif /* KQ_TEST_VICTIM_H */
