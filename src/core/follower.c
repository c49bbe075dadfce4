/* SPDX-License-Identifier: Apache-2.0 */
#include "core/follower.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "core/store/events.h"

enum { LINES_AT_ONCE = 20000, REST_MS = 20, TROUBLE_MS = 1000 };

struct follower {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t size;
	bool stop;
	int state_dir, log_dir;
};

/* Waits until there is more to read; false: stop. */
static bool follower_wait(struct follower *follower, uint64_t upto, uint64_t *ret_size)
{
	pthread_mutex_lock(&follower->lock);
	while (!follower->stop && follower->size <= upto)
		pthread_cond_wait(&follower->wake, &follower->lock);
	*ret_size = follower->size;
	const bool go = !follower->stop;
	pthread_mutex_unlock(&follower->lock);
	return go;
}

static void rest(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
}

static void *follower_run(void *ctx)
{
	struct follower *follower = ctx;
	struct events *events = NULL;
	uint64_t size;
	unsigned taken;

	if (events_open(follower->state_dir, follower->log_dir, true, &events) != OK) {
		log_error("the projection of the log could not be opened: search is not available");
		return NULL;
	}
	while (follower_wait(follower, events_upto(events), &size)) {
		const enum err err = events_follow(events, size, LINES_AT_ONCE, &taken);
		if (err != OK)
			log_warn("the projection of the log could not be written; trying again");
		/* A rest makes the next transaction larger; a full one is followed at once. */
		if (err != OK || taken < LINES_AT_ONCE)
			rest(err == OK ? REST_MS : TROUBLE_MS);
	}
	events_close(&events);
	return NULL;
}

enum err follower_start(int state_dir, int log_dir, struct follower **ret)
{
	struct follower *follower = calloc(1, sizeof *follower);

	if (follower == NULL)
		return FAULT_NOMEM;
	follower->state_dir = state_dir;
	follower->log_dir = log_dir;
	pthread_mutex_init(&follower->lock, NULL);
	pthread_cond_init(&follower->wake, NULL);
	if (pthread_create(&follower->thread, NULL, follower_run, follower) != 0) {
		free(follower);
		return FAULT_SYSTEM;
	}
	*ret = follower;
	return OK;
}

void follower_size(struct follower *follower, uint64_t size)
{
	pthread_mutex_lock(&follower->lock);
	if (size > follower->size) {
		follower->size = size;
		pthread_cond_signal(&follower->wake);
	}
	pthread_mutex_unlock(&follower->lock);
}

void follower_stop(struct follower **followerp)
{
	struct follower *follower = *followerp;

	if (follower == NULL)
		return;
	*followerp = NULL;
	pthread_mutex_lock(&follower->lock);
	follower->stop = true;
	pthread_cond_signal(&follower->wake);
	pthread_mutex_unlock(&follower->lock);
	pthread_join(follower->thread, NULL);
	pthread_cond_destroy(&follower->wake);
	pthread_mutex_destroy(&follower->lock);
	free(follower);
}
