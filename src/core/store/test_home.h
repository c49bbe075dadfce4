/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* test_home - a store in a directory of its own with one of each row, in a batch that has begun. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/dynbuf.h"
#include "core/store/store.h"

#define HOME_SUBJECT	  "canary-subject-ada"
#define HOME_EMAIL	  "canary-ada@example.org"
#define HOME_NAME	  "Canary Ada Lovelace"
#define HOME_ACCOUNT	  "canary-account-1815"
#define HOME_ACCOUNT_NAME "canary-octo-ada"
#define HOME_VARIABLES	  "{\"site\":\"canary-site\"}"
#define HOME_BLOB	  "a sealed blob"
#define HOME_CLIENT	  "agent_client"
#define HOME_POLICY	  "name: Coding agent\n"
#define HOME_TOKEN	  "vk_vault_canarytoken0123456789"
#define HOME_TICKET	  "vk_ticket_canaryticket0123456789"
#define HOME_SUMMARY	  "canary-summary-0123456789"
#define HOME_REASON	  "canary-reason-0123456789"
#define HOME_PAYLOAD	  "{\"canary\":\"payload-0123456789\"}"
#define HOME_SEED	  "canary-seed-01234567"
#define HOME_VERIFIER	  "canary-verifier-0123456789"

struct home {
	char path[64];
	int dir;
	struct store *store;
	struct id tenant, other, user, agent, vault, connection, approval;
	int seen;
};

struct store_keys home_keys(uint64_t generation);
int home_open(void **state);
int home_close(void **state);
/* Commits, closes, opens under that generation and begins. */
void home_reopen(struct home *home, uint64_t generation);
struct user_row home_user(const struct home *home);
struct connection_row home_connection(const struct home *home);
struct binding_row home_binding(const struct home *home);

#define home_test(name)		cmocka_unit_test_setup_teardown(name, home_open, home_close)
#define must(call)		assert_int_equal(call, OK)
#define answers(expected, call) assert_int_equal(call, expected)
