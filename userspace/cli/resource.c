// SPDX-License-Identifier: GPL-2.0
/* kquorum resource: the table of its verbs. */
#include <string.h>

#include "resource.h"

static const struct cli_command *const verbs[] = {
	&command_resource_list,
	&command_resource_show,
	&command_resource_why,
	&command_resource_create,
	&command_resource_set,
	&command_resource_delete,
	&command_resource_release,
};

static int run(int argc, char **argv)
{
	return cli_run_verb(verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}

const struct cli_command command_resource = {
	.name = "resource",
	.synopsis = "list [PREFIX] | show|why NAME | create|set|delete|release NAME [OPTION]...",
	.summary = "show who holds what, and who waits; say what there is, and who may have it",
	.details = "A name that nothing was said of is a lock: one holds it, or several share it, and it is gone\n"
		   "when nobody wants it any more; only root may lock it. One that was created stays, and has the\n"
		   "units, the users and the longest hold that were said.\n"
		   "  list     all that is defined, held or awaited\n"
		   "  show     one of them: who holds it, who waits, in which order\n"
		   "  why      what those who wait are waiting for, and until when at the latest\n"
		   "  create   make one: how many units, for which users, for how long at most\n"
		   "  set      change that\n"
		   "  delete   it is a lock again that nothing was said of\n"
		   "  release  make somebody who holds it give it back, or who waits wait no longer\n"
		   "Each has its --help. kquorum lock takes them.\n",
	.json = true,
	.run = run,
};
