/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the kernel translating the addresses of open connections while other programs flush the
 * rules. The kernel does so as long as the network namespace has a chain of type nat and a rule
 * that asks for connections, and it leaves tables alone that belong to a socket (NFT_TABLE_F_OWNER)
 * when all are flushed. So one such table each for IPv4 and IPv6 bridges the moment until the rules
 * are put back. They vanish with the socket.
 */
#ifndef CPVRRP_OS_NFT_KEEP_H
#define CPVRRP_OS_NFT_KEEP_H

struct nl_sock;

/* Makes the tables `cpvrrp_keep`, which belong to the socket, of protocol NETLINK_NETFILTER.
 * Returns 0 or -errno: -EOPNOTSUPP before Linux 5.12. */
int nft_keep(struct nl_sock *socket);

#endif
