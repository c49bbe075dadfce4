/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uri.h"
#include "core/catalog/address.h"
#include "core/catalog/section.h"

/* Values of a connection's variables, and the origins that follow from them. */

static bool is_label(struct bytes value)
{
	if (value.n == 0 || value.n > 63 || value.p[0] == '-' || value.p[value.n - 1] == '-')
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (!(value.p[i] >= 'a' && value.p[i] <= 'z') &&
		    !(value.p[i] >= '0' && value.p[i] <= '9') && value.p[i] != '-')
			return false;
	return true;
}

static bool is_id(struct bytes value)
{
	if (value.n == 0 || value.n > 128)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		const uint8_t c = value.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-')
			return false;
	}
	return true;
}

static bool is_host(struct bytes host)
{
	struct bytes rest = host;

	if (host.n == 0 || host.n > 253 || host.p[host.n - 1] == '.')
		return false;
	while (rest.n > 0)
		if (!is_label(bytes_cut(&rest, '.')))
			return false;
	return true;
}

static bool is_below(struct bytes host, struct bytes name)
{
	return host.n > name.n + 1 && host.p[host.n - name.n - 1] == '.' &&
	       memcmp(host.p + host.n - name.n, name.p, name.n) == 0;
}

static bool is_within(struct bytes host, const struct service_words *within)
{
	if (!is_host(host))
		return false;
	for (size_t i = 0; i < within->n; i++)
		if (bytes_eq(host, within->at[i]) || is_below(host, within->at[i]))
			return true;
	return within->n == 0;
}

static bool is_text(struct bytes value)
{
	if (value.n == 0 || value.n > SERVICE_VALUE_MAX)
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 0x20 || value.p[i] > 0x7e)
			return false;
	return true;
}

static bool is_word(struct bytes value, const struct service_words *in)
{
	for (size_t i = 0; i < in->n; i++)
		if (bytes_eq(value, in->at[i]))
			return true;
	return false;
}

bool service_variable_ok(const struct service_variable *variable, struct bytes value)
{
	switch (variable->check) {
	case SERVICE_CHECK_ID:
		return is_id(value);
	case SERVICE_CHECK_LABEL:
		return is_label(value);
	case SERVICE_CHECK_HOST:
		return is_within(value, &variable->within);
	case SERVICE_CHECK_CHOICE:
		return is_word(value, &variable->in);
	case SERVICE_CHECK_TEXT:
		return is_text(value);
	}
	return false;
}

struct bytes service_variable_bare(const struct service_variable *variable, struct bytes value)
{
	if (variable->check != SERVICE_CHECK_HOST || !bytes_starts(value, "https://"))
		return value;
	value.p += 8;
	value.n -= 8;
	if (value.n > 0 && value.p[value.n - 1] == '/')
		value.n--;
	return value;
}

struct bytes service_value(const struct service *service, struct bytes name, service_value_fn find,
			   const void *ctx)
{
	const struct service_variable *variable = section_variable_find(&service->oauth, name);
	const struct bytes none = { NULL, 0 };

	if (variable == NULL)
		return none;
	const struct bytes value = find == NULL ? none : find(ctx, name);
	if (value.p != NULL)
		return service_variable_ok(variable, value) ? value : none;
	return variable->otherwise.n > 0 ? variable->otherwise : none;
}

bool service_iss_ok(const struct service *service, struct bytes authorize_url, struct bytes iss)
{
	struct uri sent, own;

	if (service->oauth.issuer.n > 0)
		return iss.p == NULL ? service->oauth.iss_optional
				     : bytes_eq(service->oauth.issuer, iss);
	if (iss.p == NULL)
		return true;
	return uri_parse(iss, &sent) == OK && uri_parse(authorize_url, &own) == OK &&
	       uri_same_origin(&sent, &own);
}

/* The origins of one address after another, a line each. */
struct origins {
	const struct service *service;
	service_value_fn find;
	const void *ctx;
	struct dynbuf *out;
	size_t from; /* where they begin in out */
};

static bool has_line(struct bytes lines, struct bytes line)
{
	while (lines.n > 0)
		if (bytes_eq(bytes_cut(&lines, '\n'), line))
			return true;
	return false;
}

/* scheme, @before, @middle, @after, port */
static void add_origin(struct origins *origins, const struct address *address, struct bytes before,
		       struct bytes middle)
{
	uint8_t room[SERVICE_URL_MAX + 512];
	struct dynbuf line = { .p = room, .room = sizeof room, .max = sizeof room };
	struct dynbuf *out = origins->out;

	dynbuf_str(&line, address->https ? "https://" : "http://");
	dynbuf_bytes(&line, before);
	dynbuf_bytes(&line, middle);
	dynbuf_bytes(&line, address->after);
	dynbuf_bytes(&line, address->port);
	if (out->n > origins->from &&
	    has_line((struct bytes){ out->p + origins->from, out->n - origins->from },
		     dynbuf_view(&line)))
		return;
	if (out->n > origins->from)
		dynbuf_u8(out, '\n');
	dynbuf_bytes(out, dynbuf_view(&line));
}

/* What the file bounds an unknown host with. */
static void add_bounds(struct origins *origins, const struct address *address)
{
	const struct service_variable *variable =
		section_variable_find(&origins->service->oauth, address->name);
	const struct bytes any = str("*."), none = { NULL, 0 };

	if (variable->check == SERVICE_CHECK_HOST) {
		for (size_t i = 0; i < variable->within.n; i++) {
			add_origin(origins, address, address->before, variable->within.at[i]);
			add_origin(origins, address, any, variable->within.at[i]);
		}
	} else if (variable->check == SERVICE_CHECK_CHOICE) {
		for (size_t i = 0; i < variable->in.n; i++)
			add_origin(origins, address, address->before, variable->in.at[i]);
	} else {
		add_origin(origins, address, none, str("*"));
	}
}

static void add_address(struct origins *origins, struct bytes url)
{
	struct address address;

	if (url.n == 0 || address_parse(url, &address) != OK)
		return;
	if (address.name.n == 0) {
		add_origin(origins, &address, address.before, (struct bytes){ NULL, 0 });
		return;
	}
	const struct bytes value =
		service_value(origins->service, address.name, origins->find, origins->ctx);
	if (value.p == NULL)
		add_bounds(origins, &address);
	else
		add_origin(origins, &address, address.before, value);
}

void service_hosts(const struct service *service, service_value_fn find, const void *ctx,
		   struct dynbuf *out)
{
	const struct service_oauth *oauth = &service->oauth;
	const struct bytes urls[] = {
		oauth->token_url,    oauth->refresh_url,	oauth->revoke.url,
		oauth->discover.url, oauth->account.lookup.url, oauth->probe.lookup.url,
		service->api.base,   oauth->introspect_url,
	};
	struct origins origins = { service, find, ctx, out, out->n };

	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		add_address(&origins, urls[i]);
	for (size_t i = 0; i < service->api.hosts_n; i++)
		add_address(&origins, service->api.hosts[i]);
}
