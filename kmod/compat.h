/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels differ. Each KQ_HAVE_ is found by a try-compile in Kbuild.
 */
#ifndef KQ_COMPAT_H
#define KQ_COMPAT_H

#include <linux/fs.h>
#include <net/genetlink.h>
#include <net/sock.h>

static inline void kq_kiocb_start_write(struct kiocb *iocb)
{
#ifdef KQ_HAVE_KIOCB_START_WRITE
	kiocb_start_write(iocb);
#else
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	/* The write ends in another context: lockdep is told that this one lets go. */
	sb_start_write(sb);
	__sb_writers_release(sb, SB_FREEZE_WRITE);
#endif
}

static inline void kq_kiocb_end_write(struct kiocb *iocb)
{
#ifdef KQ_HAVE_KIOCB_START_WRITE
	kiocb_end_write(iocb);
#else
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
#endif
}

/* A task's page fragment may be in use by the very write whose reclaim waits for us. */
static inline void kq_sock_no_task_frag(struct sock *sk)
{
#ifdef KQ_HAVE_USE_TASK_FRAG
	sk->sk_use_task_frag = false;
#endif
}

static inline struct nlattr **kq_dump_attrs(struct netlink_callback *cb)
{
#ifdef KQ_HAVE_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* KQ_COMPAT_H */
