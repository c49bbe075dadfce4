/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TOOL(name, effect, properties)                                                             \
	"  - name: " name "\n    title: t\n    says: s\n    effect: " effect                       \
	"\n    scopes: []\n    input: {type: object, additionalProperties: false, properties: "    \
	"{" properties "}}\n"

static const char
	text
		[] =
			"id: sample\n"
			"name: Sample\n"
			"oauth:\n"
			"  authorize_url: https://sample.example/authorize\n"
			"  token_url: https://sample.example/token\n"
			"  client_auth: basic\n"
			"  pkce: S256\n"
			"  scope: none\n"
			"  variables: {site: {from: reply, path: site, check: id}}\n"
			"  account: {url: https://api.sample.example/me, id: id, name: name}\n"
			"api:\n"
			"  base: https://api.sample.example/v1/{site}\n"
			"  hosts: [https://api.sample.example, https://up.sample.example]\n"
			"  auth: bearer\n"
			"  headers: {Accept: application/json, X-Version: \"7\", X-Site: "
			"\"at-{site}\"}\n"
			"  graphql: [/graphql]\n"
			"tools:\n" TOOL("issues.get", "read",
					"owner: {type: string}, repo: {type: string}, number: "
					"{type: integer}") "    request: {method: GET, path: "
							   "\"/repos/{owner}/{repo}/issues/"
							   "{number}\"}\n"
							   "    select: {fields: [number, {author: "
							   "user.login}, a.b]}\n"
							   "    summary: \"Read #{number} in "
							   "{owner}/{repo}\"\n" TOOL(
								   "issues.list", "read",
								   "owner: {type: string}, repo: "
								   "{type: string}, state: {type: "
								   "string, enum: [open, closed]},"
								   " page: {type: integer}, limit: "
								   "{type: integer, default: 30},"
								   " labels: {type: array, items: "
								   "{type: string}},"
								   " ids: {type: array, items: "
								   "{type: integer}}, all: {type: "
								   "boolean}") "    request:\n"
									       "      method: GET\n"
									       "      path: "
									       "\"/repos/{owner}/"
									       "{repo}/issues\"\n"
									       "      query: "
									       "{state: "
									       "\"{state}\", page: "
									       "\"{page}\", "
									       "per_page: "
									       "\"{limit}\","
									       " labels: "
									       "\"{labels}\", "
									       "\"id[]\": "
									       "[\"{ids}\"], all: "
									       "\"{all}\", fields: "
									       "\"a,b\","
									       " q: \"repo:{repo} "
									       "is:open\"}\n"
									       "    select: {from: "
									       "items, fields: "
									       "[id], beside: "
									       "[{next: "
									       "page.next}]}\n"
									       "    summary: "
									       "\"List issues of "
									       "{owner}/"
									       "{repo}\"\n" TOOL(
										       "issues."
										       "create",
										       "write",
										       "owner: "
										       "{type: "
										       "string}, "
										       "repo: "
										       "{type: "
										       "string}, "
										       "title: "
										       "{type: "
										       "string},"
										       " body: "
										       "{type: "
										       "string}, "
										       "labels: "
										       "{type: "
										       "array, "
										       "items: "
										       "{type: "
										       "string}},"
										       " weight: "
										       "{type: "
										       "number}, "
										       "due: "
										       "{type: "
										       "string}, "
										       "zone: "
										       "{type: "
										       "string}") "    request:\n"
												  "      method: POST\n"
												  "      path: \"/repos/{owner}/{repo}/issues\"\n"
												  "      headers: {X-Version: \"8\", X-Weight: \"{weight}\"}\n"
												  "      body: {title: \"{title}\", body: \"{body}\", labels: \"{labels}\", weight: \"{weight}\","
												  " draft: false, kind: \"false\", rank: 3, none: ~,"
												  " due: {date: \"{due}\", zone: \"{zone}\"}, note: \"by {owner}: {title}\","
												  " list: [\"{due}\", x]}\n"
												  "    summary: \"Open an issue in {owner}/{repo}: {title}\"\n" TOOL("issues.close",
																				     "write", "owner: {type: string}, repo: {type: string}, number: {type: integer}") "    request:\n"
																														      "      method: PATCH\n"
																														      "      path: \"/repos/{owner}/{repo}/issues/{number}\"\n"
																														      "      body: {state: closed}\n"
																														      "    summary: \"Close #{number} in {owner}/{repo}\"\n" TOOL("repos.delete", "destructive", "owner: {type: string}, repo: {type: string}") "    request: {method: DELETE, path: \"/repos/{owner}/{repo}\"}\n"
																																																"    summary: \"Delete {owner}/{repo}\"\n" TOOL("repos.mine", "read", "") "    request: {method: GET, path: \"/repos/acme/mine\"}\n"
																																																									  "    summary: Read mine\n" TOOL(
																																																										  "files.get", "read", "repo: {type: string}, path: {type: string}, project: {type: string}") "    request: {method: GET, path: \"/files/{!project}/x-{repo}/{+path}\"}\n"
																																																																					      "    summary: \"Read {path}\"\n" TOOL("files.put", "write", "path: {type: string}, content: {type: string}") "    request:\n"
																																																																																			   "      - {method: GET, path: \"/contents/{+path}\"}\n"
																																																																																			   "      - {method: PUT, path: \"/contents/{+path}\", body: {sha: \"{1.sha}\", content: "
																																																																																			   "\"{content}\"}}\n"
																																																																																			   "    summary: \"Write {path}\"\n" TOOL("files.upload",
																																																																																								  "write",
																																																																																								  "content: {type: string}, name: {type: string}") "    request: {method: POST, path: \"https://up.sample.example/up\", query: {name: "
																																																																																														   "\"{name}\"}, send: text, body: \"{content}\"}\n"
																																																																																														   "    summary: \"Upload {name}\"\n" TOOL(
																																																																																															   "charges.create",
																																																																																															   "write",
																																																																																															   "amount: {type: integer}, tags: {type: array, items: {type: string}},"
																																																																																															   " meta: {type: object, properties: {}, additionalProperties: true}, capture: {type: "
																																																																																															   "boolean}") "    request: {method: POST, path: /charges, send: form, body: {amount: \"{amount}\", currency:"
																																																																																																       " eur, card: {tags: \"{tags}\"}, metadata: \"{meta}\", capture: \"{capture}\"}}\n"
																																																																																																       "    summary: \"Charge {amount}\"\n" TOOL(
																																																																																																	       "events.list",
																																																																																																	       "read",
																																																																																																	       "days: {type: integer}") "    request: {method: GET, path: /events, query: {from: \"{@today}\", to: \"{@now+days}\"}}\n"
																																																																																																					"    summary: \"List {days} days\"\n" TOOL("mail.send",
																																																																																																										   "write",
																																																																																																										   "to: {type: array, items: {type: string}}, subject: {type: string}, body: {type: string},"
																																																																																																										   " reply: {type: string}, thread: {type: string}") "    request: {method: POST, path: /send, body: {raw: \"{mail}\", threadId: \"{thread}\"},"
																																																																																																																     " mail: {to: \"{to}\", subject: \"{subject}\", text: \"{body}\", in_reply_to: \"{reply}\"}}\n"
																																																																																																																     "    summary: \"Send to {to}: {subject}\"\n" TOOL(
																																																																																																																	     "graph.issue",
																																																																																																																	     "read",
																																																																																																																	     "id: {type: string}") "    request: {method: POST, path: /graphql, graphql: \"query I($id: ID!) { issue(id: $id) { "
																																																																																																																				   "title } }\", variables: {id: \"{id}\"}}\n"
																																																																																																																				   "    summary: \"Read {id}\"\n" TOOL(
																																																																																																																					   "graph.create",
																																																																																																																					   "write",
																																																																																																																					   "title: {type: string}") "    request: {method: POST, path: /graphql, graphql: \"mutation($t: String!) { "
																																																																																																																								    "issueCreate(title: $t) { id } }\", variables: {t: \"{title}\"}}\n"
																																																																																																																								    "    summary: \"Create {title}\"\n";

struct service *sample_service(void)
{
	struct complaint complaint = { 0 };
	struct service *service = NULL;

	if (service_compile(str(text), "sample", &complaint, &service) != OK)
		fail_msg("%s", complaint.text);
	return service;
}

const struct service_tool *sample_tool(const struct service *service, const char *name)
{
	for (size_t i = 0; i < service->tools_n; i++)
		if (bytes_is(service->tools[i].name, name))
			return &service->tools[i];
	fail_msg("there is no tool %s", name);
	return NULL;
}

void sample_read(const char *json, struct doc *ret)
{
	assert_int_equal(doc_read(str(json), ret), OK);
}
