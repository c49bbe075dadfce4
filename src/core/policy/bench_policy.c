/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions per second and allocations per decision, on one core: './dev bench policy'. */
#include <stdio.h>
#include <stdlib.h>

#include "base/dynbuf.h"
#include "core/policy/policy.h"

enum {
	USES = 4096,
	RULES_PER_SERVICE = 1000,
	ROUNDS = 3,
	TEXT_MAX = 1024 * 1024,
};

/* Every allocation of the program goes through here. */
static uint64_t allocations;
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	allocations++;
	return __libc_realloc(p, n);
}

static const char arguments[] = "{\"owner\":\"acme\",\"repo\":\"site\",\"number\":1815,"
				"\"body\":\"The second sentence names a path.\","
				"\"labels\":[\"bug\",\"urgent\"],\"path\":\"docs/a/b.md\"}";

/* What a rule of the file looks like; the i-th is about tN.verbN. */
struct shape {
	const char *name, *rule;
	size_t every; /* one rule of so many; the others are effects alone */
	size_t max;   /* rules: a file has at most 1 MiB and 50,000 values */
};

static const struct shape shapes[] = {
	{ "effects alone", "allow", 1, 10000 },
	{ "two conditions",
	  "{effect: allow, when: [{arg: /owner, in: [umbra, acme]}, "
	  "{time: \"Mon-Sun 00:00-24:00 UTC\"}], else: approve}",
	  1, 100 },
	{ "two conditions in every fifth",
	  "{effect: allow, when: [{arg: /owner, in: [umbra, acme]}, "
	  "{time: \"Mon-Sun 00:00-24:00 UTC\"}], else: approve}",
	  5, 10000 },
	{ "six conditions",
	  "{effect: allow, when: [{arg: /owner, in: [umbra, acme]}, "
	  "{arg: /number, lt: 1e9}, {arg: /path, glob: \"docs/**.md\"}, "
	  "{arg: /labels, in: [bug, urgent]}, {networks: [127.0.0.0/8]}, "
	  "{resource: repository, glob: \"acme/*\"}], else: approve}",
	  1, 100 },
};

struct bench {
	struct policy *policy;
	struct doc doc;
	struct policy_use uses[USES];
	char tools[USES][64], services[USES][32];
};

static struct bench bench;

static void die(const char *what)
{
	fprintf(stderr, "bench policy: %s\n", what);
	exit(1);
}

/* Every tenth rule is a prefix. */
static void compile(size_t rules, const struct shape *shape)
{
	struct complaint complaint = { 0 };
	struct dynbuf text;

	dynbuf_init(&text, TEXT_MAX * 4);
	dynbuf_str(&text, "name: Bench\nservices:\n");
	for (size_t i = 0; i < rules; i++) {
		if (i % RULES_PER_SERVICE == 0)
			dynbuf_printf(&text, "  s%zu:\n    default: approve\n    tools:\n",
				      i / RULES_PER_SERVICE);
		dynbuf_printf(&text,
			      i % 10 == 9 ? "      group%zu.*: %s\n" : "      group%zu.verb: %s\n",
			      i, i % shape->every == 0 ? shape->rule : "allow");
	}
	if (dynbuf_err(&text) != OK ||
	    policy_compile(dynbuf_view(&text), "bench", NULL, &complaint, &bench.policy) != OK)
		die(complaint.text);
	dynbuf_done(&text);
}

/* Of ten uses, eight hit a rule of their own or a prefix, two fall to the default. */
static void fill_uses(size_t rules)
{
	static const uint8_t address[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };

	srandom(1);
	for (size_t i = 0; i < USES; i++) {
		const size_t rule = (size_t)random() % rules;
		snprintf(bench.services[i], sizeof bench.services[i], "s%zu",
			 rule / RULES_PER_SERVICE);
		snprintf(bench.tools[i], sizeof bench.tools[i], "group%zu.%s", rule,
			 i % 10 < 8 ? "verb" : "other");
		bench.uses[i] = (struct policy_use){
			.service = str(bench.services[i]),
			.tool = str(bench.tools[i]),
			.class = POLICY_WRITE,
			.args = &bench.doc,
			.resources = { { str("repository"), str("acme/site") } },
			.resources_n = 1,
			.address = address,
			.now = 1782907200 * USEC_PER_S,
		};
	}
}

struct result {
	double per_second;
	uint64_t allocations, decisions, allowed;
};

static struct result run(usec_t length, bool read_arguments)
{
	struct result result = { 0 };
	struct policy_verdict verdict;
	struct doc doc = { 0 };
	const uint64_t before = allocations;
	const usec_t begin = clock_boot();
	usec_t now = begin;

	while (now < begin + length) {
		for (size_t i = 0; i < USES; i++) {
			struct policy_use *use = &bench.uses[i];
			if (read_arguments && doc_read(str(arguments), &doc) != OK)
				die("arguments");
			use->args = read_arguments ? &doc : &bench.doc;
			result.allowed += policy_decide(bench.policy, use, &verdict) == OK;
			if (read_arguments)
				doc_done(&doc);
		}
		result.decisions += USES;
		now = clock_boot();
	}
	result.allocations = allocations - before;
	result.per_second = (double)result.decisions / (double)(now - begin) * 1e6;
	return result;
}

static void report(const char *name, size_t rules, usec_t length, bool read_arguments)
{
	struct result best = { 0 };

	printf("%-34s %6zu rules:", name, rules);
	for (int round = 0; round < ROUNDS; round++) {
		const struct result one = run(length, read_arguments);
		printf(" %11.0f", one.per_second);
		if (one.per_second > best.per_second)
			best = one;
	}
	printf("   decisions/s; allocations per decision: %.3f; permitted: %.0f %%\n",
	       (double)best.allocations / (double)best.decisions,
	       100.0 * (double)best.allowed / (double)best.decisions);
}

int main(int argc, char **argv)
{
	static const size_t counts[] = { 1, 100, 10000 };
	const usec_t length = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1000) * USEC_PER_MS;

	if (doc_read(str(arguments), &bench.doc) != OK)
		die("arguments");
	printf("compiled policies, one core, %llu ms each, %d rounds; aim 1,000,000 decisions/s "
	       "and "
	       "no allocation\n",
	       (unsigned long long)(length / USEC_PER_MS), ROUNDS);
	for (size_t s = 0; s < ARRAY_LEN(shapes); s++)
		for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
			if (counts[c] > shapes[s].max)
				continue;
			compile(counts[c], &shapes[s]);
			fill_uses(counts[c]);
			report(shapes[s].name, counts[c], length, false);
			policy_free(&bench.policy);
		}
	compile(100, &shapes[1]);
	fill_uses(100);
	report("two conditions, arguments read anew", 100, length, true);
	policy_free(&bench.policy);
	doc_done(&bench.doc);
	return 0;
}
