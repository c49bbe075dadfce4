/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/foreign.h"

#include "ipc/ipc.h"

/* A star at the end stands for any rest. */
static const char *const dropped[] = {
	/* of one hop, or written by whoever frames the answer */
	"connection",
	"content-length",
	"date",
	"keep-alive",
	"proxy-*",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
	/* its own name for a conversation: clients have ours for it (flow/mount.h) */
	"mcp-session-id",
	/* state and policy of an origin */
	"accept-ch",
	"access-control-*",
	"alt-svc",
	"clear-site-data",
	"content-security-policy*",
	"cross-origin-*",
	"expect-ct",
	"nel",
	"origin-agent-cluster",
	"permissions-policy",
	"public-key-pins*",
	"referrer-policy",
	"refresh",
	"report-to",
	"reporting-endpoints",
	"service-worker-allowed",
	"set-cookie*",
	"sourcemap",
	"strict-transport-security",
	"x-content-type-options",
	"x-dns-prefetch-control",
	"x-frame-options",
	"x-permitted-cross-domain-policies",
	"x-xss-protection",
	/* how long it may be kept: what needs a credential is kept by nobody */
	"age",
	"cache-control",
	"expires",
	"pragma",
	"surrogate-*",
};

static bool fits(struct bytes name, const char *pattern)
{
	const size_t n = strlen(pattern);

	if (pattern[n - 1] != '*')
		return bytes_is(name, pattern);
	return name.n >= n - 1 && memcmp(name.p, pattern, n - 1) == 0;
}

static bool is_dropped(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
		if (fits(name, dropped[i]))
			return true;
	return false;
}

static struct bytes trimmed(struct bytes b)
{
	for (; b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t'); b.n--)
		b.p++;
	while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
		b.n--;
	return b;
}

static bool same_name(struct bytes lower, struct bytes any)
{
	if (lower.n != any.n)
		return false;
	for (size_t i = 0; i < any.n; i++) {
		const uint8_t c = any.p[i];
		if (lower.p[i] != (c >= 'A' && c <= 'Z' ? c | 0x20 : c))
			return false;
	}
	return true;
}

/* Lines that the provider itself says are of this hop. */
static bool is_of_hop(const struct httpc_response *response, struct bytes name)
{
	struct bytes list = httpc_find(response, "connection");

	while (list.n > 0)
		if (same_name(name, trimmed(bytes_cut(&list, ','))))
			return true;
	return false;
}

enum err foreign_headers(const struct httpc_response *response, struct dynbuf *out)
{
	const size_t began = out->n;
	size_t lines = 0;

	for (size_t i = 0; i < response->header_count; i++) {
		const struct httpc_header *from = &response->headers[i];
		const struct ipc_header line = { from->name, from->value };
		if (is_dropped(from->name) || is_of_hop(response, from->name))
			continue;
		if (++lines > FOREIGN_LINES_MAX)
			return ERR_TOO_LARGE;
		IPC_LIST_ADD(out, header, &line);
	}
	TRY(dynbuf_err(out));
	return out->n - began > FOREIGN_BYTES_MAX ? ERR_TOO_LARGE : OK;
}
