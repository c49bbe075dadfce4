/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "codec/uri.h"
#include "core/api/page.h"
#include "core/api/reply.h"
#include "core/api/signin.h"
#include "core/catalog/service.h"
#include "core/flow/connections.h"
#include "core/flow/signin.h"

/*
 * The cookie that binds a link to the first browser that goes on with it. Lax:
 * the provider sends the browser back from another site. The __Host- prefix
 * where the issuer is https.
 */
static const char *cookie_name(const struct flow *flow)
{
	return flow->settings.https ? "__Host-valetkey-browser" : "valetkey-browser";
}

static struct bytes cookie_find(const struct flow *flow, const struct call *call)
{
	const struct bytes cookie = page_cookie(call, cookie_name(flow));

	return cookie.n == BROWSER_TEXT_LEN ? cookie : (struct bytes){ NULL, 0 };
}

static void cookie_set(const struct flow *flow, struct call *call, const char *value)
{
	char line[256];

	snprintf(line, sizeof line, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600%s",
		 cookie_name(flow), value, flow->settings.https ? "; Secure" : "");
	call_header(call, "set-cookie", str(line));
}

struct sentence {
	enum err err;
	unsigned status;
	const char *title, *what, *mend;
};

static void tell(struct flow *flow, struct call *call, enum err err)
{
	static const struct sentence sentences[] = {
		{ ERR_NOT_FOUND, 404, "This link does not work",
		  "There is no such link, or it was meant for another browser.",
		  "Ask for a new link with 'valetkey connection start'." },
		{ ERR_EXPIRED, 410, "This link has expired",
		  "Links to connect an account live 15 minutes.",
		  "Ask for a new link with 'valetkey connection start'." },
		{ ERR_USED, 410, "This link was used already",
		  "A link works once, in the browser that went on with it first.",
		  "Ask for a new link with 'valetkey connection start'." },
		{ ERR_CONFLICT, 409, "This cannot be connected now",
		  "The service has no OAuth client yet, or another account than before was chosen.",
		  "The operator sets the client with 'valetkey service client'; then start "
		  "again." },
		{ ERR_EXISTS, 409, "This account is connected already",
		  "The account that was chosen at the provider is among the user's connections.",
		  "To renew its grant, start with 'valetkey connection start --connection ID'; to "
		  "add "
		  "another account, choose that one at the provider." },
		{ ERR_DENIED, 200, "Nothing was connected",
		  "The provider says that consent was not given.",
		  "If that was not intended, ask for a new link and agree at the provider." },
		{ ERR_FORBIDDEN, 400, "The answer came from another issuer",
		  "The provider that answered is not the one this browser was sent to. Nothing was "
		  "sent "
		  "to it.",
		  "Start again. If it happens again, tell the operator." },
		{ ERR_INVALID_GRANT, 400, "The provider did not accept the code",
		  "Codes live a minute and work once.",
		  "Ask for a new link and go through it at once." },
		{ ERR_UNCERTAIN, 502, "The provider's answer was lost",
		  "Whether the provider has given a grant is unknown. Nothing was connected here.",
		  "Ask for a new link. The grant can be removed in the provider's settings." },
	};

	for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
		const struct sentence *s = &sentences[i];
		if (s->err == err) {
			page_message(flow, call, s->status, s->title, s->what, s->mend);
			return;
		}
	}
	const struct err_row *row = err_row(err);
	page_message(flow, call, (unsigned)row->status, "Nothing was connected", row->says,
		     row->mend);
}

static void scope_rows(struct call *call, const struct service *service, struct bytes scopes)
{
	page_raw(call, "<table>\n");
	while (scopes.n > 0) {
		const struct bytes name = bytes_cut(&scopes, ' ');
		const struct service_scope *scope = service_scope_find(service, name);
		if (name.n == 0)
			continue;
		const bool high = scope != NULL && scope->risk >= SERVICE_RISK_HIGH;
		page_raw(call, high ? "<tr class=\"high\"><td>" : "<tr><td>");
		page_text(call,
			  scope == NULL ? str("Not described by the service file") : scope->says);
		page_raw(call, "</td><td>");
		page_text(call,
			  scope == NULL ? str("unknown") : str(service_risk_name(scope->risk)));
		page_raw(call, " risk</td><td><code>");
		page_text(call, name);
		page_raw(call, "</code></td></tr>\n");
	}
	page_raw(call, "</table>\n");
}

/* Scheme, host and port; nothing where the address has variables in it. */
static struct bytes origin_of(struct bytes url)
{
	struct uri uri;

	return uri_parse(url, &uri) == OK ? uri.origin : (struct bytes){ NULL, 0 };
}

enum err get_style(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	call_header(call, "cache-control", str("max-age=3600"));
	reply_text(flow, call, 200, "text/css; charset=utf-8", page_style());
	return OK;
}

/* The link names a user: one who can sign in has to be the one who follows it. */
static enum err is_someone_else(struct flow *flow, struct call *call,
				const struct connect_view *view, bool *ret)
{
	const struct bytes cookie = signin_cookie(flow, call);
	struct user_row user;

	TRY(signin_needed(flow, view->user.tenant, view->user.id, ret));
	if (!*ret || cookie.p == NULL)
		return OK;
	const enum err err = signin_find(flow, cookie, &user);
	if (err == OK)
		*ret = !id_eq(user.id, view->user.id);
	return err == ERR_INVALID_TOKEN ? OK : err;
}

/* Asks to sign in; true: the page is answered. */
static enum err ask_sign_in(struct flow *flow, struct call *call, struct bytes ticket,
			    const struct connect_view *view, bool *ret)
{
	uint8_t room[256];
	struct dynbuf go = { .p = room, .room = sizeof room, .max = sizeof room };

	TRY(is_someone_else(flow, call, view, ret));
	if (!*ret)
		return OK;
	dynbuf_str(&go, "connect/");
	dynbuf_bytes(&go, ticket);
	TRY(dynbuf_err(&go));
	signin_page(flow, call, dynbuf_view(&go), NULL);
	return OK;
}

enum err page_connect(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct connect_view view;
	bool asks;

	const enum err err = connect_view(flow, in->vars[0], &view);
	if (err != OK) {
		tell(flow, call, err);
		return OK;
	}
	TRY(ask_sign_in(flow, call, in->vars[0], &view, &asks));
	if (asks)
		return OK;
	page_begin(call, "Connect an account");
	page_raw(call, "<p>You are about to connect an account of <strong>");
	page_text(call, view.service->name);
	page_raw(call, "</strong> for the user <strong>");
	page_text(call, view.user.subject);
	page_raw(call,
		 "</strong>. Valetkey keeps the grant sealed and lends it only to agents whose "
		 "policy permits it.</p>\n<p>It will ask for:</p>\n");
	scope_rows(call, view.service, view.consent.scopes);
	page_raw(call,
		 "<p class=\"note\">You can pause or remove the connection at any time. A token "
		 "that was lent to an agent before lives on at the provider until it expires or "
		 "is revoked there.</p>\n<form method=\"post\"><button type=\"submit\">Go on to ");
	page_text(call, view.service->name);
	page_raw(call, "</button></form>\n");
	page_end_to(flow, call, 200, origin_of(view.service->oauth.authorize_url));
	return OK;
}

enum err page_connect_go(struct flow *flow, struct call *call, const struct api_in *in)
{
	scoped(dynbuf_done) struct dynbuf url;
	char fresh[BROWSER_TEXT_LEN + 1];
	struct bytes browser = cookie_find(flow, call);

	dynbuf_init(&url, CONNECT_URL_MAX);
	if (!signin_same_origin(flow, call)) {
		page_message(flow, call, 403, "This form came from another site",
			     "Nothing was done.", "Open the link itself in this browser.");
		return OK;
	}
	if (browser.p == NULL) {
		connect_browser(fresh);
		browser = str(fresh);
		cookie_set(flow, call, fresh);
	}
	struct connect_view view;
	bool asks = false;
	enum err err = connect_view(flow, in->vars[0], &view);
	if (err == OK)
		err = ask_sign_in(flow, call, in->vars[0], &view, &asks);
	if (err == OK && asks)
		return OK;
	if (err == OK)
		err = connect_open(flow, call, in->vars[0], browser, &url);
	if (err < OK)
		return err;
	if (err != OK) {
		tell(flow, call, err);
		return OK;
	}
	/* 303: the POST is not repeated at the provider (RFC 9700 4.12). */
	call_header(call, "location", dynbuf_view(&url));
	call_answer(flow, call, 303);
	return OK;
}

static void returned(struct flow *flow, struct call *call, enum err err, const void *result)
{
	const struct connect_result *r = result;

	if (err != OK || r->err != OK) {
		tell(flow, call, err != OK ? err : r->err);
		return;
	}
	page_begin(call, "Connected");
	page_raw(call, "<p>The account <strong>");
	page_text(call, str(r->account));
	page_raw(call, "</strong> of <strong>");
	page_text(call, str(r->service));
	page_raw(call, "</strong> is connected. The provider has granted: <code>");
	page_text(call, r->scopes[0] == 0 ? str("no scopes") : str(r->scopes));
	page_raw(call, "</code></p>\n<p>This window can be closed.</p>\n");
	page_end(flow, call, 200);
}

enum err page_callback(struct flow *flow, struct call *call, const struct api_in *in)
{
	const struct form *q = &in->query;
	const struct connect_answer answer = {
		.state = form_find(q, "state"),
		.code = form_find(q, "code"),
		.iss = form_find(q, "iss"),
		.error = form_find(q, "error"),
		.query = q,
	};
	const struct bytes browser = cookie_find(flow, call);

	/* A parameter twice could mean one thing here and another at the provider (RFC 6749 3.1).
	 */
	if (form_count(q, "state") != 1 || form_count(q, "code") > 1 || form_count(q, "iss") > 1 ||
	    browser.p == NULL) {
		tell(flow, call, ERR_NOT_FOUND);
		return OK;
	}
	call->done = returned;
	connect_return(flow, call, &answer, browser);
	return OK;
}
