/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/path.h"

#include <stdio.h>

const json_t *path_find(const json_t *from, struct bytes path)
{
	const json_t *at = path.n > 0 ? from : NULL;
	char name[256];
	uint64_t index;

	while (at != NULL && path.n > 0) {
		const struct bytes part = bytes_cut(&path, '.');
		if (json_is_array(at))
			at = bytes_u64(part, 1000, &index) == OK ? json_array_get(at, index) : NULL;
		else
			at = bytes_str(part, name, sizeof name) == OK ? json_object_get(at, name)
								      : NULL;
	}
	return at;
}

const json_t *path_error(const struct service_errors *errors, const json_t *body)
{
	for (size_t i = 0; i < errors->member_n; i++) {
		const json_t *word = path_find(body, errors->member[i]);
		if (json_is_string(word))
			return word;
	}
	return NULL;
}

bool path_text(const json_t *from, struct bytes path, char *to, size_t size)
{
	const json_t *value = path_find(from, path);
	char number[24];
	struct bytes text;

	if (json_is_integer(value)) {
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		text = str(number);
	} else if (json_is_string(value)) {
		text = (struct bytes){ (const uint8_t *)json_string_value(value),
				       json_string_length(value) };
	} else {
		return false;
	}
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			return false;
	return text.n > 0 && bytes_str(text, to, size) == OK;
}
