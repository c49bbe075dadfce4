/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * yaml - a YAML 1.2 core-schema document over libyaml as a tree that remembers
 * its lines, for configuration, catalogue and policy files. Bounded; anchors,
 * aliases, tags, several documents and duplicate keys are refused.
 */

#include "base/dynbuf.h"

enum {
	YAML_TEXT_MAX = 1024 * 1024,
	YAML_DEPTH_MAX = 32,
	YAML_NODES_MAX = 50000,
	YAML_MAP_MAX = 2000, /* keys of one map */
};

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	unsigned line;			/* from 1 */
	bool quoted;			/* a scalar in quotes is always a string; also | and > */
	struct bytes name;		/* key, where the parent is a map */
	struct bytes text;		/* of a scalar */
	struct yaml_node *first, *next; /* children in order; siblings */
};

struct yaml; /* owns the tree */

/* What is wrong with a file, for a person: "FILE:LINE: reason". */
struct complaint {
	char text[512];
};

/* @file names the source in complaints. ERR_MALFORMED, ERR_TOO_LARGE; @complaint is then filled. */
must_check enum err yaml_parse(struct bytes text, const char *file, struct complaint *complaint,
			       struct yaml **ret);
/* Hidden: libyaml calls a function of its own by this name, and would find this one. */
__attribute__((visibility("hidden"))) void yaml_free(struct yaml **yamlp);
const struct yaml_node *yaml_root(const struct yaml *yaml);
const char *yaml_file(const struct yaml *yaml);
/* NULL if absent or @node is no map. */
const struct yaml_node *yaml_find(const struct yaml_node *node, const char *name);
/* Fills @complaint with the file, the node's line and the reason; answers ERR_MALFORMED. */
enum err yaml_complain(const struct yaml *yaml, const struct yaml_node *node,
		       struct complaint *complaint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What a scalar means here; false if it is of another kind. `~`, `null` and nothing are YAML_NULL
 * and none of these. */
bool yaml_bool(const struct yaml_node *node, bool *ret);   /* plain true or false */
bool yaml_int(const struct yaml_node *node, int64_t *ret); /* plain decimal, no leading zeros */
bool yaml_str(const struct yaml_node *node, struct bytes *ret); /* any other scalar, as written */

/* The first key of the map @node that is not in @names, or NULL. */
const struct yaml_node *yaml_unknown(const struct yaml_node *node, const char *const *names,
				     size_t count);
