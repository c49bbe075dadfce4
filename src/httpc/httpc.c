/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants of a transfer on the loop:
 *
 *  1. It is in the list of its httpc from httpc_begin() until finish(), which
 *     alone takes it off, calls back and frees it. finish() runs from the loop
 *     (socket, timer), never inside libcurl or httpc_begin().
 *  2. It goes name → pinned → added. libcurl gets the handle only when every
 *     address of the name was permitted, and with exactly those addresses.
 *  3. Its one timer is the deadline of the state that it is in; if the timer
 *     fires, the transfer ends with `preset`, or by what libcurl had done so far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/wiped.h"
#include "httpc/names.h"
#include "httpc/transfer.h"

enum { CA_MAX = 4 * 1024 * 1024 };

struct httpc {
	struct loop *loop;
	struct loop_timer *timer; /* libcurl's */
	CURLM *multi;
	struct names *names;
	struct dynbuf ca;
	struct httpc_transfer *transfers;
	size_t busy;
};

/* A socket that libcurl wants to be watched. */
struct httpc_watch {
	struct httpc *httpc;
	struct loop_source *source;
	int fd;
};

static void finish(struct httpc_transfer *transfer, enum httpc_outcome outcome)
{
	struct httpc *httpc = transfer->httpc;
	struct httpc_response response;

	transfer_response(transfer, outcome, &response);
	names_forget(&transfer->query);
	loop_timer_free(&transfer->timer);
	if (transfer->added)
		(void)curl_multi_remove_handle(httpc->multi, transfer->easy);
	if (transfer->prev != NULL)
		transfer->prev->next = transfer->next;
	else
		httpc->transfers = transfer->next;
	if (transfer->next != NULL)
		transfer->next->prev = transfer->prev;
	httpc->busy--;
	transfer->done(transfer->ctx, &response);
	transfer_free(&transfer);
}

/* What libcurl has finished. */
static void collect(struct httpc *httpc)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(httpc->multi, &left)) != NULL) {
		struct httpc_transfer *transfer = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		const CURLcode code = message->data.result;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		finish(transfer, transfer_judge(transfer, code));
	}
}

static void on_io(void *ctx, uint32_t events)
{
	const struct httpc_watch *watch = ctx;
	struct httpc *httpc = watch->httpc;
	int running;
	const int mask = ((events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
			 ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
			 ((events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);

	(void)curl_multi_socket_action(httpc->multi, watch->fd, mask, &running);
	collect(httpc);
}

static void on_timer(void *ctx)
{
	struct httpc *httpc = ctx;
	int running;

	(void)curl_multi_socket_action(httpc->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(httpc);
}

static int set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	const struct httpc *httpc = ctx;

	loop_timer_set(httpc->timer,
		       timeout_ms < 0 ? 0 : clock_boot() + (usec_t)timeout_ms * USEC_PER_MS);
	return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct httpc *httpc = ctx;
	struct httpc_watch *watch = socket_ctx;
	const uint32_t events = ((what & CURL_POLL_IN) != 0 ? (uint32_t)EPOLLIN : 0) |
				((what & CURL_POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0);

	if (what == CURL_POLL_REMOVE) {
		if (watch != NULL)
			loop_del(&watch->source);
		free(watch);
		return 0;
	}
	if (watch != NULL)
		return loop_change(watch->source, events) == OK ? 0 : -1;
	watch = malloc(sizeof *watch);
	if (watch == NULL)
		return -1;
	*watch = (struct httpc_watch){ .httpc = httpc, .fd = fd };
	if (loop_add(httpc->loop, fd, events, on_io, watch, &watch->source) != OK ||
	    curl_multi_assign(httpc->multi, fd, watch) != CURLM_OK) {
		loop_del(&watch->source);
		free(watch);
		return -1;
	}
	return 0;
}

/* libcurl's own default, where the options name no file. */
static enum err read_authorities(const char *path, struct dynbuf *out)
{
	char chunk[8192];
	CURL *easy = curl_easy_init();
	const char *file = path;

	if (easy == NULL)
		return FAULT_NOMEM;
	if (path == NULL || path[0] == 0)
		(void)curl_easy_getinfo(easy, CURLINFO_CAINFO, &file);
	FILE *f = file == NULL ? NULL : fopen(file, "rbe");
	curl_easy_cleanup(easy);
	if (f == NULL)
		return FAULT_SYSTEM;
	for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
		dynbuf_put(out, chunk, n);
	const bool failed = ferror(f) != 0;
	(void)fclose(f);
	return failed ? FAULT_SYSTEM : dynbuf_err(out);
}

static enum err set_multi(struct httpc *httpc)
{
	CURLM *multi = httpc->multi = curl_multi_init();
	CURLMcode code = CURLM_OK;

	if (multi == NULL)
		return FAULT_NOMEM;
	code |= curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	code |= curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, httpc);
	code |= curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	code |= curl_multi_setopt(multi, CURLMOPT_TIMERDATA, httpc);
	code |= curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
				  (long)HTTPC_CONNECTIONS_MAX);
	code |= curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTPC_PER_HOST_MAX);
	code |= curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)HTTPC_CONNECTIONS_MAX);
	return code == CURLM_OK ? OK : FAULT_SYSTEM;
}

enum err httpc_new(struct loop *loop, const struct httpc_options *options, struct httpc **ret)
{
	TRY(httpc_init());
	scoped(httpc_free) struct httpc *httpc = calloc(1, sizeof *httpc);
	if (httpc == NULL)
		return FAULT_NOMEM;
	httpc->loop = loop;
	dynbuf_init(&httpc->ca, CA_MAX);
	TRY(loop_timer_new(loop, on_timer, httpc, &httpc->timer));
	TRY(set_multi(httpc));
	TRY(read_authorities(options->ca_file, &httpc->ca));
	TRY(names_new(loop, options->resolvers, &httpc->names));
	*ret = take(httpc);
	return OK;
}

void httpc_free(struct httpc **httpcp)
{
	struct httpc *httpc = *httpcp;

	if (httpc == NULL)
		return;
	*httpcp = NULL;
	for (struct httpc_transfer *t = httpc->transfers, *next; t != NULL; t = next) {
		next = t->next;
		names_forget(&t->query);
		loop_timer_free(&t->timer);
		if (t->added)
			(void)curl_multi_remove_handle(httpc->multi, t->easy);
		transfer_free(&t);
	}
	(void)curl_multi_cleanup(httpc->multi);
	names_free(&httpc->names);
	loop_timer_free(&httpc->timer);
	dynbuf_done(&httpc->ca);
	free(httpc);
}

static void deadline(struct httpc_transfer *transfer, usec_t from, unsigned ms)
{
	const usec_t last = transfer->began + transfer->total_ms * USEC_PER_MS;
	const usec_t at = from + ms * USEC_PER_MS;

	/* It ends already. */
	if (transfer->preset != 0)
		return;
	loop_timer_set(transfer->timer, at < last ? at : last);
}

static void on_deadline(void *ctx)
{
	struct httpc_transfer *transfer = ctx;
	enum httpc_outcome outcome = transfer->preset;

	if (outcome == 0)
		outcome = transfer_judge(transfer, CURLE_OPERATION_TIMEDOUT);
	finish(transfer, outcome);
}

/* Ends it on the loop's next turn. */
static void end(struct httpc_transfer *transfer, enum httpc_outcome outcome)
{
	transfer->preset = outcome;
	loop_timer_set(transfer->timer, 1);
}

static void on_sent(struct httpc_transfer *transfer)
{
	deadline(transfer, clock_boot(), transfer->first_ms);
}

static void on_heard(struct httpc_transfer *transfer)
{
	const bool idle = transfer->idle_ms != 0;

	deadline(transfer, idle ? clock_boot() : transfer->began,
		 idle ? transfer->idle_ms : transfer->total_ms);
}

/* Whoever waits for us has no other limit than the whole. */
static void on_moved(struct httpc_transfer *transfer)
{
	if (transfer->preset != 0 || transfer->idle_ms == 0)
		return;
	if (transfer->full || transfer->starved)
		deadline(transfer, transfer->began, transfer->total_ms);
	else
		deadline(transfer, clock_boot(),
			 transfer->heard ? transfer->idle_ms : transfer->first_ms);
}

void httpc_go_on(struct httpc_transfer *transfer)
{
	if (!transfer->added || transfer->preset != 0 || (!transfer->full && !transfer->starved))
		return;
	transfer->full = transfer->starved = false;
	on_moved(transfer);
	(void)curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

void httpc_cancel(struct httpc_transfer *transfer)
{
	end(transfer, transfer->sent ? HTTPC_UNKNOWN : HTTPC_UNREACHABLE);
}

static void on_addresses(void *ctx, const struct sockaddr_storage *found, size_t count)
{
	struct httpc_transfer *transfer = ctx;

	for (size_t i = 0; i < count; i++) {
		if (!transfer->permit(transfer->ctx, (const struct sockaddr *)&found[i])) {
			end(transfer, HTTPC_BLOCKED);
			return;
		}
	}
	/* Where there is no TLS, libcurl would copy and wipe the whole bundle for nothing. */
	if (count == 0 || transfer_pin(transfer, found, count) != OK ||
	    (transfer->tls && transfer_trust(transfer, dynbuf_view(&transfer->httpc->ca)) != OK) ||
	    curl_multi_add_handle(transfer->httpc->multi, transfer->easy) != CURLM_OK) {
		end(transfer, HTTPC_UNREACHABLE);
		return;
	}
	transfer->added = true;
	/* libcurl has its own limit for connecting; a place in its queue may take longer. */
	deadline(transfer, transfer->began, transfer->total_ms);
}

static void start(struct httpc_transfer *transfer)
{
	struct sockaddr_storage found[NAMES_FOUND_MAX];
	const size_t count = names_literal(transfer->host, found);

	if (count > 0) {
		on_addresses(transfer, found, count);
		return;
	}
	deadline(transfer, transfer->began, HTTPC_CONNECT_MS);
	if (names_find(transfer->httpc->names, transfer->host, on_addresses, transfer,
		       &transfer->query) != OK)
		end(transfer, HTTPC_UNREACHABLE);
}

enum err httpc_open(struct httpc *httpc, const struct httpc_request *request,
		    httpc_permit_fn permit, httpc_done_fn done, void *ctx,
		    struct httpc_transfer **ret)
{
	scoped(transfer_free) struct httpc_transfer *transfer = NULL;

	if (httpc->busy >= HTTPC_TRANSFERS_MAX)
		return ERR_OVERLOADED;
	TRY(transfer_new(request, &transfer));
	transfer->httpc = httpc;
	transfer->permit = permit;
	transfer->done = done;
	transfer->ctx = ctx;
	transfer->on_sent = on_sent;
	transfer->on_heard = on_heard;
	transfer->on_moved = on_moved;
	TRY(loop_timer_new(httpc->loop, on_deadline, transfer, &transfer->timer));
	transfer->next = httpc->transfers;
	if (httpc->transfers != NULL)
		httpc->transfers->prev = transfer;
	httpc->transfers = transfer;
	httpc->busy++;
	*ret = transfer;
	start(take(transfer));
	return OK;
}

enum err httpc_begin(struct httpc *httpc, const struct httpc_request *request,
		     httpc_permit_fn permit, httpc_done_fn done, void *ctx)
{
	struct httpc_transfer *transfer;

	return httpc_open(httpc, request, permit, done, ctx, &transfer);
}

size_t httpc_busy(const struct httpc *httpc)
{
	return httpc->busy;
}
