/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * supervise - the parent while the daemon runs: children, their streams, their
 * ends and new beginnings.
 *
 * gate and courier start again alone and core is handed a new stream. core and
 * keeper start again together. Whoever ends soon after it began waits before
 * the next try, twice as long each time. SIGTERM and SIGINT: gate finishes what
 * is under way (30 s at most), then core and courier, then keeper. SIGHUP: gate
 * alone, with the certificate as it is on disk now.
 */

#include "parent/boot.h"
#include "parent/place.h"

enum { SUPERVISE_LISTENERS_MAX = 16 };

struct supervise_plan {
	struct boot_facts boot;
	const struct place *place;
	const char *key_file; /* "": keeper waits for the operator */
	int witness;	      /* the directory, or -1 */
	int listeners[SUPERVISE_LISTENERS_MAX];
	size_t listeners_n;
	int unseal;
	const char *sandbox_listen; /* demo: where the sandbox provider serves; else NULL */
	const char *const *greeter; /* demo: words of a process to start then; else NULL */
	void (*serving)(void *ctx); /* called once, when all children are ready */
	void *ctx;
};

/* Runs until told to end. Answers the exit status. */
int supervise(const struct supervise_plan *plan);
