/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "courier/test_rig.h"
#include "crypto/crypto.h"
#include "httpc/test_server.h"
#include "sys/channel.h"

#define TOKEN "tok-0123456789abcdef"

enum { NUMBER = 77 };

/* Courier in its sandbox, between a core, a gate and a provider of the test. */
static struct server server;
static struct rig rig;
static int gate = -1;

/* What has come at gate. */
static struct {
	struct dynbuf in, body, headers;
	unsigned heads, ends, room;
	uint16_t status;
	uint64_t length;
	bool whole;
} seen;

static void forget(void)
{
	dynbuf_done(&seen.in);
	dynbuf_done(&seen.body);
	dynbuf_done(&seen.headers);
	memset(&seen, 0, sizeof seen);
	dynbuf_init(&seen.in, 2 * IPC_FRAME_MAX);
	dynbuf_init(&seen.body, 64 * 1024 * 1024);
	dynbuf_init(&seen.headers, IPC_HEADERS_MAX);
}

static void new_gate(void)
{
	const struct ipc_hand hand = { .what = HANDED_GATE };
	struct dynbuf frame;
	int pair[2];

	if (gate >= 0)
		close(gate);
	assert_int_equal(channel_pair(pair), OK);
	gate = pair[0];
	dynbuf_init(&frame, 1024);
	FRAME_PUT(&frame, 0, hand, &hand);
	rig_control(&rig, &frame, pair[1]);
	close(pair[1]);
	dynbuf_done(&frame);
	forget();
	/* It comes by another socket than calls do. */
	usleep(50000);
}

#define SAY(name, ...)                                                                             \
	do {                                                                                       \
		const struct ipc_##name m_ = { __VA_ARGS__ };                                      \
		struct dynbuf frame_;                                                              \
		dynbuf_init(&frame_, IPC_FRAME_MAX);                                               \
		FRAME_PUT(&frame_, NUMBER, name, &m_);                                             \
		assert_int_equal(send(gate, frame_.p, frame_.n, 0), frame_.n);                     \
		dynbuf_done(&frame_);                                                              \
	} while (0)

static void take_frame(const struct frame *frame)
{
	struct ipc_stream_head head;
	struct ipc_stream_data data;
	struct ipc_stream_room room;
	struct ipc_stream_end end;

	assert_int_equal(frame->id, NUMBER);
	switch (frame->type) {
	case IPC_TYPE_stream_head:
		assert_int_equal(ipc_stream_head_decode(frame->payload, &head), OK);
		seen.heads++;
		seen.status = head.status;
		seen.length = head.length;
		dynbuf_bytes(&seen.headers, head.headers);
		break;
	case IPC_TYPE_stream_data:
		assert_int_equal(ipc_stream_data_decode(frame->payload, &data), OK);
		dynbuf_bytes(&seen.body, data.bytes);
		break;
	case IPC_TYPE_stream_room:
		assert_int_equal(ipc_stream_room_decode(frame->payload, &room), OK);
		seen.room += room.room;
		break;
	default:
		assert_int_equal(frame->type, IPC_TYPE_stream_end);
		assert_int_equal(ipc_stream_end_decode(frame->payload, &end), OK);
		seen.ends++;
		seen.whole = end.whole != 0;
	}
}

/* Takes what comes until it is the end, or silence for @ms. */
static void listen_for(int ms)
{
	struct pollfd watch = { .fd = gate, .events = POLLIN };
	struct frame frame;

	while (seen.ends == 0 && poll(&watch, 1, ms) > 0) {
		uint8_t *to = dynbuf_grow(&seen.in, 65536);
		const ssize_t n = recv(gate, to, 65536, 0);
		seen.in.n = seen.in.n - 65536 + (n > 0 ? (size_t)n : 0);
		if (n <= 0)
			return;
		struct bytes rest = dynbuf_view(&seen.in);
		while (frame_next(&rest, &frame) == OK)
			take_frame(&frame);
		dynbuf_shift(&seen.in, seen.in.n - rest.n);
	}
}

static struct ipc_courier_call call_of(uint8_t method)
{
	static char url[64];

	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/s", (unsigned)server.port);
	return (struct ipc_courier_call){ .method = method,
					  .url = str(url),
					  .timeout_ms = 20000,
					  .answer_max = 65536,
					  .stream = NUMBER };
}

/* With a bearer token in it. */
static void send_call(struct ipc_courier_call *call)
{
	struct dynbuf placements, capsule;
	char hosts[64];

	(void)snprintf(hosts, sizeof hosts, "http://127.0.0.1:%u", (unsigned)server.port);
	call->capsule = (struct bytes){ NULL, 0 };
	call->placements = rig_placement(&placements, PLACEMENT_BEARER, "", "");
	rig_seal(&rig, call, hosts, TOKEN, &capsule);
	call->capsule = dynbuf_view(&capsule);
	rig_call(&rig, call);
	dynbuf_done(&placements);
	dynbuf_done(&capsule);
}

static void an_answer_goes_to_gate_and_its_facts_to_core(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct ipc_courier_answer answer;

	for (int first = 0; first < 2; first++) {
		new_gate();
		server.script =
			(struct script){ .answer = "HTTP/1.1 200 OK\r\nX-A: " TOKEN
						   "\r\nSet-Cookie: a=b\r\n"
						   "Retry-After: 7\r\nContent-Length: 29\r\n\r\n"
						   "you sent " TOKEN };
		if (first == 0)
			SAY(stream_open, .room = 100000);
		send_call(&call);
		if (first == 1) {
			/* The answer waits for gate. */
			listen_for(300);
			assert_int_equal(seen.heads, 0);
			SAY(stream_open, .room = 100000);
		}
		listen_for(5000);
		rig_answer(&rig, &answer);
		assert_int_equal(seen.heads, 1);
		assert_int_equal(seen.status, 200);
		assert_int_equal(seen.length, 29);
		assert_true(seen.whole);
		assert_true(bytes_is(dynbuf_view(&seen.body), "you sent ********************"));
		const struct bytes lines = dynbuf_view(&seen.headers);
		assert_true(bytes_is(ipc_headers_find(lines, "x-a"), "********************"));
		assert_null(ipc_headers_find(lines, "set-cookie").p);
		assert_int_equal(answer.outcome, COURIER_ANSWERED);
		assert_int_equal(answer.status, 200);
		assert_int_equal(answer.bytes, 29);
		assert_int_equal(answer.body.n, 0);
		assert_true(bytes_is(ipc_headers_find(answer.headers, "retry-after"), "7"));
		assert_non_null(strstr(server.heard, "Authorization: Bearer " TOKEN));
		assert_non_null(strstr(server.heard, "Accept-Encoding: identity"));
	}
}

static void no_more_comes_than_there_is_room_for(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct ipc_courier_answer answer;
	enum { LENGTH = 8 * 1024 * 1024 };

	new_gate();
	server.script =
		(struct script){ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n",
				 .flood = LENGTH };
	SAY(stream_open, .room = 50000);
	send_call(&call);
	listen_for(300);
	assert_int_equal(seen.heads, 1);
	assert_in_range(seen.body.n, 50000, 50000 + 65536);
	const size_t before = seen.body.n;
	listen_for(300);
	assert_int_equal(seen.body.n, before);
	SAY(stream_room, .room = 100000);
	listen_for(300);
	assert_in_range(seen.body.n, before + 1, before + 100000 + 65536);
	SAY(stream_room, .room = LENGTH);
	listen_for(5000);
	assert_true(seen.whole);
	assert_int_equal(seen.body.n, LENGTH);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.bytes, LENGTH);
}

static void a_client_that_leaves_ends_the_call(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct ipc_courier_answer answer;

	for (int how = 0; how < 3; how++) {
		new_gate();
		server.script =
			(struct script){ .answer = "HTTP/1.1 200 OK\r\n\r\nbegun", .stall = true };
		SAY(stream_open, .room = 50000);
		send_call(&call);
		listen_for(300);
		assert_int_equal(seen.heads, 1);
		if (how == 0)
			SAY(stream_end, .whole = 0);
		if (how == 1)
			new_gate();
		if (how == 2) {
			const struct ipc_courier_cancel cancel = { .stream = NUMBER };
			struct dynbuf frame;
			dynbuf_init(&frame, 64);
			FRAME_PUT(&frame, 0, courier_cancel, &cancel);
			assert_int_equal(send(rig.core, frame.p, frame.n, 0), frame.n);
			dynbuf_done(&frame);
		}
		rig_answer(&rig, &answer);
		assert_int_equal(answer.outcome, COURIER_CANCELLED);
		assert_int_equal(answer.status, 200);
		assert_int_equal(answer.bytes, 5);
	}
}

static void an_answer_that_breaks_off_is_told_as_one(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct ipc_courier_answer answer;

	new_gate();
	server.script =
		(struct script){ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" };
	SAY(stream_open, .room = 50000);
	send_call(&call);
	listen_for(5000);
	assert_int_equal(seen.ends, 1);
	assert_false(seen.whole);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_UNKNOWN);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.bytes, 4);
}

static void what_cannot_be_passed_on_goes_to_nobody(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
	};
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct ipc_courier_answer answer;

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		new_gate();
		server.script = (struct script){ .answer = answers[i] };
		SAY(stream_open, .room = 50000);
		send_call(&call);
		rig_answer(&rig, &answer);
		assert_int_equal(answer.outcome, COURIER_UNUSABLE);
		listen_for(200);
		assert_int_equal(seen.heads, 0);
		assert_int_equal(seen.body.n, 0);
	}
}

static void a_401_is_held_where_core_asks_for_it(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct ipc_courier_answer answer;

	call.hold = 1;
	new_gate();
	server.script =
		(struct script){ .answer =
					 "HTTP/1.1 401 No\r\nContent-Length: 23\r\n\r\nno " TOKEN };
	SAY(stream_open, .room = 50000);
	send_call(&call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_ANSWERED);
	assert_int_equal(answer.status, 401);
	assert_int_equal(answer.body.n, 0);
	listen_for(200);
	assert_int_equal(seen.heads, 0);
	/* and the stream has ended, so that another call may answer the client */
	assert_int_equal(seen.ends, 1);
}

static void a_body_goes_up_in_pieces(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_PUT);
	struct ipc_courier_answer answer;

	call.upload = 1;
	call.upload_bytes = 6;
	new_gate();
	server.script =
		(struct script){ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" };
	SAY(stream_open, .room = 50000);
	send_call(&call);
	listen_for(200);
	assert_int_equal(seen.room, 256 * 1024);
	SAY(stream_data, .bytes = str("abc"));
	listen_for(200);
	assert_int_equal(seen.heads, 0);
	SAY(stream_data, .bytes = str("def"));
	SAY(stream_end, .whole = 1);
	listen_for(5000);
	assert_true(seen.whole);
	assert_non_null(strstr(server.heard, "Content-Length: 6"));
	assert_non_null(strstr(server.heard, "\r\n\r\nabcdef"));
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_ANSWERED);
}

static void a_body_that_breaks_off_is_no_whole_request(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_PUT);
	struct ipc_courier_answer answer;

	call.upload = 1;
	call.upload_bytes = UINT64_MAX;
	new_gate();
	server.script = (struct script){ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
					 .stall = true };
	SAY(stream_open, .room = 50000);
	send_call(&call);
	listen_for(200);
	SAY(stream_data, .bytes = str("abc"));
	listen_for(200);
	SAY(stream_end, .whole = 0);
	rig_answer(&rig, &answer);
	assert_true(answer.outcome == COURIER_CANCELLED || answer.outcome == COURIER_UNKNOWN);
	assert_null(strstr(server.heard, "\r\n0\r\n\r\n"));
}

static void a_stream_is_for_one_call_and_for_nothing_that_is_kept(void **state)
{
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct ipc_courier_answer answer;
	struct dynbuf cuts;

	new_gate();
	server.script = (struct script){ .answer = "HTTP/1.1 200 OK\r\n\r\nbegun", .stall = true };
	SAY(stream_open, .room = 50000);
	send_call(&call);
	listen_for(300);
	assert_int_equal(seen.heads, 1);
	call = call_of(HTTP_GET);
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_REFUSED);
	call.stream = 5;
	call.attempt = id_new();
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_REFUSED);
	call = call_of(HTTP_GET);
	call.stream = 6;
	call.cuts = rig_cuts(&cuts, "access_token", NULL);
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_REFUSED);
	dynbuf_done(&cuts);
	rig.frame_id -= 3;
	SAY(stream_end, .whole = 0);
	rig_answer(&rig, &answer);
	rig.frame_id += 3;
	assert_int_equal(answer.outcome, COURIER_CANCELLED);
}

static int open_all(void **state)
{
	char allow[64];

	server_listen(&server, (struct script){ 0 });
	(void)snprintf(allow, sizeof allow, "127.0.0.1:%u", (unsigned)server.port);
	rig_open(&rig, allow, "", &server.listener, 1);
	server_start(&server);
	forget();
	return 0;
}

static int close_all(void **state)
{
	const int status = rig_close(&rig);

	server_close(&server);
	close(gate);
	forget();
	return status;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_goes_to_gate_and_its_facts_to_core),
		cmocka_unit_test(no_more_comes_than_there_is_room_for),
		cmocka_unit_test(a_client_that_leaves_ends_the_call),
		cmocka_unit_test(an_answer_that_breaks_off_is_told_as_one),
		cmocka_unit_test(what_cannot_be_passed_on_goes_to_nobody),
		cmocka_unit_test(a_401_is_held_where_core_asks_for_it),
		cmocka_unit_test(a_body_goes_up_in_pieces),
		cmocka_unit_test(a_body_that_breaks_off_is_no_whole_request),
		cmocka_unit_test(a_stream_is_for_one_call_and_for_nothing_that_is_kept),
	};

	if (crypto_init() != OK)
		return 1;
	return cmocka_run_group_tests(tests, open_all, close_all);
}
