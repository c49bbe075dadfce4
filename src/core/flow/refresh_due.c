/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/flow/refresh.h"

enum { NEARLY_OVER_S = 30 };

/* Between 75 and 85 percent of the life, by the connection's id: not all at once, yet steady. */
static usec_t soon_at(const struct connection_row *row)
{
	const usec_t life = row->expires - row->obtained;

	return row->obtained + life * (750 + row->id.b[15] * 100u / 255) / 1000;
}

/* Where a refresh ends the tokens that were lent before, it waits until they are nearly over. */
static enum err may_be_early(struct flow *flow, const struct connection_row *row,
			     enum refresh_need *ret)
{
	const struct service *service;

	TRY(compiled_service(flow, row->tenant, row->service, &service));
	*ret = service->oauth.kills_access ? REFRESH_NOT : REFRESH_SOON;
	return OK;
}

enum err refresh_needed(struct flow *flow, const struct connection_row *row, enum refresh_need *ret)
{
	*ret = REFRESH_NOT;
	if (row->expires == 0)
		return OK;
	const bool over = row->expires <= flow->now;
	if (row->refresh.n == 0)
		return over ? ERR_REAUTH_REQUIRED : OK;
	const usec_t life = row->expires > row->obtained ? row->expires - row->obtained : 0;
	const usec_t margin =
		life / 10 < NEARLY_OVER_S * USEC_PER_S ? life / 10 : NEARLY_OVER_S * USEC_PER_S;
	const bool backing_off = row->refresh_at > flow->now;
	if (over || row->expires - flow->now < margin)
		*ret = !over && backing_off ? REFRESH_NOT : REFRESH_NOW;
	else if (flow->now >= soon_at(row) && !backing_off)
		return may_be_early(flow, row, ret);
	return OK;
}

bool refresh_may_retry(const struct service *service)
{
	switch (service->oauth.class) {
	case SERVICE_CLASS_STABLE:
	case SERVICE_CLASS_REPLACED:
	case SERVICE_CLASS_GRACE:
	case SERVICE_CLASS_UNTIL_USED:
		return true;
	case SERVICE_CLASS_NONE:
	case SERVICE_CLASS_STRICT:
		break;
	}
	return false;
}
