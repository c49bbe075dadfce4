/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * courier - process 4: HTTP out. It meets the bytes of providers and holds, for
 * the time of one call, the credentials of that call; no key of ours but the
 * one that it shares with keeper, no file, no database.
 *
 * Settings of its boot message, each as often as wanted or with several values
 * one a line: egress.allow (HOST:PORT), egress.resolvers (ADDR or ADDR:PORT);
 * once: egress.ca_file. Others are none of its business and ignored.
 */

/* Serves until parent closes @control. Answers the exit status. */
int courier_main(int control);
