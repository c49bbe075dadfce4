/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/match.h"

/* Headers by which servers and frameworks let a client name another method, path or host. */
static const char *const refused[] = {
	"x-http-method",	"x-http-method-override", "x-method-override",
	"x-httpmethod",		"x-original-url",	  "x-original-uri",
	"x-rewrite-url",	"x-override-url",	  "x-http-path-override",
	"x-http-host-override", "x-original-host",	  "x-host",
	"x-forwarded-uri",	"x-forwarded-path",	  "x-forwarded-method",
	"x-forwarded-prefix",	"http2-settings",
};

/* Ours to set, of this hop alone, or about the caller. */
static const char *const dropped[] = {
	"authorization",
	"connection",
	"content-length",
	"cookie",
	"cookie2",
	"dpop",
	"expect",
	"forwarded",
	"from",
	"host",
	"keep-alive",
	"max-forwards",
	"origin",
	"proxy-authenticate",
	"proxy-authorization",
	"proxy-connection",
	"referer",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
	"via",
	"baggage",
	"sentry-trace",
	"b3",
};

/* What any HTTP client sends and what says nothing about what is to be done. */
static const char *const harmless[] = {
	"accept",
	"accept-charset",
	"accept-encoding",
	"accept-language",
	"cache-control",
	"content-encoding",
	"content-language",
	"content-type",
	"date",
	"dnt",
	"idempotency-key",
	"if-match",
	"if-modified-since",
	"if-none-match",
	"if-range",
	"if-unmodified-since",
	"pragma",
	"prefer",
	"priority",
	"range",
	"traceparent",
	"tracestate",
	"user-agent",
};

static bool is_one_of(struct bytes name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_caseis(name, names[i]))
			return true;
	return false;
}

static bool starts(struct bytes name, const char *prefix)
{
	const size_t n = strlen(prefix);

	return name.n >= n && bytes_caseis((struct bytes){ name.p, n }, prefix);
}

static bool same_name(struct bytes a, struct bytes b)
{
	return a.n == b.n &&
	       (a.n == 0 || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

static bool named_by(const struct service *service, const struct service_tool *tool,
		     struct bytes name)
{
	const struct yaml_node *headers = tool->steps[tool->steps_n - 1].headers;

	for (size_t i = 0; i < service->api.headers.n; i++)
		if (same_name(service->api.headers.at[i].name, name))
			return true;
	for (const struct yaml_node *node = headers == NULL ? NULL : headers->first; node != NULL;
	     node = node->next)
		if (same_name(node->name, name))
			return true;
	return false;
}

enum tools_header_fate tools_header(const struct service *service, const struct service_tool *tool,
				    struct bytes name)
{
	/* servers that turn names into variables take '_' for '-' */
	if (name.n == 0 || memchr(name.p, '_', name.n) != NULL ||
	    is_one_of(name, refused, ARRAY_LEN(refused)))
		return TOOLS_HEADER_REFUSE;
	if (is_one_of(name, dropped, ARRAY_LEN(dropped)) || starts(name, "x-forwarded-") ||
	    bytes_caseis(name, "x-real-ip") || starts(name, "sec-") ||
	    same_name(service->api.header, name) || same_name(service->api.secret_header, name))
		return TOOLS_HEADER_DROP;
	if (tool == NULL || is_one_of(name, harmless, ARRAY_LEN(harmless)) ||
	    named_by(service, tool, name))
		return TOOLS_HEADER_FORWARD;
	return starts(name, "x-") ? TOOLS_HEADER_DROP : TOOLS_HEADER_ARGUMENT;
}
