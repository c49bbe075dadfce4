/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a server and its authorization server say of themselves: what is taken makes a service
 * file that is in order. The input is a challenge, the two documents and the answer to a
 * registration, a zero byte between each. */
#include <stdlib.h>

#include "core/oauth/discovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(struct discovery *d, struct bytes answer)
{
	const struct discovery_naming naming = { 0 };
	struct discovery_registered registered;
	struct complaint complaint = { { 0 } };
	struct service *service = NULL;
	enum service_auth auth;
	struct dynbuf text;

	if (discovery_auth(d, str(""), &auth) != OK)
		return;
	if (discovery_registered(d, answer, true, auth, &registered) == OK)
		auth = registered.auth;
	dynbuf_init(&text, DISCOVERY_FILE_MAX);
	if (discovery_print(d, &naming, auth, &text) == OK) {
		const enum err err =
			service_compile(dynbuf_view(&text), "file", &complaint, &service);
		if (err != OK && err != ERR_TOO_LARGE)
			abort();
	}
	service_free(&service);
	dynbuf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = { data, size };
	struct discovery d;

	if (discovery_begin(str("https://mcp.acme.example/mcp"), &d) != OK)
		abort();
	discovery_challenge(&d, bytes_cut(&rest, 0));
	d.refused = true;
	const enum err err = discovery_resource_read(&d, bytes_cut(&rest, 0));
	if (err == ERR_NOT_FOUND ? discovery_no_resource(&d) != OK : err != OK)
		return 0;
	if (discovery_server_read(&d, bytes_cut(&rest, 0)) == OK)
		print(&d, rest);
	return 0;
}
