/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/places.h"

static void *as_value(uint64_t n)
{
	return (void *)(uintptr_t)n; /* the map holds numbers, not pointers */
}

enum err place_take(struct flow *flow, struct id vault, size_t bytes, struct place *place)
{
	const uint64_t half = get_u64(vault.b + 8), key = half == 0 ? 1 : half;
	const uintptr_t n = (uintptr_t)map_find(&flow->proxying, key);

	if (n >= PLACES_OF_VAULT_MAX || flow->proxy_bytes + bytes > PLACES_BODIES_MAX ||
	    map_put(&flow->proxying, key, as_value(n + 1)) != OK)
		return ERR_OVERLOADED;
	*place = (struct place){ key, bytes };
	flow->proxy_bytes += bytes;
	return OK;
}

void place_leave(struct flow *flow, struct place *place)
{
	const uintptr_t n = (uintptr_t)map_find(&flow->proxying, place->key);

	flow->proxy_bytes -= place->bytes;
	/* Replacing what is there cannot fail. */
	if (place->key != 0 &&
	    (n <= 1 || map_put(&flow->proxying, place->key, as_value(n - 1)) != OK))
		(void)map_del(&flow->proxying, place->key);
	*place = (struct place){ 0 };
}
