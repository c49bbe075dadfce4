/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * peer - who is at the other end. Without a trusted proxy that is the socket's
 * address, whatever the headers say. Behind one it is the last address in
 * X-Forwarded-For that is no trusted proxy itself; what stands before it was
 * written by the client and means nothing.
 *
 * Addresses are 16 bytes; IPv4 is ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
 */

#include <sys/socket.h>

#include "base/bytes.h"

enum { PEER_LEN = 16, PEER_NETWORKS_MAX = 32 };

struct peer_network {
	uint8_t address[PEER_LEN];
	unsigned bits;
};

struct peer_trust {
	struct peer_network networks[PEER_NETWORKS_MAX];
	size_t n;
};

struct peer {
	uint8_t address[PEER_LEN];
	bool secure; /* only ever set to true here by a trusted proxy */
};

/* Reads the setting behind_proxy: "", "false", "true" (loopback), or addresses and networks
 * separated by commas or spaces. ERR_MALFORMED, ERR_TOO_LARGE. */
must_check enum err peer_trust_parse(struct bytes text, struct peer_trust *ret);
bool peer_trusted(const struct peer_trust *trust, const uint8_t address[static PEER_LEN]);
void peer_of_socket(const struct sockaddr *from, uint8_t ret_address[static PEER_LEN]);
/* An IPv4 or IPv6 address, in brackets and with a port or without. ERR_MALFORMED. */
must_check enum err peer_parse(struct bytes text, uint8_t ret_address[static PEER_LEN]);
/* @peer came over the socket; @forwarded_for and @forwarded_proto are all lines of these headers in
 * order, joined by commas. Changes nothing unless @peer is a trusted proxy. */
void peer_resolve(const struct peer_trust *trust, struct bytes forwarded_for,
		  struct bytes forwarded_proto, struct peer *peer);
