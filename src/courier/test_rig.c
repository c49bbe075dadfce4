/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "courier/courier.h"
#include "crypto/crypto.h"
#include "sys/channel.h"

void rig_control(const struct rig *r, const struct dynbuf *frame, int fd)
{
	assert_int_equal(dynbuf_err(frame), OK);
	assert_int_equal(handover_send(r->control, dynbuf_view(frame), fd), OK);
}

static void boot_send(const struct rig *r, const char *allow, const char *ca_file)
{
	struct ipc_boot boot = { .role = ROLE_COURIER, .log_level = LOG_ERROR };
	struct dynbuf settings, frame;

	dynbuf_init(&settings, 8192);
	dynbuf_init(&frame, 16384);
	ipc_headers_add(&settings, "egress.allow", str(allow));
	ipc_headers_add(&settings, "egress.ca_file", str(ca_file));
	ipc_headers_add(&settings, "egress.resolvers", str("127.0.0.1:1\n127.0.0.1:2\n"));
	ipc_headers_add(&settings, "issuer", str("http://localhost/"));
	memcpy(boot.courier_key, r->key, sizeof boot.courier_key);
	boot.settings = dynbuf_view(&settings);
	FRAME_PUT(&frame, 0, boot, &boot);
	rig_control(r, &frame, -1);
	dynbuf_done(&settings);
	dynbuf_done(&frame);
}

void rig_core(struct rig *r)
{
	const struct ipc_hand hand = { .what = HANDED_CORE };
	struct dynbuf frame;
	int pair[2];

	if (r->core >= 0)
		close(r->core);
	assert_int_equal(channel_pair(pair), OK);
	r->core = pair[0];
	dynbuf_init(&frame, 1024);
	FRAME_PUT(&frame, 0, hand, &hand);
	rig_control(r, &frame, pair[1]);
	close(pair[1]);
	dynbuf_done(&frame);
	dynbuf_reset(&r->in);
}

void rig_open(struct rig *r, const char *allow, const char *ca_file, const int *not_its,
	      size_t not_its_count)
{
	uint8_t message[1024];
	size_t n = sizeof message;
	int pair[2], fd = -1;

	*r = (struct rig){ .core = -1 };
	rng_fill(r->key, sizeof r->key);
	capsule_sender_init(&r->keeper_out, r->key, CAPSULE_OUT);
	capsule_receiver_init(&r->keeper_in, r->key, CAPSULE_IN);
	dynbuf_init(&r->in, 2 * IPC_FRAME_MAX);
	dynbuf_init(&r->shown, 2 * IPC_FRAME_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	r->control = pair[0];
	r->pid = fork();
	if (r->pid == 0) {
		close(pair[0]);
		for (size_t i = 0; i < not_its_count; i++)
			close(not_its[i]);
		_exit(courier_main(pair[1]));
	}
	close(pair[1]);
	boot_send(r, allow, ca_file);
	rig_core(r);
	assert_int_equal(handover_recv(r->control, message, &n, &fd), OK);
	assert_int_equal(message[5], IPC_TYPE_ready);
}

int rig_close(struct rig *r)
{
	int status;

	close(r->control);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	close(r->core);
	dynbuf_done(&r->in);
	dynbuf_done(&r->shown);
	return status;
}

bool rig_wait(struct rig *r, int ms, struct frame *frame, struct ipc_courier_answer *answer)
{
	struct pollfd watch = { .fd = r->core, .events = POLLIN };
	struct bytes rest = dynbuf_view(&r->in);

	while (frame_next(&rest, frame) == ERR_NOT_FOUND) {
		if (poll(&watch, 1, ms) <= 0)
			return false;
		uint8_t *to = dynbuf_grow(&r->in, 65536);
		assert_non_null(to);
		const ssize_t n = recv(r->core, to, 65536, 0);
		r->in.n = r->in.n - 65536 + (n > 0 ? (size_t)n : 0);
		assert_true(n > 0);
		rest = dynbuf_view(&r->in);
	}
	dynbuf_reset(&r->shown);
	dynbuf_put(&r->shown, r->in.p, r->in.n - rest.n);
	dynbuf_shift(&r->in, r->in.n - rest.n);
	rest = dynbuf_view(&r->shown);
	assert_int_equal(frame_next(&rest, frame), OK);
	assert_int_equal(frame->type, IPC_TYPE_courier_answer);
	assert_int_equal(ipc_courier_answer_decode(frame->payload, answer), OK);
	return true;
}

void rig_answer(struct rig *r, struct ipc_courier_answer *answer)
{
	struct frame frame;

	if (!rig_wait(r, 20000, &frame, answer))
		fail_msg("no answer came");
	assert_int_equal(frame.id, r->frame_id);
}

static void frame_send(struct rig *r, const struct dynbuf *frame)
{
	assert_int_equal(dynbuf_err(frame), OK);
	assert_int_equal(send(r->core, frame->p, frame->n, 0), frame->n);
}

void rig_call(struct rig *r, const struct ipc_courier_call *call)
{
	struct dynbuf frame;

	dynbuf_init(&frame, IPC_FRAME_MAX);
	FRAME_PUT(&frame, ++r->frame_id, courier_call, call);
	frame_send(r, &frame);
	dynbuf_done(&frame);
}

void rig_ack(struct rig *r, struct id attempt)
{
	const struct ipc_courier_ack ack = { .attempt = attempt };
	struct dynbuf frame;

	dynbuf_init(&frame, 1024);
	FRAME_PUT(&frame, 0, courier_ack, &ack);
	frame_send(r, &frame);
	dynbuf_done(&frame);
}

void rig_seal(struct rig *r, const struct ipc_courier_call *call, const char *hosts,
	      const char *secret, struct dynbuf *capsule)
{
	struct dynbuf encoded;
	uint8_t binding[HASH_LEN];
	const struct bytes value = str(secret);

	dynbuf_init(&encoded, IPC_FRAME_MAX);
	ipc_courier_call_encode(call, &encoded);
	sha256_one(dynbuf_view(&encoded), binding);
	dynbuf_done(&encoded);
	dynbuf_init(capsule, IPC_CAPSULE_MAX);
	capsule_seal(&r->keeper_out, binding, str(hosts), &value, 1, capsule);
	assert_int_equal(dynbuf_err(capsule), OK);
}

struct bytes rig_placement(struct dynbuf *list, uint8_t how, const char *name, const char *user)
{
	const struct ipc_placement placement = { .how = how, .name = str(name), .user = str(user) };

	dynbuf_init(list, 4096);
	IPC_LIST_ADD(list, placement, &placement);
	return dynbuf_view(list);
}

struct bytes rig_cuts(struct dynbuf *list, const char *first, const char *second)
{
	const struct ipc_cut cuts[] = { { .path = str(first) }, { .path = str(second) } };

	dynbuf_init(list, 4096);
	IPC_LIST_ADD(list, cut, &cuts[0]);
	if (second != NULL)
		IPC_LIST_ADD(list, cut, &cuts[1]);
	return dynbuf_view(list);
}

bool rig_can_look(void)
{
#ifdef VALETKEY_SANITIZED
	return false;
#else
	return geteuid() == 0;
#endif
}

const char *rig_find(pid_t pid, const char *text)
{
	static char line[512];
	static uint8_t chunk[1 << 20];
	char path[64];
	const char *where = NULL;

	(void)snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	(void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	const int mem = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(maps != NULL && mem >= 0);
	while (where == NULL && fgets(line, sizeof line, maps) != NULL) {
		char *rest;
		uint64_t at = strtoull(line, &rest, 16);
		const uint64_t last = strtoull(rest + 1, NULL, 16);
		while (where == NULL && at < last) {
			const size_t n = last - at < sizeof chunk ? last - at : sizeof chunk;
			const ssize_t got = pread(mem, chunk, n, (off_t)at);
			if (got <= 0)
				break;
			if (memmem(chunk, (size_t)got, text, strlen(text)) != NULL)
				where = line;
			at += (uint64_t)got;
		}
	}
	(void)fclose(maps);
	close(mem);
	return where;
}

void rig_token(const char *prefix, char to[static 64])
{
	uint8_t raw[16];

	rng_fill(raw, sizeof raw);
	to += snprintf(to, 16, "%s", prefix);
	for (size_t i = 0; i < sizeof raw; i++)
		to += snprintf(to, 3, "%02x", (unsigned)raw[i]);
}
