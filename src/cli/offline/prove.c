/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/prove.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "sys/file.h"

/* The runs of leaves that the proof needs, each with the tree that grows over it. */
struct prove {
	const struct prove_options *options;
	uint64_t size;
	struct proof_plan plan;
	struct merkle trees[MERKLE_LEVELS + 1], whole;
	struct prove_result *result;
};

static void on_leaf(void *ctx, uint64_t seq, const uint8_t leaf[static SHA256_LEN])
{
	struct prove *p = ctx;

	if (seq >= p->size)
		return;
	merkle_append(&p->whole, leaf);
	if (seq == p->options->seq)
		memcpy(p->result->leaf, leaf, SHA256_LEN);
	for (size_t i = 0; i < p->plan.count; i++)
		if (seq - p->plan.run[i].from < p->plan.run[i].n)
			merkle_append(&p->trees[i], leaf);
}

/* The checkpoint goes with a proof of its size, which is the one wanted if none is named. */
static enum err checkpoint_read(struct prove *p)
{
	scoped(buf_free) struct buf *file = NULL;
	uint8_t root[SHA256_LEN];
	struct note_key key;
	uint64_t size;

	note_key_init(&key, p->options->verify.key);
	const enum err err = file_read(p->options->verify.dir, "checkpoint", NOTE_MAX, &file);
	if (err == ERR_NOT_FOUND && p->size > 0)
		return OK;
	if (err != OK)
		return err == ERR_TOO_LARGE ? ERR_FORGED : err;
	if (note_parse(&key, buf_bytes(file), &size, root) != OK)
		return ERR_FORGED;
	if (p->size == 0)
		p->size = size;
	if (p->size == size) {
		memcpy(p->result->checkpoint, file->p, file->n);
		p->result->checkpoint_n = file->n;
	}
	return OK;
}

static enum err proof_finish(struct prove *p)
{
	struct prove_result *r = p->result;
	uint8_t root[SHA256_LEN];

	for (size_t i = 0; i < p->plan.count; i++)
		merkle_root(&p->trees[i], r->hash[i]);
	r->n = p->plan.count;
	merkle_root(&p->whole, r->root);
	const struct proof proof = { (const uint8_t(*)[SHA256_LEN])r->hash, r->n };
	TRY(proof_inclusion_root(r->leaf, r->seq, r->size, proof, root));
	return memcmp(root, r->root, sizeof root) == 0 ? OK : FAULT_BUG;
}

enum err prove_inclusion(const struct prove_options *options, struct prove_result *ret)
{
	struct verify_options verify = options->verify;
	static struct prove p;

	*ret = (struct prove_result){ .seq = options->seq };
	p = (struct prove){ .options = options, .size = options->size, .result = ret };
	TRY(checkpoint_read(&p));
	TRY(proof_plan_inclusion(options->seq, p.size, &p.plan));
	ret->size = p.size;
	verify.leaf = on_leaf;
	verify.ctx = &p;
	TRY(verify_log(&verify, &ret->log));
	if (ret->log.flaw != VERIFY_SOUND)
		return ERR_FORGED;
	if (p.whole.size != p.size)
		return ERR_NOT_FOUND;
	return proof_finish(&p);
}

static void print_json(const struct prove_result *r, struct dynbuf *out)
{
	dynbuf_printf(out, "{\"seq\":%llu,\"size\":%llu,\"leaf\":\"", (unsigned long long)r->seq,
		      (unsigned long long)r->size);
	base64_print((struct bytes){ r->leaf, SHA256_LEN }, out);
	dynbuf_str(out, "\",\"proof\":[");
	for (size_t i = 0; i < r->n; i++) {
		dynbuf_str(out, i == 0 ? "\"" : ",\"");
		base64_print((struct bytes){ r->hash[i], SHA256_LEN }, out);
		dynbuf_u8(out, '"');
	}
	dynbuf_str(out, "],\"root\":\"");
	base64_print((struct bytes){ r->root, SHA256_LEN }, out);
	dynbuf_u8(out, '"');
	if (r->checkpoint_n > 0) {
		dynbuf_str(out, ",\"checkpoint\":");
		json_print_string((struct bytes){ r->checkpoint, r->checkpoint_n }, out);
	}
	dynbuf_str(out, "}\n");
}

static void print_text(const struct prove_result *r, struct dynbuf *out)
{
	dynbuf_printf(out,
		      "record %llu stands in the log of %llu\nleaf:  ", (unsigned long long)r->seq,
		      (unsigned long long)r->size);
	base64_print((struct bytes){ r->leaf, SHA256_LEN }, out);
	for (size_t i = 0; i < r->n; i++) {
		dynbuf_str(out, i == 0 ? "\nproof: " : "\n       ");
		base64_print((struct bytes){ r->hash[i], SHA256_LEN }, out);
	}
	dynbuf_str(out, "\nroot:  ");
	base64_print((struct bytes){ r->root, SHA256_LEN }, out);
	dynbuf_u8(out, '\n');
	if (r->checkpoint_n > 0) {
		dynbuf_u8(out, '\n');
		dynbuf_put(out, r->checkpoint, r->checkpoint_n);
	}
}

void prove_print(const struct prove_result *result, bool json, struct dynbuf *out)
{
	if (json)
		print_json(result, out);
	else
		print_text(result, out);
}
