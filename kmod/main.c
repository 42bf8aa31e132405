// SPDX-License-Identifier: GPL-2.0
/*
 * The module: what it registers, and the counts of its objects.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include "netlink.h"
#include "node.h"
#include "on_loss.h"
#include "power.h"
#include "snapshot.h"

unsigned int kq_net_id;
struct workqueue_struct *kq_wq;

atomic_long_t kq_objects[KQ_OBJECT_COUNT];

static const char * const object_names[KQ_OBJECT_COUNT] = {
	[KQ_OBJECT_NODE] = "nodes",
	[KQ_OBJECT_PEER] = "peers",
	[KQ_OBJECT_HANDLE] = "handles",
	[KQ_OBJECT_APPEND] = "appends",
	[KQ_OBJECT_BATCH] = "batches",
	[KQ_OBJECT_MESSAGE] = "messages",
};

static int objects_get(char *buf, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < KQ_OBJECT_COUNT; i++)
		len += sysfs_emit_at(buf, len, "%s%s %ld", i ? " " : "", object_names[i],
				     atomic_long_read(&kq_objects[i]));
	return len + sysfs_emit_at(buf, len, "\n");
}

static const struct kernel_param_ops objects_ops = {
	.get = objects_get,
};

module_param_cb(objects, &objects_ops, NULL, 0444);
MODULE_PARM_DESC(objects, "how many nodes, peers, handles, appends, batches, messages exist");

static int __net_init kq_net_init(struct net *net)
{
	struct kq_net *kn = kq_net(net);

	mutex_init(&kn->start);
	spin_lock_init(&kn->lock);
	return 0;
}

static void __net_exit kq_net_exit(struct net *net)
{
	kq_node_net_exit(net);
}

static struct pernet_operations kq_net_ops = {
	.init = kq_net_init,
	.exit = kq_net_exit,
	.id = &kq_net_id,
	.size = sizeof(struct kq_net),
};

static int __init kq_init(void)
{
	int err;

	/*
	 * Freezable: after a hibernation's image is made nothing may be promised or written
	 * that the resumed image would not know of.
	 */
	kq_wq = alloc_workqueue("kquorum", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_FREEZABLE,
				WQ_UNBOUND_MAX_ACTIVE);
	if (!kq_wq)
		return -ENOMEM;
	err = kq_on_loss_module_init();
	if (err)
		goto free_wq;
	err = kq_disk_module_init();
	if (err)
		goto on_loss_exit;
	err = kq_snapshot_module_init();
	if (err)
		goto disk_exit;
	err = register_pernet_subsys(&kq_net_ops);
	if (err)
		goto snapshot_exit;
	err = kq_nl_module_init();
	if (err)
		goto pernet_exit;
	err = kq_power_module_init();
	if (err)
		goto nl_exit;
	return 0;
nl_exit:
	kq_nl_module_exit();
pernet_exit:
	unregister_pernet_subsys(&kq_net_ops);
snapshot_exit:
	kq_snapshot_module_exit();
disk_exit:
	kq_disk_module_exit();
on_loss_exit:
	kq_on_loss_module_exit();
free_wq:
	destroy_workqueue(kq_wq);
	return err;
}

/*
 * Every node that is up and every write under way holds the module, so what is left
 * here is what ends by itself: works that let go of sockets and nodes.
 */
static void __exit kq_exit(void)
{
	kq_power_module_exit();
	kq_nl_module_exit();
	unregister_pernet_subsys(&kq_net_ops);
	while (atomic_long_read(&kq_objects[KQ_OBJECT_NODE]))
		msleep(20);
	kq_snapshot_module_exit();
	kq_disk_module_exit();
	kq_on_loss_module_exit();
	destroy_workqueue(kq_wq);
	synchronize_net();	/* a socket's callback may be about to return */
}

module_init(kq_init);
module_exit(kq_exit);
MODULE_DESCRIPTION("Raft log and cluster locks");
MODULE_LICENSE("GPL");
