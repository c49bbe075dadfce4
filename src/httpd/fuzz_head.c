/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cuts a head up in place the way libmicrohttpd 0.9.75 does and lets head.c
 * judge the pieces. What it accepts must have been written as RFC 9112 says,
 * which is checked on the bytes as they came. One thing is lost in the cutting:
 * what is overwritten with zeros at the end of a line may have been NUL
 * (docs/httpd.md).
 */

#include <stdlib.h>

#include "httpd/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct head_limits limits = { 4096, 1024, 20 };

struct cutter {
	uint8_t *p, *end;
	char *folded; /* the library moves a folded name elsewhere */
	char *name, *value;
};

/* The next line with its end overwritten by zeros, or NULL. */
static char *cut_line(struct cutter *c, size_t *ret_len)
{
	uint8_t *line = c->p, *lf = memchr(c->p, '\n', (size_t)(c->end - c->p));

	if (lf == NULL)
		return NULL;
	*lf = 0;
	*ret_len = (size_t)(lf - line);
	if (lf > line && lf[-1] == '\r')
		line[--*ret_len] = 0;
	c->p = lf + 1;
	return (char *)line;
}

static unsigned begin(struct head *h, char *line, size_t len)
{
	char *target = memchr(line, ' ', len), *version = line + len - 1;

	if (target == NULL)
		return 400;
	*target++ = '\0';
	while (target < line + len && *target == ' ')
		target++;
	while (version > target && *version == ' ')
		version--;
	while (version > target && *version != ' ')
		version--;
	if (version <= target)
		return 400;
	*version++ = '\0';
	if (line + len - version != 8)
		return 400;
	h->target_at = (const uint8_t *)target;
	return head_begin(h, str(line), str(target), str(version));
}

static unsigned fold(struct cutter *c, const char *line)
{
	const size_t n = strlen(c->name);
	char *longer = malloc(n + strlen(line) + 1);

	while (*line == ' ' || *line == '\t')
		line++;
	memcpy(longer, c->name, n);
	memcpy(longer + n, line, strlen(line) + 1);
	free(c->folded);
	c->name = c->folded = longer;
	return 0;
}

static unsigned take_line(struct cutter *c, struct head *h, char *line)
{
	if (c->name != NULL && (line[0] == ' ' || line[0] == '\t'))
		return fold(c, line);
	if (c->name != NULL) {
		const unsigned status = head_line(h, str(c->name), str(c->value));
		if (status != 0)
			return status;
	}
	if (line[0] == '\0')
		return 0;
	char *colon = strchr(line, ':');
	if (colon == NULL)
		return 400;
	*colon++ = '\0';
	while (*colon == ' ' || *colon == '\t')
		colon++;
	c->name = line;
	c->value = colon;
	return 0;
}

static unsigned judge(struct cutter *c, struct head *h)
{
	const uint8_t *start = c->p;
	size_t len;
	char *line = cut_line(c, &len);
	unsigned status;

	if (line == NULL || line[0] == '\0')
		return 400;
	status = begin(h, line, len);
	while (status == 0 && (line = cut_line(c, &len)) != NULL) {
		const bool last = line[0] == '\0';

		status = take_line(c, h, line);
		if (last)
			return status != 0 ? status : head_end(h, (size_t)(c->p - start));
	}
	return status != 0 ? status : 400;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Line ends that have a NUL in them, of the right length, become what they pass for. */
static void mend_ends(uint8_t *p, size_t n)
{
	size_t end;

	for (size_t i = 0; i < n; i = end + 1) {
		for (end = i; end < n && (p[end] == 0 || p[end] == '\r' || p[end] == '\n');)
			end++;
		if (memchr(p + i, 0, end - i) == NULL || (end - i) % 2 != 0)
			continue;
		for (size_t k = i; k < end; k++)
			p[k] = (k - i) % 2 == 0 ? '\r' : '\n';
	}
}

static void check_written_well(uint8_t *p, size_t n)
{
	const struct bytes head = { p, n };
	unsigned spaces = 0;
	size_t at = 0;

	mend_ends(p, n);
	must(memchr(head.p, 0, head.n) == NULL);
	for (size_t i = 0; i < head.n; i++) {
		must(head.p[i] != '\n' || (i > 0 && head.p[i - 1] == '\r'));
		must(head.p[i] != '\r' || (i + 1 < head.n && head.p[i + 1] == '\n'));
		must(head.p[i] != '\n' || i + 1 == head.n ||
		     (head.p[i + 1] != ' ' && head.p[i + 1] != '\t'));
	}
	for (; head.p[at] != '\r'; at++)
		spaces += head.p[at] == ' ' || head.p[at] == '\t';
	must(spaces == 2);
	for (at += 2; head.p[at] != '\r'; at += 2) {
		must(head.p[at] != ':');
		for (; head.p[at] != ':'; at++)
			must(head.p[at] > ' ' && head.p[at] < 0x7f);
		while (head.p[at] != '\r')
			at++;
	}
	must(at + 2 == head.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct head h = { .limits = &limits, .adds_up = true };
	struct cutter c = { .p = copy, .end = copy + size };

	put(copy, data, size);
	copy[size] = 0;
	if (judge(&c, &h) == 0) {
		put(copy, data, size);
		check_written_well(copy, (size_t)(c.p - copy));
		must(!(h.chunked && h.length > 0));
	}
	free(c.folded);
	free(copy);
	return 0;
}
