/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node would make of a configuration: the values that follow from the host, and what will
 * not work on it. For --check-config; asks the kernel and changes nothing.
 */
#ifndef CPVRRP_DAEMON_HOST_CHECK_H
#define CPVRRP_DAEMON_HOST_CHECK_H

#include <stdio.h>

#include "conf/conf.h"

/*
 * Writes a comment of the configuration file for each instance to stream: interface, own address,
 * priority and virtual router ID. Writes a line for each warning to errors. Returns the number of
 * warnings; a kernel that cannot be asked is one.
 */
unsigned host_check(const struct conf *conf, FILE *stream, FILE *errors);

#endif
