/* SPDX-License-Identifier: Apache-2.0 */
#include "os/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Larger than any message of the kernel, so that libnl need not look at each message twice to learn
 * its size: a link with SR-IOV functions passes 4 kB, the kernel's dumps are at most 32 kB. */
#define MESSAGE_SIZE 65536
/* libnl's own 32 kB hold too few events; the kernel doubles it. */
#define EVENTS_BUFFER_SIZE (128 * 1024)
#define ANSWER_TIMEOUT_S 2

struct netlink {
	struct nl_sock *socket;
	int protocol;
	bool connected; /* always, unless the last question has failed */

	/* The reading under way. */
	bool reading;
	int (*take)(void *context, struct nl_msg *message);
	void *context;
	uint32_t sequence; /* of the question */
	bool answered;	   /* to the end */
	int count;	   /* messages taken */
	int error;	   /* the first one */
};

int netlink_error(int result)
{
	/* libnl's functions return counts as well. */
	switch (result < 0 ? -result : NLE_SUCCESS) {
	case NLE_SUCCESS:
		return 0;
	case NLE_BAD_SOCK:
		return -EBADF;
	case NLE_INTR:
		return -EINTR;
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_MSGSIZE:
		return -EMSGSIZE;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	case NLE_AF_NOSUPPORT:
		return -EAFNOSUPPORT;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOADDR:
		return -EADDRNOTAVAIL;
	/* What was cut off is lost, as after an overrun. */
	case NLE_MSG_TRUNC:
	case NLE_MSG_OVERFLOW:
		return -ENOBUFS;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_NOACCESS:
		return -EACCES;
	case NLE_PERM:
		return -EPERM;
	case NLE_NODEV:
		return -ENODEV;
	default:
		return -EPROTO;
	}
}

/*
 * After a function of libnl that makes system calls; errno was 0 before it. libnl folds errno
 * values together (ENOBUFS and ENOMEM are one, EMFILE is a mere failure), so where errno and the
 * result tell of the same error, errno tells more.
 */
static int system_error(int result)
{
	if (result < 0 && errno != 0 && nl_syserr2nlerr(errno) == -result)
		return -errno;
	return netlink_error(result);
}

/* Another process with CAP_NET_ADMIN can send to the socket too. */
static int from_kernel(struct nl_msg *message, void *context)
{
	(void)context;
	return nlmsg_get_src(message)->nl_pid == 0 ? NL_OK : NL_SKIP;
}

static int of_question(struct nl_msg *message, void *context)
{
	const struct netlink *netlink = context;

	return nlmsg_hdr(message)->nlmsg_seq == netlink->sequence ? NL_OK : NL_SKIP;
}

static void fail(struct netlink *netlink, int error)
{
	if (netlink->error == 0)
		netlink->error = error;
}

static int valid(struct nl_msg *message, void *context)
{
	struct netlink *netlink = context;

	netlink->count++;
	if (netlink->take && netlink->error == 0)
		fail(netlink, netlink->take(netlink->context, message));
	return NL_OK;
}

static int interrupted(struct nl_msg *message, void *context)
{
	(void)message;
	fail(context, -EAGAIN);
	return NL_OK;
}

/* The end of a dump, with the error that ended it: a list that was cut short must not count as the
 * whole list. */
static int finished(struct nl_msg *message, void *context)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct netlink *netlink = context;
	int error = 0;

	if (nlmsg_datalen(header) >= (int)sizeof(error))
		memcpy(&error, nlmsg_data(header), sizeof(error));
	if (error < 0)
		fail(netlink, error);
	netlink->answered = true;
	return NL_OK;
}

static int acknowledged(struct nl_msg *message, void *context)
{
	struct netlink *netlink = context;

	(void)message;
	netlink->answered = true;
	return NL_OK;
}

/* nl_recvmsgs() would tell libnl's error; this is the kernel's own. */
static int refused(struct sockaddr_nl *sender, struct nlmsgerr *answer, void *context)
{
	struct netlink *netlink = context;

	(void)sender;
	fail(netlink, answer->error);
	netlink->answered = true;
	return NL_SKIP;
}

static void begin(struct netlink *netlink, int (*take)(void *context, struct nl_msg *message),
		  void *context)
{
	assert(!netlink->reading);
	netlink->reading = true;
	netlink->take = take;
	netlink->context = context;
	netlink->answered = false;
	netlink->count = 0;
	netlink->error = 0;
}

static int alloc(int protocol, struct netlink **ret_netlink)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));

	if (!netlink)
		return -ENOMEM;
	netlink->socket = nl_socket_alloc();
	if (!netlink->socket) {
		free(netlink);
		return -ENOMEM;
	}
	netlink->protocol = protocol;
	nl_socket_set_msg_buf_size(netlink->socket, MESSAGE_SIZE);
	nl_socket_modify_cb(netlink->socket, NL_CB_MSG_IN, NL_CB_CUSTOM, from_kernel, NULL);
	nl_socket_modify_cb(netlink->socket, NL_CB_VALID, NL_CB_CUSTOM, valid, netlink);
	*ret_netlink = netlink;
	return 0;
}

/* Opens the socket, or opens it once more. */
static int connect_socket(struct netlink *netlink)
{
	/* Not the port id of before, which another process may have taken: nl_connect() looks for a
	 * free one only if none is set. */
	nl_socket_set_local_port(netlink->socket, 0);
	errno = 0;
	return system_error(nl_connect(netlink->socket, netlink->protocol));
}

static int connect_questions(struct netlink *netlink)
{
	const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	const int on = 1;
	int error = connect_socket(netlink);
	int fd = nl_socket_get_fd(netlink->socket);

	if (error < 0)
		return error;
	/* libnl has neither. The dump of one interface's addresses is not limited to it before
	 * Linux 4.20; os/link allows for that. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		error = -errno;
		nl_close(netlink->socket);
		return error;
	}
	netlink->connected = true;
	return 0;
}

static int new_questions(int protocol, struct netlink **ret_netlink)
{
	struct netlink *netlink;
	int error = alloc(protocol, &netlink);

	if (error < 0)
		return error;
	nl_socket_modify_cb(netlink->socket, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, of_question, netlink);
	nl_socket_modify_cb(netlink->socket, NL_CB_FINISH, NL_CB_CUSTOM, finished, netlink);
	nl_socket_modify_cb(netlink->socket, NL_CB_ACK, NL_CB_CUSTOM, acknowledged, netlink);
	nl_socket_modify_cb(netlink->socket, NL_CB_DUMP_INTR, NL_CB_CUSTOM, interrupted, netlink);
	nl_socket_modify_err_cb(netlink->socket, NL_CB_CUSTOM, refused, netlink);
	error = connect_questions(netlink);
	if (error < 0) {
		netlink_free(netlink);
		return error;
	}
	*ret_netlink = netlink;
	return 0;
}

int netlink_new(struct netlink **ret_netlink)
{
	return new_questions(NETLINK_ROUTE, ret_netlink);
}

int netlink_new_diag(struct netlink **ret_netlink)
{
	return new_questions(NETLINK_SOCK_DIAG, ret_netlink);
}

static int connect_events(struct netlink *netlink)
{
	int error = connect_socket(netlink);

	if (error < 0)
		return error;
	netlink->connected = true;
	errno = 0;
	error = system_error(nl_socket_set_buffer_size(netlink->socket, EVENTS_BUFFER_SIZE, 0));
	if (error == 0)
		error = system_error(nl_socket_set_nonblocking(netlink->socket));
	if (error == 0)
		error = system_error(nl_socket_add_memberships(netlink->socket, RTNLGRP_LINK,
							       RTNLGRP_IPV4_IFADDR,
							       RTNLGRP_IPV6_IFADDR, 0));
	return error;
}

int netlink_new_events(struct netlink **ret_netlink)
{
	struct netlink *netlink;
	int error = alloc(NETLINK_ROUTE, &netlink);

	if (error < 0)
		return error;
	/* Events carry the sequence numbers of questions that other processes have asked. */
	nl_socket_disable_seq_check(netlink->socket);
	error = connect_events(netlink);
	if (error < 0) {
		netlink_free(netlink);
		return error;
	}
	*ret_netlink = netlink;
	return 0;
}

int netlink_follow_routes(struct netlink *events, bool on)
{
	errno = 0;
	return system_error(on ? nl_socket_add_memberships(events->socket, RTNLGRP_IPV4_ROUTE,
							   RTNLGRP_IPV6_ROUTE, 0)
			       : nl_socket_drop_memberships(events->socket, RTNLGRP_IPV4_ROUTE,
							    RTNLGRP_IPV6_ROUTE, 0));
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	assert(!netlink->reading);
	nl_socket_free(netlink->socket);
	free(netlink);
}

int netlink_fd(const struct netlink *netlink)
{
	return nl_socket_get_fd(netlink->socket);
}

int netlink_message(int type, int flags, void *body, size_t size, struct nl_msg **ret_message)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);
	int error;

	if (!message)
		return -ENOMEM;
	error = netlink_error(nlmsg_append(message, body, size, NLMSG_ALIGNTO));
	if (error < 0) {
		nlmsg_free(message);
		return error;
	}
	*ret_message = message;
	return 0;
}

/* Sends the question and reads until the answer is complete. Returns 0 or why it is not. */
static int exchange(struct netlink *netlink, struct nl_msg *question)
{
	int result;

	nl_complete_msg(netlink->socket, question);
	netlink->sequence = nlmsg_hdr(question)->nlmsg_seq;
	errno = 0;
	result = nl_send(netlink->socket, question);
	while (result >= 0 && !netlink->answered && netlink->error != -ECANCELED) {
		errno = 0;
		result = nl_recvmsgs_default(netlink->socket);
	}
	return system_error(result);
}

int netlink_ask(struct netlink *netlink, struct nl_msg *question,
		int (*take)(void *context, struct nl_msg *message), void *context)
{
	int error = netlink->connected ? 0 : connect_questions(netlink);

	if (error == 0) {
		begin(netlink, take, context);
		error = exchange(netlink, question);
		netlink->reading = false;
		/* The rest of an answer that was not wanted would be in the way of the next. */
		netlink->connected = error == 0 && netlink->answered;
		if (!netlink->connected)
			nl_close(netlink->socket);
	}
	nlmsg_free(question);
	assert(netlink->connected == (nl_socket_get_fd(netlink->socket) >= 0));
	assert(error < 0 || netlink->answered || netlink->error == -ECANCELED);
	if (error < 0)
		return error == -EAGAIN ? -ETIMEDOUT : error;
	return netlink->error;
}

int netlink_receive(struct netlink *netlink, int (*take)(void *context, struct nl_msg *message),
		    void *context)
{
	int error;

	begin(netlink, take, context);
	errno = 0;
	error = system_error(nl_recvmsgs_default(netlink->socket));
	netlink->reading = false;
	if (error < 0)
		return error;
	return netlink->error < 0 ? netlink->error : netlink->count;
}
