/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdlib.h>

#include "courier/guard.h"

/* Any URL: without exceptions, what is not refused is https to port 443. Any address: one that is
 * not in 2000::/3 is refused, and one that carries a metadata address is refused also by an
 * exception. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(struct bytes text)
{
	static const struct guard strict;
	struct guard excepted = { 0 };
	struct uri uri;

	err_ignore(guard_allow(&excepted, text));
	if (uri_parse(text, &uri) != OK)
		return;
	if (guard_url(&strict, &uri) == OK && (!uri.https || uri.port != 443))
		abort();
}

static void check_address(const uint8_t *raw)
{
	static const struct guard strict;
	struct guard excepted = { 0 };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_storage storage = { 0 };
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	static const uint8_t metadata[4] = { 169, 254, 169, 254 };

	if (guard_allow(&excepted, str("a:1")) != OK)
		abort();
	memcpy(&in6.sin6_addr, raw, 16);
	memcpy(&storage, &in6, sizeof in6);
	const struct sockaddr *address = (const struct sockaddr *)&storage;
	if (guard_address(&strict, str("a"), 1, address) && (raw[0] & 0xe0) != 0x20)
		abort();
	if (memcmp(raw, mapped, 12) == 0 && memcmp(raw + 12, metadata, 4) == 0 &&
	    guard_address(&excepted, str("a"), 1, address))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_url((struct bytes){ data, size });
	if (size >= 16)
		check_address(data);
	return 0;
}
