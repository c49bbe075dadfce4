/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of a definition is JSON in ASCII, and reading that again shows the same. */
#include <stdlib.h>

#include "core/upstream/definition.h"
#include "core/upstream/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err read_text(struct bytes text, struct definition *ret)
{
	struct doc doc = { 0 };

	*ret = (struct definition){ 0 };
	enum err err = doc_read(text, &doc);
	if (err == OK)
		err = definition_read(&doc, 0, ret);
	doc_done(&doc);
	return err;
}

static void check(struct bytes text)
{
	struct definition first, again;

	if (read_text(text, &first) == OK) {
		for (size_t i = 0; i < first.text.n; i++)
			if (first.text.p[i] < ' ' || first.text.p[i] > 0x7e)
				abort();
		if (read_text(dynbuf_view(&first.text), &again) != OK || again.hidden != 0)
			abort();
		definition_done(&again);
	}
	definition_done(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_answer answer;

	check((struct bytes){ data, size });
	err_ignore(wire_read((struct bytes){ data, size }, 1, &answer));
	wire_done(&answer);
	return 0;
}
