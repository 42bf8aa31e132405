// SPDX-License-Identifier: GPL-2.0
/*
 * kqfloor: what kernel code can reach at best on this machine, with nothing of kquorum
 * in it. A round trip over TCP and a durable write, timed where they happen.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include "floor.h"

static long rtt_ioctl(const void __user *arg)
{
	struct kqfloor_rtt ask;
	u32 *samples;
	long ret;

	if (copy_from_user(&ask, arg, sizeof(ask)))
		return -EFAULT;
	if (!ask.count || ask.count > KQFLOOR_SAMPLES_MAX)
		return -EINVAL;
	if (!ask.bytes || ask.bytes > KQFLOOR_MESSAGE_MAX)
		return -EINVAL;
	samples = kvcalloc(ask.count, sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	ret = floor_rtt(&ask, samples);
	if (!ret && copy_to_user(u64_to_user_ptr(ask.samples), samples,
				 array_size(ask.count, sizeof(*samples))))
		ret = -EFAULT;
	kvfree(samples);
	return ret;
}

static long write_ioctl(void __user *arg)
{
	struct kqfloor_write ask;
	u32 *samples;
	long ret;

	if (copy_from_user(&ask, arg, sizeof(ask)))
		return -EFAULT;
	if (!ask.count || ask.count > KQFLOOR_SAMPLES_MAX || ask.pad)
		return -EINVAL;
	samples = kvcalloc(ask.count, sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	ret = floor_write(&ask, samples);
	if (ret < 0)
		goto out;
	ask.count = ret;
	ret = 0;
	if (copy_to_user(u64_to_user_ptr(ask.samples), samples,
			 array_size(ask.count, sizeof(*samples))) ||
	    copy_to_user(arg, &ask, sizeof(ask)))
		ret = -EFAULT;
out:
	kvfree(samples);
	return ret;
}

static long floor_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (cmd) {
	case KQFLOOR_RTT:
		return rtt_ioctl((const void __user *)arg);
	case KQFLOOR_WRITE:
		return write_ioctl((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations floor_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = floor_ioctl,
};

static struct miscdevice floor_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kqfloor",
	.mode = 0600,
	.fops = &floor_fops,
};

static int __init floor_init(void)
{
	int err = floor_rtt_init();

	if (err)
		return err;
	err = misc_register(&floor_device);
	if (err)
		floor_rtt_exit();
	return err;
}

static void __exit floor_exit(void)
{
	misc_deregister(&floor_device);
	floor_rtt_exit();
}

module_init(floor_init);
module_exit(floor_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Floor of the kquorum benchmark: TCP round trip and durable write");
