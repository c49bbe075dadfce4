/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/vault.h"

#include <stdlib.h>

#include "ipc/origins.h"
#include "keeper/sealed.h"

/* An answer is far smaller than what is left between the two. */
enum { OUT_MAX = 64 * 1024 * 1024, OUT_FULL = 32 * 1024 * 1024 };

enum err vault_init(struct vault *vault, const uint8_t gate_key[static 32],
		    const uint8_t courier_key[static 32])
{
	capsule_sender_init(&vault->to_gate, gate_key, CAPSULE_OUT);
	capsule_sender_init(&vault->to_courier, courier_key, CAPSULE_OUT);
	capsule_receiver_init(&vault->from_gate, gate_key, CAPSULE_IN);
	capsule_receiver_init(&vault->from_courier, courier_key, CAPSULE_IN);
	dynbuf_init(&vault->out, OUT_MAX);
	vault->batch = calloc(VAULT_BATCH_MAX, sizeof *vault->batch);
	return vault->batch == NULL ? FAULT_NOMEM : OK;
}

void vault_done(struct vault *vault)
{
	keyring_free(&vault->ring);
	log_close(&vault->log);
	dynbuf_done(&vault->out);
	free(vault->batch);
	vault->batch = NULL;
}

static void refuse(struct vault *vault, uint64_t id, enum err err, bool written)
{
	const struct ipc_keeper_refused m = { .err = (uint16_t)(err > OK ? err : ERR_SERVER),
					      .written = written };

	FRAME_PUT(&vault->out, id, keeper_refused, &m);
}

/* What opened, for the length of one release. */
struct opening {
	struct opened opened[IPC_ITEMS_MAX];
	struct ipc_place places[IPC_ITEMS_MAX];
	size_t n;
	struct dynbuf hosts; /* where all of them may go */
};

static void opening_done(struct opening *opening)
{
	for (size_t i = 0; i < opening->n; i++)
		opened_done(&opening->opened[i]);
	dynbuf_done(&opening->hosts);
}

/* Those of one more secret: what is left is what each of them allows. */
static enum err meet_hosts(struct opening *opening)
{
	const struct bytes hosts = opening->opened[opening->n - 1].hosts;
	const bool any = hosts.n + opening->hosts.n > 0;
	struct dynbuf met;

	dynbuf_init(&met, IPC_HOSTS_MAX);
	if (opening->n == 1)
		dynbuf_bytes(&met, hosts);
	else
		origins_meet(dynbuf_view(&opening->hosts), hosts, &met);
	dynbuf_done(&opening->hosts);
	opening->hosts = met;
	TRY(dynbuf_err(&met));
	return any && met.n == 0 ? ERR_BLOCKED_HOST : OK;
}

static enum err open_items(const struct vault *vault, struct bytes list, struct opening *opening)
{
	struct ipc_place place;
	struct ipc_item item;
	struct bytes element;
	enum err err;

	while ((err = ipc_list_next(&list, &element)) == OK) {
		if (opening->n == IPC_ITEMS_MAX || ipc_item_decode(element, &item) != OK ||
		    ipc_place_decode(item.place, &place) != OK)
			return ERR_MALFORMED;
		TRY(sealed_open(vault->ring, &place, item.blob, &opening->opened[opening->n]));
		opening->places[opening->n++] = place;
		if (!id_eq(place.tenant, opening->places[0].tenant))
			return ERR_BLOCKED_HOST;
		TRY(meet_hosts(opening));
	}
	return err == ERR_NOT_FOUND && opening->n > 0 ? OK : ERR_MALFORMED;
}

/* Which uses a receiver may be given a secret for. */
static bool receiver_ok(uint8_t receiver, uint8_t kind)
{
	static const struct {
		uint8_t receiver, kind;
	} permits[] = {
		{ RECEIVER_GATE, EVENT_exchange },
		{ RECEIVER_COURIER, EVENT_call },
		{ RECEIVER_COURIER, EVENT_context },
		{ RECEIVER_COURIER, EVENT_remote_ask },
		{ RECEIVER_COURIER, EVENT_connect },
		{ RECEIVER_COURIER, EVENT_refresh },
		{ RECEIVER_COURIER, EVENT_provider_revoke },
		{ RECEIVER_COURIER, EVENT_provider_probe },
	};

	for (size_t i = 0; i < ARRAY_LEN(permits); i++)
		if (permits[i].receiver == receiver && permits[i].kind == kind)
			return true;
	return false;
}

/* A client secret or refresh token never goes to an agent. */
static bool fields_ok(uint8_t receiver, const struct opening *opening)
{
	for (size_t i = 0; i < opening->n; i++)
		if (receiver == RECEIVER_GATE && opening->places[i].field != PLACE_ACCESS_TOKEN)
			return false;
	return true;
}

static void record_from_places(struct ipc_record *record, const struct opening *opening)
{
	for (size_t i = 0; i < opening->n; i++) {
		const struct ipc_place *place = &opening->places[i];
		record->tenant = place->tenant;
		if (place->field == PLACE_CLIENT_SECRET)
			continue;
		record->user = place->user;
		record->connection = place->object;
		record->version = place->version;
	}
}

static void capsule_make(struct vault *vault, const struct ipc_release *release,
			 const struct opening *opening, struct dynbuf *out)
{
	struct bytes values[IPC_ITEMS_MAX];

	for (size_t i = 0; i < opening->n; i++)
		values[i] = opening->opened[i].secret;
	capsule_seal(release->receiver == RECEIVER_GATE ? &vault->to_gate : &vault->to_courier,
		     release->binding, dynbuf_view(&opening->hosts), values, opening->n, out);
}

static enum err release_opened(struct vault *vault, uint64_t id, const struct ipc_release *release,
			       struct ipc_record *record, const struct opening *opening)
{
	scoped(dynbuf_done) struct dynbuf capsule;
	struct ipc_released released = { 0 };

	dynbuf_init(&capsule, IPC_CAPSULE_MAX);
	record_from_places(record, opening);
	capsule_make(vault, release, opening, &capsule);
	TRY(dynbuf_err(&capsule));
	TRY(log_append(vault->log, record, &released.seq, &released.time));
	released.capsule = dynbuf_view(&capsule);
	FRAME_PUT(&vault->out, id, released, &released);
	return OK;
}

/* A use that cannot be served is written down as that, and nothing is handed on. */
static enum err release_failed(struct vault *vault, uint64_t id, struct ipc_record *record,
			       enum err why)
{
	uint64_t seq;
	usec_t time;

	record->outcome = OUTCOME_FAILED;
	record->reason = (uint16_t)why;
	TRY(log_append(vault->log, record, &seq, &time));
	refuse(vault, id, why, true);
	return OK;
}

static enum err on_release(struct vault *vault, const struct frame *frame)
{
	struct opening opening = { 0 };
	struct ipc_release release;
	struct ipc_record record;

	TRY(ipc_release_decode(frame->payload, &release));
	TRY(ipc_record_decode(release.record, &record));
	TRY(record_check(&record));
	if (!receiver_ok(release.receiver, record.kind) ||
	    (record.outcome != OUTCOME_OK && record.outcome != OUTCOME_INTENT))
		return ERR_MALFORMED;
	enum err err = open_items(vault, release.items, &opening);
	if (err == OK && !fields_ok(release.receiver, &opening))
		err = ERR_MALFORMED;
	if (err == OK)
		err = release_opened(vault, frame->id, &release, &record, &opening);
	else if (err > OK)
		err = release_failed(vault, frame->id, &record, err);
	opening_done(&opening);
	return err;
}

static enum err on_append(struct vault *vault, const struct frame *frame)
{
	struct ipc_appended appended = { 0 };
	struct ipc_append append;
	struct ipc_record record;

	TRY(ipc_append_decode(frame->payload, &append));
	TRY(ipc_record_decode(append.record, &record));
	TRY(log_append(vault->log, &record, &appended.seq, &appended.time));
	FRAME_PUT(&vault->out, frame->id, appended, &appended);
	return OK;
}

static enum err adopt_one(struct vault *vault, struct bytes place_bytes, struct bytes hosts,
			  struct bytes secret, struct dynbuf *list)
{
	scoped(dynbuf_done) struct dynbuf blob;
	struct ipc_place place;

	dynbuf_init(&blob, IPC_BLOB_MAX);
	TRY(ipc_place_decode(place_bytes, &place));
	TRY(sealed_make(vault->ring, &place, hosts, secret, &blob));
	const struct ipc_item item = { .place = place_bytes, .blob = dynbuf_view(&blob) };
	IPC_LIST_ADD(list, item, &item);
	return dynbuf_err(list);
}

static enum err adopt_all(struct vault *vault, const struct ipc_adopt *adopt,
			  const struct capsule *capsule, struct dynbuf *list)
{
	struct bytes places = adopt->places, place;

	for (size_t i = 0; i < capsule->count; i++) {
		if (ipc_list_next(&places, &place) != OK)
			return ERR_MALFORMED;
		TRY(adopt_one(vault, place, adopt->hosts, capsule->values[i], list));
	}
	return places.n == 0 ? OK : ERR_MALFORMED;
}

static enum err on_adopt(struct vault *vault, const struct frame *frame)
{
	scoped(dynbuf_done) struct dynbuf list;
	scoped(capsule_done) struct capsule capsule = { 0 };
	struct ipc_adopt adopt;

	dynbuf_init(&list, IPC_CAPSULE_MAX);
	TRY(ipc_adopt_decode(frame->payload, &adopt));
	if (adopt.sender != RECEIVER_GATE && adopt.sender != RECEIVER_COURIER)
		return ERR_MALFORMED;
	TRY(capsule_open(adopt.sender == RECEIVER_GATE ? &vault->from_gate : &vault->from_courier,
			 adopt.capsule, &capsule));
	TRY(adopt_all(vault, &adopt, &capsule, &list));
	const struct ipc_adopted adopted = { .blobs = dynbuf_view(&list) };
	FRAME_PUT(&vault->out, frame->id, adopted, &adopted);
	return OK;
}

static enum err on_rewrap(struct vault *vault, const struct frame *frame)
{
	scoped(dynbuf_done) struct dynbuf blob;
	scoped(opened_done) struct opened opened = { 0 };
	struct ipc_rewrapped rewrapped = { 0 };
	struct ipc_rewrap rewrap;
	struct ipc_place place;
	struct ipc_item item;

	dynbuf_init(&blob, IPC_BLOB_MAX);
	TRY(ipc_rewrap_decode(frame->payload, &rewrap));
	TRY(ipc_item_decode(rewrap.item, &item));
	TRY(ipc_place_decode(item.place, &place));
	TRY(sealed_open(vault->ring, &place, item.blob, &opened));
	TRY(sealed_make(vault->ring, &place, opened.hosts, opened.secret, &blob));
	rewrapped.key_version = get_u32(blob.p + 2);
	rewrapped.blob = dynbuf_view(&blob);
	FRAME_PUT(&vault->out, frame->id, rewrapped, &rewrapped);
	return OK;
}

static enum err on_tenant_key(struct vault *vault, const struct frame *frame)
{
	struct ipc_tenant_key_done done = { 0 };
	struct ipc_tenant_key key;
	const uint8_t *unused;

	TRY(ipc_tenant_key_decode(frame->payload, &key));
	if (key.rotate == 1)
		TRY(keyring_rotate_tenant(vault->ring, key.tenant, &done.key_version));
	else
		TRY(keyring_tenant(vault->ring, key.tenant, &done.key_version, &unused));
	FRAME_PUT(&vault->out, frame->id, tenant_key_done, &done);
	return OK;
}

static const struct {
	uint8_t type;
	enum err (*fn)(struct vault *vault, const struct frame *frame);
} requests[] = {
	{ IPC_TYPE_release, on_release },	{ IPC_TYPE_append, on_append },
	{ IPC_TYPE_adopt, on_adopt },		{ IPC_TYPE_rewrap, on_rewrap },
	{ IPC_TYPE_tenant_key, on_tenant_key },
};

bool vault_full(const struct vault *vault)
{
	return vault->batch_n == VAULT_BATCH_MAX || vault->out.n >= OUT_FULL;
}

enum err vault_handle(struct vault *vault, const struct frame *frame)
{
	enum err err = ERR_UNSUPPORTED;

	if (vault_full(vault))
		return FAULT_BUG;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		if (requests[i].type == frame->type)
			err = requests[i].fn(vault, frame);
	vault->batch[vault->batch_n++] = frame->id;
	if (err == FAULT_NOMEM)
		err = ERR_OVERLOADED;
	if (err < OK)
		return err;
	if (err != OK)
		refuse(vault, frame->id, err, false);
	return dynbuf_err(&vault->out);
}

enum err vault_sync(struct vault *vault)
{
	const enum err err = log_sync(vault->log);

	if (err != OK && err != ERR_LOG_FULL)
		return err;
	vault->log_full = err == ERR_LOG_FULL;
	if (vault->log_full) {
		wipe(vault->out.p, vault->out.n);
		dynbuf_reset(&vault->out);
		for (size_t i = 0; i < vault->batch_n; i++)
			refuse(vault, vault->batch[i], ERR_LOG_FULL, false);
	}
	vault->batch_n = 0;
	return OK;
}
