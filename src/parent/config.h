/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * config - the operator's settings: what a YAML file says, what the command
 * line says over it, and what holds where neither says anything. The keys are
 * the rows of config.def, which also print --help-config. A key that is no row
 * and a value of another type are refused with file, line and reason.
 */

#include "base/dynbuf.h"
#include "base/log.h"
#include "codec/yaml.h"

enum { CONFIG_FILE_MAX = 256 * 1024, CONFIG_ITEMS_MAX = 256 };

enum config_key {
#define CONFIG(id, name, type, otherwise, form, says) CONFIG_##id,
#include "parent/config.def"
#undef CONFIG
	CONFIG_COUNT
};

struct config {
	struct buf *values[CONFIG_COUNT]; /* NULL: not said; items of a list end with a newline */
};

void config_done(struct config *config);
/* Adds what the file at @path says. ERR_MALFORMED; @complaint is then filled. */
must_check enum err config_load(struct config *config, const char *path,
				struct complaint *complaint);
/* The same for a text that is here already; @name stands in complaints. */
must_check enum err config_parse(struct config *config, struct bytes text, const char *name,
				 struct complaint *complaint);
/* What the command line says, in place of what the file said; one item of a list. ERR_MALFORMED. */
must_check enum err config_set(struct config *config, enum config_key key, struct bytes value);
/* Adds an item to a list. FAULT_NOMEM. */
must_check enum err config_add(struct config *config, enum config_key key, struct bytes item);

bool config_has(const struct config *config, enum config_key key);
/* Empty where it was not said. */
struct bytes config_text(const struct config *config, enum config_key key);
bool config_true(const struct config *config, enum config_key key);
enum log_level config_log_level(const struct config *config);
/* The next item of a list; @rest begins as config_text(). Nothing left: p = NULL. */
struct bytes config_item(struct bytes *rest);

/* The table as text for people. */
void config_help(struct dynbuf *out);
