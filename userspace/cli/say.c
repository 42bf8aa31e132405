// SPDX-License-Identifier: GPL-2.0
/* Text in a buffer, a piece after the other; what does not fit is left out. */
#include <stdarg.h>
#include <string.h>

#include "say.h"

#define COLUMNS 100

void say(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	if (t->at >= t->size)
		return;
	va_start(ap, format);
	n = vsnprintf(t->buf + t->at, t->size - t->at, format, ap);
	va_end(ap);
	t->at += n;
}

void say_wrapped(struct text *t, const char *format, ...)
{
	size_t column = 0, indent;
	char text[1024], *word = text;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	indent = strspn(text, " ") + 2;
	while (*word) {
		size_t n = strspn(word, " ");

		n += strcspn(word + n, " ");
		if (column && column + n > COLUMNS) {
			word += strspn(word, " ");
			n = strcspn(word, " ");
			say(t, "\n%*s", (int)indent, "");
			column = indent;
		}
		say(t, "%.*s", (int)n, word);
		column += n;
		word += n;
	}
	say(t, "\n");
}
