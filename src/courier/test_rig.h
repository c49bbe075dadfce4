/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The real process, in its sandbox, and what stands around it in a test: a
 * parent, a core and a keeper.
 */

#include <sys/types.h>

#include "ipc/capsule.h"

struct rig {
	pid_t pid;
	int control, core;
	uint8_t key[32];
	struct capsule_sender keeper_out;
	struct capsule_receiver keeper_in;
	uint64_t frame_id;
	struct dynbuf in, shown; /* what came; the frame that was taken last */
};

/* To courier's control socket; @fd -1: none. */
void rig_control(const struct rig *r, const struct dynbuf *frame, int fd);

/* A new stream to core, in place of the last. */
void rig_core(struct rig *r);

/* Starts it and waits until it is ready. @not_its: descriptors that the child must not inherit. */
void rig_open(struct rig *r, const char *allow, const char *ca_file, const int *not_its,
	      size_t not_its_count);

/* Goes away as its parent; answers its status as of waitpid(2). */
int rig_close(struct rig *r);

/* The next frame from courier, or false after @ms without one. */
bool rig_wait(struct rig *r, int ms, struct frame *frame, struct ipc_courier_answer *answer);

/* The answer to the last call. */
void rig_answer(struct rig *r, struct ipc_courier_answer *answer);

void rig_call(struct rig *r, const struct ipc_courier_call *call);

void rig_ack(struct rig *r, struct id attempt);

/* What keeper does: a capsule for this very call. */
void rig_seal(struct rig *r, const struct ipc_courier_call *call, const char *hosts,
	      const char *secret, struct dynbuf *capsule);

/* Lists with one placement, and with one or two (@second NULL) cuts. */
struct bytes rig_placement(struct dynbuf *list, uint8_t how, const char *name, const char *user);

struct bytes rig_cuts(struct dynbuf *list, const char *first, const char *second);

/* Not without root, for it is not dumpable; not sanitized, whose shadow memory is terabytes. */
bool rig_can_look(void);

/* Where in the memory of courier @text stands, as the name of the mapping; NULL if nowhere. */
const char *rig_find(pid_t pid, const char *text);

/* @prefix and 32 random digits. */
void rig_token(const char *prefix, char to[static 64]);
