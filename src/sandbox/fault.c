/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/fault.h"

static void body_html(struct dynbuf *to)
{
	dynbuf_str(to, "<!doctype html><title>Sandbox</title><h1>Something went wrong</h1>");
}

static void body_text(struct dynbuf *to)
{
	dynbuf_str(to, "upstream connect error");
}

static void body_good(struct dynbuf *to)
{
	dynbuf_str(to, "{\"access_token\":\"sandbox-fault-access\",\"token_type\":\"Bearer\","
		       "\"expires_in\":3600,\"refresh_token\":\"sandbox-fault-refresh\"}");
}

static void body_nul(struct dynbuf *to)
{
	static const char text[] =
		"{\"access_token\":\"sandbox\0fault\",\"token_type\":\"Bearer\"}";

	dynbuf_put(to, text, sizeof(text) - 1);
}

static void body_nul_escaped(struct dynbuf *to)
{
	dynbuf_str(to, "{\"access_token\":\"sandbox\\u0000fault\",\"token_type\":\"Bearer\"}");
}

static void body_twice(struct dynbuf *to)
{
	dynbuf_str(to, "{\"access_token\":\"sandbox-fault-1\",\"access_token\":\"sandbox-fault-2\","
		       "\"token_type\":\"Bearer\",\"expires_in\":3600}");
}

static void body_cut(struct dynbuf *to)
{
	dynbuf_str(to, "{\"access_token\":\"sandbox-fault-access\",\"token_ty");
}

static void body_crlf(struct dynbuf *to)
{
	dynbuf_str(to, "{\"access_token\":\"sandbox\\r\\nX-Injected: 1\",\"token_type\":\"Bearer\","
		       "\"expires_in\":3600}");
}

static void fill(struct dynbuf *to, uint8_t with, size_t n)
{
	uint8_t *p = dynbuf_grow(to, n);

	if (p != NULL)
		memset(p, with, n);
}

static void body_long_token(struct dynbuf *to)
{
	dynbuf_str(to, "{\"access_token\":\"");
	fill(to, 'a', 1024 * 1024);
	dynbuf_str(to, "\",\"token_type\":\"Bearer\",\"expires_in\":3600}");
}

static void body_huge(struct dynbuf *to)
{
	dynbuf_str(to, "{\"access_token\":\"sandbox-fault-access\",\"filler\":\"");
	fill(to, 'x', 100 * 1024 * 1024);
	dynbuf_str(to, "\"}");
}

static void body_deep(struct dynbuf *to)
{
	fill(to, '[', 100000);
}

/* A gzip stream (RFC 1952) of about 100 MiB of zeros in stored-size terms: one dynamic block
 * repeated is not needed, fixed Huffman codes with length-258 matches already give 1:1000. */
static void body_bomb(struct dynbuf *to)
{
	static const uint8_t head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	uint64_t bits = 0;
	unsigned held = 0;

	dynbuf_put(to, head, sizeof(head));
	/* BFINAL 0, BTYPE 01, literal 0x00 (code 00110000, most significant bit first). */
	bits = 0x2 | (uint64_t)0x0c << 3;
	held = 11;
	/* Length 258 is symbol 285: code 11000101; distance 1 is symbol 0: code 00000. */
	for (unsigned i = 0; i < 400000; i++) {
		bits |= (uint64_t)0xa3 << held;
		held += 13;
		for (; held >= 8; held -= 8, bits >>= 8)
			dynbuf_u8(to, (uint8_t)bits);
	}
	dynbuf_u8(to, (uint8_t)bits);
}

static void set(json_t *answer, const char *name, json_t *value)
{
	json_t *nested = json_object_get(answer, "authed_user");

	if (json_object_get(answer, "access_token") == NULL && nested != NULL)
		answer = nested;
	json_object_set_new(answer, name, value);
}

static void change_negative(json_t *answer)
{
	set(answer, "expires_in", json_integer(-1));
}

static void change_huge(json_t *answer)
{
	set(answer, "expires_in", json_real(1e30));
}

static void change_text(json_t *answer)
{
	set(answer, "expires_in", json_string("abc"));
}

static void change_quoted(json_t *answer)
{
	set(answer, "expires_in", json_string("3600"));
}

static void change_absent(json_t *answer)
{
	json_object_del(answer, "expires_in");
}

static void change_type(json_t *answer)
{
	set(answer, "token_type", json_string("sandbox-unknown"));
}

static void change_no_refresh(json_t *answer)
{
	json_object_del(answer, "refresh_token");
}

static void change_no_access(json_t *answer)
{
	json_object_del(answer, "access_token");
}

static const struct fault_row rows[] = {
	{ .name = "status",
	  .says = "a plain text answer with the status given",
	  .status = 500,
	  .type = "text/plain",
	  .body = body_text },
	{ .name = "status_with_token",
	  .says = "the status given with a good token in the body",
	  .status = 500,
	  .type = "application/json",
	  .body = body_good },
	{ .name = "hang", .says = "no answer", .how = FAULT_HANG },
	{ .name = "reset",
	  .says = "the connection is reset once the request is read",
	  .how = FAULT_RESET },
	{ .name = "drop",
	  .says = "the work is done, the connection is reset instead of an answer",
	  .how = FAULT_DROP },
	{ .name = "cut", .says = "the work is done, half of the answer is sent", .how = FAULT_CUT },
	{ .name = "html",
	  .says = "200 with an HTML page",
	  .status = 200,
	  .type = "text/html",
	  .body = body_html },
	{ .name = "truncated",
	  .says = "200 with half a JSON object",
	  .status = 200,
	  .type = "application/json",
	  .body = body_cut },
	{ .name = "gzip_bomb",
	  .says = "200 with 100 MB packed into half a megabyte",
	  .status = 200,
	  .type = "application/json",
	  .encoding = "gzip",
	  .body = body_bomb },
	{ .name = "wrong_type",
	  .says = "200, good JSON called image/png",
	  .status = 200,
	  .type = "image/png",
	  .body = body_good },
	{ .name = "huge",
	  .says = "200 with 100 MB of JSON",
	  .status = 200,
	  .type = "application/json",
	  .body = body_huge },
	{ .name = "deep",
	  .says = "200 with 100,000 opening brackets",
	  .status = 200,
	  .type = "application/json",
	  .body = body_deep },
	{ .name = "nul",
	  .says = "200 with a NUL byte inside the token",
	  .status = 200,
	  .type = "application/json",
	  .body = body_nul },
	{ .name = "nul_escaped",
	  .says = "200 with \\u0000 inside the token",
	  .status = 200,
	  .type = "application/json",
	  .body = body_nul_escaped },
	{ .name = "duplicate",
	  .says = "200 with access_token twice",
	  .status = 200,
	  .type = "application/json",
	  .body = body_twice },
	{ .name = "token_crlf",
	  .says = "200 with CR LF inside the token",
	  .status = 200,
	  .type = "application/json",
	  .body = body_crlf },
	{ .name = "token_long",
	  .says = "200 with a token of 1 MiB",
	  .status = 200,
	  .type = "application/json",
	  .body = body_long_token },
	{ .name = "expires_negative",
	  .says = "expires_in -1",
	  .how = FAULT_CHANGE,
	  .change = change_negative },
	{ .name = "expires_huge",
	  .says = "expires_in 1e30",
	  .how = FAULT_CHANGE,
	  .change = change_huge },
	{ .name = "expires_text",
	  .says = "expires_in \"abc\"",
	  .how = FAULT_CHANGE,
	  .change = change_text },
	{ .name = "expires_quoted",
	  .says = "expires_in \"3600\"",
	  .how = FAULT_CHANGE,
	  .change = change_quoted },
	{ .name = "expires_absent",
	  .says = "no expires_in",
	  .how = FAULT_CHANGE,
	  .change = change_absent },
	{ .name = "token_type",
	  .says = "a token_type nobody knows",
	  .how = FAULT_CHANGE,
	  .change = change_type },
	{ .name = "no_refresh_token",
	  .says = "no refresh_token",
	  .how = FAULT_CHANGE,
	  .change = change_no_refresh },
	{ .name = "no_access_token",
	  .says = "no access_token",
	  .how = FAULT_CHANGE,
	  .change = change_no_access },
	{ .name = "invalid_grant", .says = "the grant is refused", .how = FAULT_OAUTH },
	{ .name = "invalid_client",
	  .says = "401, the client is refused",
	  .how = FAULT_OAUTH,
	  .status = 401,
	  .error = "invalid_client" },
	{ .name = "error_200",
	  .says = "an OAuth error with status 200 (GitHub)",
	  .how = FAULT_OAUTH,
	  .status = 200,
	  .error = "bad_refresh_token" },
	{ .name = "ok_false",
	  .says = "200 with ok:false (Slack)",
	  .how = FAULT_OAUTH,
	  .status = 200,
	  .error = "invalid_refresh_token" },
	{ .name = "server_error",
	  .says = "400 temporarily_unavailable",
	  .how = FAULT_OAUTH,
	  .status = 400,
	  .error = "temporarily_unavailable" },
};

static const char *const endpoint_names[FAULT_AT_COUNT] = {
	[FAULT_AT_TOKEN] = "token",	[FAULT_AT_CODE] = "code",
	[FAULT_AT_REFRESH] = "refresh", [FAULT_AT_REVOKE] = "revoke",
	[FAULT_AT_ACCOUNT] = "account", [FAULT_AT_API] = "api",
};

enum err fault_find(struct bytes name, const struct fault_row **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (bytes_is(name, rows[i].name)) {
			*ret = &rows[i];
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

enum err fault_endpoint_find(struct bytes name, enum fault_endpoint *ret)
{
	for (enum fault_endpoint i = 0; i < FAULT_AT_COUNT; i++) {
		if (bytes_is(name, endpoint_names[i])) {
			*ret = i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

const struct fault_row *fault_next(const struct fault_row *row)
{
	const size_t i = row == NULL ? 0 : (size_t)(row - rows) + 1;

	return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

bool fault_take(struct faults *faults, enum brand brand, enum fault_endpoint endpoint,
		struct fault_armed *ret)
{
	struct fault_armed *armed = &faults->armed[brand][endpoint];

	if (armed->row == NULL)
		return false;
	if (armed->skip > 0) {
		armed->skip--;
		return false;
	}
	*ret = *armed;
	if (--armed->times == 0)
		armed->row = NULL;
	return true;
}
