/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * names - host names to addresses (A and AAAA) over c-ares, on the loop. Only
 * DNS is asked: no hosts file, no search list, no aliases of the environment.
 * "localhost" is 127.0.0.1 and ::1 (RFC 6761 6.3) and never leaves the machine.
 */

#include <sys/socket.h>

#include "base/bytes.h"
#include "sys/loop.h"

enum { NAMES_FOUND_MAX = 16 };

struct names;
struct names_query;

/* @count 0: none. Called once, possibly before names_find() returns. */
typedef void (*names_fn)(void *ctx, const struct sockaddr_storage *found, size_t count);

/* @servers: "192.0.2.1:53,[2001:db8::1]"; NULL or "": those of resolv.conf, read now. FAULT_NOMEM,
 * FAULT_SYSTEM (also for servers that cannot be parsed). */
must_check enum err names_new(struct loop *loop, const char *servers, struct names **ret);
/* Outstanding queries end without being told. */
void names_free(struct names **namesp);
/* *@ret is there until the answer has come or it is forgotten. FAULT_NOMEM. */
must_check enum err names_find(struct names *names, const char *host, names_fn fn, void *ctx,
			       struct names_query **ret);
/* The answer is not wanted any more. */
void names_forget(struct names_query **queryp);

/* Addresses written as such, and localhost: answers how many, 0 for a name that has to be asked
 * for. */
size_t names_literal(const char *host, struct sockaddr_storage found[static NAMES_FOUND_MAX]);
