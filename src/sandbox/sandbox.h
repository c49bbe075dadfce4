/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sandbox - an OAuth provider with small GitHub-, Google-, Slack- and Jira-like
 * APIs, for trying Valetkey and for its tests. It serves loopback addresses
 * only, keeps everything in memory, and every page says that it is a sandbox.
 * docs: each service has the client id "sandbox" with the secret
 * "sandbox-secret-not-a-secret"; the people are made up.
 */

/* Options: --listen ADDR:PORT (127.0.0.1:7071; port 0 takes a free one). Prints its address as one
 * line on standard output once it accepts, and runs until it is killed. Answers the exit status. */
int sandbox_main(int argc, char **argv);
