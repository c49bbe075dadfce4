/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/reader.h"

#include <stdio.h>

#include "codec/uri.h"
#include "core/catalog/address.h"

enum { TEXT_MAX = 500, WORD_MAX = 128, LIFE_MAX_S = 10 * 365 * 86400 };

enum err reader_map(const struct reader *r, const struct yaml_node *node,
		    const struct reader_key *keys, size_t count, void *to)
{
	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'%.*s' must be a map", (int)node->name.n,
				     node->name.p);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		size_t i = 0;
		while (i < count && !bytes_is(child->name, keys[i].name))
			i++;
		if (i == count)
			return READER_REFUSE(r, child, "unknown key '%.*s'", (int)child->name.n,
					     child->name.p);
		TRY(keys[i].read(r, child, &keys[i], (uint8_t *)to + keys[i].at));
	}
	for (size_t i = 0; i < count; i++)
		if (keys[i].required && yaml_find(node, keys[i].name) == NULL)
			return READER_REFUSE(r, node, "'%s' is missing here", keys[i].name);
	return OK;
}

enum err reader_enum(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	const struct reader_words *words = key->more;
	char list[128] = "";
	struct bytes text;

	if (yaml_str(node, &text))
		for (unsigned i = 0; i < words->n; i++)
			if (bytes_is(text, words->words[i])) {
				*(unsigned *)to = i + 1;
				return OK;
			}
	for (size_t i = 0, n = 0; i < words->n && n < sizeof list; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ", ",
				      words->words[i]);
	return READER_REFUSE(r, node, "'%s' must be one of: %s", key->name, list);
}

/* Bytes above ASCII are parts of valid UTF-8: libyaml reads nothing else. */
static bool is_line(struct bytes text, size_t max)
{
	if (text.n == 0 || text.n > max)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_ascii(struct bytes text, size_t max, uint8_t least)
{
	if (text.n == 0 || text.n > max)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < least || text.p[i] >= 0x7f)
			return false;
	return true;
}

bool reader_name_ok(struct bytes text)
{
	if (text.n == 0 || text.n > WORD_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-' && c != '.')
			return false;
	}
	return true;
}

enum err reader_text(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || !is_line(text, TEXT_MAX))
		return READER_REFUSE(r, node, "'%s' must be a line of 1 to %d bytes", key->name,
				     TEXT_MAX);
	*(struct bytes *)to = text;
	return OK;
}

bool reader_url_ok(struct bytes text)
{
	struct uri uri;

	if (text.n > SERVICE_URL_MAX || uri_parse(text, &uri) != OK)
		return false;
	return uri.https || address_loopback(uri.host);
}

static enum err refuse_url(const struct reader *r, const struct yaml_node *node)
{
	return READER_REFUSE(r, node, "'%.*s' must be an https address (http only to this machine)",
			     (int)node->name.n, node->name.p);
}

enum err reader_url(const struct reader *r, const struct yaml_node *node,
		    const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || !reader_url_ok(text))
		return refuse_url(r, node);
	*(struct bytes *)to = text;
	return OK;
}

enum err reader_places(struct bytes text, reader_place_fn fn, void *ctx)
{
	while (text.n > 0) {
		size_t before = text.n;
		const struct bytes literal = bytes_cut(&text, '{');
		if (literal.n > 0 && memchr(literal.p, '}', literal.n) != NULL)
			return ERR_MALFORMED;
		if (literal.n == before)
			return OK;
		before = text.n;
		const struct bytes name = bytes_cut(&text, '}');
		if (name.n == before || !reader_name_ok(name))
			return ERR_MALFORMED;
		TRY(fn(ctx, name));
	}
	return OK;
}

static enum err no_check(void *ctx, struct bytes name)
{
	return OK;
}

enum err reader_template(const struct reader *r, const struct yaml_node *node,
			 const struct reader_key *key, void *to)
{
	struct address address;
	struct bytes text;

	if (!yaml_str(node, &text) || reader_places(text, no_check, NULL) != OK ||
	    address_parse(text, &address) != OK)
		return refuse_url(r, node);
	*(struct bytes *)to = text;
	return OK;
}

enum err reader_path(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	struct bytes text, rest;

	if (!yaml_str(node, &text) || !reader_name_ok(text))
		return READER_REFUSE(r, node, "'%s' must be a path such as user.id", key->name);
	rest = text;
	while (rest.n > 0)
		if (bytes_cut(&rest, '.').n == 0)
			return READER_REFUSE(r, node, "'%s' must be a path such as user.id",
					     key->name);
	if (text.p[text.n - 1] == '.')
		return READER_REFUSE(r, node, "'%s' must be a path such as user.id", key->name);
	*(struct bytes *)to = text;
	return OK;
}

enum err reader_name(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || !reader_name_ok(text))
		return READER_REFUSE(r, node, "'%s' must be a name (letters, digits, _ . -)",
				     key->name);
	*(struct bytes *)to = text;
	return OK;
}

enum err reader_list(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	struct service_words *words = to;
	struct bytes text;

	if (node->kind != YAML_LIST)
		return READER_REFUSE(r, node, "'%s' must be a list", key->name);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		if (!yaml_str(child, &text) || !is_ascii(text, 2 * WORD_MAX, '!'))
			return READER_REFUSE(r, child, "'%s' must list words", key->name);
		if (words->n == SERVICE_WORDS_MAX)
			return READER_REFUSE(r, child, "'%s' lists more than %d words", key->name,
					     SERVICE_WORDS_MAX);
		words->at[words->n++] = text;
	}
	return OK;
}

static enum err add_pair(const struct reader *r, const struct yaml_node *node,
			 const struct reader_key *key, struct service_pairs *pairs)
{
	struct bytes value;

	if (!reader_name_ok(node->name) || !yaml_str(node, &value) ||
	    !is_ascii(value, TEXT_MAX, ' '))
		return READER_REFUSE(r, node, "'%s' must map names to ASCII texts", key->name);
	if (pairs->n == SERVICE_PAIRS_MAX)
		return READER_REFUSE(r, node, "'%s' has more than %d entries", key->name,
				     SERVICE_PAIRS_MAX);
	pairs->at[pairs->n].name = node->name;
	pairs->at[pairs->n++].value = value;
	return OK;
}

enum err reader_pairs(const struct reader *r, const struct yaml_node *node,
		      const struct reader_key *key, void *to)
{
	const struct reader_words *ours = key->more;

	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'%s' must be a map", key->name);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		for (size_t i = 0; i < ours->n; i++)
			if (bytes_is(child->name, ours->words[i]))
				return READER_REFUSE(r, child, "'%s' is set by Valetkey itself",
						     ours->words[i]);
		TRY(add_pair(r, child, key, to));
	}
	return OK;
}

enum err reader_headers(const struct reader *r, const struct yaml_node *node,
			const struct reader_key *key, void *to)
{
	static const char *const ours[] = {
		"authorization",
		"connection",
		"content-length",
		"content-type",
		"cookie",
		"expect",
		"host",
		"keep-alive",
		"proxy-authorization",
		"te",
		"trailer",
		"transfer-encoding",
		"upgrade",
	};

	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'%s' must be a map", key->name);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		for (size_t i = 0; i < ARRAY_LEN(ours); i++)
			if (bytes_caseis(child->name, ours[i]))
				return READER_REFUSE(r, child, "'%s' is set by Valetkey itself",
						     ours[i]);
		TRY(add_pair(r, child, key, to));
	}
	return OK;
}

enum err reader_bool(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	if (!yaml_bool(node, to))
		return READER_REFUSE(r, node, "'%s' must be true or false", key->name);
	return OK;
}

enum err reader_seconds(const struct reader *r, const struct yaml_node *node,
			const struct reader_key *key, void *to)
{
	int64_t value;

	if (!yaml_int(node, &value) || value < 1 || value > LIFE_MAX_S)
		return READER_REFUSE(r, node, "'%s' must be a number of seconds", key->name);
	*(uint32_t *)to = (uint32_t)value;
	return OK;
}
