/* SPDX-License-Identifier: Apache-2.0 */

/*
 * gate_harness - the real gate in its real sandbox between a test and a core
 * of a few lines, which tells what it was asked.
 *
 *   gate_harness [NAME=VALUE ...]     settings for gate's boot
 *
 * Prints "port N" once gate is ready. Paths that do something; all others are
 * answered with what core saw, as JSON:
 *
 *   /fixed      a fixed small body                 /token     a token, spliced in by gate
 *   /hold       no answer                          /stats     requests, gone, held
 *   /bad        an answer that gate must refuse    /html      a page
 *   /big        an answer of 4 MiB                 /pieces    an event stream of three pieces
 *   /endless    pieces for as long as there is room for them; /stats counts them
 *   /broken     an answer in pieces that breaks off
 *   /silent     an event stream without an event
 *   /crash      core's stream breaks, and a new core comes 300 ms later
 *   /drain      gate is told to drain; then the harness ends with it
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "gate/gate.h"
#include "gate/path.h"
#include "ipc/capsule.h"
#include "sys/channel.h"

#ifdef VALETKEY_SANITIZED
/* The leak checker traces the process at its end, which the sandbox forbids, and then waits for
 * ever. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

struct harness {
	struct loop *loop;
	struct channel *core;
	struct loop_source *control_source;
	struct loop_timer *return_timer;
	int control;
	uint16_t port;
	pid_t gate;
	uint8_t key[32];
	struct capsule_sender sender;
	struct capsule_receiver receiver;
	uint64_t requests, gone, held, pieces, fulls, rooms;
	uint64_t endless; /* the stream that goes on while it is not full; 0: none */
	bool full;
	struct dynbuf text, list;
};

static void must(enum err err, const char *what)
{
	if (err == OK)
		return;
	fprintf(stderr, "gate_harness: %s failed: %s\n", what, err_row(err)->name);
	exit(1);
}

static int listen_on_loopback(uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof at;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &n) != 0) {
		perror("gate_harness: listen");
		exit(1);
	}
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void say(struct harness *h, const struct dynbuf *frame, int fd)
{
	must(dynbuf_err(frame), "a message");
	must(handover_send(h->control, dynbuf_view(frame), fd), "handover_send");
	if (fd >= 0)
		close(fd);
}

static void hand(struct harness *h, uint8_t what, int fd)
{
	const struct ipc_hand m = { .what = what };
	struct dynbuf out;

	dynbuf_init(&out, 1024);
	FRAME_PUT(&out, 0, hand, &m);
	say(h, &out, fd);
	dynbuf_done(&out);
}

static void boot(struct harness *h, int argc, char **argv)
{
	struct ipc_boot m = { .role = ROLE_GATE, .log_level = LOG_WARN };
	struct dynbuf settings, out;

	dynbuf_init(&settings, IPC_ANSWER_MAX);
	dynbuf_init(&out, IPC_FRAME_MAX);
	for (int i = 1; i < argc; i++) {
		struct bytes value = str(argv[i]);
		const struct bytes name = bytes_cut(&value, '=');
		const struct ipc_setting setting = { name, value };

		IPC_LIST_ADD(&settings, setting, &setting);
	}
	put(m.gate_key, h->key, sizeof h->key);
	m.settings = dynbuf_view(&settings);
	FRAME_PUT(&out, 0, boot, &m);
	say(h, &out, -1);
	dynbuf_done(&settings);
	dynbuf_done(&out);
}

static void respond(struct harness *h, uint64_t id, struct ipc_http_response *m)
{
	struct dynbuf *out;

	if (h->core == NULL)
		return;
	must(channel_out(h->core, &out), "channel_out");
	m->headers = dynbuf_view(&h->list);
	FRAME_PUT(out, id, http_response, m);
	must(dynbuf_err(out), "an answer");
}

static void header(struct harness *h, const char *name, const char *value)
{
	ipc_headers_add(&h->list, name, str(value));
}

static void answer_text(struct harness *h, uint64_t id, const char *type, struct bytes body)
{
	struct ipc_http_response m = { .status = 200, .body = body };

	header(h, "content-type", type);
	respond(h, id, &m);
}

static void on_fixed(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	static const char body[] = "{\"access_token\":\"gho_16C7e42F292c6912E7710c838347Ae178B4a\","
				   "\"issued_token_type\":\"urn:ietf:params:oauth:token-type:"
				   "access_token\",\"token_type\":\"Bearer\",\"expires_in\":600}";

	answer_text(h, id, "application/json", str(body));
}

static void on_token(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	static const uint8_t unbound[HASH_LEN];
	static const char body[] = "{\"access_token\":\"\",\"token_type\":\"Bearer\"}";
	const struct bytes token = str("gho_\"quoted\"\\\n16C7e42F292c6912E7710c83");
	struct ipc_http_response r = { .status = 200, .body = str(body), .capsule_at = 17 };
	struct dynbuf capsule;

	dynbuf_init(&capsule, IPC_CAPSULE_MAX);
	capsule_seal(&h->sender, unbound, (struct bytes){ NULL, 0 }, &token, 1, &capsule);
	r.capsule = dynbuf_view(&capsule);
	header(h, "content-type", "application/json");
	respond(h, id, &r);
	dynbuf_done(&capsule);
}

static void on_hold(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	h->held++;
}

static void on_stats(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	dynbuf_printf(&h->text,
		      "{\"requests\":%lu,\"gone\":%lu,\"held\":%lu,\"gate\":%d,\"pieces\":%lu,"
		      "\"fulls\":%lu,\"rooms\":%lu}",
		      h->requests, h->gone, h->held, (int)h->gate, h->pieces, h->fulls, h->rooms);
	answer_text(h, id, "application/json", dynbuf_view(&h->text));
}

static void on_bad(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	header(h, "content-length", "3");
	answer_text(h, id, "text/plain", str("bad"));
}

static void on_html(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	answer_text(h, id, "text/html; charset=utf-8", str("<p>page"));
}

static void on_big(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	static uint8_t body[IPC_ANSWER_MAX];

	memset(body, 'x', sizeof body);
	answer_text(h, id, "text/plain", (struct bytes){ body, sizeof body });
}

static void on_crash(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	channel_free(&h->core);
	loop_timer_set(h->return_timer, clock_boot() + 300 * USEC_PER_MS);
}

static void on_drain(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	const struct ipc_drain drain = {};
	struct dynbuf out;

	answer_text(h, id, "text/plain", str("draining"));
	channel_flush(h->core);
	dynbuf_init(&out, 64);
	FRAME_PUT(&out, 0, drain, &drain);
	say(h, &out, -1);
	dynbuf_done(&out);
}

static struct dynbuf *to_gate(struct harness *h)
{
	struct dynbuf *out;

	must(channel_out(h->core, &out), "channel_out");
	return out;
}

static void begin(struct harness *h, uint64_t id)
{
	header(h, "content-type", "text/event-stream");
	const struct ipc_http_begin m = { .status = 200,
					  .beat = 1,
					  .headers = dynbuf_view(&h->list) };
	FRAME_PUT(to_gate(h), id, http_begin, &m);
}

static void piece(struct harness *h, uint64_t id, struct bytes bytes)
{
	const struct ipc_http_data m = { bytes };

	FRAME_PUT(to_gate(h), id, http_data, &m);
	h->pieces++;
}

static void end(struct harness *h, uint64_t id, bool whole)
{
	const struct ipc_http_end m = { .whole = whole };

	FRAME_PUT(to_gate(h), id, http_end, &m);
}

static void on_pieces(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	begin(h, id);
	piece(h, id, str("data: one\n\n"));
	piece(h, id, str("data: two\n\n"));
	piece(h, id, str("data: three\n\n"));
	end(h, id, true);
}

static void on_broken(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	begin(h, id);
	piece(h, id, str("data: one\n\n"));
	end(h, id, false);
}

static void on_silent(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	begin(h, id);
}

static void more(struct harness *h, uint64_t id)
{
	static uint8_t block[64 * 1024];

	memset(block, 'x', sizeof block);
	for (int i = 0; i < 5; i++)
		piece(h, id, (struct bytes){ block, sizeof block });
}

static void on_endless(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	begin(h, id);
	h->endless = id;
	h->full = false;
	more(h, id);
}

static void print_headers(struct harness *h, struct bytes list)
{
	struct ipc_header line;
	struct bytes item;
	const char *comma = "";

	while (ipc_list_next(&list, &item) == OK) {
		must(ipc_header_decode(item, &line), "a header");
		dynbuf_str(&h->text, comma);
		dynbuf_u8(&h->text, '[');
		json_print_string(line.name, &h->text);
		dynbuf_u8(&h->text, ',');
		json_print_string(line.value, &h->text);
		dynbuf_u8(&h->text, ']');
		comma = ",";
	}
}

static void print_sealed(struct harness *h, struct bytes from)
{
	struct capsule capsule = { 0 };

	if (capsule_open(&h->receiver, from, &capsule) == OK)
		json_print_string(capsule.values[0], &h->text);
	else
		dynbuf_str(&h->text, "null");
	capsule_done(&capsule);
}

static void on_echo(struct harness *h, uint64_t id, const struct ipc_http_request *m)
{
	struct dynbuf *t = &h->text;

	dynbuf_printf(t, "{\"method\":\"%s\",\"secure\":%d,\"address\":\"",
		      http_method_name(m->method), m->secure);
	hex_print(m->address, t);
	dynbuf_str(t, "\",\"target\":");
	json_print_string(m->target, t);
	dynbuf_printf(t, ",\"body_bytes\":%zu,\"body\":", m->body.n);
	json_print_string((struct bytes){ m->body.p, m->body.n < 1000 ? m->body.n : 1000 }, t);
	dynbuf_printf(t, ",\"capsule_bytes\":%zu,\"sealed\":", m->capsule.n);
	print_sealed(h, m->capsule);
	dynbuf_str(t, ",\"headers\":[");
	print_headers(h, m->headers);
	dynbuf_str(t, "]}");
	answer_text(h, id, "application/json", dynbuf_view(t));
}

static const struct {
	const char *path;
	void (*fn)(struct harness *h, uint64_t id, const struct ipc_http_request *m);
} routes[] = {
	{ "/fixed", on_fixed },	  { "/token", on_token },   { "/hold", on_hold },
	{ "/stats", on_stats },	  { "/bad", on_bad },	    { "/html", on_html },
	{ "/crash", on_crash },	  { "/drain", on_drain },   { "/big", on_big },
	{ "/pieces", on_pieces }, { "/broken", on_broken }, { "/endless", on_endless },
	{ "/silent", on_silent },
};

static void on_frame(void *ctx, struct bytes bytes)
{
	struct harness *h = ctx;
	struct ipc_http_request m;
	struct frame frame;

	must(frame_next(&bytes, &frame), "a frame");
	if (frame.type == IPC_TYPE_http_gone) {
		h->gone++;
		h->endless = frame.id == h->endless ? 0 : h->endless;
		return;
	}
	if (frame.type == IPC_TYPE_http_full) {
		h->fulls++;
		h->full = true;
		return;
	}
	if (frame.type == IPC_TYPE_http_room) {
		h->rooms++;
		h->full = false;
		more(h, frame.id);
		return;
	}
	if (frame.type == IPC_TYPE_http_closing)
		return;
	must(ipc_http_request_decode(frame.payload, &m), "a request");
	h->requests++;
	if (h->endless != 0 && !h->full)
		more(h, h->endless); /* gate was too quick to be full */
	dynbuf_reset(&h->text);
	dynbuf_reset(&h->list);
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (bytes_is(path_of(m.target), routes[i].path)) {
			routes[i].fn(h, frame.id, &m);
			return;
		}
	on_echo(h, frame.id, &m);
}

static void on_stream_gone(void *ctx)
{
	struct harness *h = ctx;

	channel_free(&h->core);
}

static void new_core(void *ctx)
{
	struct harness *h = ctx;
	int pair[2];

	must(channel_pair(pair), "channel_pair");
	must(channel_new(h->loop, pair[0], IPC_FRAME_MAX, 64 * 1024 * 1024, on_frame,
			 on_stream_gone, h, &h->core),
	     "channel_new");
	hand(h, HANDED_CORE, pair[1]);
}

static void on_control(void *ctx, uint32_t events)
{
	struct harness *h = ctx;
	uint8_t message[256];
	size_t n = sizeof message;
	int fd = -1, status = 0;

	if (handover_recv(h->control, message, &n, &fd) == OK) {
		printf("port %u\n", h->port);
		fflush(stdout);
		return;
	}
	waitpid(h->gate, &status, 0);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void after(void *ctx)
{
	struct harness *h = ctx;

	if (h->core != NULL)
		channel_flush(h->core);
}

static void spawn(struct harness *h)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		exit(1);
	h->gate = fork();
	if (h->gate == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pair[1], 3);
		close_range(4, ~0u, 0);
		exit(gate_main(3));
	}
	close(pair[1]);
	h->control = pair[0];
}

int main(int argc, char **argv)
{
	static struct harness h;
	struct rlimit files;

	log_init("harness", LOG_WARN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	must(crypto_init(), "crypto_init");
	rng_fill(h.key, sizeof h.key);
	capsule_sender_init(&h.sender, h.key, CAPSULE_OUT);
	capsule_receiver_init(&h.receiver, h.key, CAPSULE_IN);
	dynbuf_init(&h.text, IPC_ANSWER_MAX);
	dynbuf_init(&h.list, IPC_HEADERS_MAX);
	spawn(&h);
	must(loop_new(&h.loop), "loop_new");
	must(loop_timer_new(h.loop, new_core, &h, &h.return_timer), "loop_timer_new");
	must(loop_add(h.loop, h.control, EPOLLIN, on_control, &h, &h.control_source), "loop_add");
	loop_after(h.loop, after, &h);
	boot(&h, argc, argv);
	hand(&h, HANDED_LISTEN, listen_on_loopback(&h.port));
	new_core(&h);
	must(loop_run(h.loop), "loop_run");
	return 0;
}
