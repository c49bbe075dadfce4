/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * core - process 2: who asks, what for, may it be. Holds the database and the
 * policy; sees no provider token, no client secret, no root or tenant key; has
 * no network.
 */

/* Runs until told to drain; @control is the socket to the parent. Answers the exit status. */
int core_main(int control);
