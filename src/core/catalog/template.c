/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/template.h"

static bool is_name(struct bytes text, bool dots)
{
	if (text.n == 0 || text.n > 64)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-' && !(dots && c == '.'))
			return false;
	}
	return true;
}

static struct bytes behind(struct bytes text, size_t n)
{
	return (struct bytes){ text.p + n, text.n - n };
}

static enum err read_time(struct bytes name, struct template_part *ret)
{
	static const struct {
		const char *name;
		enum template_kind kind;
	} times[] = {
		{ "@now", TEMPLATE_NOW },
		{ "@today", TEMPLATE_TODAY },
		{ "@tomorrow", TEMPLATE_TOMORROW },
	};

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (bytes_is(name, times[i].name)) {
			*ret = (struct template_part){ .kind = times[i].kind, .text = name };
			return OK;
		}
	if (!bytes_starts(name, "@now+") || !is_name(behind(name, 5), false))
		return ERR_MALFORMED;
	*ret = (struct template_part){ .kind = TEMPLATE_NOW_PLUS, .text = behind(name, 5) };
	return OK;
}

static enum err read_place(struct bytes name, struct template_part *ret)
{
	struct template_part part = { .kind = TEMPLATE_NAME, .text = name };

	if (name.n > 0 && name.p[0] == '@')
		return read_time(name, ret);
	if (name.n > 0 && (name.p[0] == '+' || name.p[0] == '!')) {
		part.kind = name.p[0] == '+' ? TEMPLATE_SEGMENTS : TEMPLATE_ENCODED;
		part.text = behind(name, 1);
	} else if (name.n > 2 && name.p[0] >= '1' && name.p[0] <= '9' && name.p[1] == '.') {
		part.kind = TEMPLATE_ANSWER;
		part.step = (unsigned)(name.p[0] - '0');
		part.text = behind(name, 2);
	}
	if (!is_name(part.text, part.kind == TEMPLATE_ANSWER || part.kind == TEMPLATE_NAME))
		return ERR_MALFORMED;
	*ret = part;
	return OK;
}

enum err template_next(struct bytes *rest, struct template_part *ret)
{
	size_t n = 0;

	while (n < rest->n && rest->p[n] != '{' && rest->p[n] != '}')
		n++;
	if (n > 0) {
		*ret = (struct template_part){ .kind = TEMPLATE_LITERAL, .text = { rest->p, n } };
		*rest = behind(*rest, n);
		return OK;
	}
	if (rest->n == 0 || rest->p[0] == '}')
		return ERR_MALFORMED;
	struct bytes after = behind(*rest, 1);
	const size_t before = after.n;
	const struct bytes name = bytes_cut(&after, '}');
	if (name.n == before)
		return ERR_MALFORMED;
	TRY(read_place(name, ret));
	*rest = after;
	return OK;
}

bool template_single(struct bytes text, struct template_part *ret)
{
	struct template_part part;
	struct bytes rest = text;

	if (text.n == 0 || template_next(&rest, &part) != OK || rest.n > 0 ||
	    part.kind == TEMPLATE_LITERAL)
		return false;
	*ret = part;
	return true;
}
