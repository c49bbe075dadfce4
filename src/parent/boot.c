/* SPDX-License-Identifier: Apache-2.0 */
#include "parent/boot.h"

#include <limits.h>
#include <stdio.h>

#include "sys/file.h"
#include "sys/route.h"

struct boot {
	const struct boot_facts *facts;
	struct dynbuf *settings;
	char *file; /* the path that is being read; PATH_MAX */
};

static void add_setting(struct dynbuf *settings, const char *name, struct bytes value)
{
	const struct ipc_setting setting = { .name = str(name), .value = value };

	if (value.n > 0)
		IPC_LIST_ADD(settings, setting, &setting);
}

static enum err add_file(const struct boot *boot, const char *name, struct bytes path)
{
	scoped(buf_free) struct buf *content = NULL;

	if (path.n == 0)
		return OK;
	TRY(bytes_str(path, boot->file, PATH_MAX));
	TRY(file_read_path(boot->file, BOOT_FILE_MAX, &content));
	add_setting(boot->settings, name, buf_bytes(content));
	wipe(content->p, content->n);
	return OK;
}

static enum err add_list(const struct boot *boot, const char *name, struct bytes items)
{
	struct dynbuf joined;
	struct bytes item;

	dynbuf_init(&joined, CONFIG_FILE_MAX);
	while ((item = config_item(&items)).p != NULL) {
		if (joined.n > 0)
			dynbuf_u8(&joined, ',');
		dynbuf_bytes(&joined, item);
	}
	const enum err err = dynbuf_err(&joined);
	add_setting(boot->settings, name, dynbuf_view(&joined));
	dynbuf_done(&joined);
	return err;
}

static enum err boot_gate(const struct boot *boot)
{
	const struct config *config = boot->facts->config;

	TRY(add_file(boot, "tls.certificate", config_text(config, CONFIG_TLS_CERTIFICATE)));
	TRY(add_file(boot, "tls.key", config_text(config, CONFIG_TLS_KEY)));
	add_setting(boot->settings, "limits.connections",
		    config_text(config, CONFIG_LIMITS_CONNECTIONS));
	add_setting(boot->settings, "limits.per_source",
		    config_text(config, CONFIG_LIMITS_PER_SOURCE));
	if (config_text(config, CONFIG_TRUSTED_PROXIES).n > 0)
		return add_list(boot, "behind_proxy", config_text(config, CONFIG_TRUSTED_PROXIES));
	add_setting(boot->settings, "behind_proxy", config_text(config, CONFIG_BEHIND_PROXY));
	return OK;
}

static struct bytes config_or(const struct config *config, enum config_key key,
			      const char *otherwise)
{
	return config_has(config, key) ? config_text(config, key) : str(otherwise);
}

static enum err boot_core(const struct boot *boot)
{
	const struct config *config = boot->facts->config;
	const struct sandbox_facts *sandbox = &boot->facts->sandbox;
	char landlock[16];

	snprintf(landlock, sizeof landlock, "%u", sandbox->landlock);
	add_setting(boot->settings, "issuer", str(boot->facts->issuer));
	add_setting(boot->settings, "data", str(boot->facts->data));
	add_setting(boot->settings, "egress.allow",
		    config_text(boot->facts->config, CONFIG_EGRESS_ALLOW));
	add_setting(boot->settings, "authserver.registration",
		    config_or(config, CONFIG_AUTHSERVER_REGISTRATION, "true"));
	add_setting(
		boot->settings, "authserver.client_metadata_documents",
		config_or(config, CONFIG_AUTHSERVER_DOCUMENTS, route_exists() ? "true" : "false"));
	add_setting(boot->settings, "authserver.dpop_nonce",
		    config_or(config, CONFIG_AUTHSERVER_DPOP_NONCE, "false"));
	add_setting(boot->settings, "sandbox.seccomp", str(sandbox->seccomp ? "true" : "false"));
	add_setting(boot->settings, "sandbox.landlock", str(landlock));
	add_setting(boot->settings, "sandbox.memfd_secret",
		    str(sandbox->memfd_secret ? "true" : "false"));
	return OK;
}

/* Courier reads the authorities and the system's own settings before it enters its sandbox. */
static enum err boot_courier(const struct boot *boot)
{
	const struct config *config = boot->facts->config;

	add_setting(boot->settings, "egress.allow", config_text(config, CONFIG_EGRESS_ALLOW));
	add_setting(boot->settings, "egress.ca_file", config_text(config, CONFIG_EGRESS_CA_FILE));
	add_setting(boot->settings, "egress.resolvers",
		    config_text(config, CONFIG_EGRESS_RESOLVERS));
	return OK;
}

static enum err boot_settings(const struct boot *boot, enum role role)
{
	switch (role) {
	case ROLE_GATE:
		return boot_gate(boot);
	case ROLE_CORE:
		return boot_core(boot);
	case ROLE_COURIER:
		return boot_courier(boot);
	case ROLE_KEEPER:
		return OK;
	case ROLE_PARENT:
	case ROLE_COUNT:
		break;
	}
	return FAULT_BUG;
}

static void wiped_done(struct dynbuf *d)
{
	if (d->p != NULL)
		wipe(d->p, d->room);
	dynbuf_done(d);
}

/* A buffer that grew would leave a copy of a key behind. */
static void reserve(struct dynbuf *d, size_t n)
{
	(void)dynbuf_grow(d, n);
	d->n = 0;
}

static void key_copy(uint8_t to[static HASH_LEN], const struct secret *key)
{
	memcpy(to, secret_bytes(key).p, HASH_LEN);
}

enum err boot_print(const struct boot_facts *facts, enum role role, struct dynbuf *out,
		    const char **ret_file)
{
	static char file[PATH_MAX]; /* outlives the call for whoever complains */
	scoped(wiped_done) struct dynbuf settings = { 0 };
	const struct boot boot = { .facts = facts, .settings = &settings, .file = file };
	struct ipc_boot message = { .role = (uint8_t)role,
				    .log_level = (uint8_t)config_log_level(facts->config) };

	file[0] = 0;
	dynbuf_init(&settings, BOOT_MAX);
	reserve(&settings, BOOT_MAX);
	reserve(out, out->max);
	enum err err = boot_settings(&boot, role);
	if (err == OK)
		err = dynbuf_err(&settings);
	if (err != OK) {
		*ret_file = file[0] != 0 ? file : NULL;
		return err;
	}
	if (role == ROLE_GATE || role == ROLE_KEEPER)
		key_copy(message.gate_key, facts->gate_key);
	if (role == ROLE_COURIER || role == ROLE_KEEPER)
		key_copy(message.courier_key, facts->courier_key);
	message.settings = dynbuf_view(&settings);
	FRAME_PUT(out, 0, boot, &message);
	wipe(&message, sizeof message);
	*ret_file = NULL;
	return dynbuf_err(out);
}

enum err boot_check(const struct boot_facts *facts, enum role role, const char **ret_file)
{
	scoped(wiped_done) struct dynbuf out = { 0 };

	dynbuf_init(&out, BOOT_MAX + 1024);
	return boot_print(facts, role, &out, ret_file);
}
