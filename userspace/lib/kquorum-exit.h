/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exit codes of the kquorum command; the numbers are those of sysexits.h where
 * it has a fitting one. With a command to run, its own exit status is handed on.
 */
#ifndef KQUORUM_EXIT_H
#define KQUORUM_EXIT_H

enum kquorum_exit {
	KQUORUM_EXIT_DONE	= 0,
	KQUORUM_EXIT_ERROR	= 1,
	KQUORUM_EXIT_USAGE	= 2,
	KQUORUM_EXIT_NOT_FOUND	= 66,	/* EX_NOINPUT */
	KQUORUM_EXIT_NO_QUORUM	= 69,	/* EX_UNAVAILABLE */
	KQUORUM_EXIT_LOST	= 70,	/* EX_SOFTWARE: lease lost, or a stale token */
	KQUORUM_EXIT_BLOCKED	= 75,	/* EX_TEMPFAIL: would block, or timed out */
	KQUORUM_EXIT_DENIED	= 77,	/* EX_NOPERM */
};

#endif /* KQUORUM_EXIT_H */
