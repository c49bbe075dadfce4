/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * boot - the first message to each child: its keys and, of the configuration,
 * what it needs to know and no more. The certificate and its key are read now
 * and travel as bytes, since gate opens no file.
 *
 *   gate     tls.certificate, tls.key (PEM), behind_proxy, limits.connections, limits.per_source
 *   core     issuer, egress.allow, sandbox.seccomp, sandbox.landlock, sandbox.memfd_secret
 *   courier  egress.allow, egress.resolvers (each item ends with a newline), egress.ca_file (path)
 *   keeper   none
 */

#include "base/dynbuf.h"
#include "base/secret.h"
#include "ipc/ipc.h"
#include "parent/config.h"
#include "sys/sandbox.h"

enum { BOOT_MAX = 400 * 1024, BOOT_FILE_MAX = IPC_SETTING_MAX };

struct boot_facts {
	const struct config *config;
	const char *issuer, *data; /* the data directory, absolute */
	const struct secret *gate_key, *courier_key;
	struct sandbox_facts sandbox;
};

/* Prints the frame; it holds secrets, so wipe @out after sending. On failure *ret_file is the path
 * that could not be read, or NULL. ERR_NOT_FOUND, ERR_DENIED, ERR_TOO_LARGE, FAULT_SYSTEM. */
must_check enum err boot_print(const struct boot_facts *facts, enum role role, struct dynbuf *out,
			       const char **ret_file);
/* Whether the files that @role is sent can be read now. */
must_check enum err boot_check(const struct boot_facts *facts, enum role role,
			       const char **ret_file);
