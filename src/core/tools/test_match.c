/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/tools/match.h"
#include "core/tools/sample.h"

static struct service *service;
static struct doc variables;

static int make_service(void **state)
{
	(void)state;
	service = sample_service();
	sample_read("{\"site\":\"s-1\"}", &variables);
	return 0;
}

static int free_service(void **state)
{
	(void)state;
	doc_done(&variables);
	service_free(&service);
	return 0;
}

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

static enum err match(const char *method, const char *target, const char *type, const char *body,
		      struct tools_found *ret)
{
	const struct tools_raw raw = { .method = str(method),
				       .target = str(target),
				       .content_type = str(type),
				       .body = str(body),
				       .variables = &variables };

	return tools_match(service, &raw, ret);
}

static const char *name_of(const struct service_tool *tool)
{
	static char name[65];

	if (tool == NULL || bytes_str(tool->name, name, sizeof name) != OK)
		return "";
	return name;
}

struct row {
	const char *method, *target, *type, *body;
	const char *tool, *args; /* tool NULL: none; args are then the names of those near */
	enum service_effect effect;
};

static void near_names(const struct tools_found *found, char *to, size_t size)
{
	*to = 0;
	for (size_t i = 0; i < found->near_n; i++)
		snprintf(to + strlen(to), size - strlen(to), "%s%s", i == 0 ? "" : " ",
			 name_of(found->near[i]));
}

static void check_row(const struct row *row)
{
	struct tools_found found;
	char near[1000];
	const enum err err = match(row->method, row->target, row->type, row->body, &found);

	if (err != OK)
		fail_msg("%s %s: error %d", row->method, row->target, (int)err);
	near_names(&found, near, sizeof near);
	if (row->tool == NULL && (found.tool != NULL || strcmp(near, row->args) != 0))
		fail_msg("%s %s %s is %s, near %s, not near %s", row->method, row->target,
			 row->body, name_of(found.tool), near, row->args);
	if (row->tool != NULL && strcmp(name_of(found.tool), row->tool) != 0)
		fail_msg("%s %s %s is '%s', near %s, not %s", row->method, row->target,
			 row->body == NULL ? "" : row->body, name_of(found.tool), near, row->tool);
	if (row->tool != NULL && !bytes_is(dynbuf_view(&found.args), row->args))
		fail_msg("%s %s: %.*s, not %s", row->method, row->target, (int)found.args.n,
			 (const char *)found.args.p, row->args);
	if (found.effect != row->effect)
		fail_msg("%s %s: effect %d", row->method, row->target, (int)found.effect);
	tools_found_done(&found);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

static void a_request_is_known_as_the_tool_it_is(void **state)
{
	static const struct row rows[] = {
		{ "GET", "/repos/acme/site/issues/7", NULL, NULL, "issues.get",
		  "{\"number\":7,\"owner\":\"acme\",\"repo\":\"site\"}", SERVICE_READ },
		{ "HEAD", "/repos/acme/site/issues/7/", NULL, NULL, "issues.get",
		  "{\"number\":7,\"owner\":\"acme\",\"repo\":\"site\"}", SERVICE_READ },
		{ "GET", "/repos/a%20b/%C3%A4%22/issues/7", NULL, NULL, "issues.get",
		  "{\"number\":7,\"owner\":\"a b\",\"repo\":\"\xc3\xa4\\\"\"}", SERVICE_READ },
		{ "GET",
		  "/repos/a/b/issues?fields=a,b&q=repo:b+is%3Aopen&labels=x,y%20z&page=2&id%5B%5D=4"
		  "&id[]=3&all=true",
		  NULL, NULL, "issues.list",
		  "{\"all\":true,\"ids\":[4,3],\"labels\":[\"x\",\"y z\"],\"owner\":\"a\","
		  "\"page\":2,\"repo\":\"b\"}",
		  SERVICE_READ },
		{ "PATCH", "/repos/a/b/issues/7", JSON, " { \"state\" : \"closed\" } ",
		  "issues.close", "{\"number\":7,\"owner\":\"a\",\"repo\":\"b\"}", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", JSON "; charset=utf-8",
		  "{\"st\\u0061te\":\"closed\"}", "issues.close",
		  "{\"number\":7,\"owner\":\"a\",\"repo\":\"b\"}", SERVICE_WRITE },
		{ "DELETE", "/repos/a/b", NULL, NULL, "repos.delete",
		  "{\"owner\":\"a\",\"repo\":\"b\"}", SERVICE_DESTRUCTIVE },
		{ "GET", "/repos/acme/mine", NULL, NULL, "repos.mine", "{}", SERVICE_READ },
		{ "GET", "/files/a%2Fb/x-r/c/d%20e", NULL, NULL, "files.get",
		  "{\"path\":\"c/d e\",\"project\":\"a/b\",\"repo\":\"r\"}", SERVICE_READ },
		{ "PUT", "/contents/a/b.c", JSON, "{\"sha\":\"55\",\"content\":\"x\"}", "files.put",
		  "{\"content\":\"x\",\"path\":\"a/b.c\"}", SERVICE_WRITE },
		{ "PUT", "/contents/a", "application/vnd.x+json", "{\"content\":\"x\"}",
		  "files.put", "{\"content\":\"x\",\"path\":\"a\"}", SERVICE_WRITE },
		{ "POST", "/up.sample.example/up?name=x%26y", "text/plain", "all\n{of} it",
		  "files.upload", "{\"content\":\"all\\n{of} it\",\"name\":\"x&y\"}",
		  SERVICE_WRITE },
		{ "POST", "/UP.Sample.Example/up?name=x", "text/plain; charset=UTF-8", "",
		  "files.upload", "{\"content\":\"\",\"name\":\"x\"}", SERVICE_WRITE },
		{ "POST", "/charges", FORM, "amount=5&currency=eur&capture=false", "charges.create",
		  "{\"amount\":5,\"capture\":false}", SERVICE_WRITE },
		{ "GET", "/api.sample.example/v1/s-1/repos/acme/mine", NULL, NULL, "repos.mine",
		  "{}", SERVICE_READ },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void a_request_that_is_not_all_the_tools_is_only_near_it(void **state)
{
	static const struct row rows[] = {
		/* parameters that nobody knows, that are there twice, or of another case */
		{ "DELETE", "/repos/a/b?x=1", NULL, NULL, NULL, "repos.delete",
		  SERVICE_DESTRUCTIVE },
		{ "DELETE", "/repos/a/b?", NULL, NULL, "repos.delete",
		  "{\"owner\":\"a\",\"repo\":\"b\"}", SERVICE_DESTRUCTIVE },
		{ "GET", "/repos/a/b/issues?fields=a,b&q=repo:b+is:open&page=1&page=2", NULL, NULL,
		  NULL, "issues.list", SERVICE_READ },
		{ "GET", "/repos/a/b/issues?fields=a,b&q=repo:b+is:open&Page=1", NULL, NULL, NULL,
		  "issues.list", SERVICE_READ },
		{ "GET", "/repos/a/b/issues", NULL, NULL, NULL, "issues.list", SERVICE_READ },
		{ "GET", "/repos/a/b/issues?fields=a,b&q=repo:c+is:open", NULL, NULL, NULL,
		  "issues.list", SERVICE_READ },
		{ "GET", "/repos/a/b/issues?fields=a,b&q=repo:b+is:open&page=x", NULL, NULL, NULL,
		  "issues.list", SERVICE_READ },
		{ "GET", "/repos/a/b/issues/7?access_token=x", NULL, NULL, NULL, "issues.get",
		  SERVICE_READ },
		/* values that the schema does not take */
		{ "GET", "/repos/a/b/issues?fields=a,b&q=repo:b+is:open&state=all", NULL, NULL,
		  NULL, "issues.list", SERVICE_READ },
		{ "PUT", "/contents/a", JSON, "{\"content\":5}", NULL, "files.put", SERVICE_WRITE },
		/* numbers of another form */
		{ "GET", "/repos/a/b/issues/07", NULL, NULL, NULL, "issues.get", SERVICE_READ },
		{ "GET", "/repos/a/b/issues/7e0", NULL, NULL, NULL, "issues.get", SERVICE_READ },
		{ "GET", "/repos/a/b/issues/-0", NULL, NULL, NULL, "issues.get", SERVICE_READ },
		/* another case, a suffix, another version, another account's base */
		{ "DELETE", "/Repos/a/b", NULL, NULL, NULL, "repos.delete", SERVICE_DESTRUCTIVE },
		{ "DELETE", "/repos.json/a/b", NULL, NULL, NULL, "repos.delete",
		  SERVICE_DESTRUCTIVE },
		{ "DELETE", "/api.sample.example/v2/s-1/repos/a/b", NULL, NULL, NULL,
		  "repos.delete", SERVICE_DESTRUCTIVE },
		{ "DELETE", "/api.sample.example/V1/s-1/repos/a/b", NULL, NULL, NULL,
		  "repos.delete", SERVICE_DESTRUCTIVE },
		/* another method that sends */
		{ "POST", "/repos/a/b/issues/7", JSON, "{\"state\":\"closed\"}", NULL,
		  "issues.close", SERVICE_WRITE },
		{ "PUT", "/repos/a/b/issues/7", JSON, "{\"state\":\"closed\"}", NULL,
		  "issues.close", SERVICE_WRITE },
		/* bodies: other members, other values, other types, none that can be read */
		{ "PATCH", "/repos/a/b/issues/7", JSON, "{\"state\":\"closed\",\"x\":1}", NULL,
		  "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", JSON, "{\"state\":\"open\"}", NULL,
		  "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", JSON, "{}", NULL, "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", JSON, "[]", NULL, "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", JSON, "{\"state\":\"closed\"", NULL,
		  "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", JSON, "{\"state\":\"open\",\"state\":\"closed\"}",
		  NULL, "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", FORM, "state=closed", NULL, "issues.close",
		  SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", "text/plain", "{\"state\":\"closed\"}", NULL,
		  "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", NULL, "{\"state\":\"closed\"}", NULL,
		  "issues.close", SERVICE_WRITE },
		{ "PATCH", "/repos/a/b/issues/7", JSON "; charset=utf-16", "{\"state\":\"closed\"}",
		  NULL, "issues.close", SERVICE_WRITE },
		{ "DELETE", "/repos/a/b", JSON, "{}", NULL, "repos.delete", SERVICE_DESTRUCTIVE },
		{ "POST", "/charges", JSON, "{\"amount\":5,\"currency\":\"eur\"}", NULL,
		  "charges.create", SERVICE_WRITE },
		{ "POST", "/charges", FORM, "amount=5&currency=eur&amount=6", NULL,
		  "charges.create", SERVICE_WRITE },
		{ "POST", "/charges", FORM, "amount=5&currency=usd", NULL, "charges.create",
		  SERVICE_WRITE },
		{ "POST", "/charges", FORM, "amount=5&currency=eur&x=6", NULL, "charges.create",
		  SERVICE_WRITE },
		{ "POST", "/up.sample.example/up?name=x", "application/json", "{}", NULL,
		  "files.upload", SERVICE_WRITE },
		{ "POST", "/up.sample.example/up?name=x", "text/plain", "\xff", NULL,
		  "files.upload", SERVICE_WRITE },
		/* what only Valetkey makes */
		{ "GET", "/events?from=2026-11-18T00:00:00Z&to=2026-12-02T11:06:40Z", NULL, NULL,
		  NULL, "events.list", SERVICE_READ },
		{ "POST", "/send", JSON, "{\"raw\":\"eA\",\"threadId\":\"1\"}", NULL, "mail.send",
		  SERVICE_WRITE },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void a_request_of_no_tool_counts_as_its_method_says(void **state)
{
	static const struct row rows[] = {
		{ "GET", "/nothing", NULL, NULL, NULL, "", SERVICE_READ },
		{ "HEAD", "/", NULL, NULL, NULL, "", SERVICE_READ },
		{ "POST", "/repos/a/b/issues/7/comments", JSON, "{}", NULL, "", SERVICE_WRITE },
		{ "DELETE", "/nothing", NULL, NULL, NULL, "", SERVICE_DESTRUCTIVE },
		{ "OPTIONS", "/repos/a/b", NULL, NULL, NULL, "", SERVICE_WRITE },
		{ "GET", "/repos/a/b/issues/7/8", NULL, NULL, NULL, "", SERVICE_READ },
		{ "GET", "/up.sample.example/v1/s-1/repos/acme/mine", NULL, NULL, NULL, "",
		  SERVICE_READ },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
	service->api.rpc = true;
	static const struct row rpc[] = {
		{ "GET", "/nothing", NULL, NULL, NULL, "", SERVICE_WRITE },
		{ "GET", "/charges?amount=5", NULL, NULL, NULL, "charges.create", SERVICE_WRITE },
		{ "POST", "/repos/acme/mine", NULL, NULL, NULL, "repos.delete repos.mine",
		  SERVICE_DESTRUCTIVE },
	};
	check_rows(rpc, ARRAY_LEN(rpc));
	service->api.rpc = false;
}

static void a_batch_is_near_every_tool(void **state)
{
	static const char *const targets[] = { "/batch", "/$batch", "/%24Batch/x",
					       "/up.sample.example/services/data/composite/tree" };
	struct tools_found found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		assert_int_equal(match("POST", targets[i], JSON, "{}", &found), OK);
		assert_int_equal(found.near_n, service->tools_n);
		assert_int_equal(found.effect, SERVICE_DESTRUCTIVE);
		tools_found_done(&found);
	}
}

static void nobody_else_fills_the_place_of_the_credential(void **state)
{
	struct tools_found found;

	(void)state;
	service->api.query = str("key");
	assert_int_equal(match("GET", "/x?key=1", NULL, NULL, &found), ERR_UNSUPPORTED);
	tools_found_done(&found);
	assert_int_equal(match("GET", "/x?a=b&K%45Y", NULL, NULL, &found), ERR_UNSUPPORTED);
	tools_found_done(&found);
	service->api.query = str(NULL);
}

/* A request that a tool makes, and ways to write it that some server takes for the same. */
struct trick {
	const char *method, *target, *type, *body;
};

static uint32_t chance_state;

static uint32_t chance(uint32_t below)
{
	chance_state = chance_state * 1664525 + 1013904223;
	return (chance_state >> 8) % below;
}

static void insert(char *text, size_t at, const char *piece)
{
	memmove(text + at + strlen(piece), text + at, strlen(text + at) + 1);
	memcpy(text + at, piece, strlen(piece));
}

/* Each leaves a request that reaches the same tool somewhere. */
static void play(char *target, const char **method, const char **type)
{
	static const char *const pieces[] = { "/.",   "/",    "/x/..", "/%2e", "/%2E%2E/v1",
					      "%2F.", ";a=b", "%3Bx",  "/./",  "\\" };
	static const char *const suffixes[] = {
		"?x=1", "?",	 "/",	"/?a",	 "?_method=GET",
		"#x",	"?a&a=", "%20", ".json", "?access_token=x"
	};
	char *path = strchr(target + 1, '/');
	const size_t n = strlen(target);
	size_t at = (size_t)(path - target) + chance((uint32_t)strlen(path));

	switch (chance(7)) {
	case 0:
		if (target[at] != '/' && target[at] != '%') {
			char hex[4];
			snprintf(hex, sizeof hex, chance(2) ? "%%%02X" : "%%%02x", target[at]);
			target[at] = hex[0];
			insert(target, at + 1, hex + 1);
		}
		break;
	case 1:
		if (target[at] == '/')
			insert(target, at, pieces[chance(ARRAY_LEN(pieces))]);
		break;
	case 2:
		insert(target, n, suffixes[chance(ARRAY_LEN(suffixes))]);
		break;
	case 3:
		if (target[at] >= 'a' && target[at] <= 'z')
			target[at] = (char)(target[at] - 0x20);
		break;
	case 4:
		*type = chance(2) ? "text/plain" : NULL;
		break;
	case 5:
		if (strcmp(*method, "PATCH") == 0)
			*method = chance(2) ? "POST" : "PUT";
		break;
	default:
		if (target[at] == '%')
			insert(target, at + 1, "25");
	}
}

static bool reaches(const struct tools_found *found, const char *tool)
{
	if (found->tool != NULL && strcmp(name_of(found->tool), tool) == 0)
		return true;
	for (size_t i = 0; i < found->near_n; i++)
		if (strcmp(name_of(found->near[i]), tool) == 0)
			return true;
	return false;
}

/* What is left is a request that no server takes for the tool's: other letters in the path, or more
 * segments. */
static bool is_another(const struct tools_found *found, const char *literal)
{
	char text[1000];

	assert_int_equal(bytes_str(dynbuf_view(&found->target), text, sizeof text), OK);
	text[strcspn(text, "?")] = 0;
	if (text[strlen(text) - 1] == '/')
		text[strlen(text) - 1] = 0;
	const char *at = strcasestr(text, literal);
	return at == NULL || strchr(at + strlen(literal), '/') != NULL;
}

/* Tricks with the letters of a request end at the tool, near it, or refused. */
static void no_trick_leads_past_a_tool(void **state)
{
	static const struct {
		const char *tool, *method, *target, *type, *body, *literal;
	} rows[] = {
		{ "repos.delete", "DELETE", "/api.sample.example/v1/s-1/repos/acme/site", NULL,
		  NULL, "/v1/s-1/repos/acme/site" },
		{ "issues.close", "PATCH", "/api.sample.example/v1/s-1/repos/acme/site/issues/7",
		  JSON, "{\"state\":\"closed\"}", "/repos/acme/site/issues/7" },
		{ "charges.create", "POST", "/api.sample.example/v1/s-1/charges", FORM,
		  "amount=5&currency=eur", "/v1/s-1/charges" },
	};
	size_t refused = 0, exact = 0, near = 0;

	(void)state;
	const char *seed = getenv("VALETKEY_SEED");
	chance_state = seed == NULL ? 3 : (uint32_t)atoi(seed);
	for (size_t i = 0; i < 60000; i++) {
		const char *method = rows[i % 3].method, *type = rows[i % 3].type;
		const char *tool = rows[i % 3].tool;
		struct tools_found found;
		char target[500];
		snprintf(target, sizeof target, "%s", rows[i % 3].target);
		for (uint32_t n = 1 + chance(4); n > 0; n--)
			play(target, &method, &type);
		const enum err err = match(method, target, type, rows[i % 3].body, &found);
		if (err != OK)
			refused++;
		else if (found.tool != NULL && reaches(&found, tool))
			exact++;
		else if (reaches(&found, tool))
			near++;
		else if (!is_another(&found, rows[i % 3].literal))
			fail_msg("%s %s (%.*s) leads past %s", method, target, (int)found.target.n,
				 (const char *)found.target.p, tool);
		tools_found_done(&found);
	}
	if (refused < 5000 || exact < 5000 || near < 5000)
		fail_msg("%zu refused, %zu exact, %zu near", refused, exact, near);
}

static void what_servers_read_in_different_ways_is_refused(void **state)
{
	static const char *const bad[] = {
		"repos/a/b",
		"//repos/a/b",
		"/repos//a/b",
		"/repos/a/b//",
		"/repos/./a/b",
		"/repos/x/../a/b",
		"/repos/a/b/..",
		"/repos/%2e%2e/a/b",
		"/repos/.%2E/a/b",
		"/repos/a%2Fb",
		"/repos/a%2fb/issues/7",
		"/repos/a%252Fb/c",
		"/repos/a/%2562",
		"/%72epos/a/..%2Fb",
		"/repos/a/b;x=1",
		"/repos;v=2/a/b",
		"/repos/a/b%3Bx",
		"/repos/a\\b/c",
		"/repos/a%5Cb/c",
		"/repos/a%00/b",
		"/repos/a%0a/b",
		"/nothing%3Fx",
		"/nothing%23x",
		"/repos/a/b%",
		"/repos/a/b%4",
		"/repos/a/b%zz",
		"/repos/a/b%ff",
		"/repos/a/b%c0%af",
		"/repos/a/b#c",
		"/repos/a/b c",
		"/repos/a/\xc3\xa4",
		"/repos/a/b?x=%",
		"/repos/a/b?x=%ff",
		"/repos/a/b?x=%00",
		"/repos/a/b?x=a b",
		"/https://api.sample.example/v1/s-1/repos/a/b",
		"/https:/api.sample.example/v1/s-1/repos/a/b",
		"/user@api.sample.example/v1/s-1/repos/a/b",
		"/files/..%2Fa/x-r/c",
		"/files/a%2F%2Fb/x-r/c",
		"/files/a%2F/x-r/c",
		"/contents/a%2F..%2Fb",
		"",
	};
	struct tools_found found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (match("DELETE", bad[i], NULL, NULL, &found) != ERR_MALFORMED)
			fail_msg("%s is accepted", bad[i]);
		tools_found_done(&found);
	}
}

static void what_would_make_another_request_of_it_is_refused(void **state)
{
	static const char *const parameters[] = { "_method=DELETE", "_HttpMethod=PATCH",
						  "%5Fmethod=DELETE", "a=1&$httpMethod=x",
						  "X-HTTP-Method-Override=DELETE" };
	static const char *const headers[] = { "X-HTTP-Method-Override", "x-http-method",
					       "X-Original-URL",	 "X-Rewrite-Url",
					       "X_HTTP_Method",		 "content_type" };
	static const char *const methods[] = {
		"get", "TRACE", "CONNECT", "PROPFIND", "", "Delete"
	};
	struct tools_found found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
		char target[100];
		snprintf(target, sizeof target, "/repos/a/b?%s", parameters[i]);
		assert_int_equal(match("POST", target, NULL, NULL, &found), ERR_UNSUPPORTED);
		tools_found_done(&found);
	}
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		const struct tools_header header = { str(headers[i]), str("DELETE") };
		const struct tools_raw raw = { .method = str("POST"),
					       .target = str("/repos/a/b"),
					       .headers_n = 1,
					       .headers = &header,
					       .variables = &variables };
		assert_int_equal(tools_match(service, &raw, &found), ERR_UNSUPPORTED);
		tools_found_done(&found);
	}
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		assert_int_equal(match(methods[i], "/repos/a/b", NULL, NULL, &found),
				 ERR_UNSUPPORTED);
		tools_found_done(&found);
	}
	assert_int_equal(match("GET", "/repos/a/b", JSON, "{}", &found), ERR_UNSUPPORTED);
	tools_found_done(&found);
}

static void headers_are_part_of_the_request(void **state)
{
	static const struct {
		const char *name, *value;
		bool exact;
	} rows[] = {
		{ "Accept", "x/y", true },
		{ "User-Agent", "x", true },
		{ "X-Stainless-Lang", "js", true },
		{ "Stripe-Account", "acct_1", false },
		{ "Cookie", "x", true },
		{ "x-version", "9", true },
	};
	struct tools_found found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct tools_header header = { str(rows[i].name), str(rows[i].value) };
		const struct tools_raw raw = { .method = str("DELETE"),
					       .target = str("/repos/a/b"),
					       .headers_n = 1,
					       .headers = &header,
					       .variables = &variables };
		assert_int_equal(tools_match(service, &raw, &found), OK);
		if ((found.tool != NULL) != rows[i].exact)
			fail_msg("%s", rows[i].name);
		assert_int_equal(found.near_n, rows[i].exact ? 0 : 1);
		tools_found_done(&found);
	}
	const struct service_tool *tool = sample_tool(service, "repos.delete");
	assert_int_equal(tools_header(service, NULL, str("Stripe-Account")), TOOLS_HEADER_FORWARD);
	assert_int_equal(tools_header(service, tool, str("Stripe-Account")), TOOLS_HEADER_ARGUMENT);
	assert_int_equal(tools_header(service, tool, str("X-Any")), TOOLS_HEADER_DROP);
	assert_int_equal(tools_header(service, NULL, str("Authorization")), TOOLS_HEADER_DROP);
	assert_int_equal(tools_header(service, NULL, str("X-Forwarded-For")), TOOLS_HEADER_DROP);
}

static void bodies_that_cannot_be_read_are_near(void **state)
{
	struct tools_raw raw = { .method = str("PATCH"),
				 .target = str("/repos/a/b/issues/7"),
				 .content_type = str(JSON),
				 .body = str("{\"state\":\"closed\"}"),
				 .variables = &variables };
	struct tools_found found;

	(void)state;
	raw.partial = true;
	assert_int_equal(tools_match(service, &raw, &found), OK);
	assert_null(found.tool);
	assert_int_equal(found.near_n, 1);
	tools_found_done(&found);
	raw.partial = false;
	raw.content_encoding = str("gzip");
	assert_int_equal(tools_match(service, &raw, &found), OK);
	assert_null(found.tool);
	assert_int_equal(found.effect, SERVICE_WRITE);
	tools_found_done(&found);
}

#define GRAPH_TOOLS "graph.issue graph.create"

static void graphql_is_as_free_as_the_fields_it_executes(void **state)
{
	static const struct row rows[] = {
		{ "POST", "/graphql", JSON, "{\"query\":\"{viewer{id}}\"}", NULL, "",
		  SERVICE_READ },
		{ "POST", "/graphql", JSON, "{\"query\":\"{a:issue(id:1){id} viewer{id}}\"}", NULL,
		  "graph.issue", SERVICE_READ },
		{ "POST", "/graphql/", JSON,
		  "{\"query\":\"mutation{...F} fragment F on M{issue:issueCreate(title:1){id}}\"}",
		  NULL, "graph.create", SERVICE_WRITE },
		{ "POST", "/GraphQL", JSON, "{\"query\":\"mutation{issueDelete}\"}", NULL, "",
		  SERVICE_WRITE },
		{ "POST", "/graphql", JSON,
		  "[{\"query\":\"{a}\"},{\"query\":\"mutation{issueCreate}\"}]", NULL,
		  "graph.create", SERVICE_WRITE },
		{ "POST", "/graphql", "application/graphql", "{viewer{id}}", NULL, "",
		  SERVICE_READ },
		{ "GET", "/graphql?query=%7Bissue%7D&variables=%7B%7D", NULL, NULL, NULL,
		  "graph.issue", SERVICE_READ },
		{ "GET", "/graphql?query=mutation%7BissueCreate%7D", NULL, NULL, NULL,
		  "graph.create", SERVICE_WRITE },
		{ "POST", "/graphql?query=mutation%7BissueCreate%7D", JSON,
		  "{\"query\":\"{viewer{id}}\"}", NULL, "graph.create", SERVICE_WRITE },
		/* not understood: a write of anything */
		{ "POST", "/graphql", JSON, "{\"query\":\"{viewer{id}\"}", NULL, GRAPH_TOOLS,
		  SERVICE_WRITE },
		{ "POST", "/graphql", JSON, "{\"id\":\"x\"}", NULL, GRAPH_TOOLS, SERVICE_WRITE },
		{ "POST", "/graphql", "text/plain", "{\"query\":\"{viewer{id}}\"}", NULL,
		  GRAPH_TOOLS, SERVICE_WRITE },
		{ "POST", "/graphql", FORM, "query={viewer{id}}", NULL, GRAPH_TOOLS,
		  SERVICE_WRITE },
		{ "PUT", "/graphql", JSON, "{\"query\":\"{viewer{id}}\"}", NULL, GRAPH_TOOLS,
		  SERVICE_WRITE },
		{ "GET", "/graphql?extensions=x", NULL, NULL, NULL, GRAPH_TOOLS, SERVICE_WRITE },
		{ "GET", "/graphql?query=%7Ba%7D&query=%7Bb%7D", NULL, NULL, NULL, GRAPH_TOOLS,
		  SERVICE_WRITE },
		{ "GET", "/graphql?query=%7Ba%7D&id=5", NULL, NULL, NULL, GRAPH_TOOLS,
		  SERVICE_WRITE },
		{ "POST", "/graphql", NULL, NULL, NULL, "", SERVICE_WRITE },
		{ "POST", "/up.sample.example/api/graphql", JSON, "{\"query\":\"mutation{x}\"}",
		  NULL, "", SERVICE_WRITE },
		{ "GET", "/up.sample.example/api/graphql?query=%7Ba", NULL, NULL, NULL, "",
		  SERVICE_WRITE },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void what_goes_on_is_the_normal_form(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "/%72epos/%61/b", "https://api.sample.example/v1/s-1/repos/a/b" },
		{ "/repos/a%20b/%c3%a4", "https://api.sample.example/v1/s-1/repos/a%20b/%C3%A4" },
		{ "/UP.sample.EXAMPLE/x/?a=b+c&&d=%2f%3b&e=1;2&f",
		  "https://up.sample.example/x/?a=b+c&d=%2F%3B&e=1%3B2&f" },
		{ "/x?", "https://api.sample.example/v1/s-1/x" },
		{ "/root:/a:b@c,(d)", "https://api.sample.example/v1/s-1/root:/a:b@c,(d)" },
	};
	struct tools_found found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const enum err err = match("GET", rows[i].from, NULL, NULL, &found);
		/* a scheme-like first segment is refused */
		if (i == 4) {
			assert_int_equal(err, ERR_MALFORMED);
		} else {
			assert_int_equal(err, OK);
			if (!bytes_is(dynbuf_view(&found.target), rows[i].to))
				fail_msg("%.*s", (int)found.target.n, (char *)found.target.p);
		}
		tools_found_done(&found);
	}
}

static void without_the_accounts_variable_there_is_no_base(void **state)
{
	const struct tools_raw raw = { .method = str("GET"), .target = str("/repos/a/b") };
	struct tools_found found;

	(void)state;
	assert_int_equal(tools_match(service, &raw, &found), ERR_NOT_FOUND);
	tools_found_done(&found);
}

/* Sends what tools_build() made of the arguments through tools_match(). */
static void comes_back(const char *tool_name, const char *args)
{
	const struct service_tool *tool = sample_tool(service, tool_name);
	const size_t step = tool->steps_n - 1;
	static const char *const methods[] = { "", "GET", "POST", "PUT", "PATCH", "DELETE" };
	struct tools_values values = { .variables = &variables, .now = 1 };
	scoped(doc_done) struct doc doc = { 0 };
	struct tools_request request;
	struct tools_found found;
	char target[2000] = "";

	sample_read(args, &doc);
	values.args = &doc;
	assert_int_equal(tools_build(service, tool, step, &values, &request), OK);
	snprintf(target, sizeof target, "/%.*s", (int)request.url.n - 8,
		 (const char *)request.url.p + 8);
	const struct tools_raw raw = { .method = str(methods[request.method]),
				       .target = str(target),
				       .content_type = str(request.content_type),
				       .body = dynbuf_view(&request.body),
				       .headers_n = request.headers_n,
				       .headers = request.headers,
				       .variables = &variables };
	assert_int_equal(tools_match(service, &raw, &found), OK);
	assert_ptr_equal(found.tool, tool);
	if (!bytes_is(dynbuf_view(&found.args), args))
		fail_msg("%.*s, not %s", (int)found.args.n, (char *)found.args.p, args);
	/* one form of the address: what is forwarded is what the tool's own call is */
	if (strchr((const char *)target, '?') == NULL)
		assert_true(bytes_eq(dynbuf_view(&found.target), dynbuf_view(&request.url)));
	tools_found_done(&found);
	tools_request_done(&request);
}

static void what_a_tool_sends_is_known_as_that_tool(void **state)
{
	(void)state;
	comes_back("issues.get",
		   "{\"number\":123456789012345678901,\"owner\":\"a b%\",\"repo\":\"?#&=+\"}");
	comes_back("issues.list",
		   "{\"all\":false,\"ids\":[1,2],\"labels\":[\"a b\",\"+&=\"],\"limit\":7,"
		   "\"owner\":\"a\",\"page\":3,\"repo\":\"\xc3\xa4\",\"state\":\"open\"}");
	comes_back("issues.close", "{\"number\":1,\"owner\":\"a\",\"repo\":\"b\"}");
	comes_back("repos.delete", "{\"owner\":\"a\",\"repo\":\"b\"}");
	comes_back("files.get", "{\"path\":\"a/b c/d\",\"project\":\"x/y\",\"repo\":\"r.c\"}");
	comes_back("files.put", "{\"content\":\"\\n\",\"path\":\"a/b\"}");
	comes_back("files.upload", "{\"content\":\"\xc3\xa4\\u0000\",\"name\":\"x y+z\"}");
	comes_back("charges.create", "{\"amount\":5,\"capture\":true}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_known_as_the_tool_it_is),
		cmocka_unit_test(a_request_that_is_not_all_the_tools_is_only_near_it),
		cmocka_unit_test(a_request_of_no_tool_counts_as_its_method_says),
		cmocka_unit_test(a_batch_is_near_every_tool),
		cmocka_unit_test(nobody_else_fills_the_place_of_the_credential),
		cmocka_unit_test(no_trick_leads_past_a_tool),
		cmocka_unit_test(what_servers_read_in_different_ways_is_refused),
		cmocka_unit_test(what_would_make_another_request_of_it_is_refused),
		cmocka_unit_test(headers_are_part_of_the_request),
		cmocka_unit_test(bodies_that_cannot_be_read_are_near),
		cmocka_unit_test(graphql_is_as_free_as_the_fields_it_executes),
		cmocka_unit_test(what_goes_on_is_the_normal_form),
		cmocka_unit_test(without_the_accounts_variable_there_is_no_base),
		cmocka_unit_test(what_a_tool_sends_is_known_as_that_tool),
	};

	return cmocka_run_group_tests(tests, make_service, free_service);
}
