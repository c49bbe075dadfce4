/* SPDX-License-Identifier: Apache-2.0 */
/* Time and allocations of what runs on each proxied request, on one core: './dev bench tools'. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "codec/graphql_request.h"
#include "codec/schema.h"
#include "core/catalog/catalog.h"
#include "core/tools/match.h"

enum { ROUNDS = 3, TEXT_MAX = 200 * 1024 };

/* Every allocation of the program goes through here. */
static uint64_t allocations;
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	allocations++;
	return __libc_realloc(p, n);
}

struct work {
	const char *name;
	bool (*run)(const struct work *work); /* false: not what was expected */
	const char *method, *target, *body, *tool;
};

static struct service *service;
static struct doc args;
static struct dynbuf list = { .max = TEXT_MAX };

static bool run_match(const struct work *work)
{
	static const struct tools_header headers[] = {
		{ { (const uint8_t *)"accept", 6 }, { (const uint8_t *)"*/*", 3 } },
		{ { (const uint8_t *)"user-agent", 10 }, { (const uint8_t *)"agent/1", 7 } },
		{ { (const uint8_t *)"content-type", 12 }, { (const uint8_t *)"x", 1 } },
	};
	const struct tools_raw raw = { .method = str(work->method),
				       .target = str(work->target),
				       .content_type =
					       str(work->body == NULL ? NULL : "application/json"),
				       .body = str(work->body),
				       .headers_n = ARRAY_LEN(headers),
				       .headers = headers };
	static struct tools_found found;
	const enum err err = tools_match(service, &raw, &found);
	const bool good =
		err == OK &&
		(work->tool == NULL ? found.tool == NULL
				    : found.tool != NULL && bytes_is(found.tool->name, work->tool));

	tools_found_done(&found);
	return good;
}

static bool run_read(const struct work *work)
{
	scoped(doc_done) struct doc doc = { 0 };

	return doc_read(work->body == NULL ? dynbuf_view(&list) : str(work->body), &doc) == OK;
}

static bool run_schema(const struct work *work)
{
	for (size_t i = 0; i < service->tools_n; i++)
		if (bytes_is(service->tools[i].name, work->tool))
			return schema_check(service->tools[i].schema, &args, 0, NULL) == OK;
	return false;
}

#define COMMENT                                                                                    \
	"{\"body\":\"The second sentence names a path, and the third one says what should be "     \
	"there instead of it, so that nobody has to guess.\"}"
#define ARGS "{\"body\":\"Thanks\",\"number\":1815,\"owner\":\"acme\",\"repo\":\"site\"}"

static const struct work works[] = {
	{ "doc_read, arguments of 60 bytes", run_read, NULL, NULL, ARGS, NULL },
	{ "doc_read, list of 100 KiB", run_read, NULL, NULL, NULL, NULL },
	{ "schema_check, a comment", run_schema, NULL, NULL, NULL, "issues.comment" },
	{ "match, GET of an issue", run_match, "GET", "/repos/acme/site/issues/1815", NULL,
	  "issues.get" },
	{ "match, POST of a comment", run_match, "POST", "/repos/acme/site/issues/1815/comments",
	  COMMENT, "issues.comment" },
	{ "match, GET of no tool", run_match, "GET", "/orgs/acme/teams/web/members?page=2", NULL,
	  NULL },
	{ "match, GraphQL", run_match, "POST", "/graphql",
	  "{\"query\":\"query I($o:String!){repository(owner:$o,name:\\\"site\\\"){issue(number:1)"
	  "{title body author{login} labels(first:10){nodes{name}}}}}\",\"variables\":{\"o\":1}}",
	  NULL },
};

static void measure(const struct work *work, usec_t round)
{
	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t before = allocations;
		const usec_t from = clock_boot();
		uint64_t n = 0;
		do
			for (int k = 0; k < 100; k++, n++)
				if (!work->run(work)) {
					fprintf(stderr, "%s: not as expected\n", work->name);
					exit(1);
				}
		while (clock_boot() - from < round);
		const double took = (double)(clock_boot() - from);
		printf("%-34s %9.3f us %6.1f allocations\n", work->name, took / (double)n,
		       (double)(allocations - before) / (double)n);
	}
}

int main(int argc, char **argv)
{
	const usec_t round = (usec_t)(argc > 1 ? atoi(argv[1]) : 1000) * USEC_PER_MS;

	struct complaint complaint = { 0 };
	struct bytes yaml;

	if (!catalog_find(str("github"), &yaml) ||
	    service_compile(yaml, "github", &complaint, &service) != OK ||
	    doc_read(str(ARGS), &args) != OK)
		return 1;
	dynbuf_u8(&list, '[');
	for (int i = 0; list.n < 100 * 1024; i++)
		dynbuf_printf(
			&list,
			"%s{\"number\":%d,\"title\":\"An issue\",\"state\":\"open\",\"user\":"
			"{\"login\":\"ada\",\"id\":%d},\"labels\":[\"bug\"],\"locked\":false}",
			i == 0 ? "" : ",", i, i * 7);
	dynbuf_u8(&list, ']');
	printf("github, %zu tools\n", service->tools_n);
	for (size_t i = 0; i < ARRAY_LEN(works); i++)
		measure(&works[i], round);
	doc_done(&args);
	dynbuf_done(&list);
	service_free(&service);
	return 0;
}
