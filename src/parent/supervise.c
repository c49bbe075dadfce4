/* SPDX-License-Identifier: Apache-2.0 */
#include "parent/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/channel.h"
#include "sys/process.h"

/*
 *  1. A child is running (pid != 0) or not; its timer means "end it, it had its
 *     time" while it runs and "start it" while it does not.
 *  2. core and keeper run both or neither, but for the moment between the end of
 *     one and that of the other.
 *  3. A stream of which one side is not running has a closed other end: the side
 *     that runs sees its peer gone, and is handed a new one when that starts.
 *  4. Before the first time that all are ready, a child that ends, ends us: a
 *     daemon that cannot start says so at once.
 */
enum {
	STEADY_S = 1, /* who ran so long may start again at once */
	FIRST_DELAY_MS = 100,
	LAST_DELAY_MS = 10 * 1000,
	PARTNER_S = 5,
	DRAIN_S = 30,
	MESSAGE_MAX = 1024,
};

struct child {
	struct supervisor *of;
	enum role role;
	pid_t pid;
	int control;
	struct loop_source *source;
	struct loop_timer *timer;
	bool ready, draining;
	unsigned failures;
	usec_t since;
};

struct supervisor {
	const struct supervise_plan *plan;
	struct loop *loop;
	struct loop_source *signal_source;
	struct loop_timer *deadline;
	struct child children[ROLE_COUNT]; /* by role; that of the parent is unused */
	pid_t sandbox, greeter;
	int signals, status;
	bool serving, stopping, sealed;
};

static void child_fail(struct child *child)
{
	if (child->pid != 0)
		(void)kill(child->pid, SIGKILL);
}

static enum err hand(struct child *child, enum handed what, int fd)
{
	const struct ipc_hand message = { .what = (uint8_t)what };
	uint8_t room[64];
	struct dynbuf out = { .p = room, .room = sizeof room, .max = sizeof room };

	FRAME_PUT(&out, 0, hand, &message);
	TRY(dynbuf_err(&out));
	return handover_send(child->control, dynbuf_view(&out), fd);
}

/* Hands on a descriptor that we do not keep. */
static enum err hand_over(struct child *child, enum handed what, int fd)
{
	const enum err err = hand(child, what, fd);

	close(fd);
	return err;
}

static enum err tell_drain(struct child *child)
{
	const struct ipc_drain message = {};
	uint8_t room[64];
	struct dynbuf out = { .p = room, .room = sizeof room, .max = sizeof room };

	FRAME_PUT(&out, 0, drain, &message);
	TRY(dynbuf_err(&out));
	return handover_send(child->control, dynbuf_view(&out), -1);
}

/* Asks it to end, and sees to it after a while. */
static void drain(struct child *child, unsigned seconds)
{
	if (child->pid == 0 || child->draining)
		return;
	child->draining = true;
	loop_timer_set(child->timer, clock_boot() + seconds * USEC_PER_S);
	if (tell_drain(child) != OK)
		child_fail(child);
}

static enum err send_boot(const struct supervisor *s, struct child *child)
{
	struct dynbuf out;
	const char *file;

	dynbuf_init(&out, BOOT_MAX + MESSAGE_MAX);
	enum err err = boot_print(&s->plan->boot, child->role, &out, &file);
	if (err == OK)
		err = handover_send(child->control, dynbuf_view(&out), -1);
	else if (file != NULL)
		log_error("%s cannot be read: %s", file, err_row(err)->name);
	if (out.p != NULL)
		wipe(out.p, out.room);
	dynbuf_done(&out);
	return err;
}

/* One side of a stream; one that does not run, or does not take it, has none. */
static void give_side(struct child *child, enum handed what, int fd)
{
	if (child->pid == 0)
		close(fd);
	else if (hand_over(child, what, fd) != OK)
		child_fail(child);
}

/* A new stream between core and @other. */
static enum err connect_core(struct supervisor *s, struct child *other, enum handed as)
{
	int pair[2];

	TRY(channel_pair(pair));
	give_side(&s->children[ROLE_CORE], as, pair[0]);
	give_side(other, HANDED_CORE, pair[1]);
	return OK;
}

/* A new channel between gate and courier, for bodies. */
static enum err connect_bodies(struct supervisor *s)
{
	int pair[2];

	TRY(channel_pair(pair));
	give_side(&s->children[ROLE_GATE], HANDED_COURIER, pair[0]);
	give_side(&s->children[ROLE_COURIER], HANDED_GATE, pair[1]);
	return OK;
}

static enum err give_gate(struct supervisor *s, struct child *gate)
{
	for (size_t i = 0; i < s->plan->listeners_n; i++)
		TRY(hand(gate, HANDED_LISTEN, s->plan->listeners[i]));
	TRY(connect_bodies(s));
	return connect_core(s, gate, HANDED_GATE);
}

static enum err give_courier(struct supervisor *s, struct child *courier)
{
	TRY(connect_bodies(s));
	return connect_core(s, courier, HANDED_COURIER);
}

/* keeper begins when it has core's stream, so that comes last: with core. */
static enum err give_keeper(struct supervisor *s, struct child *keeper)
{
	const char *path = s->plan->key_file;

	TRY(hand(keeper, HANDED_STATE, s->plan->place->keys));
	TRY(hand(keeper, HANDED_LOG, s->plan->place->log));
	if (s->plan->witness >= 0)
		TRY(hand(keeper, HANDED_WITNESS, s->plan->witness));
	TRY(hand(keeper, HANDED_UNSEAL, s->plan->unseal));
	/* Sealed by the operator means until the operator unseals. */
	if (path[0] == 0 || s->sealed)
		return OK;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		log_warn("the key file %s cannot be read: keeper stays sealed", path);
		return OK;
	}
	return hand_over(keeper, HANDED_KEY_FILE, fd);
}

static enum err give_core(struct supervisor *s, struct child *core)
{
	TRY(hand(core, HANDED_STATE, s->plan->place->state));
	TRY(hand(core, HANDED_LOG, s->plan->place->log_read));
	TRY(connect_core(s, &s->children[ROLE_KEEPER], HANDED_KEEPER));
	TRY(connect_core(s, &s->children[ROLE_GATE], HANDED_GATE));
	return connect_core(s, &s->children[ROLE_COURIER], HANDED_COURIER);
}

static enum err give(struct supervisor *s, struct child *child)
{
	switch (child->role) {
	case ROLE_GATE:
		return give_gate(s, child);
	case ROLE_CORE:
		return give_core(s, child);
	case ROLE_KEEPER:
		return give_keeper(s, child);
	case ROLE_COURIER:
		return give_courier(s, child);
	case ROLE_PARENT:
	case ROLE_COUNT:
		break;
	}
	return FAULT_BUG;
}

static void stop(struct supervisor *s, int status)
{
	s->status = status;
	loop_stop(s->loop);
}

static void look_whether_all_serve(struct supervisor *s)
{
	for (enum role role = ROLE_GATE; role < ROLE_COUNT; role++)
		if (!s->children[role].ready)
			return;
	if (s->serving)
		return;
	s->serving = true;
	s->plan->serving(s->plan->ctx);
	if (s->plan->greeter != NULL && process_spawn(s->plan->greeter, -1, &s->greeter) != OK)
		log_error("the demo cannot be set up: no process");
}

static void on_control(void *ctx, uint32_t events)
{
	struct child *child = ctx;
	uint8_t room[MESSAGE_MAX];
	size_t n = sizeof room;
	struct frame frame;
	int fd;

	(void)events;
	const enum err err = handover_recv(child->control, room, &n, &fd);
	struct bytes message = { room, n };
	if (err == OK && fd >= 0)
		close(fd);
	if (err == OK && frame_next(&message, &frame) == OK && frame.type == IPC_TYPE_ready) {
		child->ready = true;
		look_whether_all_serve(child->of);
		return;
	}
	loop_del(&child->source);
	if (err != ERR_NOT_FOUND) /* else it is ending; its status follows */
		child_fail(child);
}

static enum err child_spawn(struct supervisor *s, struct child *child)
{
	char name[32], word[32];
	const char *const argv[] = { name, word, NULL };
	int pair[2];

	snprintf(name, sizeof name, "valetkey: %s", role_name(child->role));
	snprintf(word, sizeof word, "--role=%s", role_name(child->role));
	TRY(process_control_pair(pair));
	const enum err err = process_spawn(argv, pair[1], &child->pid);
	close(pair[1]);
	child->control = pair[0];
	child->ready = child->draining = false;
	child->since = clock_boot();
	if (err != OK) {
		child->pid = 0;
		close(child->control);
		return err;
	}
	/* A child that does not read must not make us wait. */
	if (fcntl(child->control, F_SETFL, O_NONBLOCK) != 0)
		return FAULT_SYSTEM;
	TRY(loop_add(s->loop, child->control, EPOLLIN, on_control, child, &child->source));
	TRY(send_boot(s, child));
	return give(s, child);
}

static void schedule(struct child *child)
{
	const bool steady =
		child->since != 0 && clock_boot() - child->since > STEADY_S * USEC_PER_S;
	usec_t delay_ms = 0;

	if (steady || child->draining)
		child->failures = 0;
	else if (child->failures > 0) {
		const unsigned doublings = child->failures > 7 ? 7 : child->failures - 1;
		delay_ms = (usec_t)FIRST_DELAY_MS << doublings;
	}
	child->failures++;
	if (delay_ms > LAST_DELAY_MS)
		delay_ms = LAST_DELAY_MS;
	loop_timer_set(child->timer, clock_boot() + 1 + delay_ms * USEC_PER_MS);
}

static void start(struct supervisor *s, struct child *child)
{
	enum err err = OK;

	if (child->pid == 0)
		err = child_spawn(s, child);
	if (err == OK)
		return;
	log_error("%s cannot be started: %s", role_name(child->role), err_row(err)->name);
	if (child->pid != 0)
		child_fail(child); /* its end leads to the next try */
	else if (s->serving)
		schedule(child);
	else
		stop(s, EXIT_FAILURE);
}

/* keeper first: core's start gives both their stream. */
static void start_pair(struct supervisor *s)
{
	start(s, &s->children[ROLE_KEEPER]);
	start(s, &s->children[ROLE_CORE]);
}

static void on_timer(void *ctx)
{
	struct child *child = ctx;
	struct supervisor *s = child->of;

	if (child->pid != 0) {
		log_warn("%s does not end by itself: killed", role_name(child->role));
		child_fail(child);
	} else if (child->role == ROLE_CORE || child->role == ROLE_KEEPER) {
		start_pair(s);
	} else {
		start(s, child);
	}
}

/* gate first, so that what is under way finds everybody; keeper last, so that nothing is lost. */
static void stop_step(struct supervisor *s)
{
	struct child *c = s->children;

	if (c[ROLE_GATE].pid != 0) {
		drain(&c[ROLE_GATE], DRAIN_S);
	} else if (c[ROLE_CORE].pid != 0 || c[ROLE_COURIER].pid != 0) {
		drain(&c[ROLE_CORE], PARTNER_S);
		drain(&c[ROLE_COURIER], PARTNER_S);
	} else if (c[ROLE_KEEPER].pid != 0) {
		drain(&c[ROLE_KEEPER], PARTNER_S);
	} else {
		loop_stop(s->loop);
	}
}

static void on_deadline(void *ctx)
{
	struct supervisor *s = ctx;

	for (enum role role = ROLE_GATE; role < ROLE_COUNT; role++)
		child_fail(&s->children[role]);
}

static void stop_begin(struct supervisor *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	for (enum role role = ROLE_GATE; role < ROLE_COUNT; role++)
		if (s->children[role].pid == 0)
			loop_timer_set(s->children[role].timer, 0);
	loop_timer_set(s->deadline, clock_boot() + DRAIN_S * USEC_PER_S);
	stop_step(s);
}

static void restart(struct supervisor *s, struct child *child, int status)
{
	struct child *core = &s->children[ROLE_CORE], *keeper = &s->children[ROLE_KEEPER];

	if (child != core && child != keeper) {
		schedule(child);
		return;
	}
	/* keeper ends when core does, and may be the first that we hear of. */
	if (child == core && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SEALED)
		s->sealed = true;
	struct child *partner = child == core ? keeper : core;
	if (partner->pid != 0) {
		drain(partner, PARTNER_S);
		child->draining = false;
		return;
	}
	/* The one that ended first is the one whose record counts; the other was asked to. */
	schedule(child->draining ? partner : child);
	child->draining = false;
}

static void child_ended(struct supervisor *s, struct child *child, int status)
{
	const bool asked = child->draining || s->stopping;
	char text[64];

	process_status_print(status, text, sizeof text);
	if (!asked)
		log_warn("%s ended: %s%s", role_name(child->role), text,
			 WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
				 ? "; it made a system call that its sandbox forbids"
				 : "");
	loop_del(&child->source);
	loop_timer_set(child->timer, 0);
	close(child->control);
	child->pid = 0;
	child->ready = false;
	if (s->stopping)
		stop_step(s);
	else if (!s->serving)
		stop(s, EXIT_FAILURE);
	else
		restart(s, child, status);
}

static void reap(struct supervisor *s)
{
	int status;

	for (enum role role = ROLE_GATE; role < ROLE_COUNT; role++) {
		struct child *child = &s->children[role];
		if (child->pid != 0 && process_ended(child->pid, &status))
			child_ended(s, child, status);
	}
	if (s->greeter != 0 && process_ended(s->greeter, &status))
		s->greeter = 0;
	if (s->sandbox != 0 && process_ended(s->sandbox, &status)) {
		s->sandbox = 0;
		log_error("the sandbox provider ended");
		if (!s->serving)
			stop(s, EXIT_FAILURE);
	}
}

static void renew(struct supervisor *s)
{
	const char *file;
	const enum err err = boot_check(&s->plan->boot, ROLE_GATE, &file);

	if (err != OK) {
		log_error("%s cannot be read: the certificate stays as it is",
			  file != NULL ? file : "the certificate");
		return;
	}
	log_info("gate starts again to take the certificate as it is now");
	drain(&s->children[ROLE_GATE], DRAIN_S);
}

static void on_signal(void *ctx, uint32_t events)
{
	struct supervisor *s = ctx;

	(void)events;
	for (int signo; (signo = process_signal_next(s->signals)) != 0;) {
		if (signo == SIGCHLD)
			reap(s);
		else if (signo == SIGHUP && !s->stopping)
			renew(s);
		else if (signo == SIGTERM || signo == SIGINT)
			stop_begin(s);
	}
}

static enum err start_sandbox(struct supervisor *s)
{
	const char *const argv[] = { "valetkey: sandbox", "--role=sandbox", "--listen",
				     s->plan->sandbox_listen, NULL };

	return s->plan->sandbox_listen == NULL ? OK : process_spawn(argv, -1, &s->sandbox);
}

static enum err supervise_init(struct supervisor *s)
{
	TRY(loop_new(&s->loop));
	TRY(process_signals(&s->signals));
	TRY(loop_add(s->loop, s->signals, EPOLLIN, on_signal, s, &s->signal_source));
	TRY(loop_timer_new(s->loop, on_deadline, s, &s->deadline));
	for (enum role role = ROLE_GATE; role < ROLE_COUNT; role++) {
		struct child *child = &s->children[role];
		*child = (struct child){ .of = s, .role = role, .control = -1 };
		TRY(loop_timer_new(s->loop, on_timer, child, &child->timer));
	}
	return OK;
}

static void end_helper(pid_t pid)
{
	if (pid == 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void supervise_done(struct supervisor *s)
{
	for (enum role role = ROLE_GATE; role < ROLE_COUNT; role++) {
		struct child *child = &s->children[role];
		if (child->pid != 0) {
			child_fail(child);
			(void)waitpid(child->pid, NULL, 0);
			close(child->control);
		}
		loop_del(&child->source);
		loop_timer_free(&child->timer);
	}
	end_helper(s->sandbox);
	end_helper(s->greeter);
	loop_timer_free(&s->deadline);
	loop_del(&s->signal_source);
	if (s->signals >= 0)
		close(s->signals);
	loop_free(&s->loop);
}

int supervise(const struct supervise_plan *plan)
{
	struct supervisor s = { .plan = plan, .signals = -1 };

	enum err err = supervise_init(&s);
	if (err == OK)
		err = start_sandbox(&s);
	if (err == OK) {
		start_pair(&s);
		start(&s, &s.children[ROLE_COURIER]);
		start(&s, &s.children[ROLE_GATE]);
		if (s.status == EXIT_SUCCESS)
			err = loop_run(s.loop);
	}
	if (err != OK) {
		log_error("the parent stops: %s", err_row(err)->name);
		s.status = EXIT_FAILURE;
	}
	supervise_done(&s);
	return s.status;
}
