/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization endpoint (RFC 6749 3.1 as OAuth 2.1 has it): a client sends
 * its user's browser here; the user signs in, sees who asks for what, says yes
 * or no, and goes back with a code, or an error.
 *
 * As long as client and redirect_uri are not known to belong together, errors
 * end on a page of ours. After that they are told to the client; but one that
 * registered itself is told nothing before somebody has signed in, or this
 * would be an open redirector (RFC 9700 4.11.2).
 */
#include <stdio.h>

#include "codec/base64.h"
#include "codec/uri.h"
#include "core/api/page.h"
#include "core/api/signin.h"
#include "core/authserver/clientmeta.h"
#include "core/catalog/service.h"
#include "core/flow/clients.h"
#include "core/flow/compiled.h"
#include "core/flow/grants.h"
#include "core/flow/pushed.h"
#include "core/policy/policy.h"

enum { STATE_MAX = 2048, LOCATION_MAX = 8192, CHALLENGE_TEXT = 43, VAULTS_SHOWN = 100 };

/* One authorization request, as far as it is understood. */
struct request {
	struct bytes query;  /* as it came */
	struct form form;    /* the request: of the query, or as it was pushed */
	struct form named;   /* the query then */
	struct bytes pushed; /* p = NULL: it was not */
	struct client client;
	struct bytes redirect;
	bool redirect_sent;
	char scope[SCOPES_MAX_BYTES + 1];
	uint8_t challenge[32];
	uint8_t jkt[JWK_THUMBPRINT_LEN];
	bool bound;	 /* to that key */
	struct id vault; /* none: the user chooses */
	struct bytes cookie;
	struct user_row user;
	bool signed_in;
};

static void request_done(struct request *request)
{
	clients_done(&request->client);
	form_done(&request->form);
	form_done(&request->named);
}

static struct bytes query_of(const struct call *call)
{
	struct bytes query = call->request.target;

	(void)bytes_cut(&query, '?');
	return query;
}

/* Where the browser goes back to: RFC 6749 4.1.2, RFC 9207 2. */
static void go_back(struct flow *flow, struct call *call, const struct request *request,
		    const char *name, const char *value)
{
	const struct bytes state = form_find(&request->form, "state");
	scoped(dynbuf_done) struct dynbuf url;
	scoped(dynbuf_done) struct dynbuf query;

	dynbuf_init(&url, LOCATION_MAX);
	dynbuf_init(&query, LOCATION_MAX);
	form_add(&query, name, str(value));
	if (state.p != NULL)
		form_add(&query, "state", state);
	form_add(&query, "iss", str(flow->settings.issuer));
	dynbuf_bytes(&url, request->redirect);
	dynbuf_u8(&url, memchr(request->redirect.p, '?', request->redirect.n) == NULL ? '?' : '&');
	dynbuf_bytes(&url, dynbuf_view(&query));
	if (dynbuf_err(&url) != OK || dynbuf_err(&query) != OK) {
		page_message(flow, call, 400, "This request is too long",
			     "The client's address and state cannot be answered.",
			     "Start again from the client.");
		return;
	}
	call_reset(call);
	call_header(call, "location", dynbuf_view(&url));
	call_header(call, "cache-control", str("no-store"));
	call_answer(flow, call, 303);
}

static bool names_document(const struct call *call)
{
	scoped(form_done) struct form form = { 0 };

	return form_parse(query_of(call), &form) == OK &&
	       bytes_starts(form_find(&form, "client_id"), "https://");
}

/* Nothing is known of who asks, or it does not fit: nobody is sent anywhere. */
static void stop(struct flow *flow, struct call *call, enum err err)
{
	static const char title[] = "This request cannot be answered";

	if (err == ERR_RATE_LIMITED || err == ERR_OVERLOADED)
		page_message(flow, call, 503, title, "Too much is being asked at the moment.",
			     "Try again shortly.");
	else if (names_document(call))
		page_message(
			flow, call, 400, title,
			"The program is known by the address of a document, which could not be "
			"read from here or does not fit the request.",
			"Whoever runs Valetkey sees to it that the address can be reached. Where "
			"that is not meant to be, 'authserver.client_metadata_documents: false' "
			"has programs register themselves instead.");
	else
		page_message(
			flow, call, 400, title,
			"It names no client that is known here, or an address that this client "
			"has not registered.",
			"Start again from the program that sent you here; if that does not help, "
			"remove its connection to this server and add it anew.");
}

/* redirect_uri as registered; the only one where none is sent (RFC 6749 3.1.2.3). */
static enum err find_redirect(struct request *request)
{
	const json_t *list = json_object_get(request->client.meta, "redirect_uris");
	const struct bytes asked = form_find(&request->form, "redirect_uri");

	if (form_count(&request->form, "redirect_uri") > 1 ||
	    form_count(&request->form, "client_id") != 1)
		return ERR_INVALID_REDIRECT;
	request->redirect_sent = asked.p != NULL;
	if (asked.p != NULL) {
		request->redirect = asked;
		return clientmeta_redirects(request->client.meta, asked) ? OK
									 : ERR_INVALID_REDIRECT;
	}
	const char *only =
		json_array_size(list) == 1 ? json_string_value(json_array_get(list, 0)) : NULL;
	if (only == NULL)
		return ERR_INVALID_REDIRECT;
	request->redirect = str(only);
	return OK;
}

static enum err read_challenge(struct request *request)
{
	const struct bytes text = form_find(&request->form, "code_challenge");
	size_t n;

	if (text.n != CHALLENGE_TEXT ||
	    !bytes_is(form_find(&request->form, "code_challenge_method"), "S256") ||
	    base64url_parse(text, request->challenge, sizeof request->challenge, &n) != OK ||
	    n != sizeof request->challenge)
		return ERR_MALFORMED;
	return OK;
}

/* RFC 9449 10: the key that the code is to be bound to. */
static enum err read_key(struct request *request)
{
	const struct bytes text = form_find(&request->form, "dpop_jkt");
	size_t n;

	request->bound = text.p != NULL;
	if (!request->bound)
		return OK;
	if (text.n != JWK_THUMBPRINT_TEXT ||
	    base64url_parse(text, request->jkt, sizeof request->jkt, &n) != OK ||
	    n != sizeof request->jkt)
		return ERR_MALFORMED;
	return OK;
}

/* What is wrong with the rest, to be told to the client. */
static enum err check_rest(const struct flow *flow, struct request *request)
{
	static const char *const once[] = { "response_type",  "scope",
					    "state",	      "resource",
					    "code_challenge", "code_challenge_method",
					    "prompt",	      "dpop_jkt" };
	const struct form *form = &request->form;
	const struct bytes type = form_find(form, "response_type");

	for (size_t i = 0; i < ARRAY_LEN(once); i++)
		if (form_count(form, once[i]) > 1)
			return ERR_MALFORMED;
	if (type.n == 0 || form_find(form, "request").p != NULL)
		return ERR_MALFORMED;
	if (!bytes_is(type, "code"))
		return ERR_RESPONSE_TYPE;
	if (form_find(form, "state").n > STATE_MAX)
		return ERR_MALFORMED;
	if (!clientmeta_grants(request->client.meta, "authorization_code"))
		return ERR_UNAUTHORIZED_CLIENT;
	if (request->pushed.p == NULL &&
	    json_is_true(
		    json_object_get(request->client.meta, "require_pushed_authorization_requests")))
		return ERR_MALFORMED;
	TRY(read_challenge(request));
	TRY(read_key(request));
	TRY(grants_scopes(form_find(form, "scope"), request->scope));
	if (form_find(form, "resource").p == NULL)
		return OK;
	return grants_resource(flow, form_find(form, "resource"), &request->vault);
}

/* Who looks at the page. ERR_INVALID_TOKEN: nobody who is signed in to the client's tenant. */
static enum err find_user(struct flow *flow, struct call *call, struct request *request)
{
	request->cookie = signin_cookie(flow, call);
	if (request->cookie.p == NULL)
		return ERR_INVALID_TOKEN;
	TRY(signin_find(flow, request->cookie, &request->user));
	request->signed_in = id_eq(request->user.tenant, request->client.agent.tenant);
	return request->signed_in ? OK : ERR_INVALID_TOKEN;
}

static void ask_sign_in(struct flow *flow, struct call *call, const struct request *request)
{
	scoped(dynbuf_done) struct dynbuf go;

	dynbuf_init(&go, SIGNIN_GO_MAX);
	dynbuf_str(&go, "authorize?");
	dynbuf_bytes(&go, request->query);
	if (dynbuf_err(&go) != OK)
		stop(flow, call, ERR_MALFORMED);
	else
		signin_page(flow, call, dynbuf_view(&go), NULL);
}

/* RFC 9126 4: what the client has pushed counts, and nothing that stands beside its name. */
static enum err take_pushed(struct flow *flow, struct request *request)
{
	struct bytes text;

	request->pushed = form_find(&request->form, "request_uri");
	if (request->pushed.p == NULL)
		return OK;
	if (form_count(&request->form, "request_uri") > 1)
		return ERR_MALFORMED;
	TRY(pushed_find(flow, request->pushed, request->client.agent.id, &text));
	request->named = request->form; /* it holds the name */
	request->form = (struct form){ 0 };
	return form_parse(text, &request->form);
}

/* Reads and checks everything that does not need the user's word. False: it is answered, or waits
 * for the client's document. */
static bool read_request(struct flow *flow, struct call *call, fetch_again_fn again,
			 struct request *request)
{
	bool waits = false;

	enum err err = form_parse(request->query, &request->form);
	if (err == OK && form_count(&request->form, "client_id") != 1)
		err = ERR_INVALID_CLIENT;
	if (err == OK)
		err = clients_find(flow, call, form_find(&request->form, "client_id"), again,
				   &request->client, &waits);
	if (err == OK && waits)
		return false;
	if (err == OK)
		err = take_pushed(flow, request);
	if (err == OK)
		err = find_redirect(request);
	if (err != OK) {
		stop(flow, call, err);
		return false;
	}
	call->tenant = request->client.agent.tenant;
	const enum err user = find_user(flow, call, request);
	const enum err rest = check_rest(flow, request);
	const bool trusted = request->client.origin == CLIENT_OPERATOR;
	if (rest != OK && (trusted || user == OK))
		go_back(flow, call, request, "error", err_row(rest)->oauth);
	else if (user != OK)
		ask_sign_in(flow, call, request);
	return rest == OK && user == OK;
}

struct choosing {
	struct flow *flow;
	struct call *call;
	const struct request *request;
	unsigned n;
};

/* How many of a service's tools are called at once, and how many when somebody has said yes. */
static void show_service(struct flow *flow, struct call *call, const struct policy *policy,
			 const struct service *service)
{
	size_t at_once = 0, asked = 0;

	for (size_t i = 0; i < service->tools_n; i++) {
		const struct policy_use use = { .service = str(service->id),
						.tool = service->tools[i].name,
						.now = flow->now };
		struct policy_verdict verdict;
		if (policy_decide(policy, &use, &verdict) != OK)
			continue;
		at_once += verdict.effect == POLICY_ALLOW;
		asked += verdict.effect == POLICY_APPROVE || verdict.effect == POLICY_STEP_UP;
	}
	page_raw(call, "<li>");
	page_text(call, service->name);
	dynbuf_printf(&call->body, ": %zu of %zu tools at once, %zu after somebody is asked</li>",
		      at_once, service->tools_n, asked);
}

/* What stands behind a vault: its services and what happens there without anybody being asked. */
static void show_vault(struct choosing *choosing, const struct vault_row *row)
{
	struct call *call = choosing->call;
	const struct policy *policy;
	const struct service *service;
	char id[ID_TEXT_MAX + 1];

	(void)id_print("vault", row->id, id);
	page_raw(call, "<p><label><input type=\"radio\" name=\"vault\" required value=\"");
	page_text(call, str(id));
	page_raw(call, choosing->n == 0 ? "\" checked> <strong>" : "\"> <strong>");
	page_text(call, row->name);
	page_raw(call, "</strong></label></p>\n");
	if (compiled_policy(choosing->flow, row, &policy) != OK)
		return;
	page_raw(call, "<ul>");
	for (size_t i = 0; policy_service_at(policy, i) != NULL; i++)
		if (compiled_service(choosing->flow, row->tenant, str(policy_service_at(policy, i)),
				     &service) == OK)
			show_service(choosing->flow, call, policy, service);
	page_raw(call, "</ul>\n");
}

static enum err choose_one(void *ctx, const struct vault_row *row)
{
	struct choosing *choosing = ctx;
	const struct request *request = choosing->request;
	struct vault_row vault;

	if (choosing->n == VAULTS_SHOWN || row->state != VAULT_ACTIVE ||
	    (!id_none(request->vault) && !id_eq(request->vault, row->id)))
		return OK;
	const enum err err = grants_vault(choosing->flow, row->tenant, request->user.id,
					  request->client.agent.id, row->id, &vault);
	if (err == ERR_INVALID_TARGET)
		return OK;
	TRY(err);
	show_vault(choosing, row);
	choosing->n++;
	return OK;
}

static void show_client(struct call *call, const struct request *request)
{
	const struct bytes name = json_str(request->client.meta, "client_name");
	const struct bytes id = form_find(&request->form, "client_id");
	struct uri uri;

	page_raw(call, "<p><strong>");
	page_text(call, name.n > 0 ? name : str("A program without a name"));
	page_raw(call, "</strong> asks to act for you, <strong>");
	page_text(call, request->user.subject);
	page_raw(call, "</strong>. The answer goes to <code>");
	page_text(call, redirect_shown(request->redirect));
	page_raw(call, "</code>.</p>\n");
	if (request->client.origin == CLIENT_DOCUMENT && uri_parse(id, &uri) == OK) {
		page_raw(call, "<p>It is published by <code>");
		page_text(call, uri.host);
		page_raw(call, "</code>.</p>\n");
	} else if (request->client.origin == CLIENT_DYNAMIC) {
		page_raw(call,
			 "<p class=\"note\">It has given itself this name; nobody has checked "
			 "it.</p>\n");
	}
	if (redirect_is_loopback(request->redirect))
		page_raw(call,
			 "<p class=\"high\">It runs on this computer: any program here could "
			 "be the one that asks. Go on only if you have just started it.</p>\n");
}

static void show_scopes(struct call *call, const char *scope)
{
	page_raw(call, "<p>It may, until you or the operator revoke it:</p>\n<ul>");
	for (size_t i = 0; grants_scope(i) != NULL; i++) {
		if (!grants_scope_has(str(scope), grants_scope(i)->name))
			continue;
		page_raw(call, "<li>");
		page_text(call, str(grants_scope(i)->says));
		page_raw(call, "</li>");
	}
	page_raw(call, "</ul>\n<p>through the vault:</p>\n");
}

/* Where the form leads: an origin, or a private scheme (CSP form-action). */
static struct bytes leads_to(const struct request *request)
{
	struct bytes scheme = request->redirect;
	struct uri uri;

	if (uri_parse(request->redirect, &uri) == OK)
		return uri.origin;
	const size_t n = bytes_cut(&scheme, ':').n;
	return (struct bytes){ request->redirect.p, n + 1 };
}

static void show_consent(struct flow *flow, struct call *call, const struct request *request)
{
	struct choosing choosing = { flow, call, request, 0 };
	char proof[SIGNIN_PROOF_TEXT + 1];

	signin_proof(flow, request->cookie, request->query, proof);
	page_begin(call, "Let a program use your accounts?");
	show_client(call, request);
	show_scopes(call, request->scope);
	page_raw(call, "<form method=\"post\" action=\"/authorize?");
	page_text(call, request->query);
	page_raw(call, "\">\n<input type=\"hidden\" name=\"proof\" value=\"");
	page_raw(call, proof);
	page_raw(call, "\">\n");
	const enum err err = store_vault_list(flow->store, request->user.tenant, request->user.id,
					      (struct page){ .limit = 500 }, choose_one, &choosing);
	if (err != OK || choosing.n == 0) {
		page_message(flow, call, err == OK ? 403 : 500, "There is no vault for it",
			     "None of your vaults is active and open to this program.",
			     "The operator makes one: valetkey vault create --user USER --policy "
			     "FILE");
		return;
	}
	page_raw(call, "<button type=\"submit\" name=\"decision\" value=\"allow\">Allow</button> "
		       "<button class=\"no\" type=\"submit\" name=\"decision\" value=\"deny\" "
		       "formnovalidate>Deny</button>\n</form>\n");
	call_header(call, "cache-control", str("no-store"));
	page_end_to(flow, call, 200, leads_to(request));
}

static void show(struct flow *flow, struct call *call);

static void show_again(struct flow *flow, struct call *call, enum err err)
{
	if (err == OK)
		show(flow, call);
	else
		stop(flow, call, err);
}

static void show(struct flow *flow, struct call *call)
{
	scoped(request_done) struct request request = { .query = query_of(call) };

	if (read_request(flow, call, show_again, &request))
		show_consent(flow, call, &request);
}

enum err get_authorize(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in; /* read from the target: it may have to be read again, later */
	show(flow, call);
	return OK;
}

static enum err say_yes(struct flow *flow, struct call *call, const struct request *request,
			struct bytes vault, struct token_text *ret)
{
	struct grants_yes yes = {
		.agent = request->client.agent.id,
		.user = request->user.id,
		.scope = str(request->scope),
		.redirect = request->redirect,
		.redirect_sent = request->redirect_sent,
	};

	if (id_parse("vault", vault, &yes.vault) != OK ||
	    (!id_none(request->vault) && !id_eq(request->vault, yes.vault)))
		return ERR_INVALID_TARGET;
	memcpy(yes.challenge, request->challenge, sizeof yes.challenge);
	if (request->bound)
		yes.jkt = request->jkt;
	return grants_code(flow, call, &yes, ret);
}

static void decide(struct flow *flow, struct call *call);

static void decide_again(struct flow *flow, struct call *call, enum err err)
{
	if (err == OK)
		decide(flow, call);
	else
		stop(flow, call, err);
}

/* The form of this very session, about this very request. */
static bool is_ours(const struct flow *flow, const struct request *request, const struct form *form)
{
	char proof[SIGNIN_PROOF_TEXT + 1];

	signin_proof(flow, request->cookie, request->query, proof);
	return ct_eq(form_find(form, "proof"), str(proof));
}

static void decide(struct flow *flow, struct call *call)
{
	scoped(request_done) struct request request = { .query = query_of(call) };
	scoped(form_done) struct form form = { 0 };
	struct token_text code;

	if (!read_request(flow, call, decide_again, &request))
		return;
	if (form_parse(call->request.body, &form) != OK || !is_ours(flow, &request, &form)) {
		page_message(flow, call, 403, "This form is not of this session",
			     "Nothing was decided.", "Start again from the program that asks.");
		return;
	}
	const enum err ended = request.pushed.p == NULL ? OK : pushed_end(flow, request.pushed);
	if (ended != OK) {
		stop(flow, call, ended < OK ? ERR_OVERLOADED : ended);
		return;
	}
	if (!bytes_is(form_find(&form, "decision"), "allow")) {
		go_back(flow, call, &request, "error", "access_denied");
		return;
	}
	const enum err err = say_yes(flow, call, &request, form_find(&form, "vault"), &code);
	if (err == OK)
		go_back(flow, call, &request, "code", code.s);
	else
		go_back(flow, call, &request, "error",
			err < OK ? "server_error" : err_row(err)->oauth);
	wipe(&code, sizeof code);
}

enum err post_authorize(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	if (!signin_same_origin(flow, call)) {
		page_message(flow, call, 403, "This form came from another site",
			     "Nothing was decided.", "Start again from the program that asks.");
		return OK;
	}
	decide(flow, call);
	return OK;
}
