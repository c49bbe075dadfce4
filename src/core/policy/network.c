/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/network.h"

#include <arpa/inet.h>

static bool read_address(struct bytes text, uint8_t ret[static 16], unsigned *ret_bits)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char name[INET6_ADDRSTRLEN];

	if (bytes_str(text, name, sizeof name) != OK)
		return false;
	*ret_bits = 32;
	memcpy(ret, mapped, sizeof mapped);
	if (inet_pton(AF_INET, name, ret + 12) == 1)
		return true;
	*ret_bits = 128;
	return inet_pton(AF_INET6, name, ret) == 1;
}

/* The address with everything behind its first @bits cleared. */
static void masked(const uint8_t from[static 16], unsigned bits, uint8_t ret[static 16])
{
	for (unsigned i = 0; i < 16; i++) {
		const unsigned left = bits > i * 8 ? bits - i * 8 : 0;
		const unsigned mask = left >= 8 ? 0xffU : (0xff00U >> left) & 0xffU;
		ret[i] = (uint8_t)(from[i] & mask);
	}
}

const char *network_read(struct bytes text, struct network *ret)
{
	const bool whole = text.n == 0 || memchr(text.p, '/', text.n) == NULL;
	const struct bytes address = bytes_cut(&text, '/');
	struct network network;
	uint8_t begin[16];
	uint64_t bits;
	unsigned max;

	if (!read_address(address, network.address, &max))
		return "a network is written as 10.0.0.0/8 or 2001:db8::/32";
	bits = max;
	if (!whole && bytes_u64(text, max, &bits) != OK)
		return "the length of a network's prefix is at most 32, or 128 for IPv6";
	network.bits = (unsigned)bits + 128 - max;
	masked(network.address, network.bits, begin);
	if (memcmp(begin, network.address, sizeof begin) != 0)
		return "the address has bits behind the network's prefix";
	*ret = network;
	return NULL;
}

bool network_has(const struct network *network, const uint8_t address[static 16])
{
	uint8_t begin[16];

	masked(address, network->bits, begin);
	return memcmp(begin, network->address, sizeof begin) == 0;
}
