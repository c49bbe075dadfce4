/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/address.h"
#include "core/catalog/section.h"

static const char *const method_words[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
const struct reader_words section_methods = { ARRAY_LEN(method_words), method_words };
static const struct reader_words lookup_methods = { 2, method_words };

static const char *const auth_words[] = { "basic", "post", "none", "secret_basic" };
static const struct reader_words auths = { ARRAY_LEN(auth_words), auth_words };

static enum err default_lookup(const struct reader *r, const struct yaml_node *node,
			       struct service_lookup *lookup)
{
	if (lookup->graphql.n > 0 && lookup->method == SERVICE_GET)
		return READER_REFUSE(r, node, "'graphql' is sent by POST");
	if (lookup->method == 0)
		lookup->method = lookup->graphql.n > 0 ? SERVICE_POST : SERVICE_GET;
	return OK;
}

/* One path, or several whose values are joined. */
static enum err read_paths(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, struct bytes *paths, size_t *n)
{
	if (node->kind != YAML_LIST) {
		*n = 1;
		return reader_path(r, node, key, paths);
	}
	if (node->first == NULL)
		return READER_REFUSE(r, node, "'%s' lists no path", key->name);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		if (*n == SERVICE_PATHS_MAX)
			return READER_REFUSE(r, child, "'%s' lists more than %d paths", key->name,
					     SERVICE_PATHS_MAX);
		TRY(reader_path(r, child, key, &paths[*n]));
		(*n)++;
	}
	return OK;
}

enum err section_error_member(const struct reader *r, const struct yaml_node *node,
			      const struct reader_key *key, void *to)
{
	struct service_errors *errors = to;

	return read_paths(r, node, key, errors->member, &errors->member_n);
}

static enum err read_account_id(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to)
{
	struct service_account *account = to;

	return read_paths(r, node, key, account->id, &account->id_n);
}

static enum err read_account_name(const struct reader *r, const struct yaml_node *node,
				  const struct reader_key *key, void *to)
{
	struct service_account *account = to;

	return read_paths(r, node, key, account->name, &account->name_n);
}

#define ACCOUNT(member) offsetof(struct service_account, member)

enum err section_account(const struct reader *r, const struct yaml_node *node,
			 const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "url", reader_template, ACCOUNT(lookup.url), true, NULL },
		{ "method", reader_enum, ACCOUNT(lookup.method), false, &lookup_methods },
		{ "headers", reader_headers, ACCOUNT(lookup.headers), false, NULL },
		{ "graphql", reader_text, ACCOUNT(lookup.graphql), false, NULL },
		{ "id", read_account_id, 0, true, NULL },
		{ "name", read_account_name, 0, false, NULL },
	};
	struct service_account *account = to;
	struct bytes text;

	if (yaml_str(node, &text) && bytes_is(text, "none"))
		return OK;
	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), account));
	return default_lookup(r, node, &account->lookup);
}

static enum err read_dead(const struct reader *r, const struct yaml_node *node,
			  const struct reader_key *key, void *to)
{
	int64_t status;

	if (!yaml_int(node, &status) || status < 400 || status > 499)
		return READER_REFUSE(r, node, "'dead' must be a status from 400 to 499");
	*(uint16_t *)to = (uint16_t)status;
	return OK;
}

#define PROBE(member) offsetof(struct service_probe, member)

enum err section_probe(const struct reader *r, const struct yaml_node *node,
		       const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "url", reader_template, PROBE(lookup.url), true, NULL },
		{ "method", reader_enum, PROBE(lookup.method), false, &lookup_methods },
		{ "headers", reader_headers, PROBE(lookup.headers), false, NULL },
		{ "graphql", reader_text, PROBE(lookup.graphql), false, NULL },
		{ "dead", read_dead, PROBE(dead), false, NULL },
	};
	struct service_probe *probe = to;

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), probe));
	return default_lookup(r, node, &probe->lookup);
}

enum err section_discover(const struct reader *r, const struct yaml_node *node,
			  const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "url", reader_template, offsetof(struct service_lookup, url), true, NULL },
		{ "method", reader_enum, offsetof(struct service_lookup, method), false,
		  &lookup_methods },
		{ "graphql", reader_text, offsetof(struct service_lookup, graphql), false, NULL },
		{ "headers", reader_headers, offsetof(struct service_lookup, headers), false,
		  NULL },
	};
	struct service_lookup *lookup = to;

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), lookup));
	return default_lookup(r, node, lookup);
}

/* "bearer", {form: NAME} or {json: NAME} */
static enum err read_place(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	static const struct reader_key form[] = { { "form", reader_name, 0, true, NULL } };
	static const struct reader_key json[] = { { "json", reader_name, 0, true, NULL } };
	struct service_revoke *revoke = to;
	struct bytes text;

	if (yaml_str(node, &text) && bytes_is(text, "bearer")) {
		revoke->place = SERVICE_AS_BEARER;
		return OK;
	}
	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node,
				     "'send' must be bearer, {form: NAME} or {json: NAME}");
	const bool in_json = yaml_find(node, "json") != NULL;
	revoke->place = in_json ? SERVICE_IN_JSON : SERVICE_IN_FORM;
	return reader_map(r, node, in_json ? json : form, 1, &revoke->member);
}

static enum err read_which(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	struct bytes text;

	if (!yaml_str(node, &text) || (!bytes_is(text, "access") && !bytes_is(text, "refresh")))
		return READER_REFUSE(r, node, "'token' must be one of: access, refresh");
	*(bool *)to = bytes_is(text, "refresh");
	return OK;
}

#define REVOKE(member) offsetof(struct service_revoke, member)

enum err section_revoke(const struct reader *r, const struct yaml_node *node,
			const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "url", reader_template, REVOKE(url), true, NULL },
		{ "method", reader_enum, REVOKE(method), false, &section_methods },
		{ "send", read_place, 0, false, NULL },
		{ "token", read_which, REVOKE(prefers_refresh), false, NULL },
		{ "client_auth", reader_enum, REVOKE(auth), false, &auths },
		{ "headers", reader_headers, REVOKE(headers), false, NULL },
	};
	struct service_revoke *revoke = to;

	if (revoke->url.n > 0)
		return READER_REFUSE(r, node, "'revoke_url' and 'revoke' say the same thing twice");
	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), revoke));
	/* Two credentials cannot share the Authorization header. */
	if (revoke->place == SERVICE_AS_BEARER && revoke->auth != SERVICE_AUTH_NONE)
		return READER_REFUSE(r, node, "'send: bearer' needs 'client_auth: none'");
	return OK;
}

const struct service_variable *section_variable_find(const struct service_oauth *oauth,
						     struct bytes name)
{
	for (size_t i = 0; i < oauth->variables_n; i++)
		if (bytes_eq(oauth->variables[i].name, name))
			return &oauth->variables[i];
	return NULL;
}

#define VARIABLE(member) offsetof(struct service_variable, member)

/* What a file says of a variable must fit together. */
static enum err check_variable(const struct reader *r, const struct yaml_node *node,
			       const struct service_variable *variable)
{
	const bool asked =
		variable->from == SERVICE_FROM_START || variable->from == SERVICE_FROM_OPERATOR;

	if (asked == (variable->path.n > 0))
		return READER_REFUSE(r, node,
				     "'path' goes with reply, redirect and discover, and "
				     "only with them");
	if (variable->within.n > 0 && variable->check != SERVICE_CHECK_HOST)
		return READER_REFUSE(r, node, "'within' goes with check host, and only with it");
	if ((variable->check == SERVICE_CHECK_CHOICE) != (variable->in.n > 0))
		return READER_REFUSE(r, node, "'in' goes with check choice, and only with it");
	if (variable->otherwise.n > 0 && !asked)
		return READER_REFUSE(r, node, "'default' goes with start and operator");
	if (variable->otherwise.n > 0 && !service_variable_ok(variable, variable->otherwise))
		return READER_REFUSE(r, node, "'default' does not pass its own check");
	return OK;
}

static enum err read_variable(const struct reader *r, const struct yaml_node *node,
			      struct service_variable *variable)
{
	static const char *const from_words[] = { "reply", "redirect", "discover", "start",
						  "operator" };
	static const struct reader_words froms = { ARRAY_LEN(from_words), from_words };
	static const char *const check_words[] = { "id", "label", "host", "choice", "text" };
	static const struct reader_words checks = { ARRAY_LEN(check_words), check_words };
	static const struct reader_key keys[] = {
		{ "from", reader_enum, VARIABLE(from), true, &froms },
		{ "path", reader_path, VARIABLE(path), false, NULL },
		{ "check", reader_enum, VARIABLE(check), true, &checks },
		{ "within", reader_list, VARIABLE(within), false, NULL },
		{ "in", reader_list, VARIABLE(in), false, NULL },
		{ "default", reader_text, VARIABLE(otherwise), false, NULL },
		{ "says", reader_text, VARIABLE(says), false, NULL },
	};

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), variable));
	return check_variable(r, node, variable);
}

enum err section_variables(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	struct service_oauth *oauth = to;
	struct bytes name;

	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node, "'variables' must map names to {from, path, check}");
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		struct service_variable *variable = &oauth->variables[oauth->variables_n];
		if (oauth->variables_n == SERVICE_VARIABLES_MAX)
			return READER_REFUSE(r, child, "more than %d variables",
					     SERVICE_VARIABLES_MAX);
		name = child->name;
		for (size_t i = 0; i < name.n; i++)
			if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && name.p[i] != '_')
				return READER_REFUSE(r, child,
						     "a variable's name is made of a-z and _");
		if (name.n == 0 || name.n > 64 || name.p[0] == '_' || bytes_is(name, "client_id"))
			return READER_REFUSE(r, child, "this name cannot be a variable's");
		variable->name = name;
		TRY(read_variable(r, child, variable));
		oauth->variables_n++;
	}
	return OK;
}

static enum err read_hosts(const struct reader *r, const struct yaml_node *node,
			   const struct reader_key *key, void *to)
{
	struct service_api *api = to;
	struct address address;
	struct bytes text;

	if (node->kind != YAML_LIST || node->first == NULL)
		return READER_REFUSE(r, node, "'hosts' must be a list with at least one origin");
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		if (!yaml_str(child, &text) || address_parse(text, &address) != OK ||
		    address.rest.n > 0)
			return READER_REFUSE(
				r, child, "this is not an origin such as https://api.example.com");
		if (api->hosts_n == SERVICE_HOSTS_MAX)
			return READER_REFUSE(r, child, "more than %d hosts", SERVICE_HOSTS_MAX);
		api->hosts[api->hosts_n++] = text;
	}
	return OK;
}

#define API(member) offsetof(struct service_api, member)

/* A text of printable ASCII that stands before the token: "Token ", "Zoho-oauthtoken ". */
static enum err read_prefix(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	struct bytes text;

	TRY(reader_text(r, node, key, &text));
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] > 0x7e || text.n > 64)
			return READER_REFUSE(r, node, "'prefix' must be at most 64 of ASCII");
	*(struct bytes *)to = text;
	return OK;
}

/* bearer, or {header: X-Token} and the like */
static enum err read_api_auth(const struct reader *r, const struct yaml_node *node,
			      const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "header", reader_name, API(header), false, NULL },
		{ "prefix", read_prefix, API(prefix), false, NULL },
		{ "query", reader_name, API(query), false, NULL },
		{ "client_secret", reader_name, API(secret_header), false, NULL },
	};
	struct service_api *api = to;
	struct bytes text;

	if (yaml_str(node, &text) && bytes_is(text, "bearer"))
		return OK;
	if (node->kind != YAML_MAP)
		return READER_REFUSE(r, node,
				     "'auth' must be bearer, {header: NAME} or {query: NAME}");
	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), api));
	if (api->query.n > 0 && api->header.n > 0)
		return READER_REFUSE(r, node, "the token goes into a header or the query");
	if (api->prefix.n > 0 && api->header.n == 0)
		return READER_REFUSE(r, node, "'prefix' goes with 'header'");
	if (api->secret_header.n > 0 &&
	    (api->secret_header.n == api->header.n
		     ? strncasecmp((const char *)api->secret_header.p, (const char *)api->header.p,
				   api->header.n) == 0
		     : bytes_caseis(api->secret_header, "authorization")))
		return READER_REFUSE(r, node, "two secrets cannot share a header");
	return OK;
}

static enum err read_graphql(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	struct service_words words = { 0 };
	struct service_api *api = to;

	TRY(reader_list(r, node, key, &words));
	if (words.n > SERVICE_GRAPHQL_MAX)
		return READER_REFUSE(r, node, "'graphql' lists more than %d paths",
				     SERVICE_GRAPHQL_MAX);
	for (size_t i = 0; i < words.n; i++) {
		if (words.at[i].p[0] != '/' || memchr(words.at[i].p, '{', words.at[i].n) != NULL)
			return READER_REFUSE(r, node, "'graphql' must list paths");
		api->graphql[api->graphql_n++] = words.at[i];
	}
	return OK;
}

enum err section_api(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "base", reader_template, API(base), false, NULL },
		{ "hosts", read_hosts, 0, true, NULL },
		{ "auth", read_api_auth, 0, true, NULL },
		{ "headers", reader_headers, API(headers), false, NULL },
		{ "rpc", reader_bool, API(rpc), false, NULL },
		{ "graphql", read_graphql, 0, false, NULL },
	};
	struct service_api *api = to;

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), api));
	if (api->base.n == 0)
		api->base = api->hosts[0];
	if (api->base.p[api->base.n - 1] == '/')
		return READER_REFUSE(r, node, "'base' must not end with a slash");
	for (size_t i = 0; i < api->hosts_n; i++) {
		const struct bytes host = api->hosts[i];
		if (api->base.n >= host.n && memcmp(api->base.p, host.p, host.n) == 0 &&
		    (api->base.n == host.n || api->base.p[host.n] == '/'))
			return OK;
	}
	return READER_REFUSE(r, node, "'base' must be at one of 'hosts'");
}
