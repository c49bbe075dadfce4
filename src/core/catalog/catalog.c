/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/catalog.h"

#include "codec/uri.h"
#include "core/catalog/builtin.h"

static const char origin_place[] = "{origin}";

static bool find(const struct builtin *table, size_t n, struct bytes id, struct bytes *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (!bytes_is(id, table[i].id))
			continue;
		*ret = (struct bytes){ (const uint8_t *)table[i].text, table[i].n };
		return true;
	}
	return false;
}

bool catalog_find(struct bytes id, struct bytes *ret_yaml)
{
	return find(builtin_services, builtin_services_n, id, ret_yaml);
}

const char *catalog_at(size_t n)
{
	return n < builtin_services_n ? builtin_services[n].id : NULL;
}

bool catalog_sandbox_find(struct bytes id, struct bytes *ret_template)
{
	return find(builtin_sandbox, builtin_sandbox_n, id, ret_template);
}

const char *catalog_sandbox_at(size_t n)
{
	return n < builtin_sandbox_n ? builtin_sandbox[n].id : NULL;
}

enum err catalog_sandbox_print(struct bytes template, struct bytes origin, struct dynbuf *out)
{
	struct uri uri;

	if (uri_parse(origin, &uri) != OK || uri.origin.n != origin.n)
		return ERR_MALFORMED;
	while (template.n > 0) {
		const uint8_t *at =
			memmem(template.p, template.n, origin_place, sizeof origin_place - 1);
		const size_t n = at == NULL ? template.n : (size_t)(at - template.p);
		const size_t behind = at == NULL ? n : n + sizeof origin_place - 1;

		dynbuf_put(out, template.p, n);
		if (at != NULL)
			dynbuf_bytes(out, origin);
		template.p += behind;
		template.n -= behind;
	}
	return dynbuf_err(out);
}
