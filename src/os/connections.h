/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP connections of this node by the address and port that they have here, as sock_diag(7)
 * lists them: the question for them, which os/close asks too, and how many there are.
 *
 * The kernel goes through all sockets of the network namespace for it and writes a message for each
 * that fits, so it is asked only when a user wants to know, and up to a limit.
 */
#ifndef CPVRRP_OS_CONNECTIONS_H
#define CPVRRP_OS_CONNECTIONS_H

#include <stdint.h>

#include "core/addr.h"

#define CONNECTIONS_ANY_PORT (-1)

struct netlink;
struct nl_msg;

/*
 * Adds to *count the established connections whose address and port here are these, those of IPv6
 * sockets with the IPv4-mapped form of the address too. Stops at a *count of `limit`. Returns 0 or
 * -errno.
 */
int connections_count(struct netlink *diag, const struct addr *address, uint16_t port,
		      unsigned limit, unsigned *count);

/*
 * The question for the sockets of this family (AF_INET or AF_INET6) whose address here is this one,
 * of the states in this mask of 1 << TCP_ESTABLISHED and so on. The caller frees or asks it.
 * Returns 0 or -errno.
 */
int connections_question(uint8_t family, const struct addr *address, int port, uint32_t states,
			 struct nl_msg **ret_message);

#endif
