/* SPDX-License-Identifier: Apache-2.0 */
#include "os/close.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/clock.h"
#include "os/connections.h"
#include "os/netlink.h"

/* A dump goes on where it was by counting, so a socket that ends meanwhile may hide another one. */
#define PASSES_MAX 3
#define YIELD_EVERY 32
/* Nothing is to be told about a connection that is over on both sides. */
#define STATES (~(1U << TCP_LISTEN | 1U << TCP_CLOSE | 1U << TCP_TIME_WAIT))

struct close {
	struct netlink *dump;
	struct netlink *destroy; /* another one: its questions are asked while a dump goes on */
	_Atomic uint64_t count;
};

/* The pass under way. */
struct pass {
	struct close *close;
	unsigned interface; /* 0: any */
	struct instant end;
	const atomic_bool *hurry;
	unsigned found;
	int error; /* of the last socket that was not ended */
};

int close_new(struct close **ret_close)
{
	struct close *close = calloc(1, sizeof(*close));
	int error;

	if (!close)
		return -ENOMEM;
	if ((error = netlink_new_diag(&close->dump)) < 0 ||
	    (error = netlink_new_diag(&close->destroy)) < 0) {
		close_free(close);
		return error;
	}
	*ret_close = close;
	return 0;
}

void close_free(struct close *close)
{
	if (!close)
		return;
	netlink_free(close->dump);
	netlink_free(close->destroy);
	free(close);
}

uint64_t close_count(const struct close *close)
{
	return atomic_load(&close->count);
}

static int destroy(struct close *close, uint8_t family, const struct inet_diag_sockid *id)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = STATES,
		.id = *id,
	};
	struct nl_msg *message;
	int error = netlink_message(SOCK_DESTROY, 0, &request, sizeof(request), &message);

	return error < 0 ? error : netlink_ask(close->destroy, message, NULL, NULL);
}

int close_check(struct close *close)
{
	/* There is no connection between the ports 0. */
	const struct inet_diag_sockid none = {
		.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}};
	int error = destroy(close, AF_INET, &none);

	return error == -ENOENT ? 0 : error;
}

static bool is_over(const struct pass *pass)
{
	return atomic_load(pass->hurry) || instant_due(pass->end, clock_now());
}

static int take_socket(void *context, struct nl_msg *message)
{
	struct pass *pass = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct inet_diag_msg *found = nlmsg_data(header);
	int error;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || !nlmsg_valid_hdr(header, sizeof(*found)))
		return 0;
	if (pass->interface != 0 && found->id.idiag_if != pass->interface)
		return 0;
	if (is_over(pass))
		return -ECANCELED;
	error = destroy(pass->close, found->idiag_family, &found->id);
	if (error == 0)
		atomic_fetch_add(&pass->close->count, 1);
	else if (error != -ENOENT)
		pass->error = error;
	/* Where this thread and the loop share a processor, adverts come first. */
	if (++pass->found % YIELD_EVERY == 0)
		sched_yield();
	return 0;
}

static int run_pass(struct pass *pass, uint8_t family, const struct addr *address)
{
	struct nl_msg *message;
	int error = connections_question(family, address, CONNECTIONS_ANY_PORT, STATES, &message);

	if (error == 0)
		error = netlink_ask(pass->close->dump, message, take_socket, pass);
	return error == -ECANCELED ? 0 : error;
}

int close_connections(struct close *close, int ifindex, const struct addr *address,
		      struct instant end, const atomic_bool *hurry)
{
	struct pass pass = {
		.close = close,
		.interface = addr_is_link_local(address) ? (unsigned)ifindex : 0,
		.end = end,
		.hurry = hurry,
	};
	unsigned before;
	int error = 0;

	assert(ifindex > 0);
	for (unsigned i = 0; i < PASSES_MAX && error == 0 && !is_over(&pass); i++) {
		before = pass.found;
		/* A program that listens on [::] has the IPv4 connections in IPv6 sockets; the
		 * condition finds them there too. */
		error = run_pass(&pass, AF_INET6, address);
		if (error == 0 && address->family == ADDR_FAMILY_IPV4)
			error = run_pass(&pass, AF_INET, address);
		if (pass.found == before)
			break;
	}
	return error < 0 ? error : pass.error;
}
