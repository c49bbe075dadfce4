/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/guard.h"

#include <netinet/in.h>

/* The first @bits of @prefix. */
struct range {
	uint8_t bits, prefix[16];
};

/* IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast, and the relay of RFC 7526. */
static const struct range special4[] = {
	{ 8, { 0 } },		      /* this network */
	{ 8, { 10 } },		      /* private, RFC 1918 */
	{ 10, { 100, 64 } },	      /* behind a carrier's NAT, RFC 6598 */
	{ 8, { 127 } },		      /* loopback */
	{ 16, { 169, 254 } },	      /* link-local */
	{ 12, { 172, 16 } },	      /* private */
	{ 24, { 192, 0, 0 } },	      /* protocol assignments */
	{ 24, { 192, 0, 2 } },	      /* documentation */
	{ 24, { 192, 88, 99 } },      /* 6to4 relay */
	{ 16, { 192, 168 } },	      /* private */
	{ 15, { 198, 18 } },	      /* benchmarks */
	{ 24, { 198, 51, 100 } },     /* documentation */
	{ 24, { 203, 0, 113 } },      /* documentation */
	{ 4, { 224 } },		      /* multicast */
	{ 4, { 240 } },		      /* reserved, broadcast */
	{ 32, { 168, 63, 129, 16 } }, /* a cloud's machine agent, among public ones */
};

/* Of IPv6 only 2000::/3 is given out (RFC 4291 2.4); these parts of it are not public. */
static const struct range global6 = { 3, { 0x20 } };
static const struct range special6[] = {
	{ 23, { 0x20, 0x01 } },		    /* protocol assignments: Teredo, ORCHID, benchmarks */
	{ 32, { 0x20, 0x01, 0x0d, 0xb8 } }, /* documentation */
	{ 16, { 0x20, 0x02 } },		    /* 6to4: an IPv4 address inside */
	{ 20, { 0x3f, 0xff } },		    /* documentation, RFC 9637 */
};

/* Where clouds answer with a machine's own credentials. */
static const uint8_t metadata4[][4] = {
	{ 169, 254, 169, 254 }, { 169, 254, 170, 2 }, { 169, 254, 170, 23 }, { 169, 254, 0, 23 },
	{ 100, 100, 100, 200 }, { 192, 0, 0, 192 },   { 168, 63, 129, 16 },
};
static const uint8_t metadata6[][16] = {
	{ 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 },
	{ 0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23 },
	{ 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54 },
};

/* IPv6 addresses that carry an IPv4 one, and where in them it stands. */
static const struct {
	struct range range;
	uint8_t at;
} carriers[] = {
	{ { 96, { [10] = 0xff, 0xff } }, 12 },			/* mapped */
	{ { 96, { 0 } }, 12 },					/* compatible */
	{ { 96, { [8] = 0xff, 0xff } }, 12 },			/* translated, RFC 2765 */
	{ { 96, { 0x00, 0x64, 0xff, 0x9b } }, 12 },		/* NAT64, RFC 6052 */
	{ { 48, { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 } }, 12 }, /* NAT64, RFC 8215 */
	{ { 16, { 0x20, 0x02 } }, 2 },				/* 6to4 */
};

static bool in_range(const uint8_t *address, const struct range *range)
{
	const size_t whole = range->bits / 8;
	const unsigned rest = range->bits % 8;

	if (memcmp(address, range->prefix, whole) != 0)
		return false;
	return rest == 0 || (address[whole] ^ range->prefix[whole]) >> (8 - rest) == 0;
}

static bool in_any(const uint8_t *address, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (in_range(address, &ranges[i]))
			return true;
	return false;
}

static bool is_metadata4(const uint8_t *address)
{
	for (size_t i = 0; i < ARRAY_LEN(metadata4); i++)
		if (memcmp(address, metadata4[i], 4) == 0)
			return true;
	return false;
}

static bool is_metadata6(const uint8_t *address)
{
	for (size_t i = 0; i < ARRAY_LEN(metadata6); i++)
		if (memcmp(address, metadata6[i], 16) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(carriers); i++)
		if (in_range(address, &carriers[i].range) && is_metadata4(address + carriers[i].at))
			return true;
	return false;
}

static const struct guard_exception *exception(const struct guard *guard, struct bytes host,
					       uint16_t port)
{
	for (size_t i = 0; i < guard->count; i++)
		if (guard->allow[i].port == port && bytes_is(host, guard->allow[i].host))
			return &guard->allow[i];
	return NULL;
}

enum err guard_allow(struct guard *guard, struct bytes text)
{
	char url[GUARD_HOST_MAX + 32] = "https://";
	struct uri uri;

	if (guard->count == GUARD_ALLOW_MAX)
		return ERR_TOO_LARGE;
	/* The same reader as for URLs, so that both spell a host alike. */
	if (bytes_str(text, url + 8, sizeof url - 8) != OK || uri_parse(str(url), &uri) != OK ||
	    uri.origin.n != strlen(url) || text.p[text.n - 1] == ']')
		return ERR_MALFORMED;
	const struct bytes tail = { text.p + (text.p[0] == '[' ? uri.host.n + 2 : uri.host.n),
				    text.n - (text.p[0] == '[' ? uri.host.n + 2 : uri.host.n) };
	if (tail.n == 0)
		return ERR_MALFORMED; /* no port */
	struct guard_exception *fresh = &guard->allow[guard->count];
	if (bytes_str(uri.host, fresh->host, sizeof fresh->host) != OK)
		return ERR_MALFORMED;
	fresh->port = uri.port;
	guard->count++;
	return OK;
}

enum err guard_url(const struct guard *guard, const struct uri *uri)
{
	if (exception(guard, uri->host, uri->port) != NULL)
		return OK;
	return uri->https && uri->port == GUARD_PORT ? OK : ERR_BLOCKED_HOST;
}

static bool address4(const uint8_t *address, bool excepted)
{
	if (is_metadata4(address))
		return false;
	return excepted || !in_any(address, special4, ARRAY_LEN(special4));
}

static bool address6(const uint8_t *address, bool excepted)
{
	if (is_metadata6(address))
		return false;
	return excepted ||
	       (in_range(address, &global6) && !in_any(address, special6, ARRAY_LEN(special6)));
}

bool guard_address(const struct guard *guard, struct bytes host, uint16_t port,
		   const struct sockaddr *address)
{
	const bool excepted = exception(guard, host, port) != NULL;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof in);
		return address4((const uint8_t *)&in.sin_addr, excepted);
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(&in6, address, sizeof in6);
	return address6(in6.sin6_addr.s6_addr, excepted);
}

/* Whether @origin, with a host such as "*.acme.com", stands for that of @uri. */
static bool is_below(struct bytes origin, const struct uri *uri)
{
	const size_t scheme_n = bytes_starts(origin, "https://") ? 8 : 7;
	const struct bytes name = { origin.p + scheme_n + 2, origin.n - scheme_n - 2 };
	uint8_t room[8 + GUARD_HOST_MAX + 8];
	struct uri below;

	if (origin.n > sizeof room)
		return false;
	put(put(room, origin.p, scheme_n), name.p, name.n);
	if (uri_parse((struct bytes){ room, scheme_n + name.n }, &below) != OK)
		return false;
	const struct bytes host = below.host;
	return below.https == uri->https && below.port == uri->port && uri->host.n > host.n + 1 &&
	       uri->host.p[uri->host.n - host.n - 1] == '.' &&
	       memcmp(uri->host.p + uri->host.n - host.n, host.p, host.n) == 0;
}

bool guard_named(struct bytes origins, const struct uri *uri)
{
	struct uri named;

	while (origins.n > 0) {
		const struct bytes origin = bytes_cut(&origins, '\n');
		if (bytes_starts(origin, "https://*.") || bytes_starts(origin, "http://*.")) {
			if (is_below(origin, uri))
				return true;
		} else if (uri_parse(origin, &named) == OK && uri_same_origin(&named, uri)) {
			return true;
		}
	}
	return false;
}
