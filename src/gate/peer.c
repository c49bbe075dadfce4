/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const uint8_t address[static PEER_LEN])
{
	return memcmp(address, v4_prefix, sizeof v4_prefix) == 0;
}

void peer_of_socket(const struct sockaddr *from, uint8_t ret_address[static PEER_LEN])
{
	memset(ret_address, 0, PEER_LEN);
	if (from->sa_family == AF_INET) {
		put(put(ret_address, v4_prefix, sizeof v4_prefix),
		    &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		put(ret_address, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr,
		    PEER_LEN);
	}
}

static enum err address_parse(struct bytes text, uint8_t ret_address[static PEER_LEN])
{
	char name[INET6_ADDRSTRLEN];
	uint8_t v4[4], v6[PEER_LEN];

	if (bytes_str(text, name, sizeof name) != OK)
		return ERR_MALFORMED;
	if (inet_pton(AF_INET, name, v4) == 1) {
		put(put(ret_address, v4_prefix, sizeof v4_prefix), v4, sizeof v4);
		return OK;
	}
	if (inet_pton(AF_INET6, name, v6) != 1)
		return ERR_MALFORMED;
	put(ret_address, v6, sizeof v6);
	return OK;
}

enum err peer_parse(struct bytes text, uint8_t ret_address[static PEER_LEN])
{
	struct bytes rest = text;

	if (text.n > 0 && text.p[0] == '[') {
		rest = (struct bytes){ text.p + 1, text.n - 1 };
		const struct bytes inside = bytes_cut(&rest, ']');
		if (rest.n > 0 && rest.p[0] != ':')
			return ERR_MALFORMED;
		return address_parse(inside, ret_address);
	}
	const struct bytes host = bytes_cut(&rest, ':');
	/* One colon is a port, several are IPv6. */
	if (rest.n > 0 && memchr(rest.p, ':', rest.n) == NULL)
		return address_parse(host, ret_address);
	return address_parse(text, ret_address);
}

static bool in_network(const struct peer_network *net, const uint8_t address[static PEER_LEN])
{
	const unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->address, address, whole) != 0)
		return false;
	return rest == 0 || (net->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool peer_trusted(const struct peer_trust *trust, const uint8_t address[static PEER_LEN])
{
	for (size_t i = 0; i < trust->n; i++)
		if (in_network(&trust->networks[i], address))
			return true;
	return false;
}

static enum err network_parse(struct bytes text, struct peer_network *ret)
{
	struct bytes bits = text;
	const struct bytes address = bytes_cut(&bits, '/');
	struct peer_network net;
	uint64_t n;

	TRY(address_parse(address, net.address));
	const unsigned width = is_v4(net.address) ? 32 : 128;
	if (address.n == text.n)
		n = width;
	else
		TRY(bytes_u64(bits, width, &n));
	net.bits = (unsigned)n + (128 - width);
	*ret = net;
	return OK;
}

enum err peer_trust_parse(struct bytes text, struct peer_trust *ret)
{
	struct peer_trust trust = { 0 };

	if (bytes_is(text, "true"))
		text = str("127.0.0.0/8,::1");
	if (bytes_is(text, "false"))
		text = str("");
	while (text.n > 0) {
		size_t n = 0;
		while (n < text.n && text.p[n] != ',' && text.p[n] != ' ')
			n++;
		const struct bytes one = { text.p, n };

		text.p += n < text.n ? n + 1 : n;
		text.n -= n < text.n ? n + 1 : n;
		if (one.n == 0)
			continue;
		if (trust.n == PEER_NETWORKS_MAX)
			return ERR_TOO_LARGE;
		TRY(network_parse(one, &trust.networks[trust.n]));
		trust.n++;
	}
	*ret = trust;
	return OK;
}

/* Takes the last element off a list. */
static struct bytes cut_last(struct bytes *list)
{
	size_t at = list->n;

	while (at > 0 && list->p[at - 1] != ',')
		at--;
	struct bytes last = { list->p + at, list->n - at };
	list->n = at > 0 ? at - 1 : 0;
	while (last.n > 0 && (last.p[0] == ' ' || last.p[0] == '\t')) {
		last.p++;
		last.n--;
	}
	while (last.n > 0 && (last.p[last.n - 1] == ' ' || last.p[last.n - 1] == '\t'))
		last.n--;
	return last;
}

void peer_resolve(const struct peer_trust *trust, struct bytes forwarded_for,
		  struct bytes forwarded_proto, struct peer *peer)
{
	uint8_t address[PEER_LEN];

	if (!peer_trusted(trust, peer->address))
		return;
	peer->secure = peer->secure || bytes_caseis(cut_last(&forwarded_proto), "https");
	while (forwarded_for.n > 0 && peer_trusted(trust, peer->address)) {
		if (peer_parse(cut_last(&forwarded_for), address) != OK)
			return;
		put(peer->address, address, sizeof address);
	}
}
