/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ipc - the messages of fields.h as structs, with one encoder and one decoder
 * each. Decoded BYTES borrow from the frame. A decoder takes exactly the
 * message: a short one, one byte too many, a length over its ceiling are
 * ERR_MALFORMED. Nothing is trusted for having come from one of our own.
 *
 *   frame = length(4, of what follows it: 10 + payload) version(1) type(1) id(8) payload
 *
 * The id is chosen by who asks and comes back in the answer.
 */

#include "base/dynbuf.h"
#include "base/id.h"
#include "ipc/fields.h"

enum { IPC_VERSION = 1, IPC_FRAME_HEAD = 14, HASH_LEN = 32 };

enum ipc_type {
#define MESSAGE(type, name, table, from, to) IPC_TYPE_##name = type,
	IPC_MESSAGES(MESSAGE)
#undef MESSAGE
};

enum role { ROLE_PARENT, ROLE_GATE, ROLE_CORE, ROLE_KEEPER, ROLE_COURIER, ROLE_COUNT };

/* What a capsule is sealed for, or was sealed by. */
enum receiver { RECEIVER_GATE = 1, RECEIVER_COURIER = 2 };

enum place_field {
	PLACE_ACCESS_TOKEN = 1,
	PLACE_REFRESH_TOKEN = 2,
	PLACE_CLIENT_SECRET = 3,
	PLACE_TOTP_SEED = 4,
};

enum placement_how {
	PLACEMENT_BEARER = 1, /* Authorization: Bearer <secret> */
	PLACEMENT_HEADER = 2, /* <name>: <secret> */
	PLACEMENT_BASIC = 3,  /* HTTP Basic, RFC 6749 2.3.1 encoding; the secret is the password */
	PLACEMENT_MEMBER = 4, /* a member of the form or JSON body */
	PLACEMENT_BASIC_RAW = 5,  /* HTTP Basic without form encoding of the two parts */
	PLACEMENT_BASIC_USER = 6, /* HTTP Basic; the secret is the user, the password is empty */
	PLACEMENT_URL = 7, /* instead of <name>, which stands once behind the origin of the URL */
};

enum body_kind { BODY_NONE = 0, BODY_RAW = 1, BODY_FORM = 2, BODY_JSON = 3 };

enum courier_outcome {
	COURIER_ANSWERED = 1,	 /* status, headers and body hold */
	COURIER_REFUSED = 2,	 /* nothing was sent: bad capsule, host not permitted, bad frame */
	COURIER_UNREACHABLE = 3, /* nothing was sent: no address, no connection, TLS failed */
	COURIER_UNKNOWN = 4,	 /* something was sent, no whole answer came */
	COURIER_UNUSABLE = 5,	 /* an answer came that breaks the limits or cannot be cut safely */
	COURIER_BUSY = 7,	 /* nothing was sent: too much is under way */
	COURIER_CANCELLED = 6,	 /* sent; then the client or core did not want the rest */
};

enum http_method {
	HTTP_GET = 1,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
};

/* core's exit status when the operator has sealed keeper, which then ends for want of core: parent
 * starts both again without the key file. */
enum { EXIT_SEALED = 76 };

enum keeper_state { KEEPER_UNSEALED = 1, KEEPER_SEALED = 2, KEEPER_ROLLBACK = 3 };

/* A descriptor that parent hands to a child. */
enum handed {
	HANDED_LISTEN = 1,   /* gate: a listening socket */
	HANDED_GATE = 2,     /* core, courier: the stream to gate */
	HANDED_CORE = 3,     /* gate, keeper, courier: the stream to core; a new one replaces it */
	HANDED_KEEPER = 4,   /* core: the stream to keeper */
	HANDED_COURIER = 5,  /* core, gate: the stream to courier */
	HANDED_STATE = 6,    /* core: the state directory; keeper: the keys' directory */
	HANDED_LOG = 7,	     /* keeper: the log's directory; core: the same, read-only */
	HANDED_KEY_FILE = 8, /* keeper: the unseal key file, read-only */
	HANDED_UNSEAL = 9,   /* keeper: the listening local socket for unseal and seal */
	HANDED_WITNESS = 10, /* keeper: the directory for a copy of each checkpoint */
};

#define IPC_F_U8(n)	    uint8_t n;
#define IPC_F_U16(n)	    uint16_t n;
#define IPC_F_U32(n)	    uint32_t n;
#define IPC_F_U64(n)	    uint64_t n;
#define IPC_F_ID(n)	    struct id n;
#define IPC_F_HASH(n)	    uint8_t n[HASH_LEN];
#define IPC_F_BYTES(n, max) struct bytes n;

#define IPC_DECLARE(name, table)                                                                   \
	struct ipc_##name {                                                                        \
		table(IPC_F_U8, IPC_F_U16, IPC_F_U32, IPC_F_U64, IPC_F_ID, IPC_F_HASH,             \
		      IPC_F_BYTES)                                                                 \
	};                                                                                         \
	/* Appends the fields alone; errors are kept in @out. */                                   \
	void ipc_##name##_encode(const struct ipc_##name *m, struct dynbuf *out);                  \
	/* ERR_MALFORMED. */                                                                       \
	must_check enum err ipc_##name##_decode(struct bytes from, struct ipc_##name *ret);

#define PART(name, table)		     IPC_DECLARE(name, table)
#define MESSAGE(type, name, table, from, to) IPC_DECLARE(name, table)
IPC_PARTS(PART)
IPC_MESSAGES(MESSAGE)
#undef PART
#undef MESSAGE

struct frame {
	uint8_t type;
	uint64_t id;
	struct bytes payload;
};

/* Begins a frame in @out and answers where; encode the message next, then end it. */
size_t frame_begin(struct dynbuf *out, uint8_t type, uint64_t id);
void frame_end(struct dynbuf *out, size_t began);

/* Takes one frame off the front of @from.
 * ERR_NOT_FOUND (not all of it is here yet), ERR_MALFORMED (hang up). */
must_check enum err frame_next(struct bytes *from, struct frame *ret);

#define FRAME_PUT(out, id, name, message)                                                          \
	do {                                                                                       \
		const size_t frame_began_ = frame_begin((out), IPC_TYPE_##name, (id));             \
		ipc_##name##_encode((message), (out));                                             \
		frame_end((out), frame_began_);                                                    \
	} while (0)

/* Adds one part to a list under construction. */
#define IPC_LIST_ADD(out, name, part)                                                              \
	do {                                                                                       \
		const size_t list_began_ = ipc_list_begin(out);                                    \
		ipc_##name##_encode((part), (out));                                                \
		ipc_list_end((out), list_began_);                                                  \
	} while (0)
size_t ipc_list_begin(struct dynbuf *out);
void ipc_list_end(struct dynbuf *out, size_t began);
/* Takes the next element off @list. ERR_NOT_FOUND at its end, ERR_MALFORMED. */
must_check enum err ipc_list_next(struct bytes *list, struct bytes *ret);

/* The value of header @name (lower case) in a list of headers; n = 0 and p = NULL if absent. */
struct bytes ipc_headers_find(struct bytes headers, const char *name);
/* The same in the settings of a boot message. */
struct bytes ipc_settings_find(struct bytes settings, const char *name);
void ipc_headers_add(struct dynbuf *out, const char *name, struct bytes value);

/* "gate", "core" … for messages and logs. */
const char *role_name(enum role role);
/* "GET" …; NULL for a value that is none. */
const char *http_method_name(uint8_t method);
/* ERR_NOT_FOUND */
must_check enum err http_method_parse(struct bytes name, uint8_t *ret);
