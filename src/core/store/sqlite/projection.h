/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * projection - what events.db holds, and the log's files beside it.
 *
 *   events    seq → time and where the line stands
 *   postings  (key, seq): key is 47 bits of a hash of (dimension, tenant,
 *             value), so that one narrow tree answers every search. Two
 *             values may share a key: each line is read and compared before
 *             it is answered. An event's own id is in here too.
 *   intents   intents that no later record has closed
 *   heads     the newest logged (revision, digest) of each row that has them
 *   position  the first seq that is not in here, and where its line will stand
 */

#include "core/store/events.h"
#include "core/store/sqlite/db.h"
#include "core/store/sqlite/line.h"

enum dimension {
	DIMENSION_TENANT,
	DIMENSION_USER,
	DIMENSION_VAULT,
	DIMENSION_CONNECTION,
	DIMENSION_AGENT,
	DIMENSION_SERVICE,
	DIMENSION_KIND,
	DIMENSION_OUTCOME,
	DIMENSION_COUNT
};

enum { POSTINGS_OF_LINE = DIMENSION_COUNT + 1 }; /* and the event's own id */

enum projection_statement {
	PROJECTION_BEGIN,
	PROJECTION_COMMIT,
	PROJECTION_ROLLBACK,
	PROJECTION_POSITION,
	PROJECTION_POSITION_SET,
	PROJECTION_EVENT_PUT,
	PROJECTION_POSTING_PUT,
	PROJECTION_INTENT_PUT,
	PROJECTION_INTENT_DEL,
	PROJECTION_INTENT_NEXT,
	PROJECTION_EVENT_GET,
	PROJECTION_EVENT_FROM,
	PROJECTION_UP,
	PROJECTION_DOWN,
	PROJECTION_HEAD_PUT,
	PROJECTION_HEAD_NONE,
	PROJECTION_HEAD_NEXT,
};

extern const struct db_settings projection_settings;

struct events {
	struct db db;
	int log_dir;	 /* owned duplicate */
	int segment;	 /* descriptor of the segment read last, or -1 */
	uint64_t first;	 /* of that segment */
	uint8_t *buffer; /* FOLLOW_BYTES, the writer's */
	bool checked;	 /* the position was held against the log */
	uint8_t text[LINE_MAX_BYTES];
};

struct position {
	uint64_t next, segment, offset;
};

uint64_t projection_key(enum dimension dimension, struct id tenant, struct bytes value);
/* Above all other keys and in the order of time, as ids are: new ones come to the end of the tree.
 */
uint64_t projection_event_key(struct id event);
must_check enum err projection_position(const struct events *events, struct position *ret);
/* Opens the segment that begins with @first, or keeps it open. ERR_NOT_FOUND */
must_check enum err projection_segment(struct events *events, uint64_t first);
/* The row of @seq and its line, read and parsed; an empty line if the segment is gone or the line
 * is not what was projected. @ret_text lives until the next call. ERR_NOT_FOUND */
must_check enum err projection_line(struct events *events, uint64_t seq, struct event_row *ret_row,
				    struct bytes *ret_text, struct line *ret_line);
