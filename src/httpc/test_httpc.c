/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "httpc/httpc.h"
#include "httpc/test_server.h"

static struct httpc_request request_to(const struct server *server, char url[static 64])
{
	(void)snprintf(url, 64, "http://127.0.0.1:%u/x?y=1", (unsigned)server->port);
	return (struct httpc_request){ .method = "GET", .url = str(url), .answer_max = 65536 };
}

static void a_command_gets_its_answer(void **state)
{
	struct server server;
	struct httpc_answer answer;
	char url[64];
	const struct httpc_header headers[] = { { str("X-Empty"), str("") },
						{ str("Authorization"), str("Bearer t") } };

	server_open(&server, (struct script){ .answer = "HTTP/1.1 103 Early\r\nX-No: 1\r\n\r\n"
							"HTTP/1.1 201 Made\r\nContent-Length: 2\r\n"
							"X-Yes:  two \r\n\r\nhi" });
	struct httpc_request request = request_to(&server, url);
	request.method = "POST";
	request.headers = headers;
	request.header_count = 2;
	request.body = str("a=b");
	assert_int_equal(httpc_once(&request, &answer), OK);
	assert_int_equal(answer.response.outcome, HTTPC_ANSWERED);
	assert_int_equal(answer.response.status, 201);
	assert_true(bytes_is(answer.response.body, "hi"));
	assert_true(bytes_is(httpc_find(&answer.response, "x-yes"), "two"));
	assert_null(httpc_find(&answer.response, "x-no").p);
	httpc_answer_done(&answer);
	server_close(&server);
	assert_non_null(strstr(server.heard, "POST /x?y=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(server.heard, "\r\nAuthorization: Bearer t\r\n"));
	assert_non_null(strstr(server.heard, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(server.heard, "\r\nContent-Length: 3\r\n"));
	assert_non_null(strstr(server.heard, "\r\nUser-Agent: valetkey/"));
	assert_null(strstr(server.heard, "Content-Type"));
	assert_null(strstr(server.heard, "Accept-Encoding"));
}

static void what_is_no_request_is_not_sent(void **state)
{
	static const char *const urls[] = {
		"ftp://127.0.0.1/",	   "file:///etc/passwd",
		"http://127.1/",	   "http://2130706433/",
		"http://0x7f.0.0.1/",	   "http://a@127.0.0.1/",
		"http://127.0.0.1/a\r\nb", "",
	};
	const struct httpc_header bad[] = { { str("X"), str("a\r\nY: b") },
					    { str("X Y"), str("a") },
					    { str("Host"), str("elsewhere") },
					    { str("Content-Length"), str("0") },
					    { str("accept-encoding"), str("gzip") } };
	struct httpc_answer answer;

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		const struct httpc_request request = { .method = "GET", .url = str(urls[i]) };
		assert_int_equal(httpc_once(&request, &answer), ERR_MALFORMED);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct httpc_request request = { .method = "GET",
						       .url = str("http://127.0.0.1:1/"),
						       .headers = &bad[i],
						       .header_count = 1 };
		assert_int_equal(httpc_once(&request, &answer), ERR_MALFORMED);
	}
	const struct httpc_request request = { .method = "CONNECT",
					       .url = str("http://127.0.0.1:1/") };
	assert_int_equal(httpc_once(&request, &answer), ERR_MALFORMED);
}

static void what_went_wrong_is_told_apart(void **state)
{
	static const struct {
		struct script script;
		enum httpc_outcome outcome;
	} cases[] = {
		{ { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" }, HTTPC_ANSWERED },
		{ { .answer = "HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" },
		  HTTPC_ANSWERED },
		{ { .answer = NULL }, HTTPC_UNKNOWN },
		{ { .deaf = true, .reset = true }, HTTPC_UNKNOWN },
		{ { .answer = NULL, .reset = true }, HTTPC_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx" }, HTTPC_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab" },
		  HTTPC_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\n\r\n", .stall = true }, HTTPC_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\n\r\n", .flood = 70000 }, HTTPC_UNUSABLE },
		{ { .answer = "HTTP/1.1 200 OK\r\nX: ", .flood = 20000 }, HTTPC_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\nX: cut" }, HTTPC_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\n", .lines = 400 }, HTTPC_UNUSABLE },
		{ { .answer = "HTTP/1.1 200 OK\r\n", .lines = 120 }, HTTPC_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx" },
		  HTTPC_UNUSABLE },
		{ { .answer = "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\nx" }, HTTPC_UNUSABLE },
		{ { .answer = "<html>hello there, friend</html>" }, HTTPC_UNUSABLE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct server server;
		struct httpc_answer answer;
		char url[64];
		server_open(&server, cases[i].script);
		struct httpc_request request = request_to(&server, url);
		request.total_ms = 400;
		request.method = "POST";
		assert_int_equal(httpc_once(&request, &answer), OK);
		if (answer.response.outcome != cases[i].outcome)
			fail_msg("case %zu: outcome %d: %s", i, (int)answer.response.outcome,
				 answer.response.why);
		if (answer.response.outcome != HTTPC_ANSWERED) {
			assert_int_equal(answer.response.status, 0);
			assert_int_equal(answer.response.body.n, 0);
			assert_non_null(answer.response.why);
		}
		httpc_answer_done(&answer);
		server_close(&server);
		assert_int_equal(server.connections, 1);
	}
}

static void nobody_there_is_unreachable(void **state)
{
	struct server server;
	struct httpc_answer answer;
	char url[64];

	server_open(&server, (struct script){ 0 });
	const struct httpc_request request = request_to(&server, url);
	server_close(&server);
	assert_int_equal(httpc_once(&request, &answer), OK);
	assert_int_equal(answer.response.outcome, HTTPC_UNREACHABLE);
	httpc_answer_done(&answer);
}

/* on a loop */

struct wait {
	struct loop *loop;
	enum httpc_outcome outcome;
	int status, asked, left;
	bool refuse_all, refuse_second;
};

static bool permit(void *ctx, const struct sockaddr *address)
{
	struct wait *wait = ctx;

	wait->asked++;
	return !wait->refuse_all && !(wait->refuse_second && wait->asked > 1);
}

static void done(void *ctx, const struct httpc_response *response)
{
	struct wait *wait = ctx;

	wait->outcome = response->outcome;
	wait->status = response->status;
	if (--wait->left == 0)
		loop_stop(wait->loop);
}

struct client {
	struct loop *loop;
	struct httpc *httpc;
};

static void client_open(struct client *client, const char *resolvers)
{
	assert_int_equal(loop_new(&client->loop), OK);
	assert_int_equal(httpc_new(client->loop, &(struct httpc_options){ .resolvers = resolvers },
				   &client->httpc),
			 OK);
}

static void client_close(struct client *client)
{
	httpc_free(&client->httpc);
	loop_free(&client->loop);
}

static void call(struct client *client, const struct httpc_request *request, struct wait *wait)
{
	wait->loop = client->loop;
	wait->left = 1;
	assert_int_equal(httpc_begin(client->httpc, request, permit, done, wait), OK);
	assert_int_equal(wait->outcome, 0);
	assert_int_equal(loop_run(client->loop), OK);
}

static void every_address_is_asked_about_twice(void **state)
{
	static const char plain[] = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n";
	struct server server;
	struct client client;
	char url[64];

	server_open(&server, (struct script){ .answer = plain });
	client_open(&client, "127.0.0.1:1");
	const struct httpc_request request = request_to(&server, url);
	struct wait good = { 0 }, never = { .refuse_all = true },
		    rebound = { .refuse_second = true };
	call(&client, &request, &good);
	assert_int_equal(good.outcome, HTTPC_ANSWERED);
	assert_int_equal(good.status, 204);
	assert_int_equal(good.asked, 2);
	call(&client, &request, &never);
	assert_int_equal(never.outcome, HTTPC_BLOCKED);
	assert_int_equal(never.asked, 1);
	call(&client, &request, &rebound);
	assert_int_equal(rebound.outcome, HTTPC_BLOCKED);
	assert_int_equal(rebound.asked, 2);
	client_close(&client);
	server_close(&server);
	assert_int_equal(server.connections, 1);
}

/* Answers every A question with 127.0.0.1 and every other with nothing; names that begin with
 * 'n' do not exist, for those with 's' it is silent. */
struct resolver {
	int fd;
	pthread_t thread;
	char address[32];
};

static void *resolve(void *ctx)
{
	const struct resolver *resolver = ctx;
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1 };
	uint8_t m[512];

	for (;;) {
		struct sockaddr_in from;
		socklen_t from_n = sizeof from;
		const ssize_t n =
			recvfrom(resolver->fd, m, 300, 0, (struct sockaddr *)&from, &from_n);
		if (n <= 0)
			return NULL;
		if (n < 17 || m[13] == 's')
			continue;
		size_t end = 12;
		while (m[end] != 0)
			end += 1U + m[end];
		end += 5;
		const bool known = m[13] != 'n', a = m[end - 3] == 1;
		m[2] = 0x81;
		m[3] = known ? 0x80 : 0x83;
		m[7] = known && a ? 1 : 0;
		memset(m + 8, 0, 4);
		if (known && a)
			memcpy(m + end, record, sizeof record);
		(void)sendto(resolver->fd, m, end + (known && a ? sizeof record : 0), 0,
			     (struct sockaddr *)&from, from_n);
	}
}

static void resolver_open(struct resolver *resolver)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;

	resolver->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(resolver->fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(resolver->fd, (struct sockaddr *)&at, &n), 0);
	(void)snprintf(resolver->address, sizeof resolver->address, "127.0.0.1:%u",
		       (unsigned)ntohs(at.sin_port));
	assert_int_equal(pthread_create(&resolver->thread, NULL, resolve, resolver), 0);
}

static void resolver_close(struct resolver *resolver)
{
	(void)shutdown(resolver->fd, SHUT_RDWR);
	(void)pthread_join(resolver->thread, NULL);
	close(resolver->fd);
}

static void names_are_asked_for_and_pinned(void **state)
{
	static const struct {
		const char *host;
		bool refuse;
		enum httpc_outcome outcome;
	} cases[] = {
		{ "here.test", false, HTTPC_ANSWERED },
		{ "localhost", false, HTTPC_ANSWERED },
		{ "here.test", true, HTTPC_BLOCKED },
		{ "nowhere.test", false, HTTPC_UNREACHABLE },
		{ "silent.test", false, HTTPC_UNREACHABLE },
	};
	struct resolver resolver;
	struct server server;
	struct client client;
	char url[64];

	server_open(&server, (struct script){ .answer = "HTTP/1.1 200 OK\r\n"
							"Connection: close\r\n\r\nx" });
	resolver_open(&resolver);
	client_open(&client, resolver.address);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wait wait = { .refuse_all = cases[i].refuse };
		struct httpc_request request = request_to(&server, url);
		(void)snprintf(url, sizeof url, "http://%s:%u/", cases[i].host,
			       (unsigned)server.port);
		request.url = str(url);
		request.total_ms = 700;
		call(&client, &request, &wait);
		assert_int_equal(wait.outcome, cases[i].outcome);
	}
	client_close(&client);
	resolver_close(&resolver);
	server_close(&server);
	assert_int_equal(server.connections, 2);
}

static void deadlines_end_what_stalls(void **state)
{
	struct server server;
	struct client client;
	char url[64];
	struct wait wait = { 0 };

	server_open(&server, (struct script){ .stall = true });
	client_open(&client, "127.0.0.1:1");
	struct httpc_request request = request_to(&server, url);
	request.total_ms = 300;
	const usec_t began = clock_boot();
	call(&client, &request, &wait);
	assert_int_equal(wait.outcome, HTTPC_UNKNOWN);
	assert_true(clock_boot() - began < 2 * USEC_PER_S);
	client_close(&client);
	server_close(&server);
}

static void plain_bytes_are_no_handshake(void **state)
{
	struct server server;
	struct client client;
	char url[64];
	struct wait wait = { 0 };

	server_open(&server, (struct script){ .deaf = true });
	client_open(&client, "127.0.0.1:1");
	struct httpc_request request = request_to(&server, url);
	(void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", (unsigned)server.port);
	request.url = str(url);
	call(&client, &request, &wait);
	assert_int_equal(wait.outcome, HTTPC_UNREACHABLE);
	client_close(&client);
	server_close(&server);
}

static void what_may_change_something_is_sent_once(void **state)
{
	struct server server;
	struct client client;
	char url[64];
	struct wait first = { 0 }, second = { 0 };

	server_open(&server, (struct script){ .answer = "HTTP/1.1 200 OK\r\n"
							"Content-Length: 1\r\n\r\nx",
					      .hold = true });
	client_open(&client, "127.0.0.1:1");
	struct httpc_request request = request_to(&server, url);
	call(&client, &request, &first);
	assert_int_equal(first.outcome, HTTPC_ANSWERED);
	/* The connection is still open; a request that dies on it would be repeated. */
	request.method = "POST";
	call(&client, &request, &second);
	assert_int_equal(second.outcome, HTTPC_ANSWERED);
	client_close(&client);
	server_close(&server);
	assert_int_equal(server.connections, 2);
	assert_int_equal(server.requests, 2);
}

static void many_at_once_are_all_answered_and_the_ceiling_holds(void **state)
{
	struct server server;
	struct client client;
	char url[64];
	struct wait wait = { 0 };

	server_open(&server, (struct script){ .answer = "HTTP/1.1 200 OK\r\n"
							"Connection: close\r\n\r\nx" });
	client_open(&client, "127.0.0.1:1");
	const struct httpc_request request = request_to(&server, url);
	wait.loop = client.loop;
	wait.left = HTTPC_TRANSFERS_MAX;
	for (int i = 0; i < HTTPC_TRANSFERS_MAX; i++)
		assert_int_equal(httpc_begin(client.httpc, &request, permit, done, &wait), OK);
	assert_int_equal(httpc_begin(client.httpc, &request, permit, done, &wait), ERR_OVERLOADED);
	assert_int_equal(loop_run(client.loop), OK);
	assert_int_equal(wait.left, 0);
	assert_int_equal(wait.outcome, HTTPC_ANSWERED);
	assert_int_equal(httpc_busy(client.httpc), 0);
	client_close(&client);
	server_close(&server);
	assert_int_equal(server.connections, HTTPC_TRANSFERS_MAX);
}

static void what_is_under_way_ends_with_the_client(void **state)
{
	struct server server;
	struct client client;
	char url[64];
	struct wait wait = { .left = 9 };

	server_open(&server, (struct script){ .stall = true });
	client_open(&client, "127.0.0.1:1");
	const struct httpc_request request = request_to(&server, url);
	assert_int_equal(httpc_begin(client.httpc, &request, permit, done, &wait), OK);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(client.loop, 10), OK);
	client_close(&client);
	server_close(&server);
	assert_int_equal(wait.left, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_gets_its_answer),
		cmocka_unit_test(what_is_no_request_is_not_sent),
		cmocka_unit_test(what_went_wrong_is_told_apart),
		cmocka_unit_test(nobody_there_is_unreachable),
		cmocka_unit_test(every_address_is_asked_about_twice),
		cmocka_unit_test(names_are_asked_for_and_pinned),
		cmocka_unit_test(deadlines_end_what_stalls),
		cmocka_unit_test(plain_bytes_are_no_handshake),
		cmocka_unit_test(what_may_change_something_is_sent_once),
		cmocka_unit_test(many_at_once_are_all_answered_and_the_ceiling_holds),
		cmocka_unit_test(what_is_under_way_ends_with_the_client),
	};

	/* A proxy in the environment must not be used. */
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
