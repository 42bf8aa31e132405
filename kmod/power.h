/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of leases when the machine sleeps, goes down, or is another one all of a sudden.
 */
#ifndef KQ_POWER_H
#define KQ_POWER_H

struct notifier_block;

int kq_power_module_init(void);
void kq_power_module_exit(void);

/* As the kernel calls them; for the tests too. */
int kq_power_sleep(struct notifier_block *nb, unsigned long action, void *data);
int kq_power_down(struct notifier_block *nb, unsigned long action, void *data);
int kq_power_copied(struct notifier_block *nb, unsigned long action, void *data);

#endif /* KQ_POWER_H */
