/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/oauth/path.h"
#include "core/oauth/provider.h"

enum { INTROSPECT_MAX_S = 10 * 365 * 86400 };

/* Whether the provider says in the body that it failed, whatever the status was. */
static bool says_failed(const struct service *service, const json_t *body)
{
	const struct service_errors *errors = &service->oauth.errors;

	return (errors->ok.n > 0 && json_is_false(path_find(body, errors->ok))) ||
	       path_error(errors, body) != NULL;
}

static enum err read_body(const struct service *service, unsigned status, struct bytes text,
			  json_t **ret)
{
	scoped(json_free) json_t *body = NULL;

	if (status == 429 || status >= 500)
		return ERR_PROVIDER_UNAVAILABLE;
	if (status >= 400)
		return ERR_PROVIDER_REFUSED;
	if (status < 200 || status >= 300)
		return ERR_MALFORMED;
	const enum err err = json_parse(text, &json_request_limits, &body);
	if (err != OK)
		return err == FAULT_NOMEM ? err : ERR_MALFORMED;
	if (says_failed(service, body))
		return ERR_PROVIDER_REFUSED;
	*ret = take(body);
	return OK;
}

/* All paths must be there; their values with @between between them. */
static bool join(const json_t *body, const struct bytes *paths, size_t n, const char *between,
		 char to[static PROVIDER_ACCOUNT_MAX + 1])
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		char part[PROVIDER_ACCOUNT_MAX + 1];
		if (!path_text(body, paths[i], part, sizeof part))
			return false;
		const int more = snprintf(to + used, PROVIDER_ACCOUNT_MAX + 1 - used, "%s%s",
					  i == 0 ? "" : between, part);
		if (more < 0 || used + (size_t)more > PROVIDER_ACCOUNT_MAX)
			return false;
		used += (size_t)more;
	}
	return used > 0;
}

enum err provider_account_read(const struct service *service, unsigned status, struct bytes body,
			       struct provider_account *ret)
{
	const struct service_account *from = &service->oauth.account;
	scoped(json_free) json_t *json = NULL;
	struct provider_account account;

	TRY(read_body(service, status, body, &json));
	if (!join(json, from->id, from->id_n, "/", account.id))
		return ERR_MALFORMED;
	if (!join(json, from->name, from->name_n, ", ", account.name))
		memcpy(account.name, account.id, sizeof account.name);
	*ret = account;
	return OK;
}

usec_t provider_introspect_read(const struct service *service, unsigned status, struct bytes body,
				usec_t now)
{
	const usec_t assumed = now + service->oauth.assume_s * USEC_PER_S;
	const usec_t latest = now + (usec_t)INTROSPECT_MAX_S * USEC_PER_S;
	scoped(json_free) json_t *json = NULL;
	int64_t ends_s;

	if (read_body(service, status, body, &json) != OK || !json_int(json, "exp", &ends_s) ||
	    ends_s <= 0 || (uint64_t)ends_s > latest / USEC_PER_S)
		return assumed;
	const usec_t ends = (usec_t)ends_s * USEC_PER_S;
	return ends > now ? ends : assumed;
}

static bool is_word(const struct service_words *words, struct bytes word)
{
	for (size_t i = 0; i < words->n; i++)
		if (bytes_eq(words->at[i], word))
			return true;
	return false;
}

static struct bytes word_of(const struct service *service, const json_t *body)
{
	const json_t *word = path_error(&service->oauth.errors, body);

	if (word == NULL)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ (const uint8_t *)json_string_value(word), json_string_length(word) };
}

enum provider_life provider_probe_read(const struct service *service, unsigned status,
				       struct bytes body)
{
	scoped(json_free) json_t *json = NULL;

	if (status == service->oauth.probe.dead)
		return PROVIDER_DEAD;
	if (status < 200 || status >= 300)
		return PROVIDER_LIFE_UNKNOWN;
	/* A body that is no JSON came with a status that says the token is good. */
	if (json_parse(body, &json_request_limits, &json) != OK || !says_failed(service, json))
		return PROVIDER_ALIVE;
	return is_word(&service->oauth.errors.terminal, word_of(service, json))
		       ? PROVIDER_DEAD
		       : PROVIDER_LIFE_UNKNOWN;
}

enum err provider_revoke_read(const struct service *service, unsigned status, struct bytes body)
{
	scoped(json_free) json_t *json = NULL;

	if (status == 429 || status >= 500)
		return ERR_PROVIDER_UNAVAILABLE;
	/* RFC 7009 2.2: a token that is invalid is revoked; some say so with an error. */
	const bool parsed = json_parse(body, &json_request_limits, &json) == OK;
	const struct bytes word = parsed ? word_of(service, json) : (struct bytes){ NULL, 0 };
	if (bytes_is(word, "invalid_token") || is_word(&service->oauth.errors.terminal, word))
		return OK;
	if (status == 404)
		return OK;
	if (status < 200 || status >= 300 || (parsed && says_failed(service, json)))
		return ERR_PROVIDER_REFUSED;
	return OK;
}

static enum err set_variable(const struct service_variable *variable, struct bytes value,
			     json_t *to)
{
	const struct bytes bare = service_variable_bare(variable, value);
	char name[65];

	if (!service_variable_ok(variable, bare) ||
	    bytes_str(variable->name, name, sizeof name) != OK)
		return ERR_MALFORMED;
	return json_object_set_new(to, name, json_of(bare)) == 0 ? OK : FAULT_NOMEM;
}

/* Sets all variables from there, or none. */
static enum err take_variables(const struct service *service, enum service_from from,
			       const json_t *source, json_t *variables)
{
	scoped(json_free) json_t *found = json_object();
	char text[SERVICE_VALUE_MAX + 1];

	if (found == NULL)
		return FAULT_NOMEM;
	for (size_t i = 0; i < service->oauth.variables_n; i++) {
		const struct service_variable *variable = &service->oauth.variables[i];
		if (variable->from != from)
			continue;
		if (!path_text(source, variable->path, text, sizeof text))
			return ERR_MALFORMED;
		TRY(set_variable(variable, str(text), found));
	}
	return json_object_update(variables, found) == 0 ? OK : FAULT_NOMEM;
}

static const struct service_variable *given_find(const struct service *service,
						 enum service_from from, const char *name)
{
	for (size_t i = 0; i < service->oauth.variables_n; i++)
		if (service->oauth.variables[i].from == from &&
		    bytes_is(service->oauth.variables[i].name, name))
			return &service->oauth.variables[i];
	return NULL;
}

enum err provider_take_given(const struct service *service, enum service_from from, json_t *given,
			     json_t *variables)
{
	scoped(json_free) json_t *found = json_object();

	if (found == NULL)
		return FAULT_NOMEM;
	if (given != NULL && !json_is_object(given))
		return ERR_MALFORMED;
	for (void *at = json_object_iter(given); at != NULL;
	     at = json_object_iter_next(given, at)) {
		const struct service_variable *variable =
			given_find(service, from, json_object_iter_key(at));
		const json_t *value = json_object_iter_value(at);
		if (variable == NULL || !json_is_string(value))
			return ERR_MALFORMED;
		TRY(set_variable(variable, str(json_string_value(value)), found));
	}
	return json_object_update(variables, found) == 0 ? OK : FAULT_NOMEM;
}

bool provider_lacks(const struct service *service, enum service_from from, const json_t *variables,
		    struct bytes *ret)
{
	for (size_t i = 0; i < service->oauth.variables_n; i++) {
		const struct service_variable *variable = &service->oauth.variables[i];
		if (variable->from != from || variable->otherwise.n > 0 ||
		    provider_value(variables, variable->name).p != NULL)
			continue;
		*ret = variable->name;
		return true;
	}
	return false;
}

enum err provider_take_redirect(const struct service *service, const struct form *query,
				json_t *variables)
{
	scoped(json_free) json_t *source = json_object();
	char name[256];

	if (source == NULL)
		return FAULT_NOMEM;
	for (size_t i = 0; i < query->n; i++) {
		if (bytes_str(query->pairs[i].name, name, sizeof name) != OK)
			continue;
		/* Twice the same parameter: which one counts is not ours to guess. */
		if (json_object_get(source, name) != NULL)
			return ERR_MALFORMED;
		json_t *value = json_of(query->pairs[i].value);
		if (value == NULL || json_object_set_new(source, name, value) != 0)
			return ERR_MALFORMED;
	}
	return take_variables(service, SERVICE_FROM_REDIRECT, source, variables);
}

enum err provider_take_discover(const struct service *service, unsigned status, struct bytes body,
				json_t *variables)
{
	scoped(json_free) json_t *json = NULL;

	TRY(read_body(service, status, body, &json));
	return take_variables(service, SERVICE_FROM_DISCOVER, json, variables);
}

enum err provider_take_reply(const struct service *service, const json_t *reply, json_t *variables)
{
	return take_variables(service, SERVICE_FROM_REPLY, reply, variables);
}
