/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * listen - the addresses a daemon accepts on: "127.0.0.1:7070", "[::1]:7070".
 * Numbers only: what a name means may change between the check for loopback
 * and the bind.
 */

#include <sys/socket.h>

#include "base/bytes.h"

struct listen_address {
	struct sockaddr_storage to;
	socklen_t n;
};

/* ERR_MALFORMED. */
must_check enum err listen_parse(struct bytes text, struct listen_address *ret);
bool listen_loopback(const struct listen_address *address);
uint16_t listen_port(const struct listen_address *address);
/* A listening, non-blocking socket. ERR_EXISTS (the address is in use), ERR_NOT_FOUND (it is not
 * one of this machine), ERR_DENIED, FAULT_SYSTEM. */
must_check enum err listen_open(const struct listen_address *address, int *ret);
/* A listening local socket at @path, mode 0600, in place of one that was left there.
 * ERR_TOO_LARGE (the path is too long for one), FAULT_SYSTEM. */
must_check enum err listen_open_local(const char *path, int *ret);
