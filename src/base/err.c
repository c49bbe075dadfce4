/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

static const struct err_row rows[ERR_COUNT] = {
	[OK] = { "ok", 200, "", "", "" },
#define ERROR(name, status, oauth, says, mend) [ERR_##name] = { #name, status, oauth, says, mend },
#include "base/errors.def"
#undef ERROR
};

const struct err_row *err_row(enum err err)
{
	return err >= 0 && err < ERR_COUNT ? &rows[err] : &rows[ERR_SERVER];
}
