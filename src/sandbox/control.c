/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/control.h"

#include <stdio.h>

#include "codec/base64.h"
#include "crypto/crypto.h"
#include "sandbox/page.h"

enum { GRACE_S = 600, SECONDS_MAX = 366 * 86400, DELAY_MAX_MS = 120000, TIMES_MAX = 1000000 };

void control_reset(struct box *box)
{
	box->faults = (struct faults){ 0 };
	for (enum brand i = 0; i < BRAND_COUNT; i++)
		box->manners[i] = (struct manner){ .lifetime_s = brand_rows[i].lifetime_s,
						   .grace_s = GRACE_S,
						   .rotation = brand_rows[i].rotation,
						   .iss = i == BRAND_NOTES };
}

static void refuse(struct call *call, const char *why)
{
	call_json(call, 400, json_pack("{s:s}", "error", why));
}

/* Takes an optional number into @to. False: it is there and not in 0..@max. */
static bool take_number(const json_t *from, const char *name, int64_t max, unsigned *to)
{
	int64_t value;

	if (json_object_get(from, name) == NULL)
		return true;
	if (!json_int(from, name, &value) || value < 0 || value > max)
		return false;
	*to = (unsigned)value;
	return true;
}

static bool set_manner(struct box *box, enum brand brand, const json_t *wish)
{
	struct manner manner = box->manners[brand];
	const struct bytes rotation = json_str(wish, "rotation");
	const json_t *iss = json_object_get(wish, "iss");

	if (!take_number(wish, "lifetime_s", SECONDS_MAX, &manner.lifetime_s) ||
	    !take_number(wish, "grace_s", SECONDS_MAX, &manner.grace_s) ||
	    !take_number(wish, "delay_ms", DELAY_MAX_MS, &manner.delay_ms))
		return false;
	if (rotation.p != NULL && brand_rotation(rotation, &manner.rotation) != OK)
		return false;
	if (iss != NULL)
		manner.iss = json_is_true(iss);
	box->manners[brand] = manner;
	if (json_is_true(json_object_get(wish, "revoke_all"))) {
		for (size_t i = 0; i < GRANT_MAX; i++) {
			if (box->grants.grants[i].brand == brand)
				box->grants.grants[i].revoked = true;
		}
	}
	return true;
}

static bool set_fault(struct box *box, enum brand brand, const json_t *wish)
{
	struct fault_armed armed = { .times = 1 };
	const struct bytes retry_after = json_str(wish, "retry_after");
	enum fault_endpoint endpoint = FAULT_AT_TOKEN;
	const struct bytes name = json_str(wish, "endpoint");

	if (json_str(wish, "mode").p == NULL)
		return true;
	if (fault_find(json_str(wish, "mode"), &armed.row) != OK ||
	    (name.p != NULL && fault_endpoint_find(name, &endpoint) != OK))
		return false;
	if (!take_number(wish, "times", TIMES_MAX, &armed.times) ||
	    !take_number(wish, "skip", TIMES_MAX, &armed.skip) ||
	    !take_number(wish, "status", 599, &armed.status))
		return false;
	if (retry_after.p != NULL &&
	    bytes_str(retry_after, armed.retry_after, sizeof(armed.retry_after)) != OK)
		return false;
	if (armed.times == 0)
		armed.row = NULL;
	box->faults.armed[brand][endpoint] = armed;
	return true;
}

void control_set(struct call *call)
{
	static const char *const names[] = { "reset",	 "service",    "lifetime_s", "grace_s",
					     "delay_ms", "rotation",   "iss",	     "revoke_all",
					     "endpoint", "mode",       "times",	     "skip",
					     "status",	 "retry_after" };
	const struct bytes service = json_str(call->json, "service");
	enum brand brand;

	if (!json_is_object(call->json) ||
	    json_unknown(call->json, names, ARRAY_LEN(names)) != NULL) {
		refuse(call, "The body must be a JSON object of known members.");
		return;
	}
	if (json_is_true(json_object_get(call->json, "reset")))
		control_reset(call->box);
	if (service.p != NULL && brand_by_id(service, &brand) != OK) {
		refuse(call, "There is no such service.");
		return;
	}
	if (service.p != NULL && (!set_manner(call->box, brand, call->json) ||
				  !set_fault(call->box, brand, call->json))) {
		refuse(call, "A member has a value that is not possible.");
		return;
	}
	call_json(call, 200, json_pack("{s:b}", "ok", 1));
}

void control_show(struct call *call)
{
	json_t *modes = json_object();

	for (const struct fault_row *row = fault_next(NULL); row != NULL; row = fault_next(row))
		json_object_set_new(modes, row->name, json_string(row->says));
	call_json(call, 200, json_pack("{s:o}", "modes", modes));
}

static const char *state_of(const struct grants *grants, const struct grant_token *token)
{
	if (grants_alive(grants, token))
		return token->spent_at != 0 ? "spent" : "live";
	if (token->dead)
		return "dead";
	return token->expires != 0 && token->expires <= clock_wall() ? "expired" : "revoked";
}

static json_t *show_token(const struct grants *grants, const struct grant_token *token)
{
	const struct grant *grant = grants_get(grants, token->grant);
	uint8_t digest[SHA256_LEN];
	char issued[CLOCK_TEXT_LEN + 1];
	struct dynbuf hash;
	json_t *shown;

	if (grant == NULL)
		return NULL;
	sha256_one(str(token->text), digest);
	clock_print(token->issued, issued);
	dynbuf_init(&hash, 2 * SHA256_LEN + 1);
	hex_print((struct bytes){ digest, sizeof(digest) }, &hash);
	dynbuf_u8(&hash, '\0');
	shown = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:i, s:s}", "service",
			  brand_rows[grant->brand].id, "kind", grants_kind_name(token->kind),
			  "token", token->text, "sha256", (const char *)hash.p, "grant",
			  (json_int_t)token->grant, "user", persons[grant->person].login, "issued",
			  issued, "presented", (int)token->presented, "state",
			  state_of(grants, token));
	dynbuf_done(&hash);
	return shown;
}

void control_observed(struct call *call)
{
	const struct grants *grants = &call->box->grants;
	json_t *services = json_object(), *tokens = json_array();

	for (enum brand i = 0; i < BRAND_COUNT; i++) {
		json_t *counts = json_object();

		for (enum grant_count c = 0; c < COUNT_COUNT; c++)
			json_object_set_new(counts, grant_count_names[c],
					    json_integer((json_int_t)grants->counts[i][c]));
		json_object_set_new(services, brand_rows[i].id, counts);
	}
	for (size_t i = 0; i < GRANT_TOKENS_MAX; i++) {
		if (grants->tokens[i].text[0] != '\0')
			json_array_append_new(tokens, show_token(grants, &grants->tokens[i]));
	}
	call_json(call, 200, json_pack("{s:o, s:o}", "services", services, "tokens", tokens));
}

void control_home(struct call *call)
{
	struct dynbuf page;

	dynbuf_init(&page, 16 * 1024);
	page_head(&page, "Valetkey's sandbox provider");
	dynbuf_str(&page,
		   "<p>It plays these providers, so that Valetkey can be tried without an "
		   "account anywhere. What it holds is made up and gone when it stops.</p><ul>");
	for (enum brand i = 0; i < BRAND_COUNT; i++)
		dynbuf_printf(&page, "<li>%s, below <code>%s/%s/</code></li>", brand_rows[i].name,
			      call->box->origin, brand_rows[i].folder);
	dynbuf_printf(&page,
		      "</ul><p>Each has the test client <code>%s</code> with the secret "
		      "<code>%s</code>. <code>GET /sandbox/observed</code> shows what was issued, "
		      "<code>GET /sandbox/control</code> how it can be made to fail.</p>",
		      brand_client_id, brand_client_secret);
	page_foot(&page);
	call_html(call, 200, dynbuf_view(&page));
	dynbuf_done(&page);
}
