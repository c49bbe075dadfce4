/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/cut.h"

#include "base/wiped.h"
#include "codec/form.h"
#include "codec/json.h"

enum { PATH_MAX_LEN = 256, STRINGS_MAX = 20000 };

static const char *const token_names[] = { "access_token", "refresh_token", "id_token",
					   "client_secret", "registration_access_token" };

static const struct json_limits limits = {
	.text_max = IPC_ANSWER_MAX,
	.strings_max = STRINGS_MAX,
	.depth_max = JSON_DEPTH_MAX,
};

/* The next path of the list, with an end mark. ERR_NOT_FOUND at its end. */
static enum err next_path(struct bytes *cuts, char path[static PATH_MAX_LEN + 1])
{
	struct bytes element;
	struct ipc_cut cut;

	TRY(ipc_list_next(cuts, &element));
	TRY(ipc_cut_decode(element, &cut));
	if (cut.path.n == 0)
		return ERR_MALFORMED;
	return bytes_str(cut.path, path, PATH_MAX_LEN + 1);
}

enum err cut_check(struct bytes cuts)
{
	char paths[CAPSULE_VALUES_MAX + 1][PATH_MAX_LEN + 1];
	size_t count = 0;
	enum err err;

	while ((err = next_path(&cuts, paths[count])) == OK) {
		for (size_t i = 0; i < count; i++)
			if (strcmp(paths[i], paths[count]) == 0)
				return ERR_MALFORMED;
		if (++count > CAPSULE_VALUES_MAX)
			return ERR_MALFORMED;
	}
	return err == ERR_NOT_FOUND && count > 0 ? OK : ERR_MALFORMED;
}

/* RFC 6749 A.12 and A.17: a token is printable ASCII. */
static enum err keep(struct cut *cut, size_t at, struct bytes token)
{
	if (token.n > IPC_TOKEN_MAX || cut->count == CAPSULE_VALUES_MAX)
		return ERR_MALFORMED;
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] < 0x20 || token.p[i] > 0x7e)
			return ERR_MALFORMED;
	if (token.n == 0)
		return OK;
	TRY(secret_dup(token, &cut->values[cut->count]));
	cut->count++;
	cut->found |= (uint32_t)1 << at;
	return OK;
}

static enum err cut_member(struct cut *cut, json_t *root, size_t at, char *path)
{
	char *last = strrchr(path, '.');
	json_t *object = root;

	if (last != NULL) {
		object = json_at(root,
				 (struct bytes){ (const uint8_t *)path, (size_t)(last - path) });
		path = last + 1;
	}
	const json_t *value = json_object_get(object, path);
	if (value == NULL || json_is_null(value))
		return OK;
	if (!json_is_string(value))
		return ERR_MALFORMED;
	TRY(keep(cut, at,
		 (struct bytes){ (const uint8_t *)json_string_value(value),
				 json_string_length(value) }));
	return json_object_del(object, path) == 0 ? OK : FAULT_BUG;
}

/* As deep as limits.depth_max. */
static void drop_tokens(json_t *value)
{
	for (size_t i = 0; json_is_object(value) && i < ARRAY_LEN(token_names); i++)
		(void)json_object_del(value, token_names[i]);
	for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at))
		drop_tokens(json_object_iter_value(at));
	for (size_t i = 0; i < json_array_size(value); i++)
		drop_tokens(json_array_get(value, i));
}

static enum err cut_json(struct bytes body, struct bytes cuts, struct cut *cut)
{
	scoped(json_free) json_t *root = NULL;
	char path[PATH_MAX_LEN + 1];
	enum err err;

	err = json_parse(body, &limits, &root);
	if (err == ERR_TOO_LARGE)
		return ERR_MALFORMED;
	TRY(err);
	if (!json_is_object(root))
		return ERR_MALFORMED;
	for (size_t at = 0; (err = next_path(&cuts, path)) == OK; at++)
		TRY(cut_member(cut, root, at, path));
	if (err != ERR_NOT_FOUND)
		return err;
	drop_tokens(root);
	json_print(root, &cut->body);
	return OK;
}

static bool is_cut(struct bytes cuts, struct bytes name)
{
	char path[PATH_MAX_LEN + 1];

	for (size_t i = 0; i < ARRAY_LEN(token_names); i++)
		if (bytes_is(name, token_names[i]))
			return true;
	while (next_path(&cuts, path) == OK)
		if (bytes_is(name, path))
			return true;
	return false;
}

static enum err form_rest(const struct form *form, struct bytes cuts, struct dynbuf *out)
{
	char name[PATH_MAX_LEN + 1];

	for (size_t i = 0; i < form->n; i++) {
		if (is_cut(cuts, form->pairs[i].name))
			continue;
		if (bytes_str(form->pairs[i].name, name, sizeof name) != OK ||
		    form_count(form, name) > 1)
			return ERR_MALFORMED;
		form_add(out, name, form->pairs[i].value);
	}
	return OK;
}

static enum err cut_pairs(const struct form *form, struct bytes cuts, struct cut *cut)
{
	struct bytes rest = cuts;
	char path[PATH_MAX_LEN + 1];
	enum err err;

	for (size_t at = 0; (err = next_path(&rest, path)) == OK; at++) {
		if (form_count(form, path) > 1)
			return ERR_MALFORMED;
		TRY(keep(cut, at, form_find(form, path)));
	}
	if (err != ERR_NOT_FOUND)
		return err;
	return form_rest(form, cuts, &cut->body);
}

static enum err cut_form(struct bytes body, struct bytes cuts, struct cut *cut)
{
	struct form form = { 0 };
	enum err err = form_parse(body, &form);

	if (err == OK)
		err = cut_pairs(&form, cuts, cut);
	form_done(&form);
	return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
}

static bool contains(struct bytes text, struct bytes what)
{
	return what.n > 0 && text.n > 0 && memmem(text.p, text.n, what.p, what.n) != NULL;
}

/* A token in the three spellings that a rest printed by our codecs can have. */
static bool stands_in(struct bytes token, struct bytes text)
{
	struct dynbuf spelt;
	bool there = contains(text, token);

	dynbuf_init(&spelt, 6 * IPC_TOKEN_MAX + 16);
	wiped_reserve(&spelt, 6 * token.n + 8);
	json_print_string(token, &spelt);
	if (dynbuf_err(&spelt) != OK)
		there = true;
	else
		there = there || contains(text, (struct bytes){ spelt.p + 1, spelt.n - 2 });
	dynbuf_reset(&spelt);
	form_encode(token, &spelt);
	there = there || dynbuf_err(&spelt) != OK || contains(text, dynbuf_view(&spelt));
	wiped_done(&spelt);
	return there;
}

bool cut_remains(const struct cut *cut, struct bytes text)
{
	for (size_t i = 0; i < cut->count; i++)
		if (stands_in(secret_bytes(cut->values[i]), text))
			return true;
	return false;
}

enum err cut_answer(struct bytes type, struct bytes body, struct bytes cuts, struct cut *ret)
{
	struct bytes rest = type, kind = bytes_cut(&rest, ';');
	enum err err = ERR_MALFORMED;

	*ret = (struct cut){ 0 };
	dynbuf_init(&ret->body, IPC_ANSWER_MAX);
	while (kind.n > 0 && (kind.p[kind.n - 1] == ' ' || kind.p[kind.n - 1] == '\t'))
		kind.n--;
	const struct bytes tail = kind.n < 5 ? kind : (struct bytes){ kind.p + kind.n - 5, 5 };
	if (bytes_caseis(kind, "application/json") || bytes_caseis(tail, "+json"))
		err = cut_json(body, cuts, ret);
	else if (bytes_caseis(kind, "application/x-www-form-urlencoded"))
		err = cut_form(body, cuts, ret);
	TRY(err);
	if (dynbuf_err(&ret->body) != OK)
		return dynbuf_err(&ret->body) == FAULT_NOMEM ? FAULT_NOMEM : ERR_MALFORMED;
	return cut_remains(ret, dynbuf_view(&ret->body)) ? ERR_FORBIDDEN : OK;
}

void cut_done(struct cut *cut)
{
	for (size_t i = 0; i < CAPSULE_VALUES_MAX; i++)
		secret_free(&cut->values[i]);
	wiped_done(&cut->body);
	cut->count = 0;
	cut->found = 0;
}
