/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * relay - requests to core, answers back.
 *
 * Each request gets the next id; the table of ids is bounded, and so is what
 * waits to leave for core: past either bound the client gets 503 at once. When
 * core's stream breaks, every request in flight is answered 503, because whether
 * core acted on it is not known here; ids go on counting, so nothing that a dead
 * core said can be taken for the answer of the next one.
 */

#include "gate/peer.h"
#include "httpd/httpd.h"
#include "ipc/ipc.h"

struct relay;

struct relay_settings {
	struct peer_trust trust;
	const uint8_t *capsule_key; /* AEAD_KEY_LEN bytes; copied into locked memory */
	size_t in_flight_max;
};

must_check enum err relay_new(struct loop *loop, const struct relay_settings *settings,
			      struct relay **ret);
void relay_free(struct relay **relayp);
/* Takes over the stream to core; the one before it, if any, is given up. */
must_check enum err relay_core(struct relay *relay, int fd);
/* Likewise the one to courier, for bodies that come in pieces. */
must_check enum err relay_courier(struct relay *relay, int fd);
/* For httpd_new(). */
void relay_request(void *ctx, struct httpd_request *request);
void relay_gone(void *ctx, struct httpd_request *request);
extern const struct httpd_stream_fns relay_streams;
/* Tells core that no connection is taken any more. */
void relay_closing(struct relay *relay);
/* Sends what has gathered for core. */
void relay_flush(struct relay *relay);
