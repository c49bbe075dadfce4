/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/offline/line.h"
#include "keeper/record.h"

/*
 * Two sides of one form: whatever record keeper agrees to print, the verifier
 * knows; and whatever the input is, reading it stays within it.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes in = { data, size };
	char time[CLOCK_TEXT_LEN + 1];
	struct ipc_record record;
	struct dynbuf line;

	err_ignore(line_check(in, 0, time));
	if (ipc_record_decode(in, &record) != OK || record_check(&record) != OK)
		return 0;
	dynbuf_init(&line, RECORD_LINE_MAX);
	record_print(&record, 7, 1234567, &line);
	if (dynbuf_err(&line) != OK || line.n == 0 || line.p[line.n - 1] != '\n' ||
	    line_check((struct bytes){ line.p, line.n - 1 }, 7, time) != OK)
		abort();
	dynbuf_done(&line);
	return 0;
}
