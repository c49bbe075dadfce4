/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdlib.h>
#include <strings.h>

enum err buf_new(size_t n, struct buf **ret)
{
	struct buf *buf = calloc(1, sizeof *buf + n);

	if (buf == NULL)
		return FAULT_NOMEM;
	buf->n = n;
	*ret = buf;
	return OK;
}

enum err buf_dup(struct bytes from, struct buf **ret)
{
	TRY(buf_new(from.n, ret));
	put((*ret)->p, from.p, from.n);
	return OK;
}

void buf_free(struct buf **bufp)
{
	free(*bufp);
	*bufp = NULL;
}

void wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

bool bytes_caseis(struct bytes a, const char *s)
{
	return a.n == strlen(s) && (a.n == 0 || strncasecmp((const char *)a.p, s, a.n) == 0);
}

bool bytes_starts(struct bytes a, const char *prefix)
{
	const size_t n = strlen(prefix);

	return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

struct bytes bytes_cut(struct bytes *rest, uint8_t sep)
{
	const uint8_t *at = rest->n == 0 ? NULL : memchr(rest->p, sep, rest->n);
	const size_t n = at == NULL ? rest->n : (size_t)(at - rest->p);
	const struct bytes head = { rest->p, n };

	rest->p = at == NULL ? rest->p + n : at + 1;
	rest->n -= at == NULL ? n : n + 1;
	return head;
}

enum err bytes_str(struct bytes from, char *to, size_t size)
{
	if (from.n >= size)
		return ERR_TOO_LARGE;
	if (from.n > 0 && memchr(from.p, 0, from.n) != NULL)
		return ERR_MALFORMED;
	*put((uint8_t *)to, from.p, from.n) = 0;
	return OK;
}

enum err bytes_u64(struct bytes from, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (from.n == 0 || from.n > 20 || (from.n > 1 && from.p[0] == '0'))
		return ERR_MALFORMED;
	for (size_t i = 0; i < from.n; i++) {
		if (from.p[i] < '0' || from.p[i] > '9')
			return ERR_MALFORMED;
		const uint64_t digit = (uint64_t)(from.p[i] - '0');
		if (digit > max || v > (max - digit) / 10)
			return ERR_MALFORMED;
		v = v * 10 + digit;
	}
	*ret = v;
	return OK;
}
