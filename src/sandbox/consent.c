/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/consent.h"

#include <stdio.h>

#include "codec/uri.h"
#include "sandbox/page.h"

enum { PAGE_MAX = 64 * 1024, CODE_LIFE_S = 60, LOCATION_MAX = 8192 };

struct ask { /* the request as the client made it; carried through the form */
	struct bytes client_id, redirect_uri, state, scope, user_scope, challenge, method, type;
};

static struct ask ask_of(const struct call *call)
{
	return (struct ask){
		.client_id = call_param(call, "client_id"),
		.redirect_uri = call_param(call, "redirect_uri"),
		.state = call_param(call, "state"),
		.scope = call_param(call, "scope"),
		.user_scope = call_param(call, "user_scope"),
		.challenge = call_param(call, "code_challenge"),
		.method = call_param(call, "code_challenge_method"),
		.type = call_param(call, "response_type"),
	};
}

/* NULL: nothing. A redirect leads to loopback or over https, so that a sandbox left running cannot
 * be used to send codes elsewhere unseen. */
static const char *wrong(const struct ask *ask)
{
	struct uri uri;

	if (!bytes_is(ask->client_id, brand_client_id))
		return "The client id is not the sandbox's. It is \"sandbox\".";
	if (ask->redirect_uri.n == 0 || ask->redirect_uri.n > GRANT_URI_LEN ||
	    uri_parse(ask->redirect_uri, &uri) != OK)
		return "The redirect_uri is missing or is not an address.";
	if (!uri.https && !bytes_is(uri.host, "localhost") && !bytes_is(uri.host, "127.0.0.1") &&
	    !bytes_is(uri.host, "::1"))
		return "The redirect_uri must be on this machine or use https.";
	if (ask->scope.n > GRANT_SCOPE_LEN || ask->user_scope.n > GRANT_SCOPE_LEN)
		return "There are too many scopes.";
	if (ask->challenge.n != 0 && (ask->challenge.n != 43 || !bytes_is(ask->method, "S256")))
		return "PKCE must use S256.";
	return NULL;
}

static void complain(struct call *call, const char *says)
{
	struct dynbuf page;

	dynbuf_init(&page, PAGE_MAX);
	page_head(&page, "This request cannot be used");
	dynbuf_printf(&page, "<p id=\"problem\">%s</p>", says);
	page_foot(&page);
	call_html(call, 400, dynbuf_view(&page));
	dynbuf_done(&page);
}

static struct bytes scope_next(struct bytes *rest)
{
	size_t n = 0;
	struct bytes word;

	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != ',')
		n++;
	word = (struct bytes){ rest->p, n };
	n += n < rest->n;
	rest->p += n;
	rest->n -= n;
	return word;
}

static void put_scopes(struct dynbuf *page, const char *field, struct bytes scopes)
{
	while (scopes.n > 0) {
		const struct bytes word = scope_next(&scopes);

		if (word.n == 0)
			continue;
		dynbuf_printf(page, "<label><input type=\"checkbox\" name=\"%s\" checked value=\"",
			      field);
		page_escape(page, word);
		dynbuf_str(page, "\"> ");
		page_escape(page, word);
		dynbuf_str(page, "</label>");
	}
}

static void put_form(struct dynbuf *page, const struct ask *ask)
{
	dynbuf_str(page, "<form method=\"post\"><fieldset><legend>Sign in as</legend>");
	for (unsigned i = 0; i < PERSON_COUNT; i++)
		dynbuf_printf(page,
			      "<label><input type=\"radio\" name=\"user\" id=\"user-%s\" "
			      "value=\"%s\"%s> %s</label>",
			      persons[i].login, persons[i].login, i == 0 ? " checked" : "",
			      persons[i].name);
	dynbuf_str(page, "</fieldset><fieldset><legend>Let Valetkey have</legend>");
	put_scopes(page, "give", ask->scope);
	put_scopes(page, "give_user", ask->user_scope);
	dynbuf_str(page, "</fieldset>");
	page_hidden(page, "client_id", ask->client_id);
	page_hidden(page, "redirect_uri", ask->redirect_uri);
	page_hidden(page, "state", ask->state);
	page_hidden(page, "code_challenge", ask->challenge);
	page_hidden(page, "code_challenge_method", ask->method);
	dynbuf_str(page,
		   "<button id=\"approve\" name=\"decision\" value=\"approve\">Approve</button>"
		   "<button id=\"deny\" name=\"decision\" value=\"deny\">Deny</button></form>");
}

void consent_show(struct call *call)
{
	const struct ask ask = ask_of(call);
	const char *problem = wrong(&ask);
	struct dynbuf page;
	char title[80];

	grants_count(&call->box->grants, call->brand, COUNT_CONSENT_SHOWN);
	if (problem == NULL && ask.type.n != 0 && !bytes_is(ask.type, "code"))
		problem = "The response_type must be code.";
	if (problem != NULL) {
		complain(call, problem);
		return;
	}
	snprintf(title, sizeof(title), "Sandbox for %s: sign in", brand_rows[call->brand].name);
	dynbuf_init(&page, PAGE_MAX);
	page_head(&page, title);
	put_form(&page, &ask);
	page_foot(&page);
	if (dynbuf_err(&page) != OK)
		complain(call, "The request is too large.");
	else
		call_html(call, 200, dynbuf_view(&page));
	dynbuf_done(&page);
}

static void send_back(struct call *call, const struct ask *ask, const char *name,
		      struct bytes value)
{
	struct dynbuf query, location;
	const bool has_query = memchr(ask->redirect_uri.p, '?', ask->redirect_uri.n) != NULL;

	dynbuf_init(&query, LOCATION_MAX);
	dynbuf_init(&location, LOCATION_MAX);
	form_add(&query, name, value);
	if (ask->state.n != 0)
		form_add(&query, "state", ask->state);
	if (call->box->manners[call->brand].iss) {
		char iss[128];

		snprintf(iss, sizeof(iss), "%s/%s", call->box->origin,
			 brand_rows[call->brand].folder);
		form_add(&query, "iss", str(iss));
	}
	dynbuf_bytes(&location, ask->redirect_uri);
	dynbuf_u8(&location, has_query ? '&' : '?');
	dynbuf_bytes(&location, dynbuf_view(&query));
	dynbuf_u8(&location, '\0');
	if (dynbuf_err(&query) != OK || dynbuf_err(&location) != OK)
		complain(call, "The request is too large.");
	else
		call_redirect(call, 303, (const char *)location.p);
	dynbuf_done(&query);
	dynbuf_done(&location);
}

/* Gathers the ticked boxes, separated by spaces. */
static void ticked(const struct call *call, const char *field, char to[GRANT_SCOPE_LEN + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < call->form.n; i++) {
		const struct form_pair *pair = &call->form.pairs[i];

		if (!bytes_is(pair->name, field) || n + 1 + pair->value.n > GRANT_SCOPE_LEN)
			continue;
		if (n > 0)
			to[n++] = ' ';
		memcpy(to + n, pair->value.p, pair->value.n);
		n += pair->value.n;
	}
	to[n] = '\0';
}

void consent_decide(struct call *call)
{
	const struct ask ask = ask_of(call);
	const char *problem = wrong(&ask);
	struct grants *grants = &call->box->grants;
	struct grant_token *code;
	struct grant *grant;
	unsigned person;

	if (problem == NULL && brand_person(call_param(call, "user"), &person) != OK)
		problem = "There is nobody of that name here.";
	if (problem != NULL) {
		complain(call, problem);
		return;
	}
	if (!bytes_is(call_param(call, "decision"), "approve")) {
		grants_count(grants, call->brand, COUNT_DENIED);
		send_back(call, &ask, "error", str("access_denied"));
		return;
	}
	grants_count(grants, call->brand, COUNT_APPROVED);
	grant = grants_new(grants, call->brand, person);
	ticked(call, "give", grant->scope);
	ticked(call, "give_user", grant->user_scope);
	memcpy(grant->redirect_uri, ask.redirect_uri.p, ask.redirect_uri.n);
	if (ask.challenge.n == sizeof(grant->challenge) - 1)
		memcpy(grant->challenge, ask.challenge.p, ask.challenge.n);
	code = grants_issue(grants, grant, GRANT_CODE, CODE_LIFE_S);
	if (code == NULL)
		complain(call, "The sandbox has no memory left.");
	else
		send_back(call, &ask, "code", str(code->text));
}
