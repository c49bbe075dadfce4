/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/graphql_request.h"

/* Names of operations and fields are parts of the text, and a comment behind a document changes
 * nothing. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct bytes text, struct bytes name)
{
	if (name.n == 0)
		return;
	if (name.p < text.p || name.p + name.n > text.p + text.n)
		abort();
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '_' && (name.p[i] | 0x20) < 'a' && name.p[i] < '0')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct graphql graphql, again;
	static struct graphql_facts facts;
	const struct bytes text = { data, size };
	struct buf *copy = NULL;

	graphql_facts_init(&facts);
	if (graphql_request_json(text, &facts) != OK)
		abort();
	graphql_facts_done(&facts);
	if (graphql_parse(text, &graphql) != OK)
		return 0;
	for (size_t i = 0; i < graphql.operations_n; i++) {
		check_name(text, graphql.operations[i].name);
		for (size_t k = 0; k < graphql.operations[i].fields_n; k++)
			check_name(text, graphql.operations[i].fields[k]);
	}
	if (buf_new(size + 3, &copy) != OK)
		return 0;
	put(put(copy->p, data, size), "\n#}", 3);
	if (graphql_parse(buf_bytes(copy), &again) != OK ||
	    again.operations_n != graphql.operations_n)
		abort();
	buf_free(&copy);
	return 0;
}
