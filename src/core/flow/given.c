/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/given.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/oauth/provider.h"

enum { GIVEN_MAX = 8192 };

enum err given_load(struct flow *flow, struct id tenant, struct id of, json_t **ret)
{
	struct given_row row = { 0 };

	const enum err err = store_given_get(flow->store, tenant, of, &row);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	if (row.text.n > 0)
		return json_parse(row.text, &json_request_limits, ret);
	*ret = json_object();
	return *ret == NULL ? FAULT_NOMEM : OK;
}

enum err given_save(struct flow *flow, struct id tenant, struct id of, const json_t *variables)
{
	struct given_row row = { .id = of, .tenant = tenant }, old;
	uint8_t room[GIVEN_MAX];
	struct dynbuf text = { .p = room, .room = sizeof room, .max = sizeof room };

	const enum err err = store_given_get(flow->store, tenant, of, &old);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	if (err == ERR_NOT_FOUND && json_object_size(variables) == 0)
		return OK;
	json_print(variables, &text);
	TRY(dynbuf_err(&text));
	row.rev = err == OK ? old.rev : 0;
	row.text = dynbuf_view(&text);
	return store_given_put(flow->store, &row);
}

/* The variable of that source that has this name, or NULL. */
static const struct service_variable *find(const struct service *service, enum service_from from,
					   const char *name)
{
	for (size_t i = 0; i < service->oauth.variables_n; i++)
		if (service->oauth.variables[i].from == from &&
		    bytes_is(service->oauth.variables[i].name, name))
			return &service->oauth.variables[i];
	return NULL;
}

static enum err refuse(struct call *call, const char *what, struct bytes name, struct bytes says)
{
	char text[700];

	snprintf(text, sizeof text, "%s: '%.*s'%s%.*s", what, (int)name.n, name.p,
		 says.n > 0 ? ", " : "", (int)says.n, says.p);
	if (call->detail == NULL)
		call->detail = strdup(text);
	return ERR_VARIABLE;
}

static enum err check_one(struct call *call, const struct service_variable *variable,
			  const char *name, const json_t *value)
{
	if (variable == NULL)
		return refuse(call, "This service takes no such variable", str(name), str(""));
	const struct bytes text = { (const uint8_t *)json_string_value(value),
				    json_string_length(value) };
	if (!json_is_string(value) ||
	    !service_variable_ok(variable, service_variable_bare(variable, text)))
		return refuse(call, "The value of this variable does not fit", variable->name,
			      variable->says);
	return OK;
}

enum err given_check(struct call *call, const struct service *service, enum service_from from,
		     json_t *given, json_t **ret)
{
	scoped(json_free) json_t *variables = json_object();
	struct bytes missing;
	const char *name;
	json_t *value;

	if (variables == NULL)
		return FAULT_NOMEM;
	if (given != NULL && !json_is_object(given))
		return ERR_MALFORMED;
	json_object_foreach(given, name, value)
		TRY(check_one(call, find(service, from, name), name, value));
	TRY(provider_take_given(service, from, given, variables));
	if (provider_lacks(service, from, variables, &missing)) {
		char text[65];
		TRY(bytes_str(missing, text, sizeof text));
		return refuse(call, "This variable is needed", missing,
			      find(service, from, text)->says);
	}
	*ret = take(variables);
	return OK;
}

/* No variable has such a name. */
static const char issuer_name[] = "_issuer";

enum err given_issuer_set(const struct service *service, json_t *variables)
{
	if (service->mcp.url.n == 0)
		return OK;
	return json_object_set_new(variables, issuer_name, json_of(service->oauth.issuer)) == 0
		       ? OK
		       : FAULT_NOMEM;
}

bool given_issuer_ok(const struct service *service, const json_t *variables)
{
	return service->mcp.url.n == 0 ||
	       bytes_eq(json_str(variables, issuer_name), service->oauth.issuer);
}

enum err given_client(struct flow *flow, const struct service *service,
		      const struct client_row *client)
{
	scoped(json_free) json_t *variables = NULL;

	TRY(given_load(flow, client->tenant, client->id, &variables));
	return given_issuer_ok(service, variables) ? OK : ERR_NO_CLIENT;
}

enum err given_before(struct flow *flow, const struct consent_row *consent,
		      const struct client_row *client, json_t **ret)
{
	scoped(json_free) json_t *variables = NULL, *given = NULL;

	TRY(given_load(flow, consent->tenant, client->id, &variables));
	TRY(given_load(flow, consent->tenant, consent->id, &given));
	if (json_object_update(variables, given) != 0)
		return FAULT_NOMEM;
	*ret = take(variables);
	return OK;
}
