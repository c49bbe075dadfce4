/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/outlet.h"

#include <stdlib.h>

static void queue_remove(struct outlets *outlets, struct outlet *outlet)
{
	if (!outlet->beat)
		return;
	*(outlet->prev == NULL ? &outlets->first : &outlet->prev->next) = outlet->next;
	*(outlet->next == NULL ? &outlets->last : &outlet->next->prev) = outlet->prev;
}

static void arm(struct outlets *outlets)
{
	const usec_t at = outlets->first == NULL ? 0 : outlets->first->last;

	loop_timer_set(outlets->timer, at == 0 ? 0 : at + OUTLET_BEAT_S * USEC_PER_S);
}

/* Behind all others: it is the one that was sent to last. */
static void queue_add(struct outlets *outlets, struct outlet *outlet)
{
	if (!outlet->beat)
		return;
	outlet->last = clock_boot();
	outlet->next = NULL;
	outlet->prev = outlets->last;
	*(outlets->last == NULL ? &outlets->first : &outlets->last->next) = outlet;
	outlets->last = outlet;
	if (outlets->first == outlet)
		arm(outlets);
}

static void on_silence(void *ctx)
{
	struct outlets *outlets = ctx;
	const usec_t now = clock_boot();

	while (outlets->first != NULL && outlets->first->last + OUTLET_BEAT_S * USEC_PER_S <= now) {
		struct outlet *outlet = outlets->first;
		(void)httpd_send(outlet->request, str(": \n\n"));
		queue_remove(outlets, outlet);
		queue_add(outlets, outlet);
	}
	arm(outlets);
}

enum err outlets_init(struct outlets *outlets, struct loop *loop, size_t max)
{
	*outlets = (struct outlets){ 0 };
	map_init(&outlets->all, max);
	return loop_timer_new(loop, on_silence, outlets, &outlets->timer);
}

void outlets_done(struct outlets *outlets)
{
	struct outlet *outlet;
	size_t at = 0;

	while ((outlet = map_next(&outlets->all, &at)) != NULL)
		free(outlet);
	map_done(&outlets->all);
	loop_timer_free(&outlets->timer);
}

struct outlet *outlet_find(const struct outlets *outlets, uint64_t id)
{
	return map_find(&outlets->all, id);
}

enum err outlet_open(struct outlets *outlets, uint64_t id, struct httpd_request *request, bool beat)
{
	struct outlet *outlet = malloc(sizeof *outlet);

	if (outlet == NULL)
		return FAULT_NOMEM;
	*outlet = (struct outlet){ .id = id, .request = request, .beat = beat };
	const enum err err = map_put(&outlets->all, id, outlet);
	if (err != OK) {
		free(outlet);
		return err;
	}
	queue_add(outlets, outlet);
	return OK;
}

bool outlet_send(struct outlets *outlets, struct outlet *outlet, struct bytes piece)
{
	const size_t waiting = httpd_send(outlet->request, piece);

	queue_remove(outlets, outlet);
	queue_add(outlets, outlet);
	if (outlet->full || waiting < HTTPD_WAITING_MAX)
		return false;
	outlet->full = true;
	return true;
}

bool outlet_room(struct outlet *outlet)
{
	const bool was_full = outlet->full;

	outlet->full = false;
	return was_full;
}

void outlet_forget(struct outlets *outlets, struct outlet *outlet)
{
	queue_remove(outlets, outlet);
	(void)map_del(&outlets->all, outlet->id);
	free(outlet);
}

void outlet_end(struct outlets *outlets, struct outlet *outlet, bool whole)
{
	httpd_end(outlet->request, whole);
	outlet_forget(outlets, outlet);
}

void outlets_break(struct outlets *outlets)
{
	const size_t max = outlets->all.max;
	struct outlet *outlet;
	size_t at = 0;

	while ((outlet = map_next(&outlets->all, &at)) != NULL) {
		httpd_end(outlet->request, false);
		free(outlet);
	}
	map_done(&outlets->all);
	map_init(&outlets->all, max);
	outlets->first = outlets->last = NULL;
	arm(outlets);
}
