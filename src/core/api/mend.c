/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages that an agent's client shows when a call was refused: what stands
 * in the way, and how it is removed. The address is the same for everybody and
 * holds no secret; who signs in there connects an account of their own.
 */
#include <stdio.h>

#include "core/api/page.h"
#include "core/api/reply.h"
#include "core/api/signin.h"
#include "core/flow/connections.h"

enum { LOOKED_AT_MAX = 500 };

struct remedy {
	const char *code, *title, *what, *command;
	bool connects, again; /* a user can do it, with an account that was connected before */
};

static const struct remedy remedies[] = {
	{ "not_connected", "No account is connected",
	  "An agent asked for access to a service of which its user has connected no account.",
	  "valetkey connection start --user USER --service ", true, false },
	{ "access_paused", "Access is paused",
	  "An agent was refused because its vault or the connection is paused.",
	  "valetkey connection list --service ", false, false },
	{ "reauth_required", "The account has to be connected again",
	  "The provider does not accept the stored grant any more.",
	  "valetkey connection start --user USER --connection ID --service ", true, true },
	{ "insufficient_scope", "The account has granted too little",
	  "An agent asked for scopes that its policy permits and the account has not granted.",
	  "valetkey connection start --user USER --connection ID --scope SCOPE --service ", false,
	  false },
};

static const struct remedy *find_remedy(struct bytes code)
{
	for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
		if (bytes_is(code, remedies[i].code))
			return &remedies[i];
	return NULL;
}

/* ERR_INVALID_TOKEN: nobody is signed in. */
static enum err find_user(struct flow *flow, struct call *call, struct user_row *ret)
{
	const struct bytes cookie = signin_cookie(flow, call);

	return cookie.p == NULL ? ERR_INVALID_TOKEN : signin_find(flow, cookie, ret);
}

static void show_button(struct call *call, const struct user_row *user)
{
	page_raw(call, "<form method=\"post\"><button type=\"submit\">");
	if (user == NULL) {
		page_raw(call, "Sign in and connect");
	} else {
		page_raw(call, "Connect an account of ");
		page_text(call, user->subject);
	}
	page_raw(call, "</button></form>\n");
}

enum err page_mend(struct flow *flow, struct call *call, const struct api_in *in)
{
	const struct remedy *remedy = find_remedy(in->vars[0]);
	struct user_row user;

	if (remedy == NULL)
		return ERR_NO_ROUTE;
	const enum err err = find_user(flow, call, &user);
	if (err != OK && err != ERR_INVALID_TOKEN)
		return err;
	page_begin(call, remedy->title);
	page_raw(call, "<p>");
	page_raw(call, remedy->what);
	page_raw(call, "</p>\n");
	if (remedy->connects)
		show_button(call, err == OK ? &user : NULL);
	page_raw(call, "<p>Whoever runs Valetkey can mend it on the server:</p>\n<pre>");
	page_raw(call, remedy->command);
	page_text(call, in->vars[1]);
	page_raw(call, "</pre>\n");
	page_end(flow, call, 200);
	return OK;
}

static enum err note_lapsed(void *ctx, const struct connection_row *row)
{
	struct id *found = ctx;

	if (row->state == CONNECTION_REAUTH_REQUIRED && id_none(*found))
		*found = row->id;
	return OK;
}

/* Where the browser goes on: the page of a new link. */
static enum err make_link(struct flow *flow, struct call *call, const struct connect_new *new)
{
	char url[sizeof flow->settings.issuer + 128];
	struct token_text ticket;

	TRY(connect_start(flow, call, new, &ticket));
	snprintf(url, sizeof url, "%sconnect/%s", flow->settings.issuer, ticket.s);
	call_header(call, "location", str(url));
	call_header(call, "cache-control", str("no-store"));
	wipe(&ticket, sizeof ticket);
	wipe(url, sizeof url);
	/* 303: the form is not sent again. */
	call_answer(flow, call, 303);
	return OK;
}

static enum err go_on(struct flow *flow, struct call *call, const struct user_row *user,
		      const struct remedy *remedy, struct bytes service)
{
	struct connect_new new = { .user = user->subject, .service = service };

	call->tenant = user->tenant;
	if (remedy->again)
		TRY(store_connection_list(flow->store, user->tenant, user->id, service,
					  (struct page){ .limit = LOOKED_AT_MAX }, note_lapsed,
					  &new.connection));
	if (remedy->again && id_none(new.connection))
		return ERR_NOT_FOUND;
	return make_link(flow, call, &new);
}

enum err page_mend_go(struct flow *flow, struct call *call, const struct api_in *in)
{
	const struct remedy *remedy = find_remedy(in->vars[0]);
	struct bytes path = call->request.target;
	struct user_row user;

	if (remedy == NULL || !remedy->connects)
		return ERR_NO_ROUTE;
	if (!signin_same_origin(flow, call)) {
		page_message(flow, call, 403, "This form came from another site",
			     "Nothing was done.", "Open the page itself in this browser.");
		return OK;
	}
	enum err err = find_user(flow, call, &user);
	if (err == ERR_INVALID_TOKEN) {
		bytes_cut(&path, '/');
		signin_page(flow, call, path, NULL);
		return OK;
	}
	TRY(err);
	err = go_on(flow, call, &user, remedy, in->vars[1]);
	if (err != ERR_NOT_FOUND && err != ERR_NO_CLIENT && err != ERR_VARIABLE)
		return err;
	page_message(flow, call, (unsigned)err_row(err)->status, "This cannot be done here",
		     err == ERR_NOT_FOUND
			     ? "No account of yours has to be connected at this service."
			     : err_row(err)->says,
		     "Ask whoever runs Valetkey for a link: valetkey connection start");
	return OK;
}
