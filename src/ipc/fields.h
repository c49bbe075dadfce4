/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * fields - what the four processes say to each other, one table a message.
 *
 * A table is given seven macros, one per type of field, and from it come the
 * struct, the encoder, the decoder (ipc.h, ipc.c), the fuzzer's dictionary and
 * docs/PROTOCOL.ipc.md. Fields stand on the wire in this order and are all
 * there; integers are big-endian; BYTES is a 32-bit length, at most the
 * ceiling named here, and that many bytes. A BYTES marked "list of x" holds
 * messages x, each behind a 32-bit length.
 */
enum {
	IPC_TOKEN_MAX = 64 * 1024,	   /* a provider's token */
	IPC_BLOB_MAX = 70 * 1024,	   /* sealed: token, hosts, header */
	IPC_CAPSULE_MAX = 224 * 1024,	   /* three tokens and their hosts on the way */
	IPC_BODY_MAX = 1024 * 1024,	   /* of a request */
	IPC_REQUEST_MAX = 4 * 1024 * 1024, /* of a message to /mcp/ */
	IPC_ANSWER_MAX = 4 * 1024 * 1024,  /* of a response */
	IPC_PIECE_MAX = 256 * 1024,	   /* of a body that comes in pieces */
	IPC_TARGET_MAX = 8 * 1024,
	IPC_HEADERS_MAX = 32 * 1024,
	IPC_HOSTS_MAX = 4 * 1024,
	IPC_SCOPES_MAX = 1024,
	IPC_SELECT_MAX = 16 * 1024,
	IPC_RECORD_MAX = 4 * 1024,
	IPC_SETTING_MAX = 384 * 1024, /* a bundle of certificates */
	IPC_FRAME_MAX = 5 * 1024 * 1024,
	IPC_ITEMS_MAX = 3, /* sealed values in one release or adoption */
};

/* parts that stand inside lists */

#define IPC_HEADER(U8, U16, U32, U64, ID, HASH, BYTES)                                             \
	BYTES(name, 256)                                                                           \
	BYTES(value, IPC_TARGET_MAX)

/* Handed to a child at its start; laid out as a header, with room for certificates. */
#define IPC_SETTING(U8, U16, U32, U64, ID, HASH, BYTES)                                            \
	BYTES(name, 256)                                                                           \
	BYTES(value, IPC_SETTING_MAX)

/* Where a sealed value belongs: it opens nowhere else. */
#define IPC_PLACE(U8, U16, U32, U64, ID, HASH, BYTES)                                              \
	U8(field) /* enum place_field */                                                           \
	ID(tenant)                                                                                 \
	ID(user)   /* none for what belongs to the tenant */                                       \
	ID(object) /* the connection or the service */                                             \
	U64(version)

#define IPC_ITEM(U8, U16, U32, U64, ID, HASH, BYTES)                                               \
	BYTES(place, 64) /* one place */                                                           \
	BYTES(blob, IPC_BLOB_MAX)

/* One record of the log; zero and empty fields are left out of the line. */
#define IPC_RECORD(U8, U16, U32, U64, ID, HASH, BYTES)                                             \
	U8(kind)    /* enum event_kind */                                                          \
	U8(outcome) /* enum event_outcome */                                                       \
	U16(reason) /* enum err: why it was refused or failed */                                   \
	ID(event)   /* made by core; a record sent twice is known by it */                         \
	ID(ref)	    /* the intent that this one closes */                                          \
	ID(tenant)                                                                                 \
	ID(user)                                                                                   \
	ID(connection)                                                                             \
	ID(vault)                                                                                  \
	ID(agent)                                                                                  \
	ID(actor)     /* the admin token or user that did it */                                    \
	ID(object)    /* what was changed, where it is none of the above */                        \
	ID(address)   /* keyed pseudonym of the network address */                                 \
	U64(revision) /* of the object, with digest: the high-water mark of I4 */                  \
	HASH(digest)                                                                               \
	HASH(detail) /* salted hash of the personal details kept sealed in the database */         \
	U64(version) /* of the secret; keeper writes what it opened */                             \
	U64(change)  /* how many changes the database has committed, this one included */          \
	U64(policy)  /* version of the vault's policy that decided */                              \
	U64(bytes)                                                                                 \
	U64(duration_us)                                                                           \
	U16(status) /* HTTP, as the provider answered */                                           \
	BYTES(service, 64)                                                                         \
	BYTES(tool, 128)                                                                           \
	BYTES(scopes, IPC_SCOPES_MAX)

/* Where courier puts the n-th secret of a capsule. */
#define IPC_PLACEMENT(U8, U16, U32, U64, ID, HASH, BYTES)                                          \
	U8(item)                                                                                   \
	U8(how)		 /* enum placement_how */                                                  \
	BYTES(name, 128) /* of the header, the form or JSON member; the text in the URL */         \
	BYTES(user, 512) /* of HTTP Basic; of a header: the text before the secret */

/* A JSON path ("authed_user.access_token") whose string courier cuts out. */
#define IPC_CUT(U8, U16, U32, U64, ID, HASH, BYTES) BYTES(path, 256)

/* gate and core */

#define IPC_HTTP_REQUEST(U8, U16, U32, U64, ID, HASH, BYTES)                                       \
	U8(method) /* enum http_method */                                                          \
	U8(secure) /* TLS, or a trusted proxy said so */                                           \
	BYTES(address, 16)                                                                         \
	BYTES(target, IPC_TARGET_MAX)	/* path and query as sent */                               \
	BYTES(headers, IPC_HEADERS_MAX) /* list of header; names in lower case */                  \
	U8(more)    /* 1: the body is larger than may be held here; it can come in pieces */       \
	U64(length) /* of the body; all ones: not known */                                         \
	BYTES(body, IPC_REQUEST_MAX)	/* IPC_BODY_MAX but for /mcp/ */                           \
	BYTES(capsule, IPC_CAPSULE_MAX) /* the body instead, sealed for keeper, on secret routes   \
					 */

/* The client went away; the answer is not wanted any more. */
#define IPC_HTTP_GONE(U8, U16, U32, U64, ID, HASH, BYTES)

#define IPC_HTTP_RESPONSE(U8, U16, U32, U64, ID, HASH, BYTES)                                      \
	U16(status)                                                                                \
	BYTES(headers, IPC_HEADERS_MAX) /* list of header */                                       \
	BYTES(body, IPC_ANSWER_MAX)                                                                \
	BYTES(capsule, IPC_CAPSULE_MAX) /* or empty */                                             \
	U32(capsule_at) /* offset in body where its first token is written, JSON-escaped */

/* Begins an answer that comes in pieces under the same id; a http_response instead of a piece
 * breaks it off. */
#define IPC_HTTP_BEGIN(U8, U16, U32, U64, ID, HASH, BYTES)                                         \
	U16(status)                                                                                \
	U8(beat) /* 1: an event stream, which gate keeps alive with a comment every 15 s */        \
	BYTES(headers, IPC_HEADERS_MAX) /* list of header */

#define IPC_HTTP_DATA(U8, U16, U32, U64, ID, HASH, BYTES) BYTES(bytes, IPC_PIECE_MAX)

#define IPC_HTTP_END(U8, U16, U32, U64, ID, HASH, BYTES)                                           \
	U8(whole) /* 0: the client is shown that the answer broke off */

/* The answer to this request comes from courier in pieces, under this number; a http_response
 * instead, as long as it has not begun, is as good. */
#define IPC_HTTP_STREAM(U8, U16, U32, U64, ID, HASH, BYTES) U64(stream)

/* 256 KiB wait for the client: core should send no more until there is room again. */
#define IPC_HTTP_FULL(U8, U16, U32, U64, ID, HASH, BYTES)

#define IPC_HTTP_ROOM(U8, U16, U32, U64, ID, HASH, BYTES)

/* Gate takes no new connections and ends: what only waits should not keep it. */
#define IPC_HTTP_CLOSING(U8, U16, U32, U64, ID, HASH, BYTES)

/* core and keeper */

#define IPC_KEEPER_STATUS(U8, U16, U32, U64, ID, HASH, BYTES)

#define IPC_KEEPER_STATE(U8, U16, U32, U64, ID, HASH, BYTES)                                       \
	U8(state)	 /* enum keeper_state */                                                   \
	U8(log_full)	 /* 1: appends fail for want of room */                                    \
	U64(log_size)	 /* records */                                                             \
	U64(log_bytes)	 /* durable bytes of the newest segment */                                 \
	U64(log_segment) /* its first record */                                                    \
	HASH(log_root)                                                                             \
	HASH(log_key)	/* Ed25519 public key of the checkpoints */                                \
	U64(log_change) /* the highest `change` of any record */                                   \
	U8(accepted)	/* 1: what was put back is accepted, and core has not started since */     \
	U64(log_time)                                                                              \
	U32(root_version)                                                                          \
	U64(generation)

/* Core has fewer changes committed than the log knows of: nothing is released until an operator has
 * accepted that. */
#define IPC_ROLLBACK_SUSPECTED(U8, U16, U32, U64, ID, HASH, BYTES)

/* Sent once to core after each unseal and each start of core. The only keys core ever holds. */
#define IPC_KEEPER_KEYS(U8, U16, U32, U64, ID, HASH, BYTES)                                        \
	U32(version)                                                                               \
	U64(generation) /* of the store: raised by restore and accepted rollback */                \
	HASH(tokhash)                                                                              \
	HASH(rowmac)                                                                               \
	HASH(text)                                                                                 \
	HASH(state)

#define IPC_APPEND(U8, U16, U32, U64, ID, HASH, BYTES) BYTES(record, IPC_RECORD_MAX)

#define IPC_APPENDED(U8, U16, U32, U64, ID, HASH, BYTES)                                           \
	U64(seq)                                                                                   \
	U64(time)

/* Appends the record, makes it durable, only then opens the items for the receiver. */
#define IPC_RELEASE(U8, U16, U32, U64, ID, HASH, BYTES)                                            \
	U8(receiver)  /* enum receiver */                                                          \
	HASH(binding) /* receiver courier: SHA-256 of the courier_call that this may serve */      \
	BYTES(record, IPC_RECORD_MAX)                                                              \
	BYTES(items, IPC_CAPSULE_MAX) /* list of item, one to three */

#define IPC_RELEASED(U8, U16, U32, U64, ID, HASH, BYTES)                                           \
	U64(seq)                                                                                   \
	U64(time)                                                                                  \
	BYTES(capsule, IPC_CAPSULE_MAX)

/* Opens what gate or courier sealed for keeper and seals each value for its place. */
#define IPC_ADOPT(U8, U16, U32, U64, ID, HASH, BYTES)                                              \
	U8(sender) /* enum receiver */                                                             \
	BYTES(capsule, IPC_CAPSULE_MAX)                                                            \
	BYTES(places, 256)	    /* list of place, one per value in the capsule */              \
	BYTES(hosts, IPC_HOSTS_MAX) /* origins the values may travel to, separated by a newline */

#define IPC_ADOPTED(U8, U16, U32, U64, ID, HASH, BYTES)                                            \
	BYTES(blobs, IPC_CAPSULE_MAX) /* list of item, in the order of the places */

/* Seals a blob again under the tenant's current key. */
#define IPC_REWRAP(U8, U16, U32, U64, ID, HASH, BYTES) BYTES(item, IPC_BLOB_MAX + 128)

#define IPC_REWRAPPED(U8, U16, U32, U64, ID, HASH, BYTES)                                          \
	U32(key_version)                                                                           \
	BYTES(blob, IPC_BLOB_MAX)

/* Makes the tenant's first key, or its next. */
#define IPC_TENANT_KEY(U8, U16, U32, U64, ID, HASH, BYTES)                                         \
	ID(tenant)                                                                                 \
	U8(rotate)

#define IPC_TENANT_KEY_DONE(U8, U16, U32, U64, ID, HASH, BYTES) U32(key_version)

/* Any request may be answered so; nothing was released, and the record was not written unless
 * written is 1. */
#define IPC_KEEPER_REFUSED(U8, U16, U32, U64, ID, HASH, BYTES)                                     \
	U16(err)                                                                                   \
	U8(written)

/* core and courier */

/* The binding is SHA-256 of this message with an empty capsule. */
#define IPC_COURIER_CALL(U8, U16, U32, U64, ID, HASH, BYTES)                                       \
	ID(attempt)   /* not none: kept until acknowledged, sent again to a new core */            \
	U8(method)    /* enum http_method */                                                       \
	U8(body_kind) /* enum body_kind */                                                         \
	U32(timeout_ms)                                                                            \
	U32(answer_max)                                                                            \
	U64(stream)	  /* not 0: the answer goes to gate in pieces, under this number */        \
	U8(hold)	  /* of a stream, 1: an answer 401 goes to core instead */                 \
	U8(upload)	  /* of a stream, 1: the body comes from gate in pieces */                 \
	U64(upload_bytes) /* all ones: not known */                                                \
	U64(rpc) /* not 0: of an event stream, only the JSON-RPC response with this id counts */   \
	BYTES(url, IPC_TARGET_MAX)                                                                 \
	BYTES(headers, IPC_HEADERS_MAX) /* list of header */                                       \
	BYTES(body, IPC_BODY_MAX)                                                                  \
	BYTES(placements, 4096)	      /* list of placement */                                      \
	BYTES(cuts, 4096)	      /* list of cut: strings that go to keeper and not to core */ \
	BYTES(select, IPC_SELECT_MAX) /* lines of codec/select.h: what of a 2xx goes to core */    \
	BYTES(capsule, IPC_CAPSULE_MAX)

#define IPC_COURIER_ANSWER(U8, U16, U32, U64, ID, HASH, BYTES)                                     \
	ID(attempt)                                                                                \
	U8(outcome) /* enum courier_outcome */                                                     \
	U16(status)                                                                                \
	U64(duration_us)                                                                           \
	U64(bytes) /* of the answer's body, also of one that went to gate */                       \
	U32(found) /* bit n: the n-th cut was there and is in the capsule, in this order */        \
	BYTES(headers, IPC_HEADERS_MAX)                                                            \
	BYTES(body, IPC_ANSWER_MAX)                                                                \
	BYTES(capsule, IPC_CAPSULE_MAX)

#define IPC_COURIER_ACK(U8, U16, U32, U64, ID, HASH, BYTES) ID(attempt)

/* The answer to this stream is not wanted any more; courier says how far it had come. */
#define IPC_COURIER_CANCEL(U8, U16, U32, U64, ID, HASH, BYTES) U64(stream)

/* gate and courier: the number of the stream is the id of the frame */

/* gate waits for the answer of this stream, and takes so many bytes of its body. */
#define IPC_STREAM_OPEN(U8, U16, U32, U64, ID, HASH, BYTES) U32(room)

#define IPC_STREAM_HEAD(U8, U16, U32, U64, ID, HASH, BYTES)                                        \
	U16(status)                                                                                \
	U64(length)			/* of the body; all ones: not known */                     \
	BYTES(headers, IPC_HEADERS_MAX) /* list of header */

/* Of the answer's body, or of the request's. */
#define IPC_STREAM_DATA(U8, U16, U32, U64, ID, HASH, BYTES) BYTES(bytes, IPC_PIECE_MAX)

/* So many bytes more may be sent. */
#define IPC_STREAM_ROOM(U8, U16, U32, U64, ID, HASH, BYTES) U32(room)

/* The sender's side is at its end. */
#define IPC_STREAM_END(U8, U16, U32, U64, ID, HASH, BYTES)                                         \
	U8(whole) /* 0: it broke off, and the other side ends as well */

/* parent and each child */

/* The first message to a child; its descriptors follow as one IPC_HAND each. */
#define IPC_BOOT(U8, U16, U32, U64, ID, HASH, BYTES)                                               \
	U8(role) /* enum role */                                                                   \
	U8(log_level)                                                                              \
	HASH(gate_key)			/* to keeper and gate, else zero */                        \
	HASH(courier_key)		/* to keeper and courier, else zero */                     \
	BYTES(settings, IPC_ANSWER_MAX) /* list of setting */

/* A descriptor travels with this message (SCM_RIGHTS). */
#define IPC_HAND(U8, U16, U32, U64, ID, HASH, BYTES)                                               \
	U8(what) /* enum handed */                                                                 \
	BYTES(name, 256)

/* From child to parent: serving now. */
#define IPC_READY(U8, U16, U32, U64, ID, HASH, BYTES)

/* From parent to child: finish what is under way, then exit. */
#define IPC_DRAIN(U8, U16, U32, U64, ID, HASH, BYTES)

/* PART(name, TABLE): stands in lists.   MESSAGE(type, name, TABLE, from, to) */
#define IPC_PARTS(PART)                                                                            \
	PART(header, IPC_HEADER)                                                                   \
	PART(setting, IPC_SETTING)                                                                 \
	PART(place, IPC_PLACE)                                                                     \
	PART(item, IPC_ITEM)                                                                       \
	PART(record, IPC_RECORD)                                                                   \
	PART(placement, IPC_PLACEMENT)                                                             \
	PART(cut, IPC_CUT)

#define IPC_MESSAGES(MESSAGE)                                                                      \
	MESSAGE(0x01, boot, IPC_BOOT, parent, child)                                               \
	MESSAGE(0x02, hand, IPC_HAND, parent, child)                                               \
	MESSAGE(0x03, ready, IPC_READY, child, parent)                                             \
	MESSAGE(0x04, drain, IPC_DRAIN, parent, child)                                             \
	MESSAGE(0x10, http_request, IPC_HTTP_REQUEST, gate, core)                                  \
	MESSAGE(0x11, http_gone, IPC_HTTP_GONE, gate, core)                                        \
	MESSAGE(0x12, http_response, IPC_HTTP_RESPONSE, core, gate)                                \
	MESSAGE(0x13, http_begin, IPC_HTTP_BEGIN, core, gate)                                      \
	MESSAGE(0x14, http_data, IPC_HTTP_DATA, core, gate)                                        \
	MESSAGE(0x15, http_end, IPC_HTTP_END, core, gate)                                          \
	MESSAGE(0x16, http_full, IPC_HTTP_FULL, gate, core)                                        \
	MESSAGE(0x17, http_room, IPC_HTTP_ROOM, gate, core)                                        \
	MESSAGE(0x18, http_stream, IPC_HTTP_STREAM, core, gate)                                    \
	MESSAGE(0x19, http_closing, IPC_HTTP_CLOSING, gate, core)                                  \
	MESSAGE(0x20, keeper_status, IPC_KEEPER_STATUS, core, keeper)                              \
	MESSAGE(0x21, keeper_state, IPC_KEEPER_STATE, keeper, core)                                \
	MESSAGE(0x22, keeper_keys, IPC_KEEPER_KEYS, keeper, core)                                  \
	MESSAGE(0x23, append, IPC_APPEND, core, keeper)                                            \
	MESSAGE(0x24, appended, IPC_APPENDED, keeper, core)                                        \
	MESSAGE(0x25, release, IPC_RELEASE, core, keeper)                                          \
	MESSAGE(0x26, released, IPC_RELEASED, keeper, core)                                        \
	MESSAGE(0x27, adopt, IPC_ADOPT, core, keeper)                                              \
	MESSAGE(0x28, adopted, IPC_ADOPTED, keeper, core)                                          \
	MESSAGE(0x29, rewrap, IPC_REWRAP, core, keeper)                                            \
	MESSAGE(0x2a, rewrapped, IPC_REWRAPPED, keeper, core)                                      \
	MESSAGE(0x2b, tenant_key, IPC_TENANT_KEY, core, keeper)                                    \
	MESSAGE(0x2c, tenant_key_done, IPC_TENANT_KEY_DONE, keeper, core)                          \
	MESSAGE(0x2d, rollback_suspected, IPC_ROLLBACK_SUSPECTED, core, keeper)                    \
	MESSAGE(0x2f, keeper_refused, IPC_KEEPER_REFUSED, keeper, core)                            \
	MESSAGE(0x30, courier_call, IPC_COURIER_CALL, core, courier)                               \
	MESSAGE(0x31, courier_answer, IPC_COURIER_ANSWER, courier, core)                           \
	MESSAGE(0x32, courier_ack, IPC_COURIER_ACK, core, courier)                                 \
	MESSAGE(0x33, courier_cancel, IPC_COURIER_CANCEL, core, courier)                           \
	MESSAGE(0x40, stream_open, IPC_STREAM_OPEN, gate, courier)                                 \
	MESSAGE(0x41, stream_head, IPC_STREAM_HEAD, courier, gate)                                 \
	MESSAGE(0x42, stream_data, IPC_STREAM_DATA, either, either)                                \
	MESSAGE(0x43, stream_room, IPC_STREAM_ROOM, either, either)                                \
	MESSAGE(0x44, stream_end, IPC_STREAM_END, either, either)
