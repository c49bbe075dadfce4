/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t walk(const struct yaml_node *node, unsigned depth)
{
	size_t count = 1;

	if (depth > YAML_DEPTH_MAX)
		abort();
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		count += walk(child, depth + 1);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct complaint complaint = { 0 };
	struct yaml *yaml = NULL;

	const enum err err = yaml_parse((struct bytes){ p, n }, "fuzz", &complaint, &yaml);
	if (err == OK && walk(yaml_root(yaml), 0) > YAML_NODES_MAX)
		abort();
	if (err > OK && complaint.text[0] == 0)
		abort();
	yaml_free(&yaml);
	return 0;
}
