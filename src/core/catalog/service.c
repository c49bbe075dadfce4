/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/service.h"

#include <stdlib.h>

#include "codec/schema.h"
#include "codec/uri.h"
#include "core/catalog/address.h"
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
	{ "oauth", section_oauth, offsetof(struct service, oauth), false, NULL },
	{ "api", section_api, offsetof(struct service, api), true, NULL },
	{ "mcp", section_mcp, offsetof(struct service, mcp), false, NULL },
	{ "resources", section_resources, 0, false, NULL },
	{ "tools", read_nothing, 0, false, NULL },
};

enum {
	FROM_BEFORE = 1 << SERVICE_FROM_START | 1 << SERVICE_FROM_OPERATOR,
	FROM_BROWSER = FROM_BEFORE | 1 << SERVICE_FROM_REDIRECT,
	FROM_TOKEN = FROM_BROWSER | 1 << SERVICE_FROM_REPLY,
	FROM_ALL = FROM_TOKEN | 1 << SERVICE_FROM_DISCOVER,
};

/* An address of the file, and what is known by the time that it is called. */
struct check {
	const struct reader *r;
	const struct yaml_node *node;
	const struct service_oauth *oauth;
	unsigned from;
	bool client_id; /* {client_id} may stand there too */
};

static enum err check_place(void *ctx, struct bytes name)
{
	const struct check *check = ctx;
	const struct service_variable *variable = section_variable_find(check->oauth, name);

	if (check->client_id && bytes_is(name, "client_id"))
		return OK;
	if (variable == NULL)
		return READER_REFUSE(check->r, check->node, "there is no variable '%.*s'",
				     (int)name.n, name.p);
	if ((check->from & 1U << variable->from) == 0)
		return READER_REFUSE(check->r, check->node,
				     "'%.*s' is not known yet when this address is called",
				     (int)name.n, name.p);
	return OK;
}

static bool all_loopback(const struct service_variable *variable)
{
	for (size_t i = 0; i < variable->within.n; i++)
		if (!address_loopback(variable->within.at[i]))
			return false;
	return variable->within.n > 0;
}

/* Whether the file, and not whoever gives the value, decides whose host it is. */
static enum err check_host(const struct check *check, const struct address *address)
{
	const struct service_variable *variable =
		section_variable_find(check->oauth, address->name);
	const bool name = variable->check == SERVICE_CHECK_HOST;
	const bool label =
		variable->check == SERVICE_CHECK_LABEL || variable->check == SERVICE_CHECK_CHOICE;

	if (!name && !label)
		return READER_REFUSE(check->r, check->node,
				     "in a host '%.*s' needs check host, label or choice",
				     (int)address->name.n, address->name.p);
	if (name && address->after.n > 0)
		return READER_REFUSE(check->r, check->node,
				     "a host's variable is the end of the name");
	if (name && variable->within.n == 0 && variable->from != SERVICE_FROM_OPERATOR)
		return READER_REFUSE(check->r, check->node,
				     "in a host '%.*s' needs 'within', or to be the operator's",
				     (int)address->name.n, address->name.p);
	if (label && (address->after.n == 0 ||
		      memchr(address->after.p + 1, '.', address->after.n - 1) == NULL))
		return READER_REFUSE(check->r, check->node,
				     "a label stands before a name such as .acme.com");
	if (!address->https && (label || !all_loopback(variable)))
		return READER_REFUSE(check->r, check->node, "http is for this machine alone");
	return OK;
}

static enum err check_address(struct check check, struct bytes text)
{
	struct address address;

	if (text.n == 0)
		return OK;
	TRY(reader_places(text, check_place, &check));
	if (address_parse(text, &address) != OK)
		return READER_REFUSE(check.r, check.node, "this is no address");
	return address.name.n == 0 ? OK : check_host(&check, &address);
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
		unsigned from;
		bool client_id;
	} templates[] = {
		{ oauth->authorize_url, yaml_find(below, "authorize_url"), FROM_BEFORE, false },
		{ oauth->token_url, yaml_find(below, "token_url"), FROM_BROWSER, false },
		{ oauth->refresh_url, yaml_find(below, "refresh_url"), FROM_ALL, false },
		{ oauth->introspect_url, yaml_find(below, "expiry"), FROM_ALL, false },
		{ oauth->discover.url, yaml_find(below, "discover"), FROM_TOKEN, false },
		{ oauth->revoke.url, yaml_find(below, "revoke"), FROM_ALL, true },
		{ oauth->account.lookup.url, yaml_find(below, "account"), FROM_ALL, false },
		{ oauth->probe.lookup.url, yaml_find(below, "probe"), FROM_ALL, false },
		{ service->api.base, yaml_find(root, "api"), FROM_ALL, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
		const struct check check = { r,
					     templates[i].node == NULL ? below : templates[i].node,
					     oauth, templates[i].from, templates[i].client_id };
		TRY(check_address(check, templates[i].text));
	}
	for (size_t i = 0; i < service->api.headers.n; i++) {
		struct check check = { r, yaml_find(root, "api"), oauth, FROM_ALL, false };
		if (reader_places(service->api.headers.at[i].value, check_place, &check) != OK)
			return check.r->complaint->text[0] != 0
				       ? ERR_MALFORMED
				       : READER_REFUSE(r, check.node, "a brace here is no {place}");
	}
	for (size_t i = 0; i < service->api.hosts_n; i++) {
		const struct check check = { r, yaml_find(root, "api"), oauth, FROM_ALL, false };
		TRY(check_address(check, service->api.hosts[i]));
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

/* Its token goes there, so it must be where tokens of the service may go. */
static enum err check_mcp(const struct reader *r, const struct service *service)
{
	struct uri at, host;

	if (service->mcp.url.n == 0)
		return OK;
	if (uri_parse(service->mcp.url, &at) != OK)
		return ERR_MALFORMED;
	for (size_t i = 0; i < service->api.hosts_n; i++)
		if (uri_parse(service->api.hosts[i], &host) == OK && uri_same_origin(&at, &host))
			return OK;
	return READER_REFUSE(r, yaml_find(yaml_root(r->yaml), "mcp"),
			     "'url' must be at one of the hosts of 'api'");
}

static enum err read_service(const struct reader *r, struct service *service)
{
	const struct yaml_node *root = yaml_root(r->yaml);
	const struct yaml_node *tools = yaml_find(root, "tools");

	if (root->kind != YAML_MAP)
		return READER_REFUSE(r, root,
				     "a service file is a map with id, name, oauth and api");
	TRY(reader_map(r, root, service_keys, ARRAY_LEN(service_keys), service));
	if (service->oauth.authorize_url.n == 0 && service->mcp.url.n == 0)
		return READER_REFUSE(r, root, "'oauth' is missing");
	TRY(check_sources(r, service));
	TRY(check_templates(r, service));
	TRY(check_mcp(r, service));
	if (service->mcp.url.n > 0) {
		if (tools != NULL && tools->first != NULL)
			return READER_REFUSE(r, tools, "the tools of an MCP server are its own");
		return section_mcp_tools(r, yaml_find(root, "mcp"), service);
	}
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
	for (size_t i = 0; service->tools != NULL && i < SERVICE_TOOLS_MAX; i++) {
		schema_free(&service->tools[i].schema);
		buf_free(&service->tools[i].words);
	}
	free(service->tools);
	free(service->mcp.listed);
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

bool service_wants_secret(const struct service *service)
{
	return !service_open(service) && service->oauth.auth != SERVICE_AUTH_NONE;
}

bool service_open(const struct service *service)
{
	return service->oauth.authorize_url.n == 0;
}

const char *service_risk_name(enum service_risk risk)
{
	static const char *const names[] = { "", "low", "medium", "high", "critical" };

	return names[risk];
}

const char *service_class_name(enum service_class class)
{
	static const char *const names[] = { "",      "none",	"stable",    "replaced",
					     "grace", "strict", "until_used" };

	return names[class];
}
