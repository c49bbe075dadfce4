/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/tools/match.h"
#include "core/tools/sample.h"
#include "core/tools/summary.h"

/*
 * The input is method, target, content type and body, with a newline between
 * them. A request that is a tool's is one that the tool itself can send, with the
 * same arguments; one that is none has no arguments.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct service *service;
static struct doc variables;

static void check_sent(const struct tools_found *found)
{
	static const char *const methods[] = { "", "GET", "POST", "PUT", "PATCH", "DELETE" };
	const struct service_tool *tool = found->tool;
	struct tools_values values = { .variables = &variables, .now = 1 };
	struct dynbuf target = { .max = 2 * TOOLS_URL_MAX };
	struct dynbuf line = { .max = SUMMARY_MAX_BYTES };
	struct doc args = { 0 };
	struct tools_request request;
	struct tools_found again;

	if (doc_read(dynbuf_view(&found->args), &args) != OK)
		abort();
	values.args = &args;
	const enum err err = tools_build(service, tool, tool->steps_n - 1, &values, &request);
	if (err == ERR_TOO_LARGE)
		goto done;
	if (err != OK || tools_summary(tool, &args, &line) != OK)
		abort();
	dynbuf_u8(&target, '/');
	dynbuf_put(&target, request.url.p + 8, request.url.n - 8);
	const struct tools_raw raw = { .method = str(methods[request.method]),
				       .target = dynbuf_view(&target),
				       .content_type = str(request.content_type),
				       .body = dynbuf_view(&request.body),
				       .headers_n = request.headers_n,
				       .headers = request.headers,
				       .variables = &variables };
	const enum err matched = tools_match(service, &raw, &again);
	if (matched != ERR_TOO_LARGE &&
	    (matched != OK || again.tool != tool ||
	     /* a default that was absent is sent */
	     (!bytes_is(tool->name, "issues.list") &&
	      !bytes_eq(dynbuf_view(&again.args), dynbuf_view(&found->args)))))
		abort();
	tools_found_done(&again);
done:
	tools_request_done(&request);
	dynbuf_done(&target);
	dynbuf_done(&line);
	doc_done(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = { data, size };
	struct tools_found found;

	if (service == NULL) {
		service = sample_service();
		sample_read("{\"site\":\"s-1\"}", &variables);
	}
	const struct bytes method = bytes_cut(&rest, '\n');
	const struct bytes target = bytes_cut(&rest, '\n');
	const struct bytes type = bytes_cut(&rest, '\n');
	const struct tools_raw raw = { .method = method,
				       .target = target,
				       .content_type = type.n > 0 ? type : str(NULL),
				       .body = rest,
				       .variables = &variables };
	const enum err err = tools_match(service, &raw, &found);
	if (err == OK && found.tool != NULL)
		check_sent(&found);
	else if (err == OK && found.args.n > 0)
		abort();
	tools_found_done(&found);
	return 0;
}
