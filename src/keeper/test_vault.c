/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "crypto/crypto.h"
#include "keeper/sealed.h"
#include "sys/file.h"

enum { FILE_MAX = 1024 * 1024 };

static const char segment[] = "00000000000000000000.jsonl";
static const uint8_t gate_key[32] = { 1 }, courier_key[32] = { 2 }, unseal_key[32] = { 3 };
static const uint8_t no_binding[HASH_LEN], binding[HASH_LEN] = { 8, 8 };
static const struct id tenant = { { 1 } }, user = { { 2 } }, connection = { { 3 } };
static char dir_name[32];
static int dir;
static struct vault vault;
static struct capsule_receiver at_gate, at_courier;
static struct capsule_sender from_courier;

static int setup(void **state)
{
	(void)state;
	strcpy(dir_name, "/tmp/valetkey-vault-XXXXXX");
	if (crypto_init() != OK || mkdtemp(dir_name) == NULL)
		return 1;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY);
	memset(&vault, 0, sizeof vault);
	if (keyring_create(dir, UNSEAL_KEY_FILE, (struct bytes){ unseal_key, 32 }, &vault.ring) !=
		    OK ||
	    log_open(dir, -1, keyring_log_seed(vault.ring), &vault.log) != OK)
		return 1;
	capsule_receiver_init(&at_gate, gate_key, CAPSULE_OUT);
	capsule_receiver_init(&at_courier, courier_key, CAPSULE_OUT);
	capsule_sender_init(&from_courier, courier_key, CAPSULE_IN);
	return vault_init(&vault, gate_key, courier_key) != OK;
}

static int teardown(void **state)
{
	(void)state;
	vault_done(&vault);
	DIR *d = opendir(dir_name);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		(void)unlinkat(dir, e->d_name, 0);
	closedir(d);
	close(dir);
	(void)rmdir(dir_name);
	return 0;
}

static struct ipc_place place_of(enum place_field field)
{
	return (struct ipc_place){ (uint8_t)field, tenant, user, connection, 4 };
}

static void item_add(struct dynbuf *items, const struct ipc_place *at, struct bytes blob)
{
	scoped(dynbuf_done) struct dynbuf place;

	dynbuf_init(&place, 64);
	ipc_place_encode(at, &place);
	const struct ipc_item item = { .place = dynbuf_view(&place), .blob = blob };
	IPC_LIST_ADD(items, item, &item);
	assert_int_equal(dynbuf_err(items), OK);
}

/* Seals @secret for @made and adds it as if it stood at @at. */
static void sealed_add(struct dynbuf *items, const struct ipc_place *made,
		       const struct ipc_place *at, const char *hosts, const char *secret)
{
	scoped(dynbuf_done) struct dynbuf blob;

	dynbuf_init(&blob, IPC_BLOB_MAX);
	assert_int_equal(sealed_make(vault.ring, made, str(hosts), str(secret), &blob), OK);
	item_add(items, at, dynbuf_view(&blob));
}

static struct ipc_record record_of(uint8_t kind, uint8_t outcome)
{
	return (struct ipc_record){ .kind = kind,
				    .outcome = outcome,
				    .event = id_new(),
				    .tenant = { { 66 } },
				    .user = { { 66 } },
				    .connection = { { 66 } },
				    .version = 66,
				    .service = str("notes") };
}

static enum err send_release(uint64_t id, uint8_t receiver, const struct ipc_record *record,
			     struct bytes items)
{
	scoped(dynbuf_done) struct dynbuf encoded, payload;

	dynbuf_init(&encoded, IPC_RECORD_MAX);
	dynbuf_init(&payload, IPC_FRAME_MAX);
	ipc_record_encode(record, &encoded);
	struct ipc_release m = { .receiver = receiver,
				 .record = dynbuf_view(&encoded),
				 .items = items };
	if (receiver == RECEIVER_COURIER)
		memcpy(m.binding, binding, HASH_LEN);
	ipc_release_encode(&m, &payload);
	const struct frame frame = { IPC_TYPE_release, id, dynbuf_view(&payload) };
	return vault_handle(&vault, &frame);
}

/* The next answer, which must be to @id and of @type. */
static struct bytes answer(struct bytes *out, uint64_t id, uint8_t type)
{
	struct frame frame;

	assert_int_equal(frame_next(out, &frame), OK);
	assert_int_equal(frame.id, id);
	assert_int_equal(frame.type, type);
	return frame.payload;
}

static void assert_refused(struct bytes *out, uint64_t id, enum err err, bool written)
{
	struct ipc_keeper_refused m;

	assert_int_equal(ipc_keeper_refused_decode(answer(out, id, IPC_TYPE_keeper_refused), &m),
			 OK);
	assert_string_equal(err_row((enum err)m.err)->name, err_row(err)->name);
	assert_int_equal(m.written, written);
}

static struct bytes synced(void)
{
	assert_int_equal(vault_sync(&vault), OK);
	return dynbuf_view(&vault.out);
}

static void forget_answers(void)
{
	dynbuf_reset(&vault.out);
}

/* What stands on the disk, not what the process remembers. */
static bool log_has(const char *text)
{
	scoped(buf_free) struct buf *file = NULL;

	const enum err err = file_read(dir, segment, FILE_MAX, &file);
	return err == OK && memmem(file->p, file->n, text, strlen(text)) != NULL;
}

static bool log_has_id(const char *member, const char *kind, struct id id)
{
	char text[ID_TEXT_MAX + 1], whole[ID_TEXT_MAX + 32];

	snprintf(whole, sizeof whole, "\"%s\":\"%s\"", member, id_print(kind, id, text));
	return log_has(whole);
}

static void a_token_is_released_to_gate_with_its_record(void **state)
{
	const struct ipc_record record = record_of(EVENT_exchange, OUTCOME_OK);
	const struct ipc_place home = place_of(PLACE_ACCESS_TOKEN);
	scoped(capsule_done) struct capsule capsule = { 0 };
	scoped(dynbuf_done) struct dynbuf items;
	struct ipc_released released;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	sealed_add(&items, &home, &home, "https://a.example", "the-token");
	assert_int_equal(send_release(7, RECEIVER_GATE, &record, dynbuf_view(&items)), OK);
	assert_false(log_has_id("event", "evt", record.event));
	struct bytes out = synced();
	assert_true(log_has_id("event", "evt", record.event));
	assert_int_equal(ipc_released_decode(answer(&out, 7, IPC_TYPE_released), &released), OK);
	assert_int_equal(released.seq, 0);
	assert_int_equal(capsule_open(&at_gate, released.capsule, &capsule), OK);
	assert_int_equal(capsule.count, 1);
	assert_true(bytes_is(capsule.values[0], "the-token"));
	assert_true(bytes_is(capsule.hosts, "https://a.example"));
	assert_memory_equal(capsule.binding.p, no_binding, HASH_LEN);
	/* Core cannot use it off the record or under another name. */
	assert_true(log_has_id("tenant", "tenant", tenant));
	assert_true(log_has_id("user", "user", user));
	assert_true(log_has_id("connection", "conn", connection));
	assert_true(log_has("\"version\":4,") || log_has("\"version\":4}"));
	assert_false(log_has_id("user", "user", (struct id){ { 66 } }));
	forget_answers();
}

static void a_capsule_opens_once_and_only_at_its_receiver(void **state)
{
	const struct ipc_record record = record_of(EVENT_refresh, OUTCOME_INTENT);
	const struct ipc_place refresh = place_of(PLACE_REFRESH_TOKEN);
	const struct ipc_place client = { PLACE_CLIENT_SECRET, tenant, { { 0 } }, { { 9 } }, 1 };
	struct capsule capsule = { 0 };
	scoped(dynbuf_done) struct dynbuf items;
	struct ipc_released released;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	sealed_add(&items, &client, &client, "https://a.example", "client");
	sealed_add(&items, &refresh, &refresh, "https://a.example", "refresh");
	assert_int_equal(send_release(1, RECEIVER_COURIER, &record, dynbuf_view(&items)), OK);
	struct bytes out = synced();
	assert_int_equal(ipc_released_decode(answer(&out, 1, IPC_TYPE_released), &released), OK);
	assert_int_not_equal(capsule_open(&at_gate, released.capsule, &capsule), OK);
	assert_int_equal(capsule_open(&at_courier, released.capsule, &capsule), OK);
	assert_int_equal(capsule.count, 2);
	assert_true(bytes_is(capsule.values[0], "client"));
	assert_true(bytes_is(capsule.values[1], "refresh"));
	assert_memory_equal(capsule.binding.p, binding, HASH_LEN);
	capsule_done(&capsule);
	assert_int_equal(capsule_open(&at_courier, released.capsule, &capsule), ERR_USED);
	assert_true(log_has_id("connection", "conn", connection));
	forget_answers();
}

static void what_does_not_open_is_on_record_and_not_released(void **state)
{
	const struct ipc_record record = record_of(EVENT_exchange, OUTCOME_OK);
	const struct ipc_place home = place_of(PLACE_ACCESS_TOKEN);
	struct ipc_place away = home;
	scoped(dynbuf_done) struct dynbuf items;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	away.user.b[5] = 1;
	sealed_add(&items, &home, &away, "https://a.example", "the-token");
	assert_int_equal(send_release(2, RECEIVER_GATE, &record, dynbuf_view(&items)), OK);
	struct bytes out = synced();
	assert_refused(&out, 2, ERR_FORGED, true);
	assert_int_equal(out.n, 0);
	assert_true(log_has_id("event", "evt", record.event));
	assert_true(log_has("\"outcome\":\"failed\",\"reason\":\"forged\""));
	forget_answers();
}

static void secrets_of_two_sets_of_hosts_do_not_travel_together(void **state)
{
	const struct ipc_record record = record_of(EVENT_call, OUTCOME_INTENT);
	const struct ipc_place one = place_of(PLACE_ACCESS_TOKEN);
	const struct ipc_place two = place_of(PLACE_REFRESH_TOKEN);
	struct ipc_place other = two;
	scoped(dynbuf_done) struct dynbuf items;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	sealed_add(&items, &one, &one, "https://a.example", "a");
	sealed_add(&items, &two, &two, "https://b.example", "b");
	assert_int_equal(send_release(3, RECEIVER_COURIER, &record, dynbuf_view(&items)), OK);
	dynbuf_reset(&items);
	other.tenant.b[0] = 77;
	sealed_add(&items, &one, &one, "https://a.example", "a");
	sealed_add(&items, &other, &other, "https://a.example", "b");
	assert_int_equal(send_release(4, RECEIVER_COURIER, &record, dynbuf_view(&items)), OK);
	struct bytes out = synced();
	assert_refused(&out, 3, ERR_BLOCKED_HOST, true);
	assert_refused(&out, 4, ERR_BLOCKED_HOST, true);
	assert_int_equal(out.n, 0);
	forget_answers();
}

static void secrets_that_travel_together_go_where_each_of_them_may(void **state)
{
	const struct ipc_record record = record_of(EVENT_refresh, OUTCOME_INTENT);
	const struct ipc_place one = place_of(PLACE_CLIENT_SECRET);
	const struct ipc_place two = place_of(PLACE_REFRESH_TOKEN);
	scoped(dynbuf_done) struct dynbuf items;
	struct capsule capsule = { 0 };
	struct ipc_released released;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	sealed_add(&items, &one, &one, "https://*.zen.example\nhttps://b.example", "a");
	sealed_add(&items, &two, &two, "https://acme.zen.example\nhttps://c.example", "b");
	assert_int_equal(send_release(3, RECEIVER_COURIER, &record, dynbuf_view(&items)), OK);
	struct bytes out = synced();
	assert_int_equal(ipc_released_decode(answer(&out, 3, IPC_TYPE_released), &released), OK);
	assert_int_equal(capsule_open(&at_courier, released.capsule, &capsule), OK);
	assert_true(bytes_is(capsule.hosts, "https://acme.zen.example"));
	capsule_done(&capsule);
	forget_answers();
}

static void an_agent_is_never_given_more_than_an_access_token(void **state)
{
	static const enum place_field fields[] = { PLACE_REFRESH_TOKEN, PLACE_CLIENT_SECRET,
						   PLACE_TOTP_SEED };
	const struct ipc_record record = record_of(EVENT_exchange, OUTCOME_OK);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct ipc_place home = place_of(fields[i]);
		scoped(dynbuf_done) struct dynbuf items;
		dynbuf_init(&items, IPC_CAPSULE_MAX);
		sealed_add(&items, &home, &home, "https://a.example", "secret");
		assert_int_equal(send_release(i, RECEIVER_GATE, &record, dynbuf_view(&items)), OK);
		struct bytes out = synced();
		assert_refused(&out, i, ERR_MALFORMED, true);
		assert_int_equal(out.n, 0);
		forget_answers();
	}
}

static void a_record_that_would_hide_the_use_is_refused(void **state)
{
	const struct ipc_place home = place_of(PLACE_ACCESS_TOKEN);
	const struct ipc_record denied = record_of(EVENT_exchange, OUTCOME_DENIED);
	const struct ipc_record other = record_of(EVENT_vault_create, OUTCOME_OK);
	const struct ipc_record call = record_of(EVENT_call, OUTCOME_INTENT);
	struct ipc_record quoted = record_of(EVENT_exchange, OUTCOME_OK);
	scoped(dynbuf_done) struct dynbuf items;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	sealed_add(&items, &home, &home, "https://a.example", "the-token");
	quoted.service = str("a\",\"user\":\"b");
	assert_int_equal(send_release(1, RECEIVER_GATE, &denied, dynbuf_view(&items)), OK);
	assert_int_equal(send_release(2, RECEIVER_GATE, &other, dynbuf_view(&items)), OK);
	assert_int_equal(send_release(3, RECEIVER_GATE, &call, dynbuf_view(&items)), OK);
	assert_int_equal(send_release(4, RECEIVER_GATE, &quoted, dynbuf_view(&items)), OK);
	assert_int_equal(send_release(5, 9, &call, dynbuf_view(&items)), OK);
	struct bytes out = synced();
	for (uint64_t id = 1; id <= 5; id++)
		assert_refused(&out, id, ERR_MALFORMED, false);
	assert_int_equal(out.n, 0);
	forget_answers();
}

/* I11: a full disk is a known failure; nothing is released, and it recovers by itself. */
static void a_full_disk_refuses_the_batch_and_recovers(void **state)
{
	const struct ipc_record record = record_of(EVENT_exchange, OUTCOME_OK);
	const struct ipc_place home = place_of(PLACE_ACCESS_TOKEN);
	scoped(dynbuf_done) struct dynbuf items;
	struct log_state before, after;
	struct rlimit was, tight;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	sealed_add(&items, &home, &home, "https://a.example", "the-token");
	log_state(vault.log, &before);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	tight = was;
	tight.rlim_cur = before.segment_bytes + 10;
	setrlimit(RLIMIT_FSIZE, &tight);
	assert_int_equal(send_release(1, RECEIVER_GATE, &record, dynbuf_view(&items)), OK);
	assert_int_equal(send_release(2, RECEIVER_GATE, &record, dynbuf_view(&items)), OK);
	struct bytes out = synced();
	setrlimit(RLIMIT_FSIZE, &was);
	assert_refused(&out, 1, ERR_LOG_FULL, false);
	assert_refused(&out, 2, ERR_LOG_FULL, false);
	assert_int_equal(out.n, 0);
	assert_true(vault.log_full);
	log_state(vault.log, &after);
	assert_memory_equal(&before, &after, sizeof before);
	assert_false(log_has_id("event", "evt", record.event));
	forget_answers();
	assert_int_equal(send_release(3, RECEIVER_GATE, &record, dynbuf_view(&items)), OK);
	out = synced();
	answer(&out, 3, IPC_TYPE_released);
	assert_false(vault.log_full);
	assert_true(log_has_id("event", "evt", record.event));
	forget_answers();
}

static enum err send_adopt(uint64_t id, struct bytes capsule, const struct ipc_place *places,
			   size_t n)
{
	scoped(dynbuf_done) struct dynbuf list, payload;

	dynbuf_init(&list, 256);
	dynbuf_init(&payload, IPC_FRAME_MAX);
	for (size_t i = 0; i < n; i++)
		IPC_LIST_ADD(&list, place, &places[i]);
	const struct ipc_adopt m = { .sender = RECEIVER_COURIER,
				     .capsule = capsule,
				     .places = dynbuf_view(&list),
				     .hosts = str("https://a.example") };
	ipc_adopt_encode(&m, &payload);
	const struct frame frame = { IPC_TYPE_adopt, id, dynbuf_view(&payload) };
	return vault_handle(&vault, &frame);
}

static void new_tokens_are_adopted_once_each_for_its_place(void **state)
{
	const struct ipc_place places[] = { place_of(PLACE_ACCESS_TOKEN),
					    place_of(PLACE_REFRESH_TOKEN) };
	const struct bytes values[] = { str("new-access"), str("new-refresh") };
	scoped(dynbuf_done) struct dynbuf capsule;
	struct ipc_adopted adopted;
	struct bytes element;
	struct ipc_item item;

	(void)state;
	dynbuf_init(&capsule, IPC_CAPSULE_MAX);
	capsule_seal(&from_courier, no_binding, str(""), values, 2, &capsule);
	assert_int_equal(send_adopt(1, dynbuf_view(&capsule), places, 2), OK);
	assert_int_equal(send_adopt(2, dynbuf_view(&capsule), places, 2), OK);
	struct bytes out = synced();
	assert_int_equal(ipc_adopted_decode(answer(&out, 1, IPC_TYPE_adopted), &adopted), OK);
	assert_refused(&out, 2, ERR_USED, false);
	for (size_t i = 0; i < 2; i++) {
		scoped(opened_done) struct opened opened = { 0 };
		assert_int_equal(ipc_list_next(&adopted.blobs, &element), OK);
		assert_int_equal(ipc_item_decode(element, &item), OK);
		assert_int_equal(sealed_open(vault.ring, &places[1 - i], item.blob, &opened),
				 ERR_FORGED);
		assert_int_equal(sealed_open(vault.ring, &places[i], item.blob, &opened), OK);
		assert_true(bytes_eq(opened.secret, values[i]));
		assert_true(bytes_is(opened.hosts, "https://a.example"));
	}
	forget_answers();
}

static void an_adoption_needs_one_place_for_each_value(void **state)
{
	const struct ipc_place places[] = { place_of(PLACE_ACCESS_TOKEN),
					    place_of(PLACE_REFRESH_TOKEN) };
	const struct bytes values[] = { str("a"), str("b") };

	(void)state;
	for (size_t n = 0; n < 3; n++) {
		scoped(dynbuf_done) struct dynbuf capsule;
		dynbuf_init(&capsule, IPC_CAPSULE_MAX);
		capsule_seal(&from_courier, no_binding, str(""), values, n == 2 ? 1 : 2, &capsule);
		assert_int_equal(send_adopt(n, dynbuf_view(&capsule), places, n), OK);
		struct bytes out = synced();
		assert_refused(&out, n, ERR_MALFORMED, false);
		forget_answers();
	}
}

static void a_value_is_sealed_again_under_the_newest_key(void **state)
{
	const struct ipc_place home = place_of(PLACE_ACCESS_TOKEN);
	scoped(dynbuf_done) struct dynbuf items, payload;
	scoped(opened_done) struct opened opened = { 0 };
	struct ipc_rewrapped rewrapped;
	struct bytes list, element;
	uint32_t version;

	(void)state;
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	dynbuf_init(&payload, IPC_FRAME_MAX);
	sealed_add(&items, &home, &home, "https://a.example", "the-token");
	assert_int_equal(keyring_rotate_tenant(vault.ring, tenant, &version), OK);
	list = dynbuf_view(&items);
	assert_int_equal(ipc_list_next(&list, &element), OK);
	const struct ipc_rewrap m = { .item = element };
	ipc_rewrap_encode(&m, &payload);
	const struct frame frame = { IPC_TYPE_rewrap, 6, dynbuf_view(&payload) };
	assert_int_equal(vault_handle(&vault, &frame), OK);
	struct bytes out = synced();
	assert_int_equal(ipc_rewrapped_decode(answer(&out, 6, IPC_TYPE_rewrapped), &rewrapped), OK);
	assert_int_equal(rewrapped.key_version, version);
	assert_int_equal(sealed_open(vault.ring, &home, rewrapped.blob, &opened), OK);
	assert_true(bytes_is(opened.secret, "the-token"));
	forget_answers();
}

/* I9: whatever core sends at once, a batch ends before one of its ceilings is met. */
static void a_batch_ends_before_anything_overflows(void **state)
{
	static char big[IPC_TOKEN_MAX];
	const struct ipc_record record = record_of(EVENT_call, OUTCOME_INTENT);
	const struct ipc_place home = place_of(PLACE_ACCESS_TOKEN);
	scoped(dynbuf_done) struct dynbuf items;
	uint64_t sent = 0, wide = 0;

	(void)state;
	memset(big, 'x', sizeof big - 1);
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	for (int i = 0; i < IPC_ITEMS_MAX; i++)
		sealed_add(&items, &home, &home, "", big);
	for (; !vault_full(&vault); wide++)
		assert_int_equal(send_release(wide, RECEIVER_COURIER, &record, dynbuf_view(&items)),
				 OK);
	struct bytes out = synced();
	for (uint64_t id = 0; id < wide; id++)
		answer(&out, id, IPC_TYPE_released);
	forget_answers();
	for (; !vault_full(&vault); sent++)
		assert_int_equal(send_release(sent, RECEIVER_GATE, &record, str("")), OK);
	assert_int_equal(sent, VAULT_BATCH_MAX);
	const struct frame one_more = { IPC_TYPE_append, 1, str("") };
	assert_int_equal(vault_handle(&vault, &one_more), FAULT_BUG);
	out = synced();
	for (uint64_t id = 0; id < sent; id++)
		assert_refused(&out, id, ERR_MALFORMED, false);
	forget_answers();
}

static void what_keeper_does_not_know_it_refuses(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		const struct frame frame = { (uint8_t)type, type, str("nonsense") };
		assert_int_equal(vault_handle(&vault, &frame), OK);
		struct bytes out = synced();
		const struct bytes payload = answer(&out, type, IPC_TYPE_keeper_refused);
		assert_int_equal(payload.n, 3);
		assert_int_equal(payload.p[2], 0);
		forget_answers();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_released_to_gate_with_its_record),
		cmocka_unit_test(a_capsule_opens_once_and_only_at_its_receiver),
		cmocka_unit_test(what_does_not_open_is_on_record_and_not_released),
		cmocka_unit_test(secrets_of_two_sets_of_hosts_do_not_travel_together),
		cmocka_unit_test(secrets_that_travel_together_go_where_each_of_them_may),
		cmocka_unit_test(an_agent_is_never_given_more_than_an_access_token),
		cmocka_unit_test(a_record_that_would_hide_the_use_is_refused),
		cmocka_unit_test(a_full_disk_refuses_the_batch_and_recovers),
		cmocka_unit_test(new_tokens_are_adopted_once_each_for_its_place),
		cmocka_unit_test(an_adoption_needs_one_place_for_each_value),
		cmocka_unit_test(a_value_is_sealed_again_under_the_newest_key),
		cmocka_unit_test(a_batch_ends_before_anything_overflows),
		cmocka_unit_test(what_keeper_does_not_know_it_refuses),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
