/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/catalog/catalog.h"

/* Lines 1 to 15; a case adds or replaces from there. */
#define HEAD                                                                                       \
	"id: notes\n"                                                                              \
	"name: Acme Notes\n"                                                                       \
	"oauth:\n"                                                                                 \
	"  authorize_url: https://acme.example/oauth/authorize\n"                                  \
	"  token_url: https://acme.example/oauth/token\n"                                          \
	"  client_auth: basic\n"                                                                   \
	"  pkce: S256\n"                                                                           \
	"  account: {url: https://api.acme.example/me, id: sub, name: email}\n"                    \
	"  scopes:\n"                                                                              \
	"    notes.read: {says: Read all your notes, risk: low}\n"
#define API "api: {hosts: [https://api.acme.example], auth: bearer}\n"
#define INPUT                                                                                      \
	"input: {type: object, required: [id], properties: {id: {type: integer}}, "                \
	"additionalProperties: false}"
#define TOOL(more)                                                                                 \
	HEAD API "tools:\n  - name: notes.get\n    title: Read a note\n    says: Read one note\n"  \
		 "    scopes: [notes.read]\n    " INPUT "\n" more

static struct service *compile(struct bytes text, const char *file)
{
	struct complaint complaint = { 0 };
	struct service *service = NULL;

	if (service_compile(text, file, &complaint, &service) != OK)
		fail_msg("%s", complaint.text);
	return service;
}

static void the_smallest_file_gets_careful_defaults(void **state)
{
	struct service *service = compile(
		str(TOOL("    effect: read\n    request: {method: GET, path: \"/notes/{id}\"}\n"
			 "    select: {fields: [id, title, {author: user.login}]}\n"
			 "    summary: \"Read note {id}\"\n")),
		"notes.yaml");
	const struct service_oauth *oauth = &service->oauth;

	assert_string_equal(service->id, "notes");
	assert_true(oauth->pkce);
	assert_int_equal(oauth->auth, SERVICE_AUTH_BASIC);
	assert_int_equal(oauth->class, SERVICE_CLASS_STRICT);
	assert_int_equal(oauth->expiry, SERVICE_EXPIRY_REPLY);
	assert_int_equal(oauth->revoke.url.n, 0);
	assert_true(bytes_eq(oauth->refresh_url, oauth->token_url));
	assert_true(bytes_is(oauth->refresh_reply.access_token, "access_token"));
	assert_true(bytes_is(oauth->scope_parameter, "scope"));
	assert_int_equal(oauth->probe.dead, 401);
	assert_true(bytes_is(service->api.base, "https://api.acme.example"));
	assert_int_equal(service->tools_n, 1);
	assert_int_equal(service->tools[0].effect, SERVICE_READ);
	assert_non_null(service_scope_find(service, str("notes.read")));
	assert_null(service_scope_find(service, str("notes")));
	service_free(&service);
}

static void tokens_travel_to_the_hosts_of_the_file_alone(void **state)
{
	struct service *service = compile(str(HEAD API "says: x\n"), "f");
	struct dynbuf hosts;

	dynbuf_init(&hosts, 4096);
	service_hosts(service, NULL, NULL, &hosts);
	dynbuf_u8(&hosts, 0);
	assert_int_equal(dynbuf_err(&hosts), OK);
	assert_string_equal((const char *)hosts.p,
			    "https://acme.example\nhttps://api.acme.example");
	dynbuf_done(&hosts);
	service_free(&service);
}

static void every_built_in_file_compiles_under_its_own_name(void **state)
{
	const char *id;
	struct bytes text;
	size_t n = 0;

	for (; (id = catalog_at(n)) != NULL; n++) {
		assert_true(catalog_find(str(id), &text));
		struct service *service = compile(text, id);
		assert_string_equal(service->id, id);
		assert_true(service->tools_n >= 3);
		service_free(&service);
	}
	assert_true(n >= 18);
	assert_false(catalog_find(str("git"), &text));
	for (n = 0; (id = catalog_sandbox_at(n)) != NULL; n++) {
		struct dynbuf out;
		dynbuf_init(&out, 256 * 1024);
		assert_true(catalog_sandbox_find(str(id), &text));
		assert_int_equal(catalog_sandbox_print(text, str("http://localhost:7071"), &out),
				 OK);
		struct service *service = compile(dynbuf_view(&out), id);
		assert_string_equal(service->id, id);
		assert_null(memmem(out.p, out.n, "{origin}", 8));
		assert_true(bytes_is(service->api.hosts[0], "http://localhost:7071"));
		dynbuf_reset(&out);
		assert_int_equal(catalog_sandbox_print(text, str("http://localhost:7071/x"), &out),
				 ERR_MALFORMED);
		dynbuf_done(&out);
		service_free(&service);
	}
	assert_int_equal(n, 4);
}

static void the_quirks_of_providers_are_read_from_their_files(void **state)
{
	struct service *service;
	struct bytes text;

	assert_true(catalog_find(str("github"), &text));
	service = compile(text, "github");
	assert_int_equal(service->oauth.revoke.method, SERVICE_DELETE);
	assert_int_equal(service->oauth.revoke.place, SERVICE_IN_JSON);
	assert_int_equal(service->oauth.revoke.auth, SERVICE_AUTH_BASIC);
	assert_int_equal(service->oauth.auth, SERVICE_AUTH_POST);
	assert_false(service->oauth.revoke.prefers_refresh);
	service_free(&service);
	assert_true(catalog_find(str("slack"), &text));
	service = compile(text, "slack");
	assert_true(bytes_is(service->oauth.scope_parameter, "user_scope"));
	assert_int_equal(service->oauth.scope_separator, ',');
	assert_true(bytes_is(service->oauth.reply.refresh_token, "authed_user.refresh_token"));
	assert_true(bytes_is(service->oauth.refresh_reply.refresh_token, "refresh_token"));
	assert_true(bytes_is(service->oauth.errors.ok, "ok"));
	assert_int_equal(service->oauth.account.id_n, 2);
	service_free(&service);
	assert_true(catalog_find(str("jira"), &text));
	service = compile(text, "jira");
	assert_int_equal(service->oauth.class, SERVICE_CLASS_GRACE);
	assert_int_equal(service->oauth.retry_within_s, 600);
	assert_int_equal(service->oauth.variables[0].from, SERVICE_FROM_DISCOVER);
	assert_int_equal(service->oauth.scope_always.n, 2);
	service_free(&service);
}

static void the_issuer_of_an_answer_is_the_one_announced(void **state)
{
	struct service *service = compile(str(HEAD API), "f");

	assert_true(
		service_iss_ok(service, service->oauth.authorize_url, (struct bytes){ NULL, 0 }));
	assert_true(service_iss_ok(service, service->oauth.authorize_url,
				   str("https://acme.example/")));
	assert_false(
		service_iss_ok(service, service->oauth.authorize_url, str("https://evil.example")));
	assert_false(service_iss_ok(service, service->oauth.authorize_url, str("")));
	service_free(&service);
	service = compile(str(HEAD "  issuer: https://acme.example\n" API), "f");
	assert_true(
		service_iss_ok(service, service->oauth.authorize_url, str("https://acme.example")));
	assert_false(service_iss_ok(service, service->oauth.authorize_url,
				    str("https://acme.example/")));
	assert_false(
		service_iss_ok(service, service->oauth.authorize_url, (struct bytes){ NULL, 0 }));
	service_free(&service);
}

static void a_variable_passes_only_its_own_check(void **state)
{
	const struct service_variable id = { .check = SERVICE_CHECK_ID };
	const struct service_variable label = { .check = SERVICE_CHECK_LABEL };
	const struct service_variable host = { .check = SERVICE_CHECK_HOST,
					       .within = { 1, { str("acme.example") } } };

	assert_true(service_variable_ok(&id, str("Ab-9_")));
	assert_false(service_variable_ok(&id, str("a/b")));
	assert_false(service_variable_ok(&id, str("..")));
	assert_false(service_variable_ok(&id, str("")));
	assert_true(service_variable_ok(&label, str("my-shop")));
	assert_false(service_variable_ok(&label, str("my.shop")));
	assert_false(service_variable_ok(&label, str("-shop")));
	assert_true(service_variable_ok(&host, str("eu.acme.example")));
	assert_true(service_variable_ok(&host, str("acme.example")));
	assert_false(service_variable_ok(&host, str("evilacme.example")));
	assert_false(service_variable_ok(&host, str("evil.example/acme.example")));
	assert_false(service_variable_ok(&host, str("acme.example.")));
	assert_false(service_variable_ok(&host, str("acme.example@evil.example")));
}

static void requests_come_in_many_forms(void **state)
{
	struct service *service = compile(
		str(HEAD
		    "api: {hosts: [https://a.example], auth: bearer, rpc: true, graphql: [/v2, "
		    "/g]}\n"
		    "tools:\n"
		    "  - name: mail.send\n    title: t\n    says: s\n    effect: write\n"
		    "    scopes: []\n    " INPUT "\n"
		    "    request:\n"
		    "      - {method: GET, path: \"/{!id}/x\", query: {\"a[]\": [\"{id}\"]}}\n"
		    "      - method: POST\n        path: \"/{+id}\"\n        send: form\n"
		    "        mail: {to: \"{id}\", text: \"{1.a.0.b} {@now+id}\"}\n"
		    "        body: {raw: \"{mail}\", n: 5, until: \"{@tomorrow}\"}\n"
		    "    select: {from: a.b, fields: [id, {c: d.e}], beside: [next]}\n"
		    "    summary: \"x {id}\"\n"
		    "  - name: g.q\n    title: t\n    says: s\n    effect: read\n    scopes: []\n"
		    "    " INPUT "\n    request: {method: POST, path: /g, graphql: \"{ a }\", "
		    "variables: {id: \"{id}\"}}\n    summary: x\n"),
		"f");
	const struct service_step *send = &service->tools[0].steps[1], *q = service->tools[1].steps;

	assert_true(service->api.rpc);
	assert_int_equal(service->api.graphql_n, 2);
	assert_true(bytes_is(service->api.graphql[0], "/v2"));
	assert_int_equal(send->send, SERVICE_SEND_FORM);
	assert_non_null(send->mail);
	assert_int_equal(q->send, SERVICE_SEND_JSON);
	assert_true(bytes_is(q->graphql, "{ a }"));
	assert_non_null(q->variables);
	service_free(&service);
}

#define VARIABLE(variable, host)                                                                   \
	HEAD "  variables: {h: " variable "}\n"                                                    \
	     "api: {hosts: [\"" host "\"], auth: bearer}\n"
#define RESOURCES                                                                                  \
	"resources: {note: {says: A note, context: {request: {method: GET, path: \"/n/{id}\"}, "   \
	"private: {at: /seen, in: [me]}}}, book: {}}\n"

static void a_tool_names_what_it_reaches(void **state)
{
	struct service *service = compile(
		str(HEAD API RESOURCES
		    "tools:\n  - name: notes.get\n    title: Read a note\n    says: s\n"
		    "    scopes: [notes.read]\n    " INPUT "\n    effect: read\n"
		    "    request: {method: GET, path: \"/notes/{id}\"}\n    summary: x\n"
		    "    resource: {note: \"n/{id}\", book: all}\n    described: Acme API 1.2\n"),
		"f");
	const struct service_tool *tool = &service->tools[0];

	assert_int_equal(tool->touches_n, 2);
	assert_true(bytes_is(tool->touches[0].resource->kind, "note"));
	assert_true(bytes_is(tool->touches[0].resource->ask.path, "/n/{id}"));
	assert_true(bytes_is(tool->touches[0].resource->at, "/seen"));
	assert_true(bytes_is(tool->touches[0].resource->in.at[0], "me"));
	assert_true(bytes_is(tool->touches[0].id, "n/{id}"));
	assert_int_equal(tool->touches[1].resource->ask.path.n, 0);
	assert_true(bytes_is(tool->described, "Acme API 1.2"));
	service_free(&service);
}

/* Where the tokens of a connection with these values may go. */
static void assert_hosts(const struct service *service, service_value_fn find, const char *want)
{
	scoped(dynbuf_done) struct dynbuf hosts;

	dynbuf_init(&hosts, 4096);
	service_hosts(service, find, "acme", &hosts);
	if (!bytes_is(dynbuf_view(&hosts), want))
		fail_msg("%.*s", (int)hosts.n, hosts.p);
}

static struct bytes good_value(const void *ctx, struct bytes name)
{
	return str(bytes_is(name, "sub")      ? ctx
		   : bytes_is(name, "region") ? "eu.data.example"
					      : "git.corp.example");
}

static struct bytes evil_value(const void *ctx, struct bytes name)
{
	return str(bytes_is(name, "sub")      ? "evil.example/"
		   : bytes_is(name, "region") ? "evildata.example"
					      : "git.corp.example@evil.example");
}

static void the_host_of_a_connection_follows_from_its_values(void **state)
{
	struct service *service = compile(
		str("id: notes\nname: n\noauth:\n"
		    "  authorize_url: https://{sub}.acme.example/a\n"
		    "  token_url: https://{sub}.acme.example/t\n  client_auth: basic\n"
		    "  pkce: S256\n  scope: none\n"
		    "  account: {url: \"https://{corp}:8443/me\", id: sub}\n"
		    "  variables:\n    sub: {from: start, check: label}\n"
		    "    region: {from: redirect, path: r, check: host, within: [data.example]}\n"
		    "    corp: {from: operator, check: host}\n"
		    "    zone: {from: start, check: choice, in: [us1, eu1], default: us1}\n"
		    "api: {hosts: [\"https://api.{region}\", \"https://{zone}.z.example\"], "
		    "auth: bearer}\n"),
		"f");

	assert_hosts(service, good_value,
		     "https://acme.acme.example\nhttps://git.corp.example:8443\n"
		     "https://api.eu.data.example\nhttps://us1.z.example\nhttps://eu1.z.example");
	/* What does not pass its check is as good as not there. */
	assert_hosts(service, evil_value,
		     "https://*.acme.example\nhttps://api.data.example\nhttps://*.data.example\n"
		     "https://us1.z.example\nhttps://eu1.z.example");
	assert_hosts(service, NULL,
		     "https://*.acme.example\nhttps://api.data.example\nhttps://*.data.example\n"
		     "https://us1.z.example");
	assert_true(bytes_is(service_value(service, str("zone"), NULL, NULL), "us1"));
	assert_null(service_value(service, str("other"), good_value, "x").p);
	service_free(&service);
}

static void a_host_may_be_given_as_an_address(void **state)
{
	const struct service_variable host = { .check = SERVICE_CHECK_HOST };
	const struct service_variable label = { .check = SERVICE_CHECK_LABEL };

	assert_true(bytes_is(service_variable_bare(&host, str("https://a.example/")), "a.example"));
	assert_true(bytes_is(service_variable_bare(&host, str("a.example")), "a.example"));
	assert_false(service_variable_ok(&host,
					 service_variable_bare(&host, str("https://a.example/x"))));
	assert_false(service_variable_ok(
		&host, service_variable_bare(&host, str("https://a.example:444"))));
	assert_true(bytes_is(service_variable_bare(&label, str("https://a")), "https://a"));
}

#define PIN   "0000000000000000000000000000000000000000000000000000000000000000"
#define OTHER "1111111111111111111111111111111111111111111111111111111111111111"
#define MCP                                                                                        \
	"id: remote\nname: Remote\napi: {hosts: [https://mcp.acme.example], auth: bearer}\n"       \
	"mcp:\n  url: https://mcp.acme.example/mcp\n"
#define DEFINITION(name, more)                                                                     \
	"'{\"name\":\"" name "\",\"inputSchema\":{\"type\":\"object\"}" more "}'"

static void of_a_remote_server_only_what_is_accepted_is_there(void **state)
{
	static const char file[] = MCP
		"  tools:\n"
		"  - {name: live, pin: " PIN ", definition: " DEFINITION(
			"live",
			",\"annotations\":{\"readOnlyHint\":true}") "}\n"
								    "  - {name: fresh, "
								    "offered_pin: " PIN
								    ", offered: " DEFINITION(
									    "fresh",
									    "") "}\n"
										"  - {name: "
										"other, "
										"pin: " PIN ", "
										"definition:"
										" " DEFINITION(
											"other",
											"") ", "
											    "offere"
											    "d_pin:"
											    " " OTHER
											    ", "
											    "offere"
											    "d:"
											    " " DEFINITION(
												    "other",
												    ",\"ann"
												    "otatio"
												    "ns\":{"
												    "\"dest"
												    "ructiv"
												    "eHint"
												    "\":"
												    "true}") ", hidden: 3}\n"
													     "  - {name: gone, pin: " PIN
													     ", definition: " DEFINITION(
														     "gone",
														     "") ", gone: true}\n";
	struct service *service = compile(str(file), "remote");
	static const enum service_listed_state states[] = { SERVICE_LISTED_LIVE, SERVICE_LISTED_NEW,
							    SERVICE_LISTED_CHANGED,
							    SERVICE_LISTED_GONE };

	assert_true(service_open(service));
	assert_false(service_wants_secret(service));
	assert_int_equal(service->mcp.listed_n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(service_listed_state(&service->mcp.listed[i]), states[i]);
	assert_int_equal(service_listed_effect(&service->mcp.listed[2]), SERVICE_DESTRUCTIVE);
	assert_int_equal(service->tools_n, 1);
	assert_true(bytes_is(service->tools[0].name, "live"));
	assert_int_equal(service->tools[0].effect, SERVICE_READ);
	assert_true(bytes_is(service->tools[0].remote_input, "{\"type\":\"object\"}"));
	service_free(&service);
}

static void what_is_no_list_of_a_remote_server_is_refused(void **state)
{
	static const char *const bad[] = {
		"id: a\nname: A\napi: {hosts: [https://a.example], auth: bearer}\n",
		MCP "tools: [{name: a.b}]\n",
		MCP "  tools: [{name: a}]\n",
		MCP "  tools: [{name: a, pin: " PIN "}]\n",
		MCP "  tools: [{name: a, pin: x, definition: " DEFINITION("a", "") "}]\n",
		MCP "  tools: [{name: a, pin: " PIN ", definition: " DEFINITION("b", "") "}]\n",
		MCP "  tools: [{name: a, pin: " PIN ", definition: '{}'}]\n",
		MCP "  tools: [{name: a, pin: " PIN ", definition: 'x'}]\n",
		MCP "  tools: [{name: a, offered_pin: " PIN
		    ", offered: 'x'}, {name: a, offered_pin: " PIN ", offered: 'x'}]\n",
		MCP "  tools: [{name: a, offered_pin: " PIN ", offered: 'x', hidden: -1}]\n",
	};
	struct complaint complaint;
	struct service *service = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (service_compile(str(bad[i]), "f", &complaint, &service) != ERR_MALFORMED)
			fail_msg("%s", bad[i]);
}

static void it_refuses_with_file_line_and_reason(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "[]", "f:1: a service file is a map with id, name, oauth and api" },
		{ HEAD, "f:1: 'api' is missing here" },
		{ HEAD API "colour: red", "f:12: unknown key 'colour'" },
		{ "id: Notes\n", "f:1: 'id' must be 1 to 32 of a-z, 0-9 and -, a letter first" },
		{ "id: notes\nname: [x]\n", "f:2: 'name' must be a line of 1 to 500 bytes" },
		{ "id: x\noauth:\n  token_url: http://acme.example/t\n",
		  "f:3: 'token_url' must be an https address (http only to this machine)" },
		{ "id: x\noauth:\n  token_url: https://a@acme.example/t\n",
		  "f:3: 'token_url' must be an https address (http only to this machine)" },
		{ "id: x\noauth:\n  token_url: https://{t}acme.example/\n",
		  "f:3: 'token_url' must be an https address (http only to this machine)" },
		{ "id: x\noauth:\n  token_url: https://a.{t}example/\n",
		  "f:3: 'token_url' must be an https address (http only to this machine)" },
		{ "id: x\noauth:\n  token_url: https://{a}.{b}.example/\n",
		  "f:3: 'token_url' must be an https address (http only to this machine)" },
		{ "id: x\noauth:\n  token_url: https://acme.example:{t}/\n",
		  "f:3: 'token_url' must be an https address (http only to this machine)" },
		{ "id: x\noauth:\n  token_url: \"{t}://acme.example/\"\n",
		  "f:3: 'token_url' must be an https address (http only to this machine)" },
		{ "id: x\noauth:\n  client_auth: jwt\n",
		  "f:3: 'client_auth' must be one of: basic, post, none, secret_basic" },
		{ "id: x\noauth:\n  pkce: plain\n", "f:3: 'pkce' must be one of: S256, none" },
		{ "id: x\noauth:\n  authorize_params: {state: x}\n",
		  "f:3: 'state' is set by Valetkey itself" },
		{ "id: x\noauth:\n  token_params: {client_secret: x}\n",
		  "f:3: 'client_secret' is set by Valetkey itself" },
		{ "id: x\noauth:\n  headers: {HOST: x}\n",
		  "f:3: 'host' is set by Valetkey itself" },
		{ "id: x\noauth:\n  headers: {X-A: \"b\\r\\nc: d\"}\n",
		  "f:3: 'headers' must map names to ASCII texts" },
		{ "id: x\noauth:\n  refresh: {class: grace}\n",
		  "f:3: 'retry_within' goes with class grace, and only with it" },
		{ "id: x\noauth:\n  refresh: {class: strict, retry_within: 5}\n",
		  "f:3: 'retry_within' goes with class grace, and only with it" },
		{ "id: x\noauth:\n  expiry: {assume: 0}\n",
		  "f:3: 'assume' must be a number of seconds" },
		{ "id: x\noauth:\n  scopes: {'a b': {says: x, risk: low}}\n",
		  "f:3: this is not a scope (RFC 6749 section 3.3)" },
		{ "id: x\noauth:\n  scopes: {a: {says: x, risk: tiny}}\n",
		  "f:3: 'risk' must be one of: low, medium, high, critical" },
		{ "id: x\noauth:\n  scopes: {a: {risk: low}}\n", "f:3: 'says' is missing here" },
		{ VARIABLE("{from: reply, path: h, check: id}", "https://{h}.acme.example"),
		  "f:12: in a host 'h' needs check host, label or choice" },
		{ VARIABLE("{from: reply, path: h, check: text}", "https://{h}.acme.example"),
		  "f:12: in a host 'h' needs check host, label or choice" },
		{ VARIABLE("{from: reply, path: h, check: host}", "https://{h}"),
		  "f:12: in a host 'h' needs 'within', or to be the operator's" },
		{ VARIABLE("{from: start, check: host}", "https://{h}"),
		  "f:12: in a host 'h' needs 'within', or to be the operator's" },
		{ VARIABLE("{from: start, check: host, within: [acme.example]}",
			   "https://{h}.evil.example"),
		  "f:12: a host's variable is the end of the name" },
		{ VARIABLE("{from: start, check: label}", "https://{h}.com"),
		  "f:12: a label stands before a name such as .acme.com" },
		{ VARIABLE("{from: start, check: label}", "https://acme.{h}"),
		  "f:12: a label stands before a name such as .acme.com" },
		{ VARIABLE("{from: start, check: host, within: [acme.example]}", "http://{h}"),
		  "f:12: http is for this machine alone" },
		{ VARIABLE("{from: start, path: h, check: label}", "https://{h}.acme.example"),
		  "f:11: 'path' goes with reply, redirect and discover, and only with them" },
		{ VARIABLE("{from: reply, check: label}", "https://{h}.acme.example"),
		  "f:11: 'path' goes with reply, redirect and discover, and only with them" },
		{ VARIABLE("{from: start, check: label, default: A}", "https://{h}.acme.example"),
		  "f:11: 'default' does not pass its own check" },
		{ "id: x\noauth:\n  protocol: oauth1\n",
		  "f:3: 'oauth1' is not supported by this version: OAuth 1.0a, whose requests are "
		  "signed" },
		{ "id: x\noauth:\n  protocol: app_installation\n",
		  "f:3: 'app_installation' is not supported by this version: app installations, "
		  "where a key of the app signs a JWT" },
		{ "id: x\noauth:\n  protocol: saml\n", "f:3: 'protocol' must be oauth2" },
		{ HEAD "  variables: {id: {from: reply, path: h, check: label}}\n" API
		       "tools:\n  - name: notes.get\n    title: Read a note\n    says: x\n"
		       "    scopes: [notes.read]\n    " INPUT
		       "\n    effect: read\n    request: {method: GET, path: /a}\n    summary: x\n",
		  "f:18: 'id' is a variable of the connection" },
		{ HEAD "api: {hosts: [https://a.example], auth: bearer, headers: {X-T: \"{t}\"}}\n",
		  "f:11: there is no variable 't'" },
		{ HEAD "api: {hosts: [https://a.example], auth: {header: X-A, query: a}}\n",
		  "f:11: the token goes into a header or the query" },
		{ HEAD
		  "api: {hosts: [https://a.example], auth: {header: X-A, client_secret: x-a}}\n",
		  "f:11: two secrets cannot share a header" },
		{ VARIABLE("{from: start, check: choice}", "https://{h}.acme.example"),
		  "f:11: 'in' goes with check choice, and only with it" },
		{ "id: x\noauth:\n  account: {url: https://acme.example, id: a..b}\n",
		  "f:3: 'id' must be a path such as user.id" },
		{ "id: x\noauth:\n  revoke: {url: https://acme.example/r, send: bearer}\n",
		  "f:3: 'send: bearer' needs 'client_auth: none'" },
		{ "id: x\noauth:\n  revoke_url: https://a.example\n  revoke: {url: "
		  "https://a.example}\n",
		  "f:4: 'revoke_url' and 'revoke' say the same thing twice" },
		{ "id: x\noauth:\n  variables: {h: {from: reply, path: h, check: id, within: "
		  "[a]}}\n",
		  "f:3: 'within' goes with check host, and only with it" },
		{ HEAD "  variables: {c: {from: reply, path: c, check: label}}\n"
		       "  refresh_url: https://{c}.acme.example/t\n"
		       "  revoke_url: https://{c}.acme.example/r\n"
		       "  discover: {url: \"https://acme.example/{d}\"}\n" API,
		  "f:14: there is no variable 'd'" },
		{ HEAD "  scope: none\n" API,
		  "f:9: 'scope: none' and 'scopes' contradict each other" },
		{ HEAD "  probe: {url: \"https://acme.example/{cloud}\"}\n" API,
		  "f:11: there is no variable 'cloud'" },
		{ HEAD "  variables: {c: {from: discover, path: c, check: id}}\n" API,
		  "f:11: a variable comes from 'discover', which is missing" },
		{ HEAD "api: {hosts: [https://a.example/x], auth: bearer}\n",
		  "f:11: this is not an origin such as https://api.example.com" },
		{ HEAD "api: {base: https://b.example, hosts: [https://a.example], auth: bearer}\n",
		  "f:11: 'base' must be at one of 'hosts'" },
		{ HEAD "api: {base: https://a.example.evil.example, hosts: [https://a.example], "
		       "auth: bearer}\n",
		  "f:11: 'base' must be at one of 'hosts'" },
		{ HEAD API "tools:\n  - name: get\n",
		  "f:13: a tool's name is two or more words joined by dots" },
		{ TOOL("    effect: read\n    request: {method: GET, path: \"/notes/{nr}\"}\n    "
		       "summary: x\n"),
		  "f:19: '{nr}' is no argument of this tool" },
		{ TOOL("    effect: read\n    request: {method: GET, path: \"/notes/{id\"}\n    "
		       "summary: x\n"),
		  "f:19: a brace here is no {place}" },
		{ TOOL("    effect: read\n    request: {method: GET, path: "
		       "\"https://evil.example/{id}\"}\n    summary: x\n"),
		  "f:19: 'path' must begin with a slash or one of 'hosts'" },
		{ TOOL("    effect: read\n    request: {method: DELETE, path: \"/notes/{id}\"}\n   "
		       " summary: x\n"),
		  "f:13: a tool that reads uses GET or POST" },
		{ TOOL("    effect: write\n    request: [{method: POST, path: /a}, {method: GET, "
		       "path: /b}]\n    summary: x\n"),
		  "f:19: only the last request of a tool may write" },
		{ TOOL("    effect: write\n    request: [{method: GET, path: \"/{1.sha}\"}]\n    "
		       "summary: x\n"),
		  "f:19: '{1.sha}' is no argument of this tool" },
		{ TOOL("    effect: read\n    request: {method: GET, path: \"/{+id}/{+name}\"}\n   "
		       " "
		       "summary: x\n"),
		  "f:19: '{+name}' is no argument of this tool" },
		{ TOOL("    effect: read\n    request: {method: GET, path: \"/{@now}\"}\n    "
		       "summary: x\n"),
		  "f:19: '{@now}' is no argument of this tool" },
		{ TOOL("    effect: read\n    request: {method: GET, path: /a, query: {q: "
		       "\"{+id}\"}}\n"
		       "    summary: x\n"),
		  "f:19: '{+id}' is no argument of this tool" },
		{ TOOL("    effect: read\n    request: {method: GET, path: /a, query: {q: [a, "
		       "b]}}\n"
		       "    summary: x\n"),
		  "f:19: a query parameter is a text, or a list of one text" },
		{ TOOL("    effect: read\n    request: {method: GET, path: /a, graphql: \"{a}\"}\n"
		       "    summary: x\n"),
		  "f:19: 'graphql' is sent by POST and has no other body" },
		{ TOOL("    effect: write\n    request: {method: POST, path: /a, variables: {a: "
		       "b}}\n"
		       "    summary: x\n"),
		  "f:19: 'variables' go with 'graphql'" },
		{ TOOL("    effect: write\n    request: {method: POST, path: /a, body: \"{id}\"}\n"
		       "    summary: x\n"),
		  "f:19: 'send: text' goes with a body that is a text" },
		{ TOOL("    effect: write\n    request: {method: POST, path: /a, body: {raw: "
		       "\"{mail}\"}}\n    summary: x\n"),
		  "f:19: '{mail}' is no argument of this tool" },
		{ TOOL("    effect: write\n    request: {method: POST, path: /a, body: {raw: "
		       "\"{mail}\"}, mail: {to: x, text: y, from: z}}\n    summary: x\n"),
		  "f:19: a mail has no 'from'" },
		{ TOOL("    select: {fields: [id, {id: a.b}]}\n"),
		  "f:18: the field 'id' is there twice" },
		{ TOOL("    effect: read\n    request: {method: GET, path: /a}\n    summary: x\n"),
		  "f:17: no request of this tool sends 'id'" },
		{ TOOL("    select: {fields: [id], beside: [a.items]}\n"),
		  "f:18: 'items' is what the fields come under" },
		{ HEAD "api: {hosts: [https://a.example], auth: bearer, rpc: 1}\n",
		  "f:11: 'rpc' must be true or false" },
		{ HEAD "api: {hosts: [https://a.example], auth: bearer, graphql: [graphql]}\n",
		  "f:11: 'graphql' must list paths" },
		{ TOOL("    effect: read\n    request: {method: GET, path: \"/{id}\"}\n    "
		       "summary: x\n"
		       "    resource: {note: \"{id}\"}\n"),
		  "f:21: 'resources' has no kind 'note'" },
		{ HEAD API "resources: {Note: {}}\n", "f:12: a kind is 1 to 32 of a-z and _" },
		{ HEAD API "resources: {note: {context: {request: {method: POST, path: /a}, "
			   "private: /p}}}\n",
		  "f:12: 'request' only asks: its method is GET" },
		{ HEAD API "resources: {note: {context: {request: {method: GET, path: /a}, "
			   "private: p}}}\n",
		  "f:12: 'private' must be a JSON pointer such as /private" },
		{ HEAD API
		  "resources: {note: {context: {request: {method: GET, path: \"/{x}\"}, "
		  "private: /p}}}\ntools:\n  - name: notes.get\n    title: t\n    says: s\n"
		  "    scopes: []\n    " INPUT "\n    effect: read\n    request: {method: "
		  "GET, path: \"/{id}\"}\n    summary: x\n    resource: {note: a}\n",
		  "f:22: '{x}' is no argument of this tool" },
		{ "id: notes\nname: A\noauth:\n  authorize_url: https://a.example/\n"
		  "  token_url: https://a.example/\n  client_auth: basic\n  pkce: S256\n"
		  "  account: {url: https://a.example/, method: GET, graphql: x, id: sub}\n",
		  "f:8: 'graphql' is sent by POST" },
		{ TOOL("    effect: grow\n"),
		  "f:18: 'effect' must be one of: read, write, destructive" },
		{ TOOL("    select: {fields: [{a: b, c: d}]}\n"),
		  "f:18: a renamed field is {name: path}" },
		{ HEAD API "tools:\n  - name: a.b\n    title: t\n    says: s\n    effect: read\n   "
			   " scopes: [x]\n    " INPUT
			   "\n    request: {method: GET, path: /a}\n    summary: x\n",
		  "f:17: the service has no scope 'x'" },
		{ HEAD API "tools:\n  - name: a.b\n    input: {type: object}\n",
		  "f:14: 'input' must say additionalProperties: false" },
		{ HEAD API "tools:\n  - name: a.b\n    input: {type: object, oneOf: []}\n",
		  "f:14: the schema at '/oneOf': this must list something" },
		{ HEAD API
		  "tools:\n  - name: a.b\n    input:\n      type: object\n      properties:\n"
		  "        a: {type: string, pattern: x}\n",
		  "f:17: the schema at '/properties/a/pattern': this keyword is not known here" },
		{ HEAD API "tools:\n  - name: a.b\n    input: {type: object, required: [x], "
			   "additionalProperties: false}\n",
		  "f:14: a required argument is not in 'properties'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct complaint complaint = { 0 };
		struct service *service = NULL;
		if (service_compile(str(cases[i].text), "f", &complaint, &service) != ERR_MALFORMED)
			fail_msg("row %zu is accepted: %s", i, cases[i].complaint);
		assert_string_equal(complaint.text, cases[i].complaint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_file_gets_careful_defaults),
		cmocka_unit_test(tokens_travel_to_the_hosts_of_the_file_alone),
		cmocka_unit_test(every_built_in_file_compiles_under_its_own_name),
		cmocka_unit_test(the_quirks_of_providers_are_read_from_their_files),
		cmocka_unit_test(the_issuer_of_an_answer_is_the_one_announced),
		cmocka_unit_test(a_variable_passes_only_its_own_check),
		cmocka_unit_test(the_host_of_a_connection_follows_from_its_values),
		cmocka_unit_test(a_host_may_be_given_as_an_address),
		cmocka_unit_test(requests_come_in_many_forms),
		cmocka_unit_test(a_tool_names_what_it_reaches),
		cmocka_unit_test(of_a_remote_server_only_what_is_accepted_is_there),
		cmocka_unit_test(what_is_no_list_of_a_remote_server_is_refused),
		cmocka_unit_test(it_refuses_with_file_line_and_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
