/* SPDX-License-Identifier: Apache-2.0 */
#include "parent/config.h"

#include <stdio.h>

#include "sys/file.h"

enum config_type {
	CONFIG_TYPE_TEXT,
	CONFIG_TYPE_PATH,
	CONFIG_TYPE_LIST,
	CONFIG_TYPE_BOOL,
	CONFIG_TYPE_NUMBER,
	CONFIG_TYPE_LEVEL,
};

static const struct config_row {
	const char *name;
	enum config_type type;
	const char *otherwise, *form, *says;
} rows[] = {
#define CONFIG(id, name, type, otherwise, form, says)                                              \
	{ name, CONFIG_TYPE_##type, otherwise, form, says },
#include "parent/config.def"
#undef CONFIG
};

static const char *const levels[] = { "debug", "info", "warn", "error" };

void config_done(struct config *config)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++)
		buf_free(&config->values[i]);
}

bool config_has(const struct config *config, enum config_key key)
{
	return config->values[key] != NULL;
}

struct bytes config_text(const struct config *config, enum config_key key)
{
	return buf_bytes(config->values[key]);
}

bool config_true(const struct config *config, enum config_key key)
{
	return bytes_is(config_text(config, key), "true");
}

static bool level_find(struct bytes text, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (bytes_is(text, levels[i])) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}

enum log_level config_log_level(const struct config *config)
{
	enum log_level level = LOG_INFO;

	(void)level_find(config_text(config, CONFIG_LOG_LEVEL), &level);
	return level;
}

struct bytes config_item(struct bytes *rest)
{
	return rest->n == 0 ? (struct bytes){ NULL, 0 } : bytes_cut(rest, '\n');
}

static bool printable(struct bytes value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 0x20 || value.p[i] == 0x7f)
			return false;
	return value.n > 0;
}

/* Why @value is none of @type, or NULL. */
static const char *wrong(enum config_type type, struct bytes value)
{
	enum log_level level;
	uint64_t number;

	if (!printable(value))
		return "must not be empty or hold control characters";
	if (type == CONFIG_TYPE_BOOL && !bytes_is(value, "true") && !bytes_is(value, "false"))
		return "must be true or false";
	if (type == CONFIG_TYPE_NUMBER && (bytes_u64(value, 1000000, &number) != OK || number == 0))
		return "must be a number from 1 to 1000000";
	if (type == CONFIG_TYPE_LEVEL && !level_find(value, &level))
		return "must be debug, info, warn or error";
	return NULL;
}

enum err config_add(struct config *config, enum config_key key, struct bytes item)
{
	const struct bytes old = config_text(config, key);
	struct buf *joined;

	TRY(buf_new(old.n + item.n + 1, &joined));
	uint8_t *end = put(put(joined->p, old.p, old.n), item.p, item.n);
	*end = '\n';
	buf_free(&config->values[key]);
	config->values[key] = joined;
	return OK;
}

enum err config_set(struct config *config, enum config_key key, struct bytes value)
{
	if (wrong(rows[key].type, value) != NULL)
		return ERR_MALFORMED;
	buf_free(&config->values[key]);
	return rows[key].type == CONFIG_TYPE_LIST ? config_add(config, key, value)
						  : buf_dup(value, &config->values[key]);
}

struct load {
	struct config *config;
	const struct yaml *yaml;
	struct complaint *complaint;
};

static enum err load_list(const struct load *load, size_t row, const struct yaml_node *node)
{
	unsigned count = 0;

	if (node->kind != YAML_LIST)
		return yaml_complain(load->yaml, node, load->complaint, "%s is a list: [%s, ...]",
				     rows[row].name, rows[row].form);
	TRY(buf_new(0, &load->config->values[row]));
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
		if (item->kind != YAML_SCALAR || wrong(CONFIG_TYPE_LIST, item->text) != NULL)
			return yaml_complain(load->yaml, item, load->complaint,
					     "an item of %s must be %s", rows[row].name,
					     rows[row].form);
		if (++count > CONFIG_ITEMS_MAX)
			return yaml_complain(load->yaml, item, load->complaint,
					     "%s has more than %d items", rows[row].name,
					     CONFIG_ITEMS_MAX);
		TRY(config_add(load->config, (enum config_key)row, item->text));
	}
	return OK;
}

static enum err load_value(const struct load *load, size_t row, const struct yaml_node *node)
{
	buf_free(&load->config->values[row]);
	if (rows[row].type == CONFIG_TYPE_LIST)
		return load_list(load, row, node);
	if (node->kind != YAML_SCALAR)
		return yaml_complain(load->yaml, node, load->complaint, "%s must be %s",
				     rows[row].name, rows[row].form);
	const char *why = wrong(rows[row].type, node->text);
	if (why != NULL)
		return yaml_complain(load->yaml, node, load->complaint, "%s %s", rows[row].name,
				     why);
	return buf_dup(node->text, &load->config->values[row]);
}

/* @prefix: "tls." for what stands beneath tls. */
static enum err load_map(const struct load *load, const struct yaml_node *map, const char *prefix)
{
	char name[64];

	for (const struct yaml_node *node = map->first; node != NULL; node = node->next) {
		size_t row = 0;
		bool beneath = false;
		const int n = snprintf(name, sizeof name, "%s%.*s", prefix, (int)node->name.n,
				       (const char *)node->name.p);
		for (; row < CONFIG_COUNT; row++) {
			if (strcmp(rows[row].name, name) == 0)
				break;
			beneath |= n > 0 && strncmp(rows[row].name, name, (size_t)n) == 0 &&
				   rows[row].name[n] == '.';
		}
		if (row < CONFIG_COUNT) {
			TRY(load_value(load, row, node));
			continue;
		}
		if (!beneath || node->kind != YAML_MAP || *prefix != 0)
			return yaml_complain(load->yaml, node, load->complaint,
					     beneath ? "%s holds keys beneath it"
						     : "unknown key %s; 'valetkey serve "
						       "--help-config' lists those there are",
					     name);
		snprintf(name, sizeof name, "%.*s.", (int)node->name.n, (const char *)node->name.p);
		TRY(load_map(load, node, name));
	}
	return OK;
}

enum err config_parse(struct config *config, struct bytes text, const char *name,
		      struct complaint *complaint)
{
	scoped(yaml_free) struct yaml *yaml = NULL;

	TRY(yaml_parse(text, name, complaint, &yaml));
	const struct yaml_node *root = yaml_root(yaml);
	if (root == NULL || root->kind == YAML_NULL)
		return OK; /* all is left as it is */
	if (root->kind != YAML_MAP)
		return yaml_complain(yaml, root, complaint, "the file must be keys and values");
	const struct load load = { .config = config, .yaml = yaml, .complaint = complaint };
	return load_map(&load, root, "");
}

enum err config_load(struct config *config, const char *path, struct complaint *complaint)
{
	scoped(buf_free) struct buf *text = NULL;

	const enum err err = file_read_path(path, CONFIG_FILE_MAX, &text);
	if (err != OK) {
		snprintf(complaint->text, sizeof complaint->text, "%s: %s", path,
			 err == ERR_NOT_FOUND	? "there is no such file"
			 : err == ERR_DENIED	? "the file may not be read"
			 : err == ERR_TOO_LARGE ? "the file is larger than 256 KiB"
						: "the file cannot be read");
		return ERR_MALFORMED;
	}
	return config_parse(config, buf_bytes(text), path, complaint);
}

void config_help(struct dynbuf *out)
{
	dynbuf_str(out, "The configuration is one YAML file. A key with a dot stands beneath its "
			"first part:\n\n  tls:\n    certificate: FILE\n\nKeys:\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		dynbuf_printf(out, "\n  %s: %s%s%s\n      %s\n      without it: %s\n", rows[i].name,
			      rows[i].type == CONFIG_TYPE_LIST ? "[" : "", rows[i].form,
			      rows[i].type == CONFIG_TYPE_LIST ? ", ...]" : "", rows[i].says,
			      rows[i].otherwise);
}
