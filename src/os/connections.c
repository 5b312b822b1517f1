/* SPDX-License-Identifier: Apache-2.0 */
#include "os/connections.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "os/netlink.h"

struct tally {
	unsigned limit;
	unsigned *count;
};

/* The program that the kernel runs for each socket: one comparison and the address for it. */
#define OP_SIZE sizeof(struct inet_diag_bc_op)
#define HOST_SIZE sizeof(struct inet_diag_hostcond)
#define CONDITION_MAX (OP_SIZE + HOST_SIZE + 16)

/* That the address and the port here are these. Returns the size written. */
static size_t write_condition(uint8_t condition[CONDITION_MAX], const struct addr *address,
			      int port)
{
	size_t size = OP_SIZE + HOST_SIZE + addr_size(address->family);
	/* `no` points past the end of the program, which means no match. */
	const struct inet_diag_bc_op op = {
		.code = INET_DIAG_BC_S_COND,
		.yes = (uint8_t)size,
		.no = (uint16_t)(size + OP_SIZE),
	};
	const struct inet_diag_hostcond host = {
		.family = address->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
		.prefix_len = (uint8_t)addr_bits(address->family),
		.port = port,
	};

	memcpy(condition, &op, OP_SIZE);
	memcpy(condition + OP_SIZE, &host, HOST_SIZE);
	memcpy(condition + OP_SIZE + HOST_SIZE, address->bytes, addr_size(address->family));
	return size;
}

int connections_question(uint8_t family, const struct addr *address, int port, uint32_t states,
			 struct nl_msg **ret_message)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = states,
	};
	uint8_t condition[CONDITION_MAX];
	size_t size = write_condition(condition, address, port);
	struct nl_msg *message;
	int error = netlink_message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request),
				    &message);

	if (error < 0)
		return error;
	error = netlink_error(nla_put(message, INET_DIAG_REQ_BYTECODE, (int)size, condition));
	if (error < 0) {
		nlmsg_free(message);
		return error;
	}
	*ret_message = message;
	return 0;
}

static int take_socket(void *context, struct nl_msg *message)
{
	const struct tally *tally = context;

	if (nlmsg_hdr(message)->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return 0;
	if (*tally->count >= tally->limit)
		return -ECANCELED;
	++*tally->count;
	return 0;
}

static int count_family(struct netlink *diag, uint8_t family, const struct addr *address, int port,
			struct tally *tally)
{
	struct nl_msg *message;
	int error = connections_question(family, address, port, 1U << TCP_ESTABLISHED, &message);

	if (error == 0)
		error = netlink_ask(diag, message, take_socket, tally);
	return error == -ECANCELED ? 0 : error;
}

int connections_count(struct netlink *diag, const struct addr *address, uint16_t port,
		      unsigned limit, unsigned *count)
{
	struct tally tally = {limit, count};
	/* A program that listens on [::] has the IPv4 connections in IPv6 sockets. */
	int error = count_family(diag, AF_INET6, address, port, &tally);

	if (error == 0 && address->family == ADDR_FAMILY_IPV4)
		error = count_family(diag, AF_INET, address, port, &tally);
	assert(*count <= limit);
	return error;
}
