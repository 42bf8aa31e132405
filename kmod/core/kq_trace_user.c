// SPDX-License-Identifier: GPL-2.0
/*
 * What the core decides, as text, for the simulator's timeline. Not part of the
 * module.
 */
#include <stdarg.h>
#include "kq_int.h"

/**
 * kq_trace() - tell the simulator what happens
 * @core: the core
 * @fmt: as printf
 */
void kq_trace(struct kq_core *core, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	if (!core->trace)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	core->trace(core->trace_ctx, core, text);
}
