/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/policies.h"

#include <stdlib.h>

#include "core/api/reply.h"
#include "core/catalog/presets.h"
#include "core/flow/compiled.h"
#include "core/flow/explain.h"
#include "model/event.h"

enum { TEMPLATE_MAX = 256 * 1024, TEMPLATE_SERVICES_MAX = 64 };

static enum err vault_id(const struct api_in *in, struct id *ret)
{
	return id_parse("vault", in->vars[0], ret) == OK ? OK : ERR_NOT_FOUND;
}

struct versions {
	json_t *items;
	uint64_t in_force;
};

static enum err version_item(void *ctx, const struct policy_row *row)
{
	struct versions *versions = ctx;
	json_t *o = json_object();

	set_int(o, "version", row->version);
	set_time(o, "created", row->created);
	set_int(o, "bytes", row->yaml.n);
	json_object_set_new(o, "in_force", json_boolean(row->version == versions->in_force));
	return json_array_append_new(versions->items, o) == 0 ? OK : FAULT_NOMEM;
}

enum err list_policy_versions(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct versions versions = { 0 };
	struct policy_row draft;
	struct vault_row vault;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(store_vault_get(flow->store, call->tenant, id, &vault));
	scoped(json_free) json_t *items = json_array();
	versions = (struct versions){ items, vault.policy_version };
	TRY(store_policy_list(flow->store, call->tenant, id, version_item, &versions));
	json_t *o = json_pack("{s:O}", "items", items);
	const enum err err = store_draft_get(flow->store, call->tenant, id, &draft);
	if (err == OK) {
		json_t *d = json_object();
		set_int(d, "after", draft.version);
		set_time(d, "created", draft.created);
		json_object_set_new(o, "draft", d);
	}
	reply_json(flow, call, 200, o);
	return OK;
}

enum err get_policy_version(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct policy_row policy;
	uint64_t version;
	struct id id;

	TRY(vault_id(in, &id));
	if (bytes_u64(in->vars[1], INT64_MAX, &version) != OK)
		return ERR_NOT_FOUND;
	TRY(store_policy_get(flow->store, call->tenant, id, version, &policy));
	reply_text(flow, call, 200, "application/yaml", policy.yaml);
	return OK;
}

enum err get_policy_draft(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct policy_row draft;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(store_draft_get(flow->store, call->tenant, id, &draft));
	reply_text(flow, call, 200, "application/yaml", draft.yaml);
	return OK;
}

enum err put_policy_draft(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct policies_change change = { 0 };

	TRY(vault_id(in, &change.vault));
	const enum err err = policies_draft(flow, call, call->request.body, &change);
	if (err != OK)
		return reply_complaint(call, err, &change.complaint);
	json_t *o = json_object();
	set_int(o, "after", change.row.policy_version);
	reply_json(flow, call, 200, o);
	return OK;
}

enum err delete_policy_draft(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct policy_row draft;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(store_draft_get(flow->store, call->tenant, id, &draft));
	TRY(store_draft_del(flow->store, call->tenant, id));
	reply_json(flow, call, 200, json_object());
	return OK;
}

static void reply_version(struct flow *flow, struct call *call, const struct vault_row *row)
{
	json_t *o = json_object();

	set_int(o, "version", row->policy_version);
	set_time(o, "expires", row->expires);
	reply_json(flow, call, 200, o);
}

enum err post_policy_publish(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct policies_change change = { 0 };

	TRY(vault_id(in, &change.vault));
	const enum err err = policies_publish(flow, call, &change);
	if (err != OK)
		return reply_complaint(call, err, &change.complaint);
	reply_version(flow, call, &change.row);
	return OK;
}

enum err post_policy_rollback(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "version" };
	struct policies_change change = { 0 };
	scoped(json_free) json_t *body = NULL;
	int64_t version;

	TRY(vault_id(in, &change.vault));
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	if (!json_int(body, "version", &version) || version < 1)
		return ERR_MALFORMED;
	change.version = (uint64_t)version;
	const enum err err = policies_rollback(flow, call, &change);
	if (err != OK)
		return reply_complaint(call, err, &change.complaint);
	reply_version(flow, call, &change.row);
	return OK;
}

static struct bytes line_of(struct bytes text, unsigned line)
{
	struct bytes at = { NULL, 0 };

	while (line-- > 0 && text.n > 0)
		at = bytes_cut(&text, '\n');
	while (at.n > 0 && at.p[0] == ' ')
		at = (struct bytes){ at.p + 1, at.n - 1 };
	return at;
}

static void set_line(json_t *o, const char *name, const struct explain *x, unsigned line)
{
	if (line == 0)
		return;
	json_t *at = json_object();
	set_int(at, "line", line);
	set_bytes(at, "text", line_of(x->policy.yaml, line));
	json_object_set_new(o, name, at);
}

static json_t *limit_json(const struct explain_limit *at)
{
	static const char *const pers[] = {
		[POLICY_PER_VAULT] = "vault",
		[POLICY_PER_TOOL] = "tool",
		[POLICY_PER_USER] = "user",
	};
	json_t *o = json_pack("{s:s,s:s}", "kind", at->limit.budget ? "budget" : "rate", "per",
			      pers[at->limit.per]);

	set_bytes(o, "tool", at->limit.tool);
	set_bytes(o, "counts", at->limit.counted);
	set_int(o, "max", at->limit.max);
	if (at->limit.window > 0)
		set_int(o, "window_s", at->limit.window / USEC_PER_S);
	set_int(o, "spent", at->spent);
	set_int(o, "line", at->limit.line);
	const bool fits =
		at->spent <= at->limit.max && at->limit.amount <= at->limit.max - at->spent;
	json_object_set_new(o, "fits", json_boolean(fits));
	return o;
}

static json_t *explain_json(const struct flow *flow, const struct explain *x)
{
	const struct policy_verdict *v = &x->verdict;
	json_t *o = json_object(), *limits = json_array();

	json_object_set_new(o, "effect", json_string(policy_effect_name(v->effect)));
	json_object_set_new(o, "reason", json_string(v->reason));
	set_bytes(o, "rule", v->rule);
	set_line(o, "at", x, v->line);
	set_line(o, "condition", x, v->when_line);
	json_object_set_new(o, "by_else", json_boolean(v->by_else));
	json_object_set_new(o, "unsure", json_boolean(v->unsure));
	json_object_set_new(o, "listed", json_boolean(x->shows));
	set_time(o, "again", v->again);
	set_int(o, "policy_version", x->vault.policy_version);
	if (x->vault.state != VAULT_ACTIVE ||
	    (x->vault.expires != 0 && x->vault.expires <= flow->now))
		json_object_set_new(o, "vault", json_string("not active: everything is refused"));
	for (size_t i = 0; i < x->limits_n; i++)
		json_array_append_new(limits, limit_json(&x->limits[i]));
	json_object_set_new(o, "limits", limits);
	return o;
}

static enum err read_words(const json_t *body, struct explain_request *ret)
{
	static const char *const contexts[] = { "", "public", "private" };
	static const char *const classes[] = { "", "read", "write", "destructive" };
	const struct bytes context = json_str(body, "context"), class = json_str(body, "effect");

	for (size_t i = 0; context.n > 0 && i < ARRAY_LEN(contexts); i++)
		if (bytes_is(context, contexts[i]))
			ret->context = (enum policy_context)i;
	for (size_t i = 0; class.n > 0 && i < ARRAY_LEN(classes); i++)
		if (bytes_is(class, classes[i]))
			ret->class = (enum policy_class)i;
	if (context.n > 0 && ret->context == POLICY_CONTEXT_UNKNOWN)
		return ERR_MALFORMED;
	return class.n > 0 && ret->class == POLICY_CLASS_UNKNOWN ? ERR_MALFORMED : OK;
}

/* The arguments as they were sent: jansson would round their numbers. */
static enum err read_arguments(const struct call *call, struct doc *ret)
{
	struct doc whole = { 0 };

	TRY(doc_read(call->request.body, &whole));
	const struct bytes raw = doc_raw(&whole, doc_member(&whole, 0, str("arguments")));
	doc_done(&whole);
	if (raw.p == NULL)
		return OK;
	return raw.p[0] == '{' ? doc_read(raw, ret) : ERR_MALFORMED;
}

enum err post_policy_explain(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "tool", "arguments", "context", "effect" };
	scoped(json_free) json_t *body = NULL;
	scoped(explain_done) struct explain x = { 0 };
	scoped(doc_done) struct doc args = { 0 };
	struct explain_request request = { 0 };

	TRY(vault_id(in, &request.vault));
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	TRY(read_words(body, &request));
	TRY(read_arguments(call, &args));
	request.tool = json_str(body, "tool");
	request.args = args.n == 0 ? NULL : &args;
	TRY(explain_use(flow, call, &request, &x));
	reply_json(flow, call, 200, explain_json(flow, &x));
	return OK;
}

static json_t *group_json(const struct replay_group *group)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "kind", event_kind_name(group->kind), "service",
			      group->service, "was", group->was, "would", group->would);

	set_bytes(o, "tool", str(group->tool));
	set_int(o, "n", group->n);
	set_time(o, "first", group->first);
	set_time(o, "last", group->last);
	return o;
}

enum err post_policy_replay(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct replay_request request = { .yaml = call->request.body };
	struct replay replay = { 0 };

	TRY(vault_id(in, &request.vault));
	TRY(read_time(form_find(&in->query, "from"), &request.from));
	if (form_find(&in->query, "after").p != NULL)
		TRY(bytes_u64(form_find(&in->query, "after"), INT64_MAX, &request.after));
	replay.groups = calloc(REPLAY_GROUPS_MAX, sizeof *replay.groups);
	if (replay.groups == NULL)
		return FAULT_NOMEM;
	const enum err err = explain_replay(flow, call, &request, &replay);
	json_t *o = json_object(), *items = json_array();
	for (size_t i = 0; i < replay.n; i++)
		json_array_append_new(items, group_json(&replay.groups[i]));
	free(replay.groups);
	json_object_set_new(o, "items", items);
	set_int(o, "events", replay.events);
	if (replay.after != 0)
		set_int(o, "next", replay.after);
	if (err == OK)
		reply_json(flow, call, 200, o);
	else
		json_decref(o);
	return err == OK ? OK : reply_complaint(call, err, &replay.complaint);
}

enum err list_templates(struct flow *flow, struct call *call, const struct api_in *in)
{
	json_t *items = json_array();
	const struct preset *preset;

	(void)in;
	for (size_t i = 0; (preset = presets_at(i)) != NULL; i++)
		json_array_append_new(items, json_pack("{s:s,s:s}", "name", presets_name(preset),
						       "says", presets_says(preset)));
	reply_json(flow, call, 200, json_pack("{s:o}", "items", items));
	return OK;
}

static enum err print_template(struct flow *flow, struct call *call, const struct preset *preset,
			       struct bytes services, struct dynbuf *out)
{
	const struct service *service;
	size_t n = 0;

	dynbuf_printf(out, "# %s\nname: %s\nservices:\n", presets_says(preset),
		      presets_name(preset));
	while (services.n > 0) {
		const struct bytes id = bytes_cut(&services, ',');
		if (++n > TEMPLATE_SERVICES_MAX)
			return ERR_TOO_LARGE;
		TRY(compiled_service(flow, call->tenant, id, &service));
		presets_print(preset, service, out);
	}
	return n == 0 ? ERR_MALFORMED : dynbuf_err(out);
}

enum err get_template(struct flow *flow, struct call *call, const struct api_in *in)
{
	const struct preset *preset = presets_find(in->vars[0]);
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, TEMPLATE_MAX);
	if (preset == NULL)
		return ERR_NOT_FOUND;
	TRY(print_template(flow, call, preset, form_find(&in->query, "services"), &out));
	reply_text(flow, call, 200, "application/yaml", dynbuf_view(&out));
	return OK;
}
