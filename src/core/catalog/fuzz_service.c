/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/catalog/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct complaint complaint = { 0 };
	struct service *service = NULL;
	struct dynbuf hosts;

	const enum err err = service_compile((struct bytes){ p, n }, "fuzz", &complaint, &service);
	if (err > OK && complaint.text[0] == 0)
		abort();
	if (err != OK)
		return 0;
	dynbuf_init(&hosts, 64 * 1024);
	service_hosts(service, NULL, NULL, &hosts);
	if (dynbuf_err(&hosts) != OK)
		abort();
	dynbuf_done(&hosts);
	service_free(&service);
	return 0;
}
