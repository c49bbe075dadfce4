/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "courier/test_rig.h"
#include "crypto/crypto.h"
#include "httpc/test_server.h"
#include "httpc/test_tls_server.h"
#include "sys/channel.h"

#define TOKEN "tok-0123456789abcdef"

static struct server server;
static struct tls_server secure, strange; /* port 0: no openssl here */
static struct rig rig, draining;

static const char *url_of(const char *path)
{
	static char url[256];

	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)server.port, path);
	return url;
}

/* The provider's origin, with @more behind it. */
static const char *hosts_of(const char *more)
{
	static char hosts[256];

	(void)snprintf(hosts, sizeof hosts, "http://127.0.0.1:%u%s", (unsigned)server.port, more);
	return hosts;
}

static struct ipc_courier_call call_of(uint8_t method)
{
	return (struct ipc_courier_call){ .method = method,
					  .url = str(url_of("/call")),
					  .timeout_ms = 5000,
					  .answer_max = 65536 };
}

static void a_secret_reaches_the_provider_in_its_place(void **state)
{
	static const struct {
		uint8_t how, body_kind;
		const char *name, *user, *body, *heard;
	} cases[] = {
		{ PLACEMENT_BEARER, BODY_NONE, "", "", "", "\r\nAuthorization: Bearer a/b+c\r\n" },
		{ PLACEMENT_HEADER, BODY_NONE, "X-Key", "", "", "\r\nX-Key: a/b+c\r\n" },
		{ PLACEMENT_BASIC, BODY_FORM, "", "cl:1", "a=b",
		  "\r\nAuthorization: Basic Y2wlM0ExOmElMkZiJTJCYw==\r\n" },
		{ PLACEMENT_BASIC_RAW, BODY_NONE, "", "cl", "",
		  "\r\nAuthorization: Basic Y2w6YS9iK2M=\r\n" },
		{ PLACEMENT_MEMBER, BODY_FORM, "refresh_token", "", "a=b",
		  "\r\n\r\na=b&refresh_token=a%2Fb%2Bc" },
		{ PLACEMENT_MEMBER, BODY_FORM, "t", "", "", "\r\n\r\nt=a%2Fb%2Bc" },
		{ PLACEMENT_MEMBER, BODY_JSON, "t", "", "{\"n\":1.50}",
		  "\r\n\r\n{\"n\":1.50,\"t\":\"a/b+c\"}" },
		{ PLACEMENT_MEMBER, BODY_JSON, "t", "", "{}", "\r\n\r\n{\"t\":\"a/b+c\"}" },
	};

	server.script = (struct script){ .answer = "HTTP/1.1 200 OK\r\nX-Odd: 1\r\nEtag: e\r\n"
						   "Set-Cookie: a=b\r\nConnection: close\r\n"
						   "Content-Length: 2\r\n\r\nhi" };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dynbuf placements, capsule;
		struct ipc_courier_answer answer;
		struct ipc_courier_call call = call_of(HTTP_POST);
		call.body_kind = cases[i].body_kind;
		call.body = str(cases[i].body);
		call.placements =
			rig_placement(&placements, cases[i].how, cases[i].name, cases[i].user);
		rig_seal(&rig, &call, hosts_of(""), "a/b+c", &capsule);
		call.capsule = dynbuf_view(&capsule);
		rig_call(&rig, &call);
		rig_answer(&rig, &answer);
		assert_int_equal(answer.outcome, COURIER_ANSWERED);
		assert_int_equal(answer.status, 200);
		assert_true(bytes_is(answer.body, "hi"));
		assert_true(bytes_is(ipc_headers_find(answer.headers, "etag"), "e"));
		assert_null(ipc_headers_find(answer.headers, "x-odd").p);
		assert_null(ipc_headers_find(answer.headers, "set-cookie").p);
		if (strstr(server.heard, cases[i].heard) == NULL)
			fail_msg("case %zu: %s", i, server.heard);
		dynbuf_done(&placements);
		dynbuf_done(&capsule);
	}
}

/* Sends a call and expects that it was refused and that nobody was connected to. */
static void refused(const struct ipc_courier_call *call)
{
	const int before = server.connections;
	struct ipc_courier_answer answer;

	rig_call(&rig, call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_REFUSED);
	assert_int_equal(answer.status, 0);
	assert_int_equal(server.connections, before);
}

static void a_capsule_serves_one_call_once_at_its_own_host(void **state)
{
	struct dynbuf placements, capsule;
	struct ipc_courier_answer answer;
	struct ipc_courier_call call = call_of(HTTP_GET);

	server.script = (struct script){ .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n" };
	call.placements = rig_placement(&placements, PLACEMENT_BEARER, "", "");
	rig_seal(&rig, &call, hosts_of("\nhttps://api.example"), TOKEN, &capsule);

	struct ipc_courier_call other = call;
	other.capsule = dynbuf_view(&capsule);
	other.url = str("http://nobody.test:9/elsewhere");
	refused(&other);
	dynbuf_done(&capsule);

	rig_seal(&rig, &call, hosts_of(""), TOKEN, &capsule);
	other = call;
	other.method = HTTP_POST;
	other.capsule = dynbuf_view(&capsule);
	refused(&other);
	dynbuf_done(&capsule);

	rig_seal(&rig, &call, "https://api.example\nhttp://127.0.0.1", TOKEN, &capsule);
	other = call;
	other.capsule = dynbuf_view(&capsule);
	refused(&other);
	dynbuf_done(&capsule);

	rig_seal(&rig, &call, hosts_of(""), TOKEN, &capsule);
	other = call;
	capsule.p[capsule.n - 1] ^= 1;
	other.capsule = dynbuf_view(&capsule);
	refused(&other);
	capsule.p[capsule.n - 1] ^= 1;

	rig_call(&rig, &other);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_ANSWERED);
	refused(&other);
	dynbuf_done(&capsule);
	dynbuf_done(&placements);
}

static void what_may_not_be_sent_is_refused(void **state)
{
	static const char *const urls[] = {
		"http://127.0.0.1:9/",
		"https://127.0.0.1/",
		"http://169.254.169.254/",
		"https://169.254.169.254/latest",
		"https://[::1]/",
		"https://[::ffff:127.0.0.1]/",
		"https://localhost/",
		"ftp://api.example/",
		"https://user@api.example/",
		"https://api.example:8443/",
		"http://api.example/",
		"https://2130706433/",
		"https://0x7f000001/",
		"https://[64:ff9b::7f00:1]/",
		"not a url",
	};
	struct dynbuf placements, cuts, headers;
	struct ipc_courier_call call;

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		call = call_of(HTTP_GET);
		call.url = str(urls[i]);
		refused(&call);
	}
	call = call_of(HTTP_GET);
	call.placements = rig_placement(&placements, PLACEMENT_BEARER, "", "");
	refused(&call);
	dynbuf_done(&placements);
	call = call_of(HTTP_GET);
	call.cuts = rig_cuts(&cuts, "a", "a");
	refused(&call);
	dynbuf_done(&cuts);
	call = call_of(99);
	refused(&call);
	call = call_of(HTTP_GET);
	dynbuf_init(&headers, 1024);
	ipc_headers_add(&headers, "x", str("a\r\nauthorization: b"));
	call.headers = dynbuf_view(&headers);
	refused(&call);
	dynbuf_done(&headers);
}

static void tokens_go_to_keeper_and_nothing_of_them_to_core(void **state)
{
	static const struct {
		const char *answer, *rest;
		uint32_t found;
		size_t count;
	} cases[] = {
		{ "Content-Type: application/json; charset=utf-8\r\n\r\n"
		  "{\"access_token\":\"" TOKEN "\",\"expires_in\":3600,"
		  "\"refresh_token\":\"r\\u0074-2222222222\",\"scope\":\"a b\"}",
		  "{\"expires_in\":3600,\"scope\":\"a b\"}", 3, 2 },
		{ "Content-Type: application/json\r\n\r\n"
		  "{\"refresh_token\":\"rt-2222222222\",\"access_token\":null}",
		  "{}", 2, 1 },
		{ "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
		  "access_token=" TOKEN "&scope=repo%2Cgist&token_type=bearer",
		  "scope=repo%2Cgist&token_type=bearer", 1, 1 },
		{ "Content-Type: application/json\r\n\r\n"
		  "{\"ok\":false,\"error\":\"bad\",\"deep\":[{\"access_token\":\"x\",\"a\":1}]}",
		  "{\"ok\":false,\"error\":\"bad\",\"deep\":[{\"a\":1}]}", 0, 0 },
		{ "Content-Type: application/json\r\n\r\n"
		  "{\"access_token\":\"" TOKEN "\",\"id_token\":\"e30.e30.\",\"scope\":\"openid\"}",
		  "{\"scope\":\"openid\"}", 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dynbuf cuts;
		struct ipc_courier_answer answer;
		struct capsule capsule = { 0 };
		char text[1024];
		(void)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nConnection: close\r\n%s",
			       cases[i].answer);
		server.script = (struct script){ .answer = text };
		struct ipc_courier_call call = call_of(HTTP_POST);
		call.cuts = rig_cuts(&cuts, "access_token", "refresh_token");
		rig_call(&rig, &call);
		rig_answer(&rig, &answer);
		assert_int_equal(answer.outcome, COURIER_ANSWERED);
		if (!bytes_is(answer.body, cases[i].rest))
			fail_msg("case %zu: %.*s", i, (int)answer.body.n, answer.body.p);
		assert_int_equal(answer.found, cases[i].found);
		assert_int_equal(answer.capsule.n > 0, cases[i].count > 0);
		if (cases[i].count > 0)
			assert_int_equal(capsule_open(&rig.keeper_in, answer.capsule, &capsule),
					 OK);
		assert_int_equal(capsule.count, cases[i].count);
		if ((cases[i].found & 1) != 0)
			assert_true(bytes_is(capsule.values[0], TOKEN));
		if ((cases[i].found & 2) != 0)
			assert_true(bytes_is(capsule.values[capsule.count - 1], "rt-2222222222"));
		capsule_done(&capsule);
		dynbuf_done(&cuts);
	}
}

#define JSON_HEAD "Content-Type: application/json\r\n\r\n"

static void garbage_instead_of_tokens_is_unusable(void **state)
{
	static const char *const answers[] = {
		"Content-Type: text/html\r\n\r\n<html>access_token</html>",
		"\r\n{\"access_token\":\"" TOKEN "\"}",
		JSON_HEAD "{\"access_token\":\"" TOKEN "\"",
		JSON_HEAD "{\"access_token\":\"" TOKEN "\"} trailing",
		JSON_HEAD "{\"access_token\":\"" TOKEN "\",\"access_token\":\"x\"}",
		JSON_HEAD "{\"access_token\":\"a\\u0000b\"}",
		JSON_HEAD "{\"access_token\":\"a\\r\\nX: b\"}",
		JSON_HEAD "{\"access_token\":\"a\xc3\xa4\"}",
		JSON_HEAD "{\"access_token\":7}",
		JSON_HEAD "[\"" TOKEN "\"]",
		JSON_HEAD "{\"access_token\":\"" TOKEN "\",\"again\":\"x" TOKEN "\"}",
		JSON_HEAD "{\"access_token\":\"" TOKEN
			  "\",\"again\":\"\\u0074ok-0123456789abcdef\"}",
		"Content-Type: application/json\r\nEtag: " TOKEN "\r\n\r\n"
		"{\"access_token\":\"" TOKEN "\"}",
		"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
		"access_token=a&access_token=b",
		"Content-Type: application/x-www-form-urlencoded\r\n\r\naccess_token=%0d%0a",
		"Content-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n{}",
		JSON_HEAD,
	};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct dynbuf cuts;
		struct ipc_courier_answer answer;
		char text[1024];
		(void)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nConnection: close\r\n%s",
			       answers[i]);
		server.script = (struct script){ .answer = text };
		struct ipc_courier_call call = call_of(HTTP_POST);
		call.cuts = rig_cuts(&cuts, "access_token", NULL);
		rig_call(&rig, &call);
		rig_answer(&rig, &answer);
		if (answer.outcome != COURIER_UNUSABLE)
			fail_msg("case %zu: outcome %u", i, (unsigned)answer.outcome);
		assert_int_equal(answer.body.n, 0);
		assert_int_equal(answer.headers.n, 0);
		assert_int_equal(answer.capsule.n, 0);
		dynbuf_done(&cuts);
	}
}

static void an_error_is_passed_on_without_what_cannot_be_read(void **state)
{
	static const struct {
		const char *answer, *body;
		uint16_t status;
	} cases[] = {
		{ "HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\n\r\n"
		  "{\"error\":\"invalid_grant\",\"access_token\":\"" TOKEN "\"}",
		  "{\"error\":\"invalid_grant\"}", 400 },
		{ "HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n\r\n<html>" TOKEN "</html>", "",
		  502 },
		{ "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n\r\n", "", 429 },
		{ "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "", 302 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dynbuf cuts;
		struct ipc_courier_answer answer;
		server.script = (struct script){ .answer = cases[i].answer };
		struct ipc_courier_call call = call_of(HTTP_POST);
		call.cuts = rig_cuts(&cuts, "access_token", NULL);
		rig_call(&rig, &call);
		rig_answer(&rig, &answer);
		assert_int_equal(answer.outcome, COURIER_ANSWERED);
		assert_int_equal(answer.status, cases[i].status);
		assert_true(bytes_is(answer.body, cases[i].body));
		assert_null(ipc_headers_find(answer.headers, "location").p);
		if (answer.status == 429)
			assert_true(bytes_is(ipc_headers_find(answer.headers, "retry-after"), "7"));
		dynbuf_done(&cuts);
	}
}

static void what_was_not_sent_is_told_from_what_may_have_been(void **state)
{
	static const struct {
		struct script script;
		enum courier_outcome outcome;
	} cases[] = {
		{ { .deaf = true, .reset = true }, COURIER_UNKNOWN },
		{ { .reset = true }, COURIER_UNKNOWN },
		{ { .stall = true }, COURIER_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{" }, COURIER_UNKNOWN },
		{ { .answer = "HTTP/1.1 200 OK\r\n\r\n", .flood = 80000 }, COURIER_UNUSABLE },
		{ { .answer = "HTTP/1.1 200 OK\r\n", .lines = 400 }, COURIER_UNUSABLE },
	};
	struct ipc_courier_answer answer;
	struct ipc_courier_call call;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		server.script = cases[i].script;
		call = call_of(HTTP_POST);
		call.timeout_ms = 400;
		rig_call(&rig, &call);
		rig_answer(&rig, &answer);
		if (answer.outcome != cases[i].outcome)
			fail_msg("case %zu: outcome %u", i, (unsigned)answer.outcome);
	}
	call = call_of(HTTP_POST);
	call.url = str("http://nobody.test:9/");
	call.timeout_ms = 400;
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_UNREACHABLE);
}

static void an_answer_is_sent_again_until_core_has_acknowledged_it(void **state)
{
	struct ipc_courier_answer answer;
	struct frame frame;
	struct ipc_courier_call call = call_of(HTTP_POST);

	server.script = (struct script){ .answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
						   "Content-Length: 2\r\n\r\nhi" };
	call.attempt = id_new();
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	const int connections = server.connections;
	rig_core(&rig);
	rig_answer(&rig, &answer);
	assert_true(id_eq(answer.attempt, call.attempt));
	assert_true(bytes_is(answer.body, "hi"));
	/* The same attempt is not made twice. */
	const uint64_t first = rig.frame_id;
	rig_call(&rig, &call);
	rig.frame_id = first;
	rig_answer(&rig, &answer);
	assert_true(bytes_is(answer.body, "hi"));
	assert_int_equal(server.connections, connections);
	rig_ack(&rig, call.attempt);
	call.attempt = (struct id){ { 0 } };
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	rig_core(&rig);
	assert_false(rig_wait(&rig, 200, &frame, &answer));
}

static void an_answer_under_way_finds_the_next_core(void **state)
{
	struct ipc_courier_answer answer;
	struct frame frame;
	struct ipc_courier_call call = call_of(HTTP_POST);

	server.script = (struct script){ .stall = true };
	call.attempt = id_new();
	call.timeout_ms = 300;
	rig_call(&rig, &call);
	call.attempt = (struct id){ { 0 } };
	rig_call(&rig, &call);
	rig_core(&rig);
	rig.frame_id--;
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_UNKNOWN);
	assert_false(rig_wait(&rig, 500, &frame, &answer));
	rig.frame_id++;
	rig_ack(&rig, answer.attempt);
}

static void a_frame_that_is_no_call_ends_the_stream_and_not_the_process(void **state)
{
	static const uint8_t junk[] = { 0, 0, 0, 11, 1, 0x30, 0, 0, 0, 0, 0, 0, 0, 1, 0 };
	struct ipc_courier_answer answer;
	struct pollfd watch = { .fd = rig.core, .events = POLLIN };
	uint8_t byte;

	assert_int_equal(send(rig.core, junk, sizeof junk, 0), sizeof junk);
	assert_int_equal(poll(&watch, 1, 5000), 1);
	assert_int_equal(recv(rig.core, &byte, 1, 0), 0);
	rig_core(&rig);
	server.script = (struct script){ .answer = "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n" };
	const struct ipc_courier_call call = call_of(HTTP_GET);
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_ANSWERED);
}

/* The tokens are made here, after the fork, so that no copy was inherited. */
static void nothing_of_a_secret_stays_in_memory(void **state)
{
	struct ipc_courier_answer answer;
	struct dynbuf placements, cuts, capsule;
	char sent[64], cut[64], shown[64], text[512];

	if (!rig_can_look())
		skip();
	rig_token("sent-", sent);
	rig_token("cut-", cut);
	rig_token("shown-", shown);
	(void)snprintf(text, sizeof text,
		       "HTTP/1.1 200 OK\r\nConnection: close\r\n%s"
		       "{\"access_token\":\"%s\",\"scope\":\"%s\"}",
		       JSON_HEAD, cut, shown);
	server.script = (struct script){ .answer = text };
	for (uint8_t how = PLACEMENT_BEARER; how <= PLACEMENT_BASIC_RAW; how++) {
		struct ipc_courier_call call = call_of(HTTP_POST);
		call.body_kind = how % 2 == 0 ? BODY_JSON : BODY_FORM;
		call.body = str(how % 2 == 0 ? "{}" : "a=b");
		call.placements = rig_placement(&placements, how, "X-Key", "client");
		call.cuts = rig_cuts(&cuts, "access_token", NULL);
		rig_seal(&rig, &call, hosts_of(""), sent, &capsule);
		call.capsule = dynbuf_view(&capsule);
		rig_call(&rig, &call);
		rig_answer(&rig, &answer);
		assert_int_equal(answer.outcome, COURIER_ANSWERED);
		assert_int_equal(answer.found, 1);
		dynbuf_done(&placements);
		dynbuf_done(&cuts);
		dynbuf_done(&capsule);
	}
	assert_non_null(rig_find(rig.pid, shown)); /* the search can find */
	const char *where = rig_find(rig.pid, sent);
	if (where != NULL)
		fail_msg("a secret that was sent stands in %s", where);
	where = rig_find(rig.pid, cut);
	if (where != NULL)
		fail_msg("a token that was cut stands in %s", where);
}

static void tls_is_spoken_from_inside_the_sandbox_and_leaves_nothing(void **state)
{
	struct ipc_courier_answer answer;
	struct ipc_courier_call call = call_of(HTTP_GET);
	struct dynbuf placements, cuts, capsule;
	char url[64], sent[64], cut[64], text[512];

	if (secure.port == 0)
		skip();
	rig_token("sent-", sent);
	rig_token("cut-", cut);
	(void)snprintf(text, sizeof text,
		       "HTTP/1.1 200 OK\r\nConnection: close\r\n%s{\"access_token\":\"%s\"}",
		       JSON_HEAD, cut);
	tls_file_put("token", text);
	(void)snprintf(url, sizeof url, "https://127.0.0.1:%u/token", secure.port);
	call.url = str(url);
	call.placements = rig_placement(&placements, PLACEMENT_BEARER, "", "");
	call.cuts = rig_cuts(&cuts, "access_token", NULL);
	rig_seal(&rig, &call, url, sent, &capsule);
	call.capsule = dynbuf_view(&capsule);
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_ANSWERED);
	assert_int_equal(answer.found, 1);
	const char *where = rig_can_look() ? rig_find(rig.pid, sent) : NULL;
	if (where != NULL)
		fail_msg("a secret that was sent stands in %s", where);
	where = rig_can_look() ? rig_find(rig.pid, cut) : NULL;
	if (where != NULL)
		fail_msg("a token that was cut stands in %s", where);
	dynbuf_done(&placements);
	dynbuf_done(&cuts);
	dynbuf_done(&capsule);
}

static void a_foreign_certificate_is_not_spoken_to(void **state)
{
	struct ipc_courier_answer answer;
	struct ipc_courier_call call = call_of(HTTP_GET);
	char url[64];

	if (secure.port == 0)
		skip();
	(void)snprintf(url, sizeof url, "https://127.0.0.1:%u/page", strange.port);
	call.url = str(url);
	rig_call(&rig, &call);
	rig_answer(&rig, &answer);
	assert_int_equal(answer.outcome, COURIER_UNREACHABLE);
}

static void it_drains_and_ends(void **state)
{
	const struct ipc_drain drain = {};
	struct ipc_courier_answer answer;
	struct dynbuf frame;
	int status;

	server.script = (struct script){ .stall = true };
	struct ipc_courier_call call = call_of(HTTP_GET);
	call.timeout_ms = 300;
	rig_call(&draining, &call);
	const struct timespec moment = { .tv_nsec = 100 * 1000 * 1000 };
	nanosleep(&moment, NULL);
	dynbuf_init(&frame, 64);
	FRAME_PUT(&frame, 0, drain, &drain);
	rig_control(&draining, &frame, -1);
	rig_answer(&draining, &answer);
	assert_int_equal(answer.outcome, COURIER_UNKNOWN);
	assert_int_equal(waitpid(draining.pid, &status, 0), draining.pid);
	assert_int_equal(status, 0);
	close(draining.control);
	close(draining.core);
	dynbuf_done(&draining.in);
	dynbuf_done(&draining.shown);
	dynbuf_done(&frame);
}

static int group_open(void **state)
{
	char allow[256];
	const bool tls = tls_there();

	assert_int_equal(crypto_init(), OK);
	if (tls) {
		tls_folder_make();
		tls_open(&secure, "good", "-tls1_3");
		tls_open(&strange, "other", "-tls1_3");
	}
	server_listen(&server, (struct script){ 0 });
	(void)snprintf(allow, sizeof allow,
		       "127.0.0.1:%u\nnobody.test:9\n127.0.0.1:%u\n127.0.0.1:%u",
		       (unsigned)server.port, tls ? secure.port : 1, tls ? strange.port : 1);
	rig_open(&rig, allow, tls ? "good.pem" : "", &server.listener, 1);
	const int not_its[] = { server.listener, rig.control, rig.core };
	rig_open(&draining, allow, "", not_its, ARRAY_LEN(not_its));
	server_start(&server);
	return 0;
}

static int group_close(void **state)
{
	const int status = rig_close(&rig);

	server_close(&server);
	if (secure.port != 0) {
		tls_close(&secure);
		tls_close(&strange);
		tls_folder_remove();
	}
	return status;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_reaches_the_provider_in_its_place),
		cmocka_unit_test(a_capsule_serves_one_call_once_at_its_own_host),
		cmocka_unit_test(what_may_not_be_sent_is_refused),
		cmocka_unit_test(tokens_go_to_keeper_and_nothing_of_them_to_core),
		cmocka_unit_test(garbage_instead_of_tokens_is_unusable),
		cmocka_unit_test(an_error_is_passed_on_without_what_cannot_be_read),
		cmocka_unit_test(what_was_not_sent_is_told_from_what_may_have_been),
		cmocka_unit_test(an_answer_is_sent_again_until_core_has_acknowledged_it),
		cmocka_unit_test(an_answer_under_way_finds_the_next_core),
		cmocka_unit_test(a_frame_that_is_no_call_ends_the_stream_and_not_the_process),
		cmocka_unit_test(nothing_of_a_secret_stays_in_memory),
		cmocka_unit_test(tls_is_spoken_from_inside_the_sandbox_and_leaves_nothing),
		cmocka_unit_test(a_foreign_certificate_is_not_spoken_to),
		cmocka_unit_test(it_drains_and_ends),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
