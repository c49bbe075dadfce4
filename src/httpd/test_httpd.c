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

/* A real server on a real socket: what a client writes, and what it then reads. */
struct fixture {
	struct loop *loop;
	struct httpd *httpd;
	uint16_t port;
	struct httpd_request *held;
	bool hold;
	unsigned served, gone;
	char seen[512];
	char answer[8192];
	size_t answer_n;
};

static const struct httpd_limits limits = {
	.body_max = 1000,
	.header_max = 4096,
	.target_max = 512,
	.header_lines = 20,
	.connections = 40,
	.per_source = 30,
	.keep_alive = 20,
	.head_ms = 500,
	.idle_ms = 1500,
};

static const struct httpd_field plain = { "Content-Type", { (const uint8_t *)"text/plain", 10 } };

static void on_request(void *ctx, struct httpd_request *request)
{
	struct fixture *f = ctx;
	const struct bytes m = httpd_method(request), t = httpd_target(request),
			   b = httpd_body(request), a = httpd_header(request, "x-a");

	f->served++;
	snprintf(f->seen, sizeof f->seen, "%.*s %.*s [%.*s] %zu", (int)m.n, (const char *)m.p,
		 (int)t.n, (const char *)t.p, (int)a.n, (const char *)a.p, b.n);
	if (f->hold)
		f->held = request;
	else
		httpd_respond(request, 200, &plain, 1, str(f->seen));
}

static void on_gone(void *ctx, struct httpd_request *request)
{
	struct fixture *f = ctx;

	assert_ptr_equal(f->held, request);
	f->held = NULL;
	f->gone++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof at;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_non_null(f);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	f->port = ntohs(at.sin_port);
	assert_int_equal(loop_new(&f->loop), OK);
	assert_int_equal(httpd_new(f->loop, fd, &limits, NULL, on_request, on_gone, f, &f->httpd),
			 OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	httpd_free(&f->httpd);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static int client(const struct fixture *f)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(f->port),
					.sin_addr = { htonl(INADDR_LOOPBACK) } };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void turns(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(loop_turn(f->loop, 2), OK);
}

/* Reads what comes; true once the server has closed. */
static bool read_some(struct fixture *f, int fd)
{
	const ssize_t n =
		recv(fd, f->answer + f->answer_n, sizeof f->answer - 1 - f->answer_n, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0)
		f->answer_n += (size_t)n;
	f->answer[f->answer_n] = '\0';
	return n <= 0;
}

/* Writes @text, then turns until the server closes or @max_turns have passed. */
static bool talk(struct fixture *f, int fd, struct bytes text, unsigned max_turns)
{
	bool closed = false;

	f->answer_n = 0;
	f->answer[0] = '\0';
	if (text.n > 0)
		assert_int_equal(send(fd, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
	for (unsigned i = 0; i < max_turns && !closed; i++) {
		turns(f, 1);
		closed = read_some(f, fd);
	}
	return closed;
}

static bool answered(const struct fixture *f, const char *status)
{
	char line[32];

	snprintf(line, sizeof line, "HTTP/1.1 %s ", status);
	return strncmp(f->answer, line, strlen(line)) == 0;
}

#define HOST "Host: a\r\n"

static void it_answers_what_is_well_formed(void **state)
{
	static const struct {
		const char *text, *seen;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", "GET / [] 0" },
		{ "GET /a?b=%00&c HTTP/1.1\r\n" HOST "x-a: 1  \r\n\r\n", "GET /a?b=%00&c [1] 0" },
		{ "GET http://a/b?c HTTP/1.1\r\n" HOST "\r\n", "GET /b?c [] 0" },
		{ "POST / HTTP/1.1\r\n" HOST "X-A:\t q \r\nContent-Length: 3\r\n\r\nabc",
		  "POST / [q] 3" },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		  "POST / [] 5" },
		{ "OPTIONS * HTTP/1.1\r\n" HOST "X-A:\r\n\r\n", "OPTIONS * [] 0" },
		{ "DELETE /x HTTP/1.1\r\nX-A: a,b\r\nX-b:c\r\n" HOST "\r\n", "DELETE /x [a,b] 0" },
	};
	struct fixture *f = *state;
	const int fd = client(f);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(talk(f, fd, str(cases[i].text), 12));
		assert_true(answered(f, "200"));
		assert_string_equal(f->seen, cases[i].seen);
	}
	assert_int_equal(httpd_connections(f->httpd), 1);
	close(fd);
}

struct doubt {
	const char *text;
	const char *status; /* NULL: closed without an answer is as good */
};

static void it_refuses_doubtful_framing_and_closes(void **state)
{
	static const struct doubt cases[] = {
		/* two lengths, two meanings */
		{ HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "400" },
		{ HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "400" },
		{ HOST "Content-Length: 3\r\nContent-Length: 3\r\n", "400" },
		{ HOST "Content-Length: 3\r\nContent-Length: 4\r\n", "400" },
		{ HOST "Content-Length: 03\r\n", "400" },
		{ HOST "Transfer-Encoding: chunked, identity\r\n", "400" },
		{ HOST "Transfer-Encoding: identity\r\n", "400" },
		{ HOST "Transfer-Encoding: gzip, chunked\r\n", "400" },
		{ HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400" },
		{ HOST "Transfer-Encoding: \x0b"
		       "chunked\r\n",
		  "400" },
		{ HOST "Transfer-Encoding : chunked\r\n", "400" },
		{ HOST "Transfer-Encoding\t: chunked\r\n", "400" },
		/* lines that are none */
		{ HOST "Transfer-E: chunked\r\n ncoding\r\n", "400" },
		{ HOST "X-A: b\r\n c\r\n", "400" },
		{ HOST "X-A: b\r\n\tc\r\n", "400" },
		{ " " HOST, "400" },
		{ HOST "X-A: b\n", "400" },
		{ "Host: a\nX-A: b\r\n", "400" },
		{ HOST "X-A: b\rX-B: c\r\n", "400" },
		{ HOST "X-A: b\r\r\n", "400" },
		{ HOST "X-A\r\n", "400" },
		{ HOST ": b\r\n", "400" },
		{ HOST "X A: b\r\n", "400" },
		{ HOST "X-A: \x01\r\n", "400" },
		/* whose request is it */
		{ "X-A: b\r\n", "400" },
		{ HOST HOST, "400" },
		{ "Host: a b\r\n", "400" },
		{ "Host: a, b\r\n", "400" },
		{ "Host: a/b\r\n", "400" },
		{ "Host:\r\n", "400" },
		{ HOST "Authorization: a\r\nAuthorization: b\r\n", "400" },
		{ HOST "Expect: magic\r\n", "417" },
	};
	struct fixture *f = *state;
	char text[512];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const int fd = client(f);

		snprintf(text, sizeof text,
			 "POST / HTTP/1.1\r\n%s\r\nGET /second HTTP/1.1\r\n" HOST "\r\n",
			 cases[i].text);
		assert_true(talk(f, fd, str(text), 40));
		assert_true(answered(f, cases[i].status));
		assert_null(strstr(f->answer + 1, "HTTP/1.1"));
		close(fd);
	}
	assert_int_equal(f->served, 0);
}

/* The library answers these itself before it asks us, and writes its head twice. What matters
 * holds: nothing is served, nothing after it is read, the connection ends. */
static void the_library_ends_a_connection_over_a_bad_length(void **state)
{
	static const struct doubt cases[] = {
		{ "3, 3", "400" }, { "+3", "400" }, { "0x3", "400" },
		{ "-1", "400" },   { "", "400" },   { "99999999999999999999", "413" },
	};
	struct fixture *f = *state;
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const int fd = client(f);

		snprintf(text, sizeof text,
			 "POST / HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\n"
			 "GET /second HTTP/1.1\r\n" HOST "\r\n",
			 cases[i].text);
		assert_true(talk(f, fd, str(text), 40));
		assert_true(answered(f, cases[i].status));
		close(fd);
	}
	assert_int_equal(f->served, 0);
}

static void it_refuses_doubtful_request_lines(void **state)
{
	static const struct doubt cases[] = {
		{ "GET  / HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET /  HTTP/1.1\r\n" HOST "\r\n", NULL },
		{ "GET / HTTP/1.1 \r\n" HOST "\r\n", NULL },
		{ "GET /a b HTTP/1.1\r\n" HOST "\r\n", NULL },
		{ "GET / HTTP/1.1\n" HOST "\r\n", "400" },
		{ "GET / HTTP/1.1\r\n" HOST "\n", "400" },
		{ "GET / HTTP/1.1\n\n", "400" },
		{ "GET /\r\n", NULL },
		{ "GET\r\n\r\n", NULL },
		{ "GET / HTTP/0.9\r\n" HOST "\r\n", "505" },
		{ "GET / HTTP/1.2\r\n" HOST "\r\n", "505" },
		{ "GET / HTTP/2.0\r\n" HOST "\r\n", "505" },
		{ "GET / http/1.1\r\n" HOST "\r\n", "400" },
		{ "GET /\x80 HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET /#a HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET a HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET * HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET http://b/ HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET http://a HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET http://x@a/ HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "G(T / HTTP/1.1\r\n" HOST "\r\n", "400" },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na", "400" },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
		{ "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const int fd = client(f);

		assert_true(talk(f, fd, str(cases[i].text), 40));
		if (cases[i].status != NULL)
			assert_true(answered(f, cases[i].status));
		close(fd);
	}
	assert_int_equal(f->served, 0);
}

static void it_sees_a_nul_in_the_head(void **state)
{
	static const char in_target[] = "GET /a\0b HTTP/1.1\r\n" HOST "\r\n";
	static const char in_value[] = "GET / HTTP/1.1\r\n" HOST "X-A: b\0c\r\n\r\n";
	static const char in_name[] = "GET / HTTP/1.1\r\n" HOST "X-\0A: b\r\n\r\n";
	static const char at_line[] = "GET / HTTP/1.1\r\nHost: a\n\0/\n";
	static const struct bytes cases[] = {
		{ (const uint8_t *)at_line, sizeof at_line - 1 },
		{ (const uint8_t *)in_target, sizeof in_target - 1 },
		{ (const uint8_t *)in_value, sizeof in_value - 1 },
		{ (const uint8_t *)in_name, sizeof in_name - 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const int fd = client(f);

		assert_true(talk(f, fd, cases[i], 40));
		assert_true(answered(f, "400"));
		close(fd);
	}
	assert_int_equal(f->served, 0);
}

static void it_refuses_bad_chunks(void **state)
{
	static const struct doubt cases[] = {
		{ "0x5\r\nabcde\r\n0\r\n\r\n", "400" },
		{ "-1\r\nabc\r\n0\r\n\r\n", "400" },
		{ "11111111111111111\r\na\r\n0\r\n\r\n", "413" },
		{ "3\r\nabcd\r\n0\r\n\r\n", "400" },
		{ "\r\nabc", "400" },
		{ " 3\r\nabc\r\n0\r\n\r\n", "400" },
	};
	struct fixture *f = *state;
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const int fd = client(f);

		snprintf(text, sizeof text,
			 "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s",
			 cases[i].text);
		assert_true(talk(f, fd, str(text), 40));
		assert_true(answered(f, cases[i].status));
		close(fd);
	}
	assert_int_equal(f->served, 0);
}

static void it_keeps_its_limits(void **state)
{
	struct fixture *f = *state;
	char text[9000];
	int n, fd = client(f);

	n = snprintf(text, sizeof text, "GET /%0600d HTTP/1.1\r\n" HOST "\r\n", 0);
	assert_true(talk(f, fd, (struct bytes){ (uint8_t *)text, (size_t)n }, 40));
	assert_true(answered(f, "414"));
	close(fd);

	fd = client(f);
	n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "X-A: %05000d\r\n\r\n", 0);
	assert_true(talk(f, fd, (struct bytes){ (uint8_t *)text, (size_t)n }, 40));
	assert_true(answered(f, "431"));
	close(fd);

	fd = client(f);
	n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 20; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "X-%d: a\r\n", i);
	n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
	assert_true(talk(f, fd, (struct bytes){ (uint8_t *)text, (size_t)n }, 40));
	assert_true(answered(f, "431"));
	close(fd);

	fd = client(f);
	n = snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n");
	assert_true(talk(f, fd, (struct bytes){ (uint8_t *)text, (size_t)n }, 40));
	assert_true(answered(f, "413"));
	close(fd);

	fd = client(f);
	n = snprintf(text, sizeof text,
		     "POST / HTTP/1.1\r\n" HOST
		     "Transfer-Encoding: chunked\r\n\r\n3e9\r\n%01001d\r\n0\r\n\r\n",
		     0);
	assert_true(talk(f, fd, (struct bytes){ (uint8_t *)text, (size_t)n }, 40));
	assert_true(answered(f, "413"));
	assert_null(strstr(f->answer + 1, "HTTP/1.1"));
	close(fd);
	assert_int_equal(f->served, 0);
}

static void it_answers_later_and_in_order(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);

	f->hold = true;
	assert_false(talk(
		f, fd, str("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n"), 10));
	assert_int_equal(f->served, 1);
	assert_int_equal(httpd_active(f->httpd), 1);
	f->hold = false;
	httpd_respond(take(f->held), 201, &plain, 1, str("late"));
	assert_false(talk(f, fd, str(""), 10));
	assert_true(answered(f, "201"));
	assert_non_null(strstr(f->answer, "late"));
	assert_non_null(strstr(f->answer, "GET /2"));
	assert_int_equal(f->served, 2);
	close(fd);
}

static void it_tells_when_the_client_has_gone(void **state)
{
	struct fixture *f = *state;
	const struct linger reset = { .l_onoff = 1 };
	int fd = client(f);

	f->hold = true;
	assert_false(talk(f, fd, str("GET /1 HTTP/1.1\r\n" HOST "\r\n"), 10));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);
	turns(f, 10);
	assert_int_equal(f->gone, 1);
	assert_int_equal(httpd_connections(f->httpd), 0);
	assert_int_equal(httpd_active(f->httpd), 0);

	/* one that only closed its sending side still gets a quick answer */
	fd = client(f);
	assert_false(talk(f, fd, str("GET /2 HTTP/1.1\r\n" HOST "\r\n"), 10));
	shutdown(fd, SHUT_WR);
	turns(f, 10);
	assert_int_equal(f->gone, 1);
	httpd_respond(take(f->held), 200, &plain, 1, str("quick"));
	assert_true(talk(f, fd, str(""), 20));
	assert_non_null(strstr(f->answer, "quick"));
	close(fd);
}

static void a_half_closed_client_gets_its_answer(void **state)
{
	struct fixture *f = *state;
	const int other = client(f);

	assert_false(talk(f, other, str("GET /1 HTTP/1.1\r\n" HOST "\r\n"), 10));
	f->hold = true;
	for (int late = 0; late < 2; late++) {
		const int fd = client(f);

		f->answer_n = 0;
		assert_int_equal(send(fd, "GET /2 HTTP/1.1\r\n" HOST "\r\n", 28, 0), 28);
		if (late)
			turns(f, 10);
		shutdown(fd, SHUT_WR);
		turns(f, 10);
		assert_non_null(f->held);
		httpd_respond(take(f->held), 200, &plain, 1, str("quick"));
		assert_true(talk(f, fd, str(""), 20));
		assert_non_null(strstr(f->answer, "quick"));
		close(fd);
	}
	close(other);
}

static void it_cuts_a_slow_head_short(void **state)
{
	struct fixture *f = *state;
	const int fd = client(f);
	const usec_t began = clock_boot();
	bool closed = false;

	while (!closed && clock_boot() - began < 3 * USEC_PER_S) {
		(void)send(fd, "G", 1, MSG_NOSIGNAL);
		turns(f, 5);
		closed = read_some(f, fd);
		f->answer_n = 0;
	}
	assert_true(closed);
	assert_in_range(clock_boot() - began, 300 * USEC_PER_MS, 1200 * USEC_PER_MS);
	close(fd);
}

static void with_many_connections_an_answer_ends_its_own(void **state)
{
	struct fixture *f = *state;
	int fds[21];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = client(f);
	turns(f, 10);
	assert_true(talk(f, fds[0], str("GET /1 HTTP/1.1\r\n" HOST "\r\n"), 20));
	assert_non_null(strstr(f->answer, "Connection: close"));
	assert_false(talk(f, fds[1], str("GET /1 HTTP/1.1\r\n" HOST "\r\n"), 20));
	assert_true(answered(f, "200"));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

static void one_address_cannot_take_all_places(void **state)
{
	struct fixture *f = *state;
	int fds[34];
	unsigned closed = 0;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = client(f);
	turns(f, 20);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		closed += read_some(f, fds[i]);
	assert_int_equal(closed, 4);
	assert_int_equal(httpd_connections(f->httpd), 30);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	turns(f, 20);
	assert_int_equal(httpd_connections(f->httpd), 0);
}

static void many_answers_at_once_do_not_stall(void **state)
{
	struct fixture *f = *state;
	struct httpd_request *held[30];
	int fds[30];

	f->hold = true;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = client(f);
		assert_false(talk(f, fds[i], str("GET / HTTP/1.1\r\n" HOST "\r\n"), 6));
		held[i] = take(f->held);
		assert_non_null(held[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		httpd_respond(held[i], 200, &plain, 1, str("x"));
	turns(f, 6);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		f->answer_n = 0;
		assert_false(read_some(f, fds[i]));
		assert_true(answered(f, "200"));
		close(fds[i]);
	}
}

static void draining_ends_idle_connections_and_serves_the_rest(void **state)
{
	struct fixture *f = *state;
	const int idle = client(f), busy = client(f);

	f->hold = true;
	assert_false(talk(f, busy, str("GET / HTTP/1.1\r\n" HOST "\r\n"), 10));
	httpd_drain(f->httpd);
	httpd_respond(take(f->held), 200, &plain, 1, str("last"));
	assert_true(talk(f, busy, str(""), 20));
	assert_non_null(strstr(f->answer, "Connection: close"));
	for (int i = 0; i < 1000 && httpd_connections(f->httpd) > 0; i++)
		turns(f, 1);
	assert_int_equal(httpd_connections(f->httpd), 0);
	close(idle);
	close(busy);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_answers_what_is_well_formed),
		CASE(it_refuses_doubtful_framing_and_closes),
		CASE(the_library_ends_a_connection_over_a_bad_length),
		CASE(it_refuses_doubtful_request_lines),
		CASE(it_sees_a_nul_in_the_head),
		CASE(it_refuses_bad_chunks),
		CASE(it_keeps_its_limits),
		CASE(it_answers_later_and_in_order),
		CASE(it_tells_when_the_client_has_gone),
		CASE(a_half_closed_client_gets_its_answer),
		CASE(it_cuts_a_slow_head_short),
		CASE(with_many_connections_an_answer_ends_its_own),
		CASE(one_address_cannot_take_all_places),
		CASE(many_answers_at_once_do_not_stall),
		CASE(draining_ends_idle_connections_and_serves_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
