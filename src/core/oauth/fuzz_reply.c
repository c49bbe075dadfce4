/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/catalog/catalog.h"
#include "core/oauth/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct service *compile(const char *id)
{
	struct complaint complaint = { 0 };
	struct service *service = NULL;
	struct bytes text;

	if (!catalog_find(str(id), &text) || service_compile(text, id, &complaint, &service) != OK)
		abort();
	return service;
}

/* The first byte chooses service and kind, the second the status; the rest is the body. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const ids[] = { "github", "google", "jira", "slack" };
	static const unsigned statuses[] = { 200, 201, 302, 400, 401, 403, 429, 503 };
	static struct service *services[ARRAY_LEN(ids)];
	struct provider_account account;
	struct reply reply;

	if (n < 2)
		return 0;
	struct service **service = &services[p[0] % ARRAY_LEN(ids)];
	if (*service == NULL)
		*service = compile(ids[p[0] % ARRAY_LEN(ids)]);
	const struct reply_input input = {
		.service = *service,
		.refresh = (p[0] & 0x80) != 0,
		.status = statuses[p[1] % ARRAY_LEN(statuses)],
		.retry_after = { p + 2, n - 2 },
		.body = { p + 2, n - 2 },
		.found = (p[1] & 0x80) != 0 ? 3u : 0u,
		.asked = str("a"),
		.now = (usec_t)1795387546 * USEC_PER_S,
	};
	reply_read(&input, &reply);
	if (reply.class == REPLY_GRANTED && (input.found == 0 || input.status > 201))
		abort();
	if (reply.retry_after_s > REPLY_RETRY_MAX_S)
		abort();
	reply_done(&reply);
	err_ignore(provider_account_read(*service, input.status, input.body, &account));
	provider_probe_read(*service, input.status, input.body);
	return 0;
}
