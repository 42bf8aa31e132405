// SPDX-License-Identifier: GPL-2.0
/*
 * A module without any KUnit suite: a runner that takes silence for success would pass it.
 */
#include <linux/module.h>

static int __init kq_no_tests_init(void)
{
	return 0;
}
module_init(kq_no_tests_init);

static void __exit kq_no_tests_exit(void)
{
}
module_exit(kq_no_tests_exit);

MODULE_DESCRIPTION("kquorum test ring self-test: no suite");
MODULE_LICENSE("GPL");
