/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* reader - one compilation: where to complain, what may be named, and the small values that several
 * parts of the file share. */

#include "core/policy/policy.h"

enum { READER_VALUES_MAX = POLICY_VALUES_MAX };

struct reader {
	const struct yaml *yaml;
	struct complaint *complaint;
	const struct policy_terms *terms;
	struct bytes service; /* whose rules are being read */
};

#define REFUSE(r, node, ...) yaml_complain((r)->yaml, node, (r)->complaint, __VA_ARGS__)

/* Refuses the first key of the map @node that is not in @names, and anything but a map. */
must_check enum err reader_keys(const struct reader *r, const struct yaml_node *node,
				const char *const *names, size_t count);
/* Refuses a name that nobody has. */
must_check enum err reader_known(const struct reader *r, const struct yaml_node *node,
				 enum policy_name what, struct bytes name);
must_check enum err reader_effect(const struct reader *r, const struct yaml_node *node,
				  enum policy_effect *ret);
/* "30m", "4h", "7d": at most ten years. */
bool reader_duration(struct bytes text, usec_t *ret);
/* "issues.get" or "issues.*", of which @ret_name is "issues." */
bool reader_pattern(struct bytes text, bool *ret_prefix, struct bytes *ret_name);
/* A JSON pointer (RFC 6901) to a part: a tilde is followed by 0 or 1. */
bool reader_pointer(struct bytes text);
/* How many children a list or map has. */
size_t reader_count(const struct yaml_node *node);
