/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wiped.h"
#include "httpc/transfer.h"

enum err httpc_init(void)
{
	static bool done;

	if (done)
		return OK;
	done = curl_global_init_mem(CURL_GLOBAL_ALL, wiped_malloc, wiped_free, wiped_realloc,
				    wiped_strdup, wiped_calloc) == CURLE_OK;
	return done ? OK : FAULT_SYSTEM;
}

enum err httpc_once(const struct httpc_request *request, struct httpc_answer *ret)
{
	scoped(transfer_free) struct httpc_transfer *transfer = NULL;
	struct httpc_answer answer = { 0 };

	TRY(httpc_init());
	TRY(transfer_new(request, &transfer));
	const CURLcode code = curl_easy_perform(transfer->easy);
	transfer_response(transfer, transfer_judge(transfer, code), &answer.response);
	/* On the command line the one who reads it is the one who asked. */
	if (answer.response.outcome != HTTPC_ANSWERED && code != CURLE_OK)
		answer.response.why =
			transfer->why[0] != 0 ? transfer->why : curl_easy_strerror(code);
	answer.transfer = take(transfer);
	*ret = answer;
	return OK;
}

void httpc_answer_done(struct httpc_answer *answer)
{
	transfer_free(&answer->transfer);
	*answer = (struct httpc_answer){ 0 };
}
