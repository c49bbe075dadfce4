/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * keeper - process 3: keys and log. Nothing opens a sealed token but release,
 * and release writes its record first.
 */

/* Runs until told to drain; @control is the socket to the parent. Answers the exit status. */
int keeper_main(int control);
