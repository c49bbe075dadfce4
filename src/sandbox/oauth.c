/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oauth.h"

#include <stdio.h>

#include "codec/base64.h"
#include "crypto/crypto.h"

enum { BASIC_MAX = 256 };

/* RFC 6749 2.3.1: both parts are form-encoded before they are joined. */
static bool basic_good(struct bytes header)
{
	uint8_t decoded[BASIC_MAX];
	struct bytes id, secret;
	size_t n;

	if (header.n < 6 || !bytes_caseis((struct bytes){ header.p, 6 }, "Basic "))
		return false;
	header.p += 6;
	header.n -= 6;
	if (base64_parse(header, decoded, sizeof(decoded), &n) != OK)
		return false;
	secret = (struct bytes){ decoded, n };
	id = bytes_cut(&secret, ':');
	return bytes_is(id, brand_client_id) && bytes_is(secret, brand_client_secret);
}

static bool client_good(const struct call *call)
{
	const struct bytes header = httpd_header(call->request, "Authorization");

	if (header.n != 0)
		return basic_good(header);
	return bytes_is(call_param(call, "client_id"), brand_client_id) &&
	       bytes_is(call_param(call, "client_secret"), brand_client_secret);
}

static void refuse_client(struct call *call)
{
	const struct brand_row *brand = &brand_rows[call->brand];

	grants_count(&call->box->grants, call->brand, COUNT_CLIENT_REFUSED);
	call_oauth_error(call, brand->refused_status == 200 ? 200 : 401, brand->invalid_client,
			 "The client id or secret is wrong.");
}

static bool verifier_good(const struct call *call, const struct grant *grant)
{
	const struct bytes verifier = call_param(call, "code_verifier");
	uint8_t digest[SHA256_LEN];
	struct dynbuf text;
	bool good;

	if (grant->challenge[0] == '\0')
		return verifier.n == 0;
	if (verifier.n < 43 || verifier.n > 128)
		return false;
	sha256_one(verifier, digest);
	dynbuf_init(&text, 64);
	base64url_print((struct bytes){ digest, sizeof(digest) }, &text);
	good = dynbuf_err(&text) == OK && bytes_is(dynbuf_view(&text), grant->challenge);
	dynbuf_done(&text);
	return good;
}

static void put_scope(json_t *to, enum brand brand, const char *scope)
{
	char out[GRANT_SCOPE_LEN + 1];
	size_t i = 0;

	for (; scope[i] != '\0'; i++)
		out[i] = scope[i] == ' ' ? brand_rows[brand].sep_out[0] : scope[i];
	out[i] = '\0';
	json_object_set_new(to, "scope", json_string(out));
}

/* Issues an access token, and a refresh token where the service rotates it or @first is set. */
static json_t *issue(struct call *call, const struct grant *grant, bool first)
{
	const struct manner *manner = &call->box->manners[call->brand];
	const bool lasts = manner->rotation == ROTATION_NONE;
	struct grants *grants = &call->box->grants;
	struct grant_token *access =
		grants_issue(grants, grant, GRANT_ACCESS, lasts ? 0 : manner->lifetime_s);
	json_t *answer = json_object();

	if (access == NULL || answer == NULL)
		return answer;
	json_object_set_new(answer, "access_token", json_string(access->text));
	if (call->brand == BRAND_SLACK)
		json_object_set_new(answer, "token_type",
				    json_string(grant->of_user ? "user" : "bot"));
	else
		json_object_set_new(answer, "token_type",
				    json_string(call->brand == BRAND_GITHUB ? "bearer" : "Bearer"));
	put_scope(answer, call->brand, grant->scope);
	if (lasts)
		return answer;
	json_object_set_new(answer, "expires_in", json_integer(manner->lifetime_s));
	if (first || manner->rotation != ROTATION_STABLE) {
		struct grant_token *refresh = grants_issue(grants, grant, GRANT_REFRESH, 0);

		if (refresh != NULL)
			json_object_set_new(answer, "refresh_token", json_string(refresh->text));
	}
	return answer;
}

static void dress_slack(const struct grant *grant, json_t *answer)
{
	json_object_set_new(answer, "ok", json_true());
	json_object_set_new(answer, "app_id", json_string("A-SANDBOX"));
	json_object_set_new(answer, "team",
			    json_pack("{s:s, s:s}", "id", "T-SANDBOX", "name", "Sandbox"));
	if (json_object_get(answer, "authed_user") == NULL)
		json_object_set_new(answer, "authed_user",
				    json_pack("{s:s}", "id", persons[grant->person].number));
}

/* Slack: the bot's token at the top, the user's below authed_user, each only if asked for. */
static json_t *issue_slack(struct call *call, const struct grant *grant)
{
	json_t *answer, *user;
	struct grant *of_user;

	if (grant->user_scope[0] == '\0') {
		answer = issue(call, grant, true);
	} else {
		of_user = grants_new(&call->box->grants, call->brand, grant->person);
		of_user->of_user = true;
		memcpy(of_user->scope, grant->user_scope, sizeof(of_user->scope));
		user = issue(call, of_user, true);
		json_object_set_new(user, "id", json_string(persons[grant->person].number));
		answer = grant->scope[0] == '\0' ? json_object() : issue(call, grant, true);
		json_object_set_new(answer, "authed_user", user);
	}
	dress_slack(grant, answer);
	return answer;
}

static void redeem(struct call *call)
{
	struct grants *grants = &call->box->grants;
	struct grant_token *code = grants_find(grants, call_param(call, "code"));
	struct grant *grant = code == NULL ? NULL : grants_get(grants, code->grant);
	const struct bytes redirect = call_param(call, "redirect_uri");
	const char *word = call->brand == BRAND_GITHUB	? "bad_verification_code"
			   : call->brand == BRAND_SLACK ? "invalid_code"
							: "invalid_grant";

	if (code != NULL && code->kind == GRANT_CODE && code->presented++ > 0) {
		grants_count(grants, call->brand, COUNT_CODE_TWICE);
		if (grant != NULL)
			grant->revoked = true;
	}
	if (code == NULL || grant == NULL || code->kind != GRANT_CODE ||
	    grant->brand != call->brand || !grants_alive(grants, code) ||
	    (redirect.n != 0 && !bytes_is(redirect, grant->redirect_uri)) ||
	    !verifier_good(call, grant)) {
		grants_count(grants, call->brand, COUNT_CODE_REFUSED);
		call_oauth_error(call, 0, word, "The code is not valid, or was used already.");
		return;
	}
	code->dead = true;
	code->spent_at = clock_wall();
	grants_count(grants, call->brand, COUNT_CODE_OK);
	call_json(call, 200,
		  call->brand == BRAND_SLACK ? issue_slack(call, grant) : issue(call, grant, true));
}

/* Whether this presentation of a refresh token is accepted; a spent one may end its family. */
static bool spend(struct call *call, struct grant_token *refresh, struct grant *grant)
{
	const struct manner *manner = &call->box->manners[call->brand];
	const usec_t now = clock_wall();
	const bool again = refresh->spent_at != 0;

	if (!grants_alive(&call->box->grants, refresh))
		return false;
	if (!again)
		refresh->spent_at = now;
	switch (manner->rotation) {
	case ROTATION_NONE:
		return false;
	case ROTATION_STABLE:
	case ROTATION_REPLACED:
		return true;
	case ROTATION_GRACE:
		return !again || now - refresh->spent_at <= manner->grace_s * USEC_PER_S;
	case ROTATION_STRICT:
	case ROTATION_COUNT:
		if (again)
			grant->revoked = true;
		return !again;
	}
	return false;
}

static void refresh(struct call *call)
{
	struct grants *grants = &call->box->grants;
	struct grant_token *token = grants_find(grants, call_param(call, "refresh_token"));
	struct grant *grant = token == NULL ? NULL : grants_get(grants, token->grant);
	json_t *answer;

	if (token != NULL && token->presented++ > 0)
		grants_count(grants, call->brand, COUNT_REFRESH_TWICE);
	if (token == NULL || grant == NULL || token->kind != GRANT_REFRESH ||
	    grant->brand != call->brand || !spend(call, token, grant)) {
		grants_count(grants, call->brand, COUNT_REFRESH_REFUSED);
		call_oauth_error(call, 0, brand_rows[call->brand].invalid_grant,
				 "The refresh token is not valid.");
		return;
	}
	if (call->box->manners[call->brand].rotation == ROTATION_STRICT)
		grants_end_access(grants, grant->number);
	grants_count(grants, call->brand, COUNT_REFRESH_OK);
	answer = issue(call, grant, false);
	if (call->brand == BRAND_SLACK)
		dress_slack(grant, answer);
	call_json(call, 200, answer);
}

void oauth_token(struct call *call)
{
	const struct bytes type = call_param(call, "grant_type");
	const bool refreshing = bytes_is(type, "refresh_token");

	grants_count(&call->box->grants, call->brand, COUNT_TOKEN_REQUESTS);
	call->slow = true;
	if (call_fault(call, FAULT_AT_TOKEN) ||
	    call_fault(call, refreshing ? FAULT_AT_REFRESH : FAULT_AT_CODE))
		return;
	if (!client_good(call))
		refuse_client(call);
	else if (refreshing)
		refresh(call);
	/* GitHub and Slack take a code without grant_type. */
	else if (bytes_is(type, "authorization_code") || type.n == 0)
		redeem(call);
	else
		call_oauth_error(call, 0, "unsupported_grant_type", "Only codes and refreshes.");
}

static bool revoke(struct call *call, struct bytes text)
{
	struct grants *grants = &call->box->grants;
	const struct grant_token *token = grants_find(grants, text);
	struct grant *grant = token == NULL ? NULL : grants_get(grants, token->grant);
	const bool was = grant != NULL && grant->brand == call->brand && !grant->revoked;

	if (was)
		grant->revoked = true;
	grants_count(grants, call->brand, was ? COUNT_REVOKED : COUNT_REVOKE_UNKNOWN);
	return was;
}

void oauth_revoke(struct call *call)
{
	if (call_fault(call, FAULT_AT_REVOKE))
		return;
	/* Google's own endpoint asks for no client; the others do (RFC 7009 2.1). */
	if (call->brand != BRAND_GOOGLE && !client_good(call)) {
		refuse_client(call);
		return;
	}
	if (!revoke(call, call_param(call, "token")) && call->brand == BRAND_GOOGLE)
		call_oauth_error(call, 400, "invalid_token", "Token expired or revoked");
	else
		call_json(call, 200, json_object());
}

void oauth_revoke_application(struct call *call)
{
	if (call_fault(call, FAULT_AT_REVOKE))
		return;
	if (!bytes_is(call->params[0], brand_client_id) ||
	    !basic_good(httpd_header(call->request, "Authorization")))
		call_refuse(call, 401, "Bad credentials");
	else if (revoke(call, call_param(call, "access_token")))
		call_empty(call, 204);
	else
		call_refuse(call, 404, "Not Found");
}

void oauth_revoke_bearer(struct call *call)
{
	if (call_fault(call, FAULT_AT_REVOKE))
		return;
	if (call->bearer.n == 0 || !revoke(call, call->bearer))
		call_refuse(call, 200, "invalid_auth");
	else
		call_json(call, 200, json_pack("{s:b, s:b}", "ok", 1, "revoked", 1));
}
