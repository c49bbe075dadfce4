/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/ipc.h"

/* Reads forward and never past its end; the first failure empties it. */
struct reader {
	struct bytes left;
	bool bad;
};

static const uint8_t *reader_take(struct reader *r, size_t n)
{
	const uint8_t *p = r->left.p;

	if (r->bad || r->left.n < n) {
		r->bad = true;
		return NULL;
	}
	r->left.p += n;
	r->left.n -= n;
	return p;
}

static uint64_t reader_number(struct reader *r, size_t n)
{
	const uint8_t *p = reader_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static void reader_fixed(struct reader *r, void *to, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p != NULL)
		memcpy(to, p, n);
}

static struct bytes reader_bytes(struct reader *r, size_t max)
{
	const size_t n = (size_t)reader_number(r, 4);

	if (n > max)
		r->bad = true;
	const uint8_t *p = reader_take(r, n);
	return p == NULL ? (struct bytes){ NULL, 0 } : (struct bytes){ p, n };
}

static void put_number(struct dynbuf *out, uint64_t v, size_t n)
{
	uint8_t *p = dynbuf_grow(out, n);

	for (size_t i = 0; p != NULL && i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static void put_bytes(struct dynbuf *out, struct bytes b, size_t max)
{
	if (b.n > max) {
		out->err = out->err == OK ? ERR_TOO_LARGE : out->err;
		return;
	}
	put_number(out, b.n, 4);
	dynbuf_bytes(out, b);
}

#define E_U8(n)	       put_number(out, m->n, 1);
#define E_U16(n)       put_number(out, m->n, 2);
#define E_U32(n)       put_number(out, m->n, 4);
#define E_U64(n)       put_number(out, m->n, 8);
#define E_ID(n)	       dynbuf_put(out, m->n.b, ID_LEN);
#define E_HASH(n)      dynbuf_put(out, m->n, HASH_LEN);
#define E_BYTES(n, mx) put_bytes(out, m->n, (mx));

#define D_U8(n)	       m.n = (uint8_t)reader_number(&r, 1);
#define D_U16(n)       m.n = (uint16_t)reader_number(&r, 2);
#define D_U32(n)       m.n = (uint32_t)reader_number(&r, 4);
#define D_U64(n)       m.n = reader_number(&r, 8);
#define D_ID(n)	       reader_fixed(&r, m.n.b, ID_LEN);
#define D_HASH(n)      reader_fixed(&r, m.n, HASH_LEN);
#define D_BYTES(n, mx) m.n = reader_bytes(&r, (mx));

#define IPC_DEFINE(name, table)                                                                    \
	void ipc_##name##_encode(const struct ipc_##name *m, struct dynbuf *out)                   \
	{                                                                                          \
		(void)m;                                                                           \
		(void)out;                                                                         \
		table(E_U8, E_U16, E_U32, E_U64, E_ID, E_HASH, E_BYTES)                            \
	}                                                                                          \
	enum err ipc_##name##_decode(struct bytes from, struct ipc_##name *ret)                    \
	{                                                                                          \
		struct reader r = { .left = from };                                                \
		struct ipc_##name m;                                                               \
		memset(&m, 0, sizeof m);                                                           \
		table(D_U8, D_U16, D_U32, D_U64, D_ID, D_HASH, D_BYTES);                           \
		if (r.bad || r.left.n != 0)                                                        \
			return ERR_MALFORMED;                                                      \
		*ret = m;                                                                          \
		return OK;                                                                         \
	}

#define PART(name, table)		     IPC_DEFINE(name, table)
#define MESSAGE(type, name, table, from, to) IPC_DEFINE(name, table)
IPC_PARTS(PART)
IPC_MESSAGES(MESSAGE)

size_t frame_begin(struct dynbuf *out, uint8_t type, uint64_t id)
{
	const size_t began = out->n;

	put_number(out, 0, 4);
	dynbuf_u8(out, IPC_VERSION);
	dynbuf_u8(out, type);
	dynbuf_u64(out, id);
	return began;
}

void frame_end(struct dynbuf *out, size_t began)
{
	ipc_list_end(out, began);
}

enum err frame_next(struct bytes *from, struct frame *ret)
{
	if (from->n < 4)
		return ERR_NOT_FOUND;
	const size_t n = get_u32(from->p);
	if (n < IPC_FRAME_HEAD - 4 || n > IPC_FRAME_MAX)
		return ERR_MALFORMED;
	if (from->n >= 5 && from->p[4] != IPC_VERSION)
		return ERR_MALFORMED;
	if (from->n < n + 4)
		return ERR_NOT_FOUND;
	*ret = (struct frame){ .type = from->p[5],
			       .id = get_u64(from->p + 6),
			       .payload = { from->p + IPC_FRAME_HEAD, n + 4 - IPC_FRAME_HEAD } };
	from->p += n + 4;
	from->n -= n + 4;
	return OK;
}

size_t ipc_list_begin(struct dynbuf *out)
{
	const size_t began = out->n;

	put_number(out, 0, 4);
	return began;
}

void ipc_list_end(struct dynbuf *out, size_t began)
{
	if (out->err == OK)
		put_u32(out->p + began, (uint32_t)(out->n - began - 4));
}

enum err ipc_list_next(struct bytes *list, struct bytes *ret)
{
	struct reader r = { .left = *list };

	if (list->n == 0)
		return ERR_NOT_FOUND;
	const struct bytes item = reader_bytes(&r, list->n);
	if (r.bad)
		return ERR_MALFORMED;
	*ret = item;
	*list = r.left;
	return OK;
}

struct bytes ipc_headers_find(struct bytes headers, const char *name)
{
	struct bytes item;
	struct ipc_header header;

	while (ipc_list_next(&headers, &item) == OK)
		if (ipc_header_decode(item, &header) == OK && bytes_is(header.name, name))
			return header.value;
	return (struct bytes){ NULL, 0 };
}

struct bytes ipc_settings_find(struct bytes settings, const char *name)
{
	struct bytes item;
	struct ipc_setting setting;

	while (ipc_list_next(&settings, &item) == OK)
		if (ipc_setting_decode(item, &setting) == OK && bytes_is(setting.name, name))
			return setting.value;
	return (struct bytes){ NULL, 0 };
}

void ipc_headers_add(struct dynbuf *out, const char *name, struct bytes value)
{
	const struct ipc_header header = { .name = str(name), .value = value };

	IPC_LIST_ADD(out, header, &header);
}

const char *role_name(enum role role)
{
	static const char *const names[ROLE_COUNT] = {
		[ROLE_PARENT] = "parent", [ROLE_GATE] = "gate",	      [ROLE_CORE] = "core",
		[ROLE_KEEPER] = "keeper", [ROLE_COURIER] = "courier",
	};

	return role < ROLE_COUNT ? names[role] : "none";
}

static const char *const methods[] = {
	[HTTP_GET] = "GET",	    [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",	    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
	[HTTP_OPTIONS] = "OPTIONS",
};

const char *http_method_name(uint8_t method)
{
	return method < ARRAY_LEN(methods) ? methods[method] : NULL;
}

enum err http_method_parse(struct bytes name, uint8_t *ret)
{
	for (uint8_t i = HTTP_GET; i < ARRAY_LEN(methods); i++) {
		if (bytes_is(name, methods[i])) {
			*ret = i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}
