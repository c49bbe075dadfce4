/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/card.h"

#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/tools/summary.h"

void card_visible(struct bytes text, struct dynbuf *out)
{
	tools_visible(text, text.n, out);
}

static void line(struct dynbuf *out, const char *label, struct bytes value)
{
	if (value.n == 0)
		return;
	dynbuf_printf(out, "%-11s", label);
	card_visible(value, out);
	dynbuf_u8(out, '\n');
}

static void line_id(struct dynbuf *out, const char *label, const char *kind, struct id id)
{
	char text[ID_TEXT_MAX + 1];

	if (!id_none(id))
		line(out, label, str(id_print(kind, id, text)));
}

static void line_time(struct dynbuf *out, const char *label, usec_t time)
{
	char text[CLOCK_TEXT_LEN + 1];

	clock_print(time, text);
	line(out, label, str(text));
}

static enum err who(struct flow *flow, const struct approval_row *row, struct dynbuf *out)
{
	struct agent_row agent;
	struct vault_row vault;
	struct user_row user;

	TRY(store_user_get(flow->store, row->tenant, row->user, &user));
	line(out, "user", user.subject);
	if (!id_none(row->agent)) {
		TRY(store_agent_get(flow->store, row->tenant, row->agent, &agent));
		line(out, "agent", agent.name);
		line_id(out, "", "agent", row->agent);
	}
	TRY(store_vault_get(flow->store, row->tenant, row->vault, &vault));
	line(out, "vault", vault.name);
	line_id(out, "", "vault", row->vault);
	return OK;
}

static enum err where(struct flow *flow, const struct approval_row *row, struct dynbuf *out)
{
	struct connection_row connection;

	line(out, "service", row->service);
	if (id_none(row->connection))
		return OK;
	TRY(store_connection_get(flow->store, row->tenant, row->connection, &connection));
	line(out, "account",
	     connection.account_name.n > 0 ? connection.account_name : connection.account_id);
	line_id(out, "", "conn", row->connection);
	return OK;
}

/* The effect as the file in force has it; a file that has changed since makes the approval void. */
static void effect(struct flow *flow, const struct approval_row *row, struct dynbuf *out)
{
	static const char *const effects[] = {
		[SERVICE_READ] = "reads",
		[SERVICE_WRITE] = "writes",
		[SERVICE_DESTRUCTIVE] = "DESTROYS: cannot be undone",
	};
	const struct service *service;

	if (compiled_service(flow, row->tenant, row->service, &service) != OK)
		return;
	for (size_t i = 0; i < service->tools_n; i++)
		if (bytes_eq(service->tools[i].name, row->tool))
			line(out, "effect", str(effects[service->tools[i].effect]));
}

static void digest(const struct approval_row *row, struct dynbuf *out)
{
	dynbuf_printf(out, "%-11s", "digest");
	for (size_t i = 0; i < sizeof row->digest; i++)
		dynbuf_printf(out, "%02x", row->digest[i]);
	dynbuf_u8(out, '\n');
}

static void said(struct dynbuf *out, const char *label, struct bytes text)
{
	if (text.n == 0)
		return;
	dynbuf_str(out, label);
	card_visible(text, out);
	dynbuf_u8(out, '\n');
}

enum err card_print(struct flow *flow, const struct approval_row *row, struct dynbuf *out)
{
	struct bytes payload = { NULL, 0 };

	TRY(who(flow, row, out));
	TRY(where(flow, row, out));
	line(out, row->kind == APPROVAL_TOOL ? "tool" : "request", row->tool);
	effect(flow, row, out);
	line(out, "scopes", row->scopes);
	line(out, "needs", str(row->step_up ? "a code of the user's authenticator" : "a yes"));
	line_time(out, "asked", row->created);
	line_time(out, "until", row->expires);
	digest(row, out);
	said(out,
	     "\nWhat it would do, in the words of the service file, with the agent's values:\n",
	     row->summary);
	const enum err err = store_approval_text(flow->store, row, APPROVAL_TEXT_PAYLOAD, &payload);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	said(out, "\nThe arguments, byte for byte:\n", payload);
	said(out, "\nWhat the AGENT says about it (not checked by anybody):\n", row->reason);
	return dynbuf_err(out);
}
