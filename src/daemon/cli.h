/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what to do, and the commands that only talk to a running daemon or read the
 * file. */
#ifndef CPVRRP_DAEMON_CLI_H
#define CPVRRP_DAEMON_CLI_H

#define CLI_CONF_PATH "/etc/cpvrrp.conf"

enum cli_exit {
	CLI_EXIT_OK = 0,
	CLI_EXIT_FAILED = 1,
	CLI_EXIT_USAGE = 2,
	CLI_EXIT_CONFIG = 78, /* EX_CONFIG of sysexits.h */
};

/* Does what the arguments say and returns the exit status. */
int cli_main(int argc, char **argv);

#endif
