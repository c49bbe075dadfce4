/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/reader.h"

enum err reader_keys(const struct reader *r, const struct yaml_node *node, const char *const *names,
		     size_t count)
{
	const struct yaml_node *unknown = yaml_unknown(node, names, count);

	if (unknown == NULL)
		return OK;
	return REFUSE(r, unknown, "unknown key '%.*s'", (int)unknown->name.n, unknown->name.p);
}

static enum err unknown_name(const struct reader *r, const struct yaml_node *node,
			     enum policy_name what, struct bytes name)
{
	const int n = (int)name.n, service_n = (int)r->service.n;

	switch (what) {
	case POLICY_NAME_SERVICE:
		return REFUSE(r, node,
			      "there is no service '%.*s'; 'valetkey service list' shows them",
			      service_n, r->service.p);
	case POLICY_NAME_TOOL:
		return REFUSE(r, node,
			      "%.*s has no tool '%.*s'; 'valetkey service show %.*s' lists them",
			      service_n, r->service.p, n, name.p, service_n, r->service.p);
	case POLICY_NAME_TOOLS:
		return REFUSE(r, node, "no tool of %.*s begins with '%.*s'", service_n,
			      r->service.p, n, name.p);
	case POLICY_NAME_RESOURCE:
		return REFUSE(r, node, "no tool of %.*s names a resource '%.*s'", service_n,
			      r->service.p, n, name.p);
	}
	return FAULT_BUG;
}

enum err reader_known(const struct reader *r, const struct yaml_node *node, enum policy_name what,
		      struct bytes name)
{
	if (r->terms->known == NULL)
		return OK;
	const enum err err = r->terms->known(r->terms->ctx, what, r->service, name);
	return err == ERR_NOT_FOUND ? unknown_name(r, node, what, name) : err;
}

enum err reader_effect(const struct reader *r, const struct yaml_node *node,
		       enum policy_effect *ret)
{
	struct bytes text;

	if (yaml_str(node, &text))
		for (enum policy_effect i = POLICY_ALLOW; i <= POLICY_BLOCK; i++)
			if (bytes_is(text, policy_effect_name(i))) {
				*ret = i;
				return OK;
			}
	return REFUSE(r, node, "'%.*s' must be allow, approve, step_up or block", (int)node->name.n,
		      node->name.p);
}

bool reader_duration(struct bytes text, usec_t *ret)
{
	static const struct {
		uint8_t unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	uint64_t count;

	if (text.n < 2)
		return false;
	const struct bytes digits = { text.p, text.n - 1 };
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		const uint64_t max = (uint64_t)10 * 365 * 86400 / units[i].seconds;
		if (text.p[text.n - 1] != units[i].unit || bytes_u64(digits, max, &count) != OK ||
		    count == 0)
			continue;
		*ret = count * units[i].seconds * USEC_PER_S;
		return true;
	}
	return false;
}

static bool word_ok(struct bytes word)
{
	for (size_t i = 0; i < word.n; i++) {
		const uint8_t c = word.p[i];
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-')
			return false;
	}
	return word.n > 0;
}

bool reader_pattern(struct bytes text, bool *ret_prefix, struct bytes *ret_name)
{
	const bool prefix = text.n > 2 && text.p[text.n - 1] == '*' && text.p[text.n - 2] == '.';
	const struct bytes name = { text.p, prefix ? text.n - 1 : text.n };
	struct bytes rest = { name.p, prefix ? name.n - 1 : name.n };

	if (name.n > POLICY_TOOL_MAX || rest.n == 0 || rest.p[rest.n - 1] == '.')
		return false;
	while (rest.n > 0)
		if (!word_ok(bytes_cut(&rest, '.')))
			return false;
	*ret_prefix = prefix;
	*ret_name = name;
	return true;
}

bool reader_pointer(struct bytes text)
{
	if (text.n == 0 || text.p[0] != '/')
		return false;
	for (size_t i = 1; i < text.n; i++)
		if (text.p[i] == '~' &&
		    (i + 1 == text.n || (text.p[i + 1] != '0' && text.p[i + 1] != '1')))
			return false;
	return true;
}

size_t reader_count(const struct yaml_node *node)
{
	size_t n = 0;

	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		n++;
	return n;
}
