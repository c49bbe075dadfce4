/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcp/list.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "codec/schema.h"
#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/policy/policy.h"

enum { BESIDE_MAX = 64 * 1024 };

static void name_of(const struct list_view *view, const char *service, struct bytes tool,
		    char to[static LIST_NAME_MAX + 1])
{
	if (view->only != NULL) {
		snprintf(to, LIST_NAME_MAX + 1, "%.*s", (int)tool.n, (const char *)tool.p);
		return;
	}
	snprintf(to, LIST_NAME_MAX + 1, "%s_%.*s", service, (int)tool.n, (const char *)tool.p);
	for (char *c = to; *c != 0; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9')))
			*c = '_';
}

/* The accounts of one service that the vault is bound to, beside the default. */
struct accounts {
	struct bytes service;
	size_t n;
	struct dynbuf *names; /* a JSON list under way, or NULL */
};

static enum err account(void *ctx, const struct binding_row *row)
{
	struct accounts *accounts = ctx;

	if (!bytes_eq(row->service, accounts->service) || row->alias.n == 0)
		return OK;
	if (accounts->names != NULL) {
		dynbuf_str(accounts->names, accounts->n == 0 ? "" : ",");
		json_print_string(row->alias, accounts->names);
	}
	accounts->n++;
	return OK;
}

static enum err accounts_of(struct flow *flow, const struct vault_row *vault, const char *service,
			    struct dynbuf *names, size_t *ret_n)
{
	struct accounts accounts = { .service = str(service), .names = names };

	TRY(store_binding_list(flow->store, vault->tenant, vault->id, account, &accounts));
	*ret_n = accounts.n;
	return OK;
}

static struct bytes input_of(const struct service_tool *tool)
{
	return tool->remote.n > 0 ? tool->remote_input : schema_text(tool->schema);
}

/* The schema of the file, with one more member where there are several accounts. */
static enum err print_schema(struct flow *flow, const struct vault_row *vault, const char *service,
			     const struct service_tool *tool, struct dynbuf *out)
{
	const struct bytes text = input_of(tool);
	scoped(dynbuf_done) struct dynbuf names;
	struct doc doc = { 0 };
	size_t n = 0;

	dynbuf_init(&names, 16 * 1024);
	TRY(accounts_of(flow, vault, service, &names, &n));
	TRY(doc_read(text, &doc));
	const uint32_t properties = doc_member(&doc, 0, str("properties"));
	if (n > 1 && doc_member(&doc, properties, str("account")) == DOC_NONE &&
	    doc_kind(&doc, properties) == DOC_OBJECT) {
		const size_t at = doc.nodes[properties].at + 1;
		dynbuf_put(out, text.p, at);
		dynbuf_str(out, "\"account\":{\"type\":\"string\",\"description\":\"Which of the "
				"connected accounts; the default one if left out\",\"enum\":[");
		dynbuf_bytes(out, dynbuf_view(&names));
		dynbuf_str(out, doc.nodes[properties].count > 0 ? "]}," : "]}");
		dynbuf_put(out, text.p + at, text.n - at);
	} else {
		dynbuf_bytes(out, text);
	}
	doc_done(&doc);
	return dynbuf_err(&names);
}

/* What an upstream server says itself: its own schema of the result, where the client's version has
 * such, and its description, cleaned when it was accepted. */
static enum err print_remote(const struct service_tool *tool, bool modern, struct dynbuf *out)
{
	struct doc doc = { 0 };

	TRY(doc_read(tool->remote, &doc));
	const uint32_t says = doc_member(&doc, 0, str("description"));
	const uint32_t output = doc_member(&doc, 0, str("outputSchema"));
	dynbuf_str(out, ",\"description\":");
	if (says != DOC_NONE)
		dynbuf_bytes(out, doc_raw(&doc, says));
	else
		json_print_string(tool->title, out);
	/* Clients of before refuse the whole list for one that is no object's. */
	if (output != DOC_NONE &&
	    (modern || doc_is(&doc, doc_member(&doc, output, str("type")), str("object")))) {
		dynbuf_str(out, ",\"outputSchema\":");
		dynbuf_bytes(out, doc_raw(&doc, output));
	}
	doc_done(&doc);
	return dynbuf_err(out);
}

struct printing {
	const struct list_view *view;
	struct bytes cursor;
	struct dynbuf *out;
	bool begun, more;
	size_t n;
	char last[LIST_NAME_MAX + 1];
};

/* By the name that is printing->last. */
static enum err print_tool(struct flow *flow, const struct printing *printing, const char *service,
			   const struct service_tool *tool)
{
	const struct list_view *view = printing->view;
	struct dynbuf *out = printing->out;

	dynbuf_printf(out, "{\"name\":\"%s\",\"title\":", printing->last);
	json_print_string(tool->title, out);
	if (tool->remote.n > 0) {
		TRY(print_remote(tool, view->modern, out));
	} else {
		dynbuf_str(out, ",\"description\":");
		json_print_string(tool->says, out);
	}
	dynbuf_str(out, ",\"inputSchema\":");
	TRY(print_schema(flow, &view->permit->vault, service, tool, out));
	dynbuf_printf(out,
		      ",\"annotations\":{\"readOnlyHint\":%s,\"destructiveHint\":%s,"
		      "\"idempotentHint\":%s,\"openWorldHint\":true}}",
		      tool->effect == SERVICE_READ ? "true" : "false",
		      tool->effect == SERVICE_DESTRUCTIVE ? "true" : "false",
		      tool->effect == SERVICE_READ ? "true" : "false");
	return dynbuf_err(out);
}

/* Every tool that the vault shows, in order, until @fn answers something else than OK. */
typedef enum err (*each_fn)(struct flow *flow, void *ctx, const char *service,
			    const struct service_tool *tool);

/* Whether tools of both could have one name: "a" with "b_c", "a-b" with "c". */
static bool ids_meet(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b), least = n < m ? n : m;

	return n != m && strncmp(a, b, least) == 0 && (n > m ? a : b)[least] == '-';
}

/* The names, each with its end mark, of the tools of the services that @id could meet. */
static enum err names_beside(struct flow *flow, const struct list_view *view, const char *id,
			     struct dynbuf *out)
{
	const struct id tenant = view->permit->vault.tenant;
	const struct service *service;
	char name[LIST_NAME_MAX + 1];
	const char *other;

	for (size_t n = 0; (other = policy_service_at(view->permit->policy, n)) != NULL; n++) {
		if (view->only != NULL || !ids_meet(id, other) ||
		    compiled_service(flow, tenant, str(other), &service) != OK)
			continue;
		for (size_t i = 0; i < service->tools_n; i++) {
			name_of(view, other, service->tools[i].name, name);
			dynbuf_put(out, name, strlen(name) + 1);
		}
	}
	return dynbuf_err(out);
}

static bool is_beside(const struct dynbuf *names, const char *name)
{
	const size_t n = strlen(name) + 1;

	for (size_t at = 0; at < names->n; at += strlen((const char *)names->p + at) + 1)
		if (names->n - at >= n && memcmp(names->p + at, name, n) == 0)
			return true;
	return false;
}

/* No remote server has a name that another service has: of two such, neither would be certain. */
static enum err each_of(struct flow *flow, const struct list_view *view, const char *id, each_fn fn,
			void *ctx)
{
	const struct permit *permit = view->permit;
	scoped(dynbuf_done) struct dynbuf beside;
	const struct service *service;
	char name[LIST_NAME_MAX + 1];

	dynbuf_init(&beside, BESIDE_MAX);
	TRY(names_beside(flow, view, id, &beside));
	const enum err err = compiled_service(flow, permit->vault.tenant, str(id), &service);
	if (err == ERR_NOT_FOUND) /* its file is gone, and so are its tools */
		return OK;
	TRY(err);
	for (size_t i = 0; i < service->tools_n; i++) {
		const struct service_tool *tool = &service->tools[i];
		name_of(view, id, tool->name, name);
		if (policy_shows(permit->policy, str(id), tool->name) &&
		    (tool->remote.n == 0 || !is_beside(&beside, name)))
			TRY(fn(flow, ctx, id, tool));
	}
	return OK;
}

static enum err each(struct flow *flow, const struct list_view *view, each_fn fn, void *ctx)
{
	const char *id;

	for (size_t n = 0; (id = policy_service_at(view->permit->policy, n)) != NULL; n++)
		if (view->only == NULL || strcmp(view->only, id) == 0)
			TRY(each_of(flow, view, id, fn, ctx));
	return OK;
}

static enum err print_one(struct flow *flow, void *ctx, const char *service,
			  const struct service_tool *tool)
{
	struct printing *printing = ctx;
	char name[LIST_NAME_MAX + 1];

	name_of(printing->view, service, tool->name, name);
	if (!printing->begun) {
		printing->begun = bytes_is(printing->cursor, name);
		return OK;
	}
	if (printing->n == LIST_PAGE) {
		printing->more = true;
		return OK;
	}
	dynbuf_str(printing->out, printing->n++ == 0 ? "" : ",");
	memcpy(printing->last, name, sizeof name);
	return print_tool(flow, printing, service, tool);
}

enum err list_print(struct flow *flow, const struct list_view *view, struct bytes cursor,
		    struct dynbuf *out)
{
	struct printing printing = {
		.view = view, .cursor = cursor, .out = out, .begun = cursor.n == 0
	};

	dynbuf_str(out, "\"tools\":[");
	TRY(each(flow, view, print_one, &printing));
	dynbuf_u8(out, ']');
	if (printing.more)
		dynbuf_printf(out, ",\"nextCursor\":\"%s\"", printing.last);
	return printing.begun ? dynbuf_err(out) : ERR_NOT_FOUND;
}

struct finding {
	const struct list_view *view;
	struct bytes name;
	struct listed *found;
	bool own_account; /* the tool has an argument of that name itself */
};

static enum err find_one(struct flow *flow, void *ctx, const char *service,
			 const struct service_tool *tool)
{
	struct finding *finding = ctx;
	char name[LIST_NAME_MAX + 1];
	struct doc doc = { 0 };

	(void)flow;
	name_of(finding->view, service, tool->name, name);
	if (!bytes_is(finding->name, name))
		return OK;
	TRY(doc_read(input_of(tool), &doc));
	finding->own_account = doc_pointer(&doc, str("/properties/account")) != DOC_NONE;
	doc_done(&doc);
	TRY(bytes_str(str(service), finding->found->service, sizeof finding->found->service));
	finding->found->tool = tool->name;
	return ERR_EXISTS; /* no need to look further */
}

enum err list_find(struct flow *flow, const struct list_view *view, struct bytes name,
		   struct listed *ret)
{
	struct finding finding = { .view = view, .name = name, .found = ret };
	size_t accounts = 0;

	*ret = (struct listed){ 0 };
	const enum err err = each(flow, view, find_one, &finding);
	if (err == OK)
		return ERR_NOT_FOUND;
	if (err != ERR_EXISTS)
		return err;
	TRY(accounts_of(flow, &view->permit->vault, ret->service, NULL, &accounts));
	ret->has_account = accounts > 1 && !finding.own_account;
	return OK;
}
