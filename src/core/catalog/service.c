/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/service.h"

#include <stdlib.h>

#include "codec/uri.h"
#include "core/catalog/section.h"

static enum err read_id(const struct reader *r, const struct yaml_node *node,
			const struct reader_key *key, void *to)
{
	struct bytes id;
	bool good = yaml_str(node, &id) && id.n > 0 && id.n <= SERVICE_ID_LEN && id.p[0] >= 'a' &&
		    id.p[0] <= 'z';

	for (size_t i = 0; good && i < id.n; i++)
		good = (id.p[i] >= 'a' && id.p[i] <= 'z') || (id.p[i] >= '0' && id.p[i] <= '9') ||
		       id.p[i] == '-';
	if (!good)
		return READER_REFUSE(r, node,
				     "'id' must be 1 to 32 of a-z, 0-9 and -, a letter first");
	return bytes_str(id, to, SERVICE_ID_LEN + 1);
}

/* Read in a second step, when what tools refer to is known. */
static enum err read_nothing(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	return OK;
}

static const struct reader_key service_keys[] = {
	{ "id", read_id, offsetof(struct service, id), true, NULL },
	{ "name", reader_text, offsetof(struct service, name), true, NULL },
	{ "says", reader_text, offsetof(struct service, says), false, NULL },
	{ "oauth", section_oauth, offsetof(struct service, oauth), true, NULL },
	{ "api", section_api, offsetof(struct service, api), true, NULL },
	{ "resources", section_resources, 0, false, NULL },
	{ "tools", read_nothing, 0, false, NULL },
};

struct check {
	const struct reader *r;
	const struct yaml_node *node;
	const struct service_oauth *oauth;
	bool client_id; /* {client_id} may stand there too */
};

static enum err check_place(void *ctx, struct bytes name)
{
	const struct check *check = ctx;

	if ((check->client_id && bytes_is(name, "client_id")) ||
	    section_variable_find(check->oauth, name) != NULL)
		return OK;
	return READER_REFUSE(check->r, check->node, "there is no variable '%.*s'", (int)name.n,
			     name.p);
}

/* Every place of every address is filled by a variable that the file declares. */
static enum err check_templates(const struct reader *r, const struct service *service)
{
	const struct service_oauth *oauth = &service->oauth;
	const struct yaml_node *root = yaml_root(service->yaml);
	const struct yaml_node *below = yaml_find(root, "oauth");
	const struct {
		struct bytes text;
		const struct yaml_node *node;
		bool client_id;
	} templates[] = {
		{ oauth->revoke.url, yaml_find(below, "revoke"), true },
		{ oauth->account.lookup.url, yaml_find(below, "account"), false },
		{ oauth->probe.lookup.url, yaml_find(below, "probe"), false },
		{ service->api.base, yaml_find(root, "api"), false },
	};

	for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
		const struct check check = { r, templates[i].node, oauth, templates[i].client_id };
		struct check copy = check;
		TRY(reader_places(templates[i].text, check_place, &copy));
	}
	return OK;
}

static enum err check_sources(const struct reader *r, const struct service *service)
{
	const struct service_oauth *oauth = &service->oauth;
	const struct yaml_node *below = yaml_find(yaml_root(service->yaml), "oauth");

	for (size_t i = 0; i < oauth->variables_n; i++)
		if (oauth->variables[i].from == SERVICE_FROM_DISCOVER && oauth->discover.url.n == 0)
			return READER_REFUSE(r, yaml_find(below, "variables"),
					     "a variable comes from 'discover', which is missing");
	for (size_t i = 0; i < oauth->scope_always.n; i++)
		if (!oauth->has_scopes)
			return READER_REFUSE(r, yaml_find(below, "scope"),
					     "'always' and 'none' contradict each other");
	return OK;
}

static enum err read_service(const struct reader *r, struct service *service)
{
	const struct yaml_node *root = yaml_root(r->yaml);
	const struct yaml_node *tools = yaml_find(root, "tools");

	if (root->kind != YAML_MAP)
		return READER_REFUSE(r, root,
				     "a service file is a map with id, name, oauth and api");
	TRY(reader_map(r, root, service_keys, ARRAY_LEN(service_keys), service));
	TRY(check_sources(r, service));
	TRY(check_templates(r, service));
	return tools == NULL ? OK : section_tools(r, tools, service);
}

enum err service_compile(struct bytes text, const char *file, struct complaint *complaint,
			 struct service **ret)
{
	scoped(service_free) struct service *service = calloc(1, sizeof *service);

	if (service == NULL)
		return FAULT_NOMEM;
	TRY(yaml_parse(text, file, complaint, &service->yaml));
	const struct reader reader = { service->yaml, complaint };
	TRY(read_service(&reader, service));
	*ret = take(service);
	return OK;
}

void service_free(struct service **servicep)
{
	struct service *service = *servicep;

	if (service == NULL)
		return;
	yaml_free(&service->yaml);
	free(service->tools);
	free(service);
	*servicep = NULL;
}

const struct service_scope *service_scope_find(const struct service *service, struct bytes name)
{
	for (size_t i = 0; i < service->oauth.scopes_n; i++)
		if (bytes_eq(service->oauth.scopes[i].name, name))
			return &service->oauth.scopes[i];
	return NULL;
}

const struct service_resource *service_resource_find(const struct service *service,
						     struct bytes kind)
{
	for (size_t i = 0; i < service->resources_n; i++)
		if (bytes_eq(service->resources[i].kind, kind))
			return &service->resources[i];
	return NULL;
}

/* Scheme, host and port: an address without what follows the third slash. */
static struct bytes origin_of(struct bytes url)
{
	size_t n = bytes_starts(url, "https://") ? 8 : 7;

	while (n < url.n && url.p[n] != '/' && url.p[n] != '?')
		n++;
	return (struct bytes){ url.p, n < url.n ? n : url.n };
}

static bool has_line(struct bytes lines, struct bytes line)
{
	while (lines.n > 0)
		if (bytes_eq(bytes_cut(&lines, '\n'), line))
			return true;
	return false;
}

static void add_origin(struct dynbuf *out, size_t from, struct bytes url)
{
	const struct bytes origin = origin_of(url);
	const struct bytes before = { out->p == NULL ? NULL : out->p + from, out->n - from };

	if (url.n == 0 || has_line(before, origin))
		return;
	if (out->n > from)
		dynbuf_u8(out, '\n');
	dynbuf_bytes(out, origin);
}

void service_hosts(const struct service *service, struct dynbuf *out)
{
	const struct service_oauth *oauth = &service->oauth;
	const struct bytes urls[] = {
		oauth->token_url,    oauth->refresh_url,	oauth->revoke.url,
		oauth->discover.url, oauth->account.lookup.url, oauth->probe.lookup.url,
		service->api.base,
	};
	const size_t from = out->n;

	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		add_origin(out, from, urls[i]);
	for (size_t i = 0; i < service->api.hosts_n; i++)
		add_origin(out, from, service->api.hosts[i]);
}

bool service_wants_secret(const struct service *service)
{
	return service->oauth.auth != SERVICE_AUTH_NONE;
}

bool service_iss_ok(const struct service *service, struct bytes iss)
{
	struct uri sent, own;

	if (service->oauth.issuer.n > 0)
		return bytes_eq(service->oauth.issuer, iss);
	if (iss.p == NULL)
		return true;
	return uri_parse(iss, &sent) == OK && uri_parse(service->oauth.authorize_url, &own) == OK &&
	       uri_same_origin(&sent, &own);
}

static bool is_label(struct bytes value)
{
	if (value.n == 0 || value.n > 63 || value.p[0] == '-' || value.p[value.n - 1] == '-')
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (!(value.p[i] >= 'a' && value.p[i] <= 'z') &&
		    !(value.p[i] >= '0' && value.p[i] <= '9') && value.p[i] != '-')
			return false;
	return true;
}

static bool is_id(struct bytes value)
{
	if (value.n == 0 || value.n > 128)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		const uint8_t c = value.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-')
			return false;
	}
	return true;
}

static bool is_within(struct bytes host, const struct service_words *within)
{
	struct bytes rest = host;

	while (rest.n > 0)
		if (!is_label(bytes_cut(&rest, '.')))
			return false;
	if (host.n == 0 || host.n > 253 || host.p[host.n - 1] == '.')
		return false;
	for (size_t i = 0; i < within->n; i++) {
		const struct bytes name = within->at[i];
		if (bytes_eq(host, name))
			return true;
		if (host.n > name.n + 1 && host.p[host.n - name.n - 1] == '.' &&
		    memcmp(host.p + host.n - name.n, name.p, name.n) == 0)
			return true;
	}
	return false;
}

bool service_variable_ok(const struct service_variable *variable, struct bytes value)
{
	switch (variable->check) {
	case SERVICE_CHECK_ID:
		return is_id(value);
	case SERVICE_CHECK_LABEL:
		return is_label(value);
	case SERVICE_CHECK_HOST:
		return is_within(value, &variable->within);
	}
	return false;
}

const char *service_risk_name(enum service_risk risk)
{
	static const char *const names[] = { "", "low", "medium", "high", "critical" };

	return names[risk];
}

const char *service_class_name(enum service_class class)
{
	static const char *const names[] = { "", "none", "stable", "replaced", "grace", "strict" };

	return names[class];
}
