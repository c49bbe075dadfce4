/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * sandbox - what a process may still do, taken once and never given back.
 *
 * One row a process (DESIGN 3). Entering sets no-new-privs, drops every
 * capability, forbids core files and being traced by equals, binds file access
 * to the directories handed over (Landlock, where the kernel has it) and
 * leaves only the system calls of the row (seccomp; without it nothing runs).
 * A call outside the row ends the process; the look-ups that libraries make by
 * habit (open, stat, access) find nothing instead, where a row has no files.
 *
 * The sanitized build adds the calls of the named list `sanitizer_calls`,
 * because its runtime reads /proc.
 */
struct sandbox;

extern const struct sandbox sandbox_gate;    /* accept, read, write */
extern const struct sandbox sandbox_core;    /* files under own and log (read); threads */
extern const struct sandbox sandbox_keeper;  /* files under own, log, witness; accept; no socket */
extern const struct sandbox sandbox_courier; /* internet sockets outward; no files */

/* The directories of a row, -1 where it has none. */
struct sandbox_dirs {
	int own, log;
	int witness; /* with the rights of log */
};

/* To be called while the process has one thread. FAULT_SYSTEM: end the process. */
must_check enum err sandbox_enter(const struct sandbox *row, struct sandbox_dirs dirs);

/* What this kernel offers, for doctor and /readyz; ask before entering. */
struct sandbox_facts {
	bool seccomp;
	unsigned landlock; /* version of its interface, 0: not there */
	bool memfd_secret;
};
void sandbox_look(struct sandbox_facts *ret);
