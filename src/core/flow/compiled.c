/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/compiled.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/yaml.h"
#include "core/catalog/catalog.h"
#include "core/policy/policy.h"
#include "crypto/crypto.h"

/* A compiled policy takes up to some twenty times its text. */
enum { SLOTS = 1024, BUILTINS = 256, SEEN = 64, POLICY_TEXTS_MAX = 8 * 1024 * 1024 };

/* Which text of a service is current, as read in batch @batch: one request asks several times, and
 * within a transaction only its own writes change the answer. */
struct seen {
	uint64_t batch, changes;
	struct id tenant;
	char service[SERVICE_MAX_BYTES + 1];
	uint8_t hash[SHA256_LEN];
};

struct compiled {
	struct {
		uint8_t hash[SHA256_LEN];
		struct policy *policy;
		size_t bytes; /* of its text */
	} policies[SLOTS];
	size_t policy_bytes; /* of all of them */
	struct {
		uint8_t hash[SHA256_LEN];
		struct service *service;
	} services[SLOTS];
	struct {
		const uint8_t *text;
		uint8_t hash[SHA256_LEN];
	} builtins[BUILTINS];
	struct seen seen[SEEN];
};

enum err compiled_new(struct compiled **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret == NULL ? FAULT_NOMEM : OK;
}

void compiled_free(struct compiled **compiledp)
{
	struct compiled *compiled = *compiledp;

	if (compiled == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		policy_free(&compiled->policies[i].policy);
		service_free(&compiled->services[i].service);
	}
	free(compiled);
	*compiledp = NULL;
}

static size_t slot_of(const uint8_t hash[static SHA256_LEN])
{
	return get_u32(hash) % SLOTS;
}

static bool same(const uint8_t a[static SHA256_LEN], const uint8_t b[static SHA256_LEN])
{
	return memcmp(a, b, SHA256_LEN) == 0;
}

static void policy_drop(struct compiled *compiled, size_t i)
{
	compiled->policy_bytes -= compiled->policies[i].bytes;
	compiled->policies[i].bytes = 0;
	policy_free(&compiled->policies[i].policy);
}

/* Where the texts have grown too large together, the others begin anew. */
static void policy_keep(struct compiled *compiled, const uint8_t hash[static SHA256_LEN],
			struct policy *policy, size_t bytes)
{
	const size_t i = slot_of(hash);

	policy_drop(compiled, i);
	if (compiled->policy_bytes + bytes > POLICY_TEXTS_MAX)
		for (size_t other = 0; other < SLOTS; other++)
			policy_drop(compiled, other);
	memcpy(compiled->policies[i].hash, hash, SHA256_LEN);
	compiled->policies[i].policy = policy;
	compiled->policies[i].bytes = bytes;
	compiled->policy_bytes += bytes;
}

static enum err compile_new(struct bytes yaml, const struct policy_terms *terms,
			    struct complaint *complaint, struct policy **ret)
{
	if (yaml.n > POLICY_MAX_BYTES) {
		snprintf(complaint->text, sizeof complaint->text,
			 "policy:1: the file is larger than %d KiB", POLICY_MAX_BYTES / 1024);
		return ERR_TOO_LARGE;
	}
	return policy_compile(yaml, "policy", terms, complaint, ret);
}

static enum err compile(struct flow *flow, struct bytes yaml, const struct policy_terms *terms,
			struct complaint *complaint, const struct policy **ret)
{
	uint8_t hash[SHA256_LEN];
	struct policy *policy = NULL;

	TRY(compile_new(yaml, terms, complaint, &policy));
	sha256_one(yaml, hash);
	policy_keep(flow->compiled, hash, policy, yaml.n);
	*ret = policy;
	return OK;
}

struct names {
	struct flow *flow;
	struct id tenant;
};

static bool has_tool(const struct service *service, enum policy_name what, struct bytes name)
{
	for (size_t i = 0; i < service->tools_n; i++) {
		const struct bytes tool = service->tools[i].name;
		const bool begins = tool.n > name.n && memcmp(tool.p, name.p, name.n) == 0;
		if (what == POLICY_NAME_TOOLS ? begins : bytes_eq(tool, name))
			return true;
	}
	return false;
}

static enum err known(void *ctx, enum policy_name what, struct bytes service, struct bytes name)
{
	const struct names *names = ctx;
	const struct service *found;

	TRY(compiled_service(names->flow, names->tenant, service, &found));
	switch (what) {
	case POLICY_NAME_SERVICE:
		return OK;
	case POLICY_NAME_TOOL:
	case POLICY_NAME_TOOLS:
		return has_tool(found, what, name) ? OK : ERR_NOT_FOUND;
	case POLICY_NAME_RESOURCE:
		return service_resource_find(found, name) == NULL ? ERR_NOT_FOUND : OK;
	}
	return FAULT_BUG;
}

enum err compiled_policy_text(struct flow *flow, struct id tenant, struct bytes yaml,
			      struct complaint *complaint, const struct policy **ret)
{
	struct names names = { flow, tenant };
	const struct policy_terms terms = { .zones = flow->zones, .known = known, .ctx = &names };

	return compile(flow, yaml, &terms, complaint, ret);
}

enum err compiled_policy_new(struct flow *flow, struct id tenant, struct bytes yaml,
			     struct complaint *complaint, struct policy **ret)
{
	struct names names = { flow, tenant };
	const struct policy_terms terms = { .zones = flow->zones, .known = known, .ctx = &names };

	return compile_new(yaml, &terms, complaint, ret);
}

enum err compiled_policy(struct flow *flow, const struct vault_row *vault,
			 const struct policy **ret)
{
	const struct policy_terms terms = { .zones = flow->zones };
	struct complaint complaint = { 0 };
	uint8_t hash[SHA256_LEN];
	struct policy_row row;

	TRY(store_policy_hash(flow->store, vault->tenant, vault->id, vault->policy_version, hash));
	const size_t i = slot_of(hash);
	if (flow->compiled->policies[i].policy != NULL &&
	    same(flow->compiled->policies[i].hash, hash)) {
		*ret = flow->compiled->policies[i].policy;
		return OK;
	}
	TRY(store_policy_get(flow->store, vault->tenant, vault->id, vault->policy_version, &row));
	if (compile(flow, row.yaml, &terms, &complaint, ret) == OK)
		return OK;
	log_error("a stored policy is not understood: %s", complaint.text);
	return ERR_DENIED;
}

enum err compiled_service_text(struct flow *flow, struct bytes yaml, const char *file,
			       struct complaint *complaint, const struct service **ret)
{
	uint8_t hash[SHA256_LEN];
	struct service *service = NULL;

	sha256_one(yaml, hash);
	const size_t i = slot_of(hash);
	if (flow->compiled->services[i].service != NULL &&
	    same(flow->compiled->services[i].hash, hash)) {
		*ret = flow->compiled->services[i].service;
		return OK;
	}
	TRY(service_compile(yaml, file, complaint, &service));
	service_free(&flow->compiled->services[i].service);
	flow->compiled->services[i].service = service;
	memcpy(flow->compiled->services[i].hash, hash, sizeof hash);
	*ret = service;
	return OK;
}

/* Files that were built in never move: each is hashed once. */
static void builtin_hash(struct compiled *compiled, struct bytes yaml,
			 uint8_t ret[static SHA256_LEN])
{
	const size_t i = ((uintptr_t)yaml.p >> 4) % BUILTINS;

	if (compiled->builtins[i].text != yaml.p) {
		sha256_one(yaml, compiled->builtins[i].hash);
		compiled->builtins[i].text = yaml.p;
	}
	memcpy(ret, compiled->builtins[i].hash, SHA256_LEN);
}

static enum err read_service_hash(struct flow *flow, struct id tenant, struct bytes service,
				  uint8_t ret[static SHA256_LEN])
{
	struct bytes yaml;

	const enum err err = store_service_hash(flow->store, tenant, service, ret);
	if (err != ERR_NOT_FOUND)
		return err;
	if (!catalog_find(service, &yaml))
		return ERR_NOT_FOUND;
	builtin_hash(flow->compiled, yaml, ret);
	return OK;
}

static struct seen *seen_at(struct flow *flow, struct bytes service)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < service.n; i++)
		h = (h ^ service.p[i]) * 16777619u;
	return &flow->compiled->seen[h % SEEN];
}

enum err compiled_service_hash(struct flow *flow, struct id tenant, struct bytes service,
			       uint8_t ret[static 32])
{
	const uint64_t batch = flow->count[COUNT_BATCHES], changes = store_changes(flow->store);
	struct seen *seen = seen_at(flow, service);

	if (seen->batch == batch && seen->changes == changes && id_eq(seen->tenant, tenant) &&
	    bytes_is(service, seen->service)) {
		memcpy(ret, seen->hash, SHA256_LEN);
		return OK;
	}
	TRY(read_service_hash(flow, tenant, service, ret));
	if (service.n > SERVICE_MAX_BYTES)
		return OK;
	*seen = (struct seen){ .batch = batch, .changes = changes, .tenant = tenant };
	memcpy(seen->service, service.p, service.n);
	memcpy(seen->hash, ret, SHA256_LEN);
	return OK;
}

enum err compiled_service(struct flow *flow, struct id tenant, struct bytes service,
			  const struct service **ret)
{
	struct complaint complaint = { 0 };
	uint8_t hash[SHA256_LEN];
	struct service_row row;
	struct bytes yaml;

	TRY(compiled_service_hash(flow, tenant, service, hash));
	const size_t i = slot_of(hash);
	if (flow->compiled->services[i].service != NULL &&
	    same(flow->compiled->services[i].hash, hash)) {
		*ret = flow->compiled->services[i].service;
		return OK;
	}
	const enum err err = store_service_find(flow->store, tenant, service, &row);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	yaml = row.yaml;
	if (err == ERR_NOT_FOUND && !catalog_find(service, &yaml))
		return ERR_NOT_FOUND;
	if (compiled_service_text(flow, yaml, "service file", &complaint, ret) == OK)
		return OK;
	log_error("a stored service file is not understood: %s", complaint.text);
	return ERR_UNSUPPORTED;
}
