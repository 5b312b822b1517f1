/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The netlink sockets of the daemon: questions to the kernel with their answers, and the kernel's
 * events. They are libnl's; this module gives them limits, passes only what the kernel sent, and
 * returns the kernel's own errors as -errno. What messages say is read and written by os/link,
 * os/vip and os/close.
 *
 * A struct netlink belongs to one thread at a time. Threads may each have their own: libnl guards
 * what its sockets share, which is the list of port ids.
 */
#ifndef CPVRRP_OS_NETLINK_H
#define CPVRRP_OS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>

struct netlink;
struct nl_msg;

/* Opens a socket for questions about links, addresses and routes. Returns 0 or -errno. */
int netlink_new(struct netlink **ret_netlink);

/* Opens a socket for questions about sockets, sock_diag(7). Returns 0 or -errno. */
int netlink_new_diag(struct netlink **ret_netlink);

/* Opens a non-blocking socket for the events of links and addresses. Returns 0 or -errno. */
int netlink_new_events(struct netlink **ret_netlink);

/* Whether the events of routes come too. Returns 0 or -errno. */
int netlink_follow_routes(struct netlink *events, bool on);

/* NULL is allowed. */
void netlink_free(struct netlink *netlink);

/* For polling and socket filters. Another one after a question that failed. */
int netlink_fd(const struct netlink *netlink);

/* A message of this type that begins with this body, to be extended with nla_put(). The caller
 * frees it or asks it. Returns 0 or -errno. */
int netlink_message(int type, int flags, void *body, size_t size, struct nl_msg **ret_message);

/*
 * Sends the question, which it frees, and reads the answer to its end: take(), which may be NULL,
 * gets each message before the acknowledgement, or the messages of a dump, until it returns -errno.
 *
 * Returns 0, the first error of take(), or what the kernel answers: -EAGAIN after a dump that a
 * change has interrupted, -ETIMEDOUT if nothing comes for two seconds. What is left of an answer
 * that was given up is never read as the next answer: the next question has a new socket.
 */
int netlink_ask(struct netlink *netlink, struct nl_msg *question,
		int (*take)(void *context, struct nl_msg *message), void *context);

/*
 * Reads what one datagram of events holds. Returns how many messages of the kernel that was,
 * -EAGAIN if there is none, -ENOBUFS after events were lost, the first error of take(), or another
 * -errno.
 */
int netlink_receive(struct netlink *netlink, int (*take)(void *context, struct nl_msg *message),
		    void *context);

/* The -errno for what a function of libnl that makes no system call has returned; 0 for success. */
int netlink_error(int result);

#endif
