/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * reader - from YAML nodes to fields of a struct by tables of keys. Inside
 * catalog only. Every function answers ERR_MALFORMED with the complaint filled.
 */

#include "core/catalog/service.h"

struct reader {
	const struct yaml *yaml;
	struct complaint *complaint;
};

#define READER_REFUSE(r, node, ...) yaml_complain((r)->yaml, node, (r)->complaint, __VA_ARGS__)

struct reader_key;
typedef enum err (*reader_fn)(const struct reader *r, const struct yaml_node *node,
			      const struct reader_key *key, void *to);

/* One key of a map: how it is read and where it goes. */
struct reader_key {
	const char *name;
	reader_fn read;
	size_t at;
	bool required;
	const void *more; /* what the function needs besides */
};

/* Reads a map: no unknown key, every required one there. @to is the struct that `at` counts in. */
must_check enum err reader_map(const struct reader *r, const struct yaml_node *node,
			       const struct reader_key *keys, size_t count, void *to);

/* Words of an enumeration, from the value 1. */
struct reader_words {
	size_t n;
	const char *const *words;
};
must_check enum err reader_enum(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);

/* struct bytes: 1 to 500 characters in one line. */
must_check enum err reader_text(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* struct bytes: an address without variables. */
must_check enum err reader_url(const struct reader *r, const struct yaml_node *node,
			       const struct reader_key *key, void *to);
/* struct bytes: an address that may hold {variables} (address.h). */
must_check enum err reader_template(const struct reader *r, const struct yaml_node *node,
				    const struct reader_key *key, void *to);
/* struct bytes: a dotted path into JSON. */
must_check enum err reader_path(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* struct bytes: a name of a parameter or member: A-Z a-z 0-9 _ . - */
must_check enum err reader_name(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* Whether @text is such a name. */
bool reader_name_ok(struct bytes text);
/* struct service_words: a list of short texts without spaces. */
must_check enum err reader_list(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* struct service_pairs of a request; `more` is a struct reader_words of names that are ours to set.
 */
must_check enum err reader_pairs(const struct reader *r, const struct yaml_node *node,
				 const struct reader_key *key, void *to);
/* struct service_pairs of request headers. */
must_check enum err reader_headers(const struct reader *r, const struct yaml_node *node,
				   const struct reader_key *key, void *to);
/* bool: plain true or false. */
must_check enum err reader_bool(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* uint32_t: 1 second to ten years. */
must_check enum err reader_seconds(const struct reader *r, const struct yaml_node *node,
				   const struct reader_key *key, void *to);

/* Calls @fn for each {name} in @text. ERR_MALFORMED without a complaint: a brace that is no place.
 */
typedef enum err (*reader_place_fn)(void *ctx, struct bytes name);
must_check enum err reader_places(struct bytes text, reader_place_fn fn, void *ctx);
/* Whether the address may be called: https, or http to this machine. */
bool reader_url_ok(struct bytes text);
