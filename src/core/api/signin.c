/* SPDX-License-Identifier: Apache-2.0 */
#include "core/api/signin.h"

#include <stdio.h>

#include "core/api/page.h"

static const char *cookie_name(const struct flow *flow)
{
	return flow->settings.https ? "__Host-valetkey-session" : "valetkey-session";
}

struct bytes signin_cookie(const struct flow *flow, const struct call *call)
{
	return page_cookie(call, cookie_name(flow));
}

/* Lax: a client sends the browser here from its own site. */
static void cookie_set(const struct flow *flow, struct call *call, const char *value, unsigned life)
{
	char line[256];

	snprintf(line, sizeof line, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%u%s",
		 cookie_name(flow), value, life, flow->settings.https ? "; Secure" : "");
	call_header(call, "set-cookie", str(line));
}

bool signin_same_origin(const struct flow *flow, const struct call *call)
{
	const struct bytes site = request_header(call, "sec-fetch-site");
	const struct bytes origin = request_header(call, "origin");
	const struct bytes own = { (const uint8_t *)flow->settings.issuer,
				   strlen(flow->settings.issuer) - 1 };

	/* Our own Referrer-Policy makes browsers send "Origin: null" with this form. */
	if (site.p != NULL)
		return bytes_is(site, "same-origin");
	return origin.p != NULL && bytes_eq(origin, own);
}

void signin_page(struct flow *flow, struct call *call, struct bytes go, const char *wrong)
{
	page_begin(call, "Sign in");
	if (wrong != NULL) {
		page_raw(call, "<p class=\"high\" role=\"alert\">");
		page_text(call, str(wrong));
		page_raw(call, "</p>\n");
	}
	page_raw(call, "<form method=\"post\" action=\"/login\">\n"
		       "<input type=\"hidden\" name=\"go\" value=\"");
	page_text(call, go);
	page_raw(call,
		 "\">\n<p><label>User<br><input name=\"subject\" autocomplete=\"username\" "
		 "required autofocus></label></p>\n<p><label>Password<br><input type=\"password\" "
		 "name=\"password\" autocomplete=\"current-password\" required></label></p>\n"
		 "<button type=\"submit\">Sign in</button>\n</form>\n<p class=\"note\">No password "
		 "yet? Whoever runs Valetkey sets one: <code>valetkey user password "
		 "USER</code></p>\n");
	page_end(flow, call, wrong == NULL ? 200 : 403);
}

/* Only to pages of ours that ask for a sign-in: never where a link says (RFC 9700 4.11). */
static bool go_ok(struct bytes go)
{
	if (go.n > SIGNIN_GO_MAX)
		return false;
	for (size_t i = 0; i < go.n; i++)
		if (go.p[i] <= ' ' || go.p[i] >= 0x7f || go.p[i] == '\\')
			return false;
	return bytes_starts(go, "authorize?") || bytes_starts(go, "connect/") ||
	       bytes_starts(go, "mend/");
}

static void go_on(struct flow *flow, struct call *call, struct bytes go)
{
	scoped(dynbuf_done) struct dynbuf url;

	dynbuf_init(&url, SIGNIN_GO_MAX + sizeof flow->settings.issuer);
	dynbuf_str(&url, flow->settings.issuer);
	if (go_ok(go))
		dynbuf_bytes(&url, go);
	call_header(call, "location", dynbuf_view(&url));
	/* 303: the password is not sent again (RFC 9700 4.12). */
	call_answer(flow, call, 303);
}

enum err page_login(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	signin_page(flow, call, str(""), NULL);
	return OK;
}

static void wrong(struct flow *flow, struct call *call, struct bytes go, enum err err,
		  uint64_t wait_s)
{
	char text[128] = "The user or the password is wrong.";

	if (err == ERR_RATE_LIMITED)
		snprintf(text, sizeof text, "Too many tries. Try again in %llu seconds.",
			 (unsigned long long)wait_s);
	signin_page(flow, call, go, text);
}

enum err post_login(struct flow *flow, struct call *call, const struct api_in *in)
{
	scoped(form_done) struct form form = { 0 };
	struct signin_new session;

	(void)in;
	if (!signin_same_origin(flow, call)) {
		page_message(flow, call, 403, "This form came from another site",
			     "Nobody was signed in.", "Open the page itself in this browser.");
		return OK;
	}
	TRY(form_parse(call->request.body, &form));
	const struct bytes go = form_find(&form, "go");
	const enum err err = signin_begin(flow, call, form_find(&form, "subject"),
					  form_find(&form, "password"), &session);
	if (err == ERR_INVALID_GRANT || err == ERR_RATE_LIMITED) {
		wrong(flow, call, go, err, session.wait_s);
		return OK;
	}
	TRY(err);
	cookie_set(flow, call, session.cookie.s, SIGNIN_LIFE_S);
	wipe(&session, sizeof session);
	go_on(flow, call, go);
	return OK;
}

enum err post_logout(struct flow *flow, struct call *call, const struct api_in *in)
{
	const struct bytes cookie = signin_cookie(flow, call);

	(void)in;
	if (!signin_same_origin(flow, call))
		return ERR_FORBIDDEN;
	if (cookie.p != NULL)
		TRY(signin_end(flow, call, cookie));
	cookie_set(flow, call, "", 0);
	page_message(flow, call, 200, "Signed out", "This browser is signed out.",
		     "Programs that you have let use a vault go on; see 'valetkey grant list'.");
	return OK;
}
