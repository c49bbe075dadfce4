/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* An owner that takes large bodies in pieces, and whose answers the test sends in pieces. */
struct fixture {
	struct loop *loop;
	struct httpd *httpd;
	uint16_t port;
	struct httpd_request *held;
	bool permit;
	size_t whole;
	unsigned gone, sent, rooms, refuse_after;
	size_t body_n, pieces;
	bool body_over;
	char *answer;
	size_t answer_n;
};

enum { ANSWER_MAX = 4 * 1024 * 1024 };

static const struct httpd_limits limits = {
	.body_max = 1000,
	.header_max = 4096,
	.target_max = 512,
	.header_lines = 20,
	.connections = 80,
	.head_ms = 300,
	.idle_ms = 400,
};

static const struct httpd_field plain = { "Content-Type", { (const uint8_t *)"text/plain", 10 } };

static void on_request(void *ctx, struct httpd_request *request)
{
	struct fixture *f = ctx;

	f->held = request;
	f->body_n = httpd_body(request).n;
	f->body_over = httpd_whole(request);
}

static void on_gone(void *ctx, struct httpd_request *request)
{
	struct fixture *f = ctx;

	assert_ptr_equal(f->held, request);
	f->held = NULL;
	f->gone++;
	f->sent += httpd_sent(request) ? 1 : 0;
}

static bool on_permit(void *ctx, const struct httpd_request *request)
{
	const struct fixture *f = ctx;

	assert_true(httpd_target(request).n > 0);
	return f->permit;
}

static size_t on_whole(void *ctx, const struct httpd_request *request)
{
	const struct fixture *f = ctx;

	assert_true(httpd_target(request).n > 0);
	return f->whole;
}

static void on_piece(void *ctx, struct httpd_request *request, struct bytes piece)
{
	struct fixture *f = ctx;

	assert_ptr_equal(f->held, request);
	f->body_n += piece.n;
	f->pieces++;
	f->body_over = piece.p == NULL;
	if (f->refuse_after > 0 && f->pieces == f->refuse_after)
		httpd_respond(take(f->held), 403, &plain, 1, str("no"));
}

static void on_room(void *ctx, struct httpd_request *request)
{
	struct fixture *f = ctx;

	f->rooms++;
}

static int setup(void **state)
{
	static const struct httpd_stream_fns fns = { on_permit, on_whole, on_piece, on_room };
	struct fixture *f = calloc(1, sizeof *f);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof at;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_non_null(f);
	f->answer = malloc(ANSWER_MAX);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	f->port = ntohs(at.sin_port);
	f->permit = true;
	assert_int_equal(loop_new(&f->loop), OK);
	assert_int_equal(httpd_new(f->loop, fd, &limits, NULL, on_request, on_gone, f, &f->httpd),
			 OK);
	httpd_streams(f->httpd, &fns);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	httpd_free(&f->httpd);
	loop_free(&f->loop);
	free(f->answer);
	free(f);
	return 0;
}

static int client(const struct fixture *f)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(f->port),
					.sin_addr = { htonl(INADDR_LOOPBACK) } };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int small = 16 * 1024;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void turns(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(loop_turn(f->loop, 2), OK);
}

static void say(struct fixture *f, int fd, const char *text)
{
	const size_t n = strlen(text);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
	turns(f, 8);
}

/* Takes what has come; false once the server has closed. */
static bool hear(struct fixture *f, int fd)
{
	const ssize_t n =
		recv(fd, f->answer + f->answer_n, ANSWER_MAX - 1 - f->answer_n, MSG_DONTWAIT);

	if (n > 0)
		f->answer_n += (size_t)n;
	f->answer[f->answer_n] = '\0';
	turns(f, 1);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static bool hear_some(struct fixture *f, int fd, unsigned times)
{
	bool open = true;

	for (unsigned i = 0; i < times && open; i++)
		open = hear(f, fd);
	return open;
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static void pieces_leave_when_they_are_sent(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, HTTPD_LENGTH_UNKNOWN), OK);
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "Transfer-Encoding: chunked"));
	assert_null(strstr(f->answer, "one"));
	(void)httpd_send(f->held, str("one"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "one"));
	(void)httpd_send(f->held, str("two"));
	httpd_end(take(f->held), true);
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "3\r\ntwo\r\n0\r\n\r\n"));
	assert_int_equal(httpd_active(f->httpd), 0);
	/* and the connection serves on */
	say(f, fd, GET);
	assert_non_null(f->held);
	httpd_respond(take(f->held), 200, &plain, 1, str("next"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "next"));
	assert_int_equal(f->gone, 0);
	close(fd);
}

static void a_known_length_is_told_and_kept(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, 6), OK);
	(void)httpd_send(f->held, str("onetwo"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "Content-Length: 6"));
	/* It is whole without the owner's word; the owner is told so. */
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->sent, 1);
	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, 6), OK);
	(void)httpd_send(f->held, str("short"));
	httpd_end(take(f->held), true);
	assert_false(hear_some(f, fd, 50));
	close(fd);
}

static void an_answer_that_breaks_is_seen_to_break(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, HTTPD_LENGTH_UNKNOWN), OK);
	(void)httpd_send(f->held, str("half"));
	turns(f, 8);
	httpd_end(take(f->held), false);
	assert_false(hear_some(f, fd, 50));
	assert_non_null(strstr(f->answer, "half"));
	assert_null(strstr(f->answer, "\r\n0\r\n\r\n"));
	close(fd);
}

static void who_sends_is_told_of_room_and_of_too_much(void **state)
{
	static uint8_t block[64 * 1024];
	struct fixture *f = *state;
	const int fd = client(f);
	size_t waiting = 0, sent = 0;

	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, HTTPD_LENGTH_UNKNOWN), OK);
	while (waiting < HTTPD_WAITING_MAX) {
		waiting = httpd_send(f->held, (struct bytes){ block, sizeof block });
		sent += sizeof block;
		turns(f, 2);
		assert_true(sent < 64 * sizeof block);
	}
	assert_int_equal(f->rooms, 0);
	for (unsigned i = 0; i < 4000 && f->rooms == 0; i++) {
		f->answer_n = 0;
		assert_true(hear(f, fd));
	}
	assert_int_equal(f->rooms, 1);
	httpd_end(take(f->held), true);
	close(fd);
}

static void a_reader_that_stands_still_is_cut(void **state)
{
	static uint8_t block[HTTPD_WAITING_MAX];
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, HTTPD_LENGTH_UNKNOWN), OK);
	for (int i = 0; i < 28; i++)
		(void)httpd_send(f->held, (struct bytes){ block, sizeof block });
	for (unsigned i = 0; i < 2000 && f->gone == 0; i++)
		turns(f, 1);
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->sent, 0);
	close(fd);
}

static void an_owner_that_is_silent_is_waited_for(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, HTTPD_LENGTH_UNKNOWN), OK);
	(void)httpd_send(f->held, str("x"));
	const usec_t until = clock_boot() + 700 * USEC_PER_MS;
	while (clock_boot() < until)
		assert_true(hear(f, fd));
	assert_int_equal(f->gone, 0);
	close(fd);
	/* To a client that only closed its side two seconds would be left. */
	for (unsigned i = 0; i < 2000 && f->gone == 0; i++)
		turns(f, 1);
	assert_int_equal(f->gone, 1);
}

static void large_bodies_come_in_pieces_when_asked_for(void **state)
{
	static char body[5000];
	struct fixture *f = *state;
	const int fd = client(f);

	memset(body, 'b', sizeof body);
	say(f, fd, "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
	assert_non_null(f->held);
	assert_false(f->body_over);
	assert_int_equal(f->body_n, 0);
	assert_int_equal(send(fd, body, 3000, 0), 3000);
	turns(f, 8);
	assert_int_equal(f->body_n, 0);
	httpd_pull(f->held, true);
	turns(f, 8);
	assert_int_equal(f->body_n, 3000);
	httpd_pull(f->held, false);
	assert_int_equal(send(fd, body, 2000, 0), 2000);
	turns(f, 8);
	assert_int_equal(f->body_n, 3000);
	httpd_pull(f->held, true);
	turns(f, 8);
	assert_int_equal(f->body_n, 5000);
	assert_true(f->body_over);
	httpd_respond(take(f->held), 200, &plain, 1, str("stored"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "stored"));
	say(f, fd, GET);
	assert_non_null(f->held);
	httpd_respond(take(f->held), 200, &plain, 1, str("next"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "next"));
	close(fd);
}

static void a_chunked_body_becomes_large_on_its_way(void **state)
{
	static char text[4096];
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	snprintf(text, sizeof text, "258\r\n%0600d\r\n", 1); /* 600 bytes */
	say(f, fd, text);
	assert_null(f->held);
	say(f, fd, text);
	assert_non_null(f->held);
	assert_int_equal(f->body_n, 600);
	assert_false(f->body_over);
	httpd_pull(f->held, true);
	say(f, fd, text);
	say(f, fd, "0\r\n\r\n");
	assert_int_equal(f->body_n, 1800);
	assert_true(f->body_over);
	httpd_respond(take(f->held), 200, &plain, 1, str("stored"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "stored"));
	close(fd);
}

static void one_that_is_not_permitted_is_413(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	f->permit = false;
	say(f, fd, "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
	assert_false(hear_some(f, fd, 50));
	assert_non_null(strstr(f->answer, "HTTP/1.1 413 "));
	assert_null(f->held);
	close(fd);
}

static void post(struct fixture *f, int fd, size_t n)
{
	char head[128], body[4096];

	assert_true(n <= sizeof body);
	memset(body, 'x', n);
	snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", n);
	say(f, fd, head);
	(void)send(fd, body, n, MSG_NOSIGNAL);
	turns(f, 8);
}

static void some_bodies_may_be_larger_and_come_whole(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	f->permit = false;
	f->whole = 3000;
	post(f, fd, 3000);
	assert_int_equal(f->body_n, 3000);
	assert_true(f->body_over);
	httpd_respond(take(f->held), 200, &plain, 1, str("whole"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "whole"));
	/* In chunks too, on a connection that serves on. */
	say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(send(fd, "a\r\n0123456789\r\n", 15, MSG_NOSIGNAL), 15);
	say(f, fd, "0\r\n\r\n");
	turns(f, 50);
	assert_non_null(f->held);
	assert_int_equal(f->body_n, 3000);
	httpd_respond(take(f->held), 200, &plain, 1, str("chunks"));
	assert_true(hear_some(f, fd, 8));
	assert_non_null(strstr(f->answer, "chunks"));
	post(f, fd, 3001);
	assert_null(f->held);
	hear_some(f, fd, 8);
	assert_non_null(strstr(f->answer, "413"));
	close(fd);
}

static void so_many_of_them_at_a_time(void **state)
{
	struct fixture *f = *state;
	int fds[HTTPD_LARGE_MAX];
	const char *begun = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\nx";

	f->permit = false;
	f->whole = 3000;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = client(f);
		assert_int_equal(send(fds[i], begun, strlen(begun), MSG_NOSIGNAL), strlen(begun));
	}
	turns(f, 20);
	const int late = client(f);
	say(f, late, begun);
	hear_some(f, late, 8);
	assert_non_null(strstr(f->answer, "503"));
	close(late);
	/* Small ones are served, and those that do not come make room. */
	const int small = client(f);
	post(f, small, 500);
	assert_non_null(f->held);
	httpd_respond(take(f->held), 200, &plain, 1, str("small"));
	assert_true(hear_some(f, small, 8));
	turns(f, 250);
	const int next = client(f);
	post(f, next, 2000);
	assert_int_equal(f->body_n, 2000);
	httpd_respond(take(f->held), 200, &plain, 1, str("room"));
	assert_true(hear_some(f, next, 8));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	close(small);
	close(next);
}

static void a_refusal_before_the_body_is_heard(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd,
	    "PUT /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n");
	assert_true(hear_some(f, fd, 4));
	assert_int_equal(f->answer_n, 0); /* no "go on" before it is decided */
	httpd_respond(take(f->held), 403, &plain, 1, str("no"));
	assert_false(hear_some(f, fd, 50));
	assert_non_null(strstr(f->answer, "HTTP/1.1 403 "));
	assert_null(strstr(f->answer, "100 Continue"));
	close(fd);
}

static void a_refusal_in_the_middle_waits_for_the_rest(void **state)
{
	static char body[2000];
	struct fixture *f = *state;
	const int fd = client(f);

	f->refuse_after = 1;
	say(f, fd, "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
	httpd_pull(f->held, true);
	assert_int_equal(send(fd, body, 2000, 0), 2000);
	turns(f, 8);
	assert_null(f->held);
	assert_int_equal(httpd_active(f->httpd), 0);
	assert_int_equal(send(fd, body, 2000, 0), 2000);
	assert_int_equal(send(fd, body, 1000, 0), 1000);
	assert_true(hear_some(f, fd, 20));
	assert_non_null(strstr(f->answer, "HTTP/1.1 403 "));
	assert_int_equal(f->gone, 0);
	close(fd);
}

static void a_body_that_does_not_move_is_cut(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
	/* not while it is not asked for */
	const usec_t until = clock_boot() + 600 * USEC_PER_MS;
	while (clock_boot() < until)
		turns(f, 1);
	assert_int_equal(f->gone, 0);
	httpd_pull(f->held, true);
	for (unsigned i = 0; i < 2000 && f->gone == 0; i++)
		turns(f, 1);
	assert_int_equal(f->gone, 1);
	assert_false(hear_some(f, fd, 50));
	close(fd);
}

static void an_end_of_the_server_ends_all(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	say(f, fd, GET);
	assert_int_equal(httpd_begin(f->held, 200, &plain, 1, HTTPD_LENGTH_UNKNOWN), OK);
	(void)httpd_send(f->held, str("x"));
	turns(f, 4);
	httpd_free(&f->httpd);
	assert_int_equal(f->gone, 1);
	close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pieces_leave_when_they_are_sent),
		CASE(a_known_length_is_told_and_kept),
		CASE(an_answer_that_breaks_is_seen_to_break),
		CASE(who_sends_is_told_of_room_and_of_too_much),
		CASE(a_reader_that_stands_still_is_cut),
		CASE(an_owner_that_is_silent_is_waited_for),
		CASE(large_bodies_come_in_pieces_when_asked_for),
		CASE(a_chunked_body_becomes_large_on_its_way),
		CASE(one_that_is_not_permitted_is_413),
		CASE(some_bodies_may_be_larger_and_come_whole),
		CASE(so_many_of_them_at_a_time),
		CASE(a_refusal_before_the_body_is_heard),
		CASE(a_refusal_in_the_middle_waits_for_the_rest),
		CASE(a_body_that_does_not_move_is_cut),
		CASE(an_end_of_the_server_ends_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
