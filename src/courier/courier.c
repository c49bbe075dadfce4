/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/courier.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/wiped.h"
#include "courier/calls.h"
#include "crypto/crypto.h"
#include "sys/channel.h"
#include "sys/sandbox.h"

enum { MESSAGE_MAX = 256 * 1024, TEXT_MAX = 4096, DRAIN_S = 30 };

struct courier {
	int control, status;
	struct loop *loop;
	struct loop_source *control_source;
	struct loop_timer *drain_timer;
	struct calls *calls;
	struct secret *key;
	struct guard guard;
	struct dynbuf ca_file, resolvers; /* texts with an end mark */
	bool ready, draining;
};

static void end(struct courier *courier, int status)
{
	courier->status = status;
	loop_stop(courier->loop);
}

static enum err take_item(struct courier *courier, struct bytes name, struct bytes item)
{
	if (bytes_is(name, "egress.allow"))
		return guard_allow(&courier->guard, item);
	if (bytes_is(name, "egress.ca_file")) {
		dynbuf_reset(&courier->ca_file);
		dynbuf_bytes(&courier->ca_file, item);
	} else if (bytes_is(name, "egress.resolvers")) {
		dynbuf_str(&courier->resolvers, courier->resolvers.n > 0 ? "," : "");
		dynbuf_bytes(&courier->resolvers, item);
	}
	return OK;
}

static enum err take_settings(struct courier *courier, struct bytes list)
{
	struct bytes element;
	struct ipc_header setting;
	enum err err;

	while ((err = ipc_list_next(&list, &element)) == OK) {
		TRY(ipc_header_decode(element, &setting));
		while (setting.value.n > 0) {
			const struct bytes item = bytes_cut(&setting.value, '\n');
			err = item.n == 0 ? OK : take_item(courier, setting.name, item);
			if (err != OK) {
				log_error("a setting cannot be used: %.*s '%.*s'",
					  (int)setting.name.n, (const char *)setting.name.p,
					  (int)item.n, (const char *)item.p);
				return err;
			}
		}
	}
	dynbuf_u8(&courier->ca_file, 0);
	dynbuf_u8(&courier->resolvers, 0);
	TRY(dynbuf_err(&courier->ca_file));
	TRY(dynbuf_err(&courier->resolvers));
	return err == ERR_NOT_FOUND ? OK : ERR_MALFORMED;
}

static enum err take_boot(struct courier *courier, struct bytes message)
{
	struct frame frame;
	struct ipc_boot boot;

	if (frame_next(&message, &frame) != OK || message.n > 0 || frame.type != IPC_TYPE_boot)
		return ERR_MALFORMED;
	TRY(ipc_boot_decode(frame.payload, &boot));
	if (boot.role != ROLE_COURIER || boot.log_level > LOG_ERROR)
		return ERR_MALFORMED;
	log_init("courier", boot.log_level);
	enum err err = secret_dup((struct bytes){ boot.courier_key, sizeof boot.courier_key },
				  &courier->key);
	wipe(boot.courier_key, sizeof boot.courier_key);
	TRY(err);
	return take_settings(courier, boot.settings);
}

/* What has to be read from files is read here, before the sandbox: the settings, the authorities,
 * the resolvers, the seeds of libraries. */
static enum err prepare(struct courier *courier)
{
	scoped(buf_free) struct buf *room = NULL;
	size_t n = MESSAGE_MAX;
	int fd = -1;

	TRY(crypto_wipe_freed());
	TRY(crypto_init());
	json_set_alloc_funcs(wiped_malloc, wiped_free);
	json_object_seed(0);
	dynbuf_init(&courier->ca_file, TEXT_MAX);
	dynbuf_init(&courier->resolvers, TEXT_MAX);
	TRY(buf_new(MESSAGE_MAX, &room));
	TRY(handover_recv(courier->control, room->p, &n, &fd));
	if (fd >= 0)
		return ERR_MALFORMED;
	const enum err err = take_boot(courier, (struct bytes){ room->p, n });
	wipe(room->p, n);
	TRY(err);
	TRY(loop_new(&courier->loop));
	const struct calls_options options = {
		.key = secret_bytes(courier->key).p,
		.guard = &courier->guard,
		.ca_file = (const char *)courier->ca_file.p,
		.resolvers = (const char *)courier->resolvers.p,
	};
	return calls_new(courier->loop, &options, &courier->calls);
}

static enum err say_ready(struct courier *courier)
{
	const struct ipc_ready ready = {};
	struct dynbuf out;

	dynbuf_init(&out, 64);
	FRAME_PUT(&out, 0, ready, &ready);
	enum err err = dynbuf_err(&out);
	if (err == OK)
		err = handover_send(courier->control, dynbuf_view(&out), -1);
	dynbuf_done(&out);
	courier->ready = true;
	return err;
}

static enum err take_hand(struct courier *courier, struct bytes payload, int fd)
{
	struct ipc_hand hand;

	TRY(ipc_hand_decode(payload, &hand));
	if (hand.what == HANDED_GATE && fd >= 0)
		return calls_gate(courier->calls, fd);
	if (hand.what != HANDED_CORE || fd < 0)
		return ERR_MALFORMED;
	TRY(calls_core(courier->calls, fd));
	return courier->ready ? OK : say_ready(courier);
}

static enum err take_message(struct courier *courier, struct bytes message, int fd)
{
	struct frame frame;

	if (frame_next(&message, &frame) != OK || message.n > 0)
		return ERR_MALFORMED;
	if (frame.type == IPC_TYPE_hand)
		return take_hand(courier, frame.payload, fd);
	if (frame.type != IPC_TYPE_drain)
		return ERR_MALFORMED;
	courier->draining = true;
	loop_timer_set(courier->drain_timer, clock_boot() + DRAIN_S * USEC_PER_S);
	return OK;
}

static void on_drain_over(void *ctx)
{
	end(ctx, EXIT_SUCCESS);
}

static void on_control(void *ctx, uint32_t events)
{
	struct courier *courier = ctx;
	uint8_t message[1024];
	size_t n = sizeof message;
	int fd = -1;
	enum err err = handover_recv(courier->control, message, &n, &fd);

	if (err == ERR_NOT_FOUND) {
		end(courier, EXIT_SUCCESS); /* the parent has gone: nobody to serve for */
		return;
	}
	if (err == OK)
		err = take_message(courier, (struct bytes){ message, n }, fd);
	if (err != OK) {
		log_error("a message of the parent was refused: %s", err_row(err)->name);
		end(courier, EXIT_FAILURE);
	}
}

static void after(void *ctx)
{
	struct courier *courier = ctx;

	calls_flush(courier->calls);
	if (courier->draining && calls_idle(courier->calls))
		end(courier, EXIT_SUCCESS);
}

static enum err serve(struct courier *courier)
{
	TRY(loop_timer_new(courier->loop, on_drain_over, courier, &courier->drain_timer));
	TRY(loop_add(courier->loop, courier->control, EPOLLIN, on_control, courier,
		     &courier->control_source));
	loop_after(courier->loop, after, courier);
	return loop_run(courier->loop);
}

static void finish(struct courier *courier)
{
	calls_free(&courier->calls);
	loop_timer_free(&courier->drain_timer);
	loop_del(&courier->control_source);
	loop_free(&courier->loop);
	secret_free(&courier->key);
	dynbuf_done(&courier->ca_file);
	dynbuf_done(&courier->resolvers);
}

int courier_main(int control)
{
	struct courier courier = { .control = control };

	log_init("courier", LOG_INFO);
	enum err err = prepare(&courier);
	if (err == OK)
		err = sandbox_enter(&sandbox_courier, (struct sandbox_dirs){ -1, -1, -1 });
	if (err == OK)
		err = serve(&courier);
	finish(&courier);
	if (err == OK)
		return courier.status;
	log_error("stopped: %s", err_row(err)->name);
	return EXIT_FAILURE;
}
