// SPDX-License-Identifier: GPL-2.0
/*
 * What the core decides, as text, for the simulator's timeline. In the module it is a
 * tracepoint.
 */
#include <stdarg.h>
#include "kq_int.h"

/**
 * kq_trace_text() - tell the simulator what happens
 * @core: the core, with somebody who listens
 * @fmt: as printf
 */
void kq_trace_text(struct kq_core *core, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	core->trace(core->trace_ctx, core, text);
}
