/* SPDX-License-Identifier: Apache-2.0 */
#include "os/vip.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "core/instant.h"
#include "os/clock.h"
#include "os/close.h"
#include "os/lease.h"
#include "os/netlink.h"

#define LOCAL_PAUSE_NS 200000
#define LOCAL_WAIT_US 250000 /* 77 ms were seen at a load of 7 on two cores */
#define LOCAL_NO_WAIT_US SECOND_US
#define FOREVER UINT32_MAX /* the kernel's INFINITY_LIFE_TIME */
/* For so long an address stays for its connections' sake; the successor has it already. One takes
 * 11 us of a processor: 9,000 end in time, on a processor shared with five others about 1,700. */
#define CLOSE_MAX_US (100 * MILLISECOND_US)
#define CLOSE_AGAIN_MAX_US (10 * MILLISECOND_US)

struct vip {
	struct netlink *netlink;
	struct netlink *background; /* of the thread of os/lease */
	struct close *close;	    /* of that thread; NULL if the kernel cannot close */
	struct lease *lease;
	struct instant no_wait; /* until then wait_local() does not wait */
};

static int new_object(int ifindex, const struct addr *address, unsigned prefix_length,
		      struct rtnl_addr **ret_object)
{
	struct nl_addr *local =
		nl_addr_build(address->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
			      address->bytes, addr_size(address->family));
	struct rtnl_addr *object = rtnl_addr_alloc();
	int error = -ENOMEM;

	assert(prefix_length <= addr_bits(address->family));
	if (local && object)
		error = netlink_error(rtnl_addr_set_local(object, local));
	nl_addr_put(local);
	if (error < 0) {
		rtnl_addr_put(object);
		return error;
	}
	rtnl_addr_set_ifindex(object, ifindex);
	rtnl_addr_set_prefixlen(object, (int)prefix_length);
	/* The kernel knows the scope of IPv6 addresses itself. */
	rtnl_addr_set_scope(object, RT_SCOPE_UNIVERSE);
	*ret_object = object;
	return 0;
}

static int build_add(int flags, int ifindex, const struct addr *address, unsigned prefix_length,
		     unsigned lease_s, struct nl_msg **ret_message)
{
	struct nl_msg *message = NULL;
	struct rtnl_addr *object;
	int error = new_object(ifindex, address, prefix_length, &object);

	assert(lease_s < FOREVER);
	if (error < 0)
		return error;
	rtnl_addr_set_valid_lifetime(object, lease_s == 0 ? FOREVER : lease_s);
	/* Deprecated: no program gets it as its source address. */
	rtnl_addr_set_preferred_lifetime(object, 0);
	rtnl_addr_set_flags(object, IFA_F_NOPREFIXROUTE);
	/* Another node may still hold it for a moment (rule HANDOVER); IPv4 has no DAD to skip. */
	if (address->family == ADDR_FAMILY_IPV6)
		rtnl_addr_set_flags(object, IFA_F_NODAD);
	error = netlink_error(rtnl_addr_build_add_request(object, flags, &message));
	rtnl_addr_put(object);
	/* libnl 3.7 has no IFA_PROTO. */
	if (error == 0)
		error = netlink_error(nla_put_u8(message, IFA_PROTO, VIP_PROTO));
	if (error < 0) {
		nlmsg_free(message);
		return error;
	}
	*ret_message = message;
	return 0;
}

static int build_remove(int ifindex, const struct addr *address, unsigned prefix_length,
			struct nl_msg **ret_message)
{
	struct rtnl_addr *object;
	int error = new_object(ifindex, address, prefix_length, &object);

	if (error < 0)
		return error;
	/* It has IFA_ADDRESS too: without, the kernel compares no prefix length for IPv4. */
	error = netlink_error(rtnl_addr_build_delete_request(object, 0, ret_message));
	rtnl_addr_put(object);
	return error;
}

/* With NLM_F_REPLACE it may be present, with NLM_F_EXCL it must not. */
static int add(struct netlink *netlink, int flags, int ifindex, const struct addr *address,
	       unsigned lease_s)
{
	struct nl_msg *message;
	int error =
		build_add(flags, ifindex, address, addr_bits(address->family), lease_s, &message);

	return error < 0 ? error : netlink_ask(netlink, message, NULL, NULL);
}

/* The kernel takes the same address with another prefix length for another one. */
static int add_double(struct netlink *netlink, int ifindex, const struct addr *address,
		      unsigned prefix_length, unsigned lease_s)
{
	struct nl_msg *message;
	int error = build_add(NLM_F_REPLACE, ifindex, address, prefix_length, lease_s, &message);

	return error < 0 ? error : netlink_ask(netlink, message, NULL, NULL);
}

static int remove_now(struct netlink *netlink, int ifindex, const struct addr *address,
		      unsigned prefix_length)
{
	struct nl_msg *message;
	int error = build_remove(ifindex, address, prefix_length, &message);

	return error < 0 ? error : netlink_ask(netlink, message, NULL, NULL);
}

/* In the thread of os/lease if there is one. */
static int renew(void *context, int ifindex, const struct addr *address, unsigned lease_s)
{
	struct vip *vip = context;

	return add(vip->background, NLM_F_REPLACE, ifindex, address, lease_s);
}

/* A failure leaves connections to notice by themselves, which is no reason to keep the address. */
static void close_until(struct vip *vip, int ifindex, const struct addr *address,
			struct instant end, const atomic_bool *hurry)
{
	if (vip->close)
		(void)close_connections(vip->close, ifindex, address, end, hurry);
}

/*
 * CLOSE: before the address goes, as no RST gets out after it. Programs on this node connect again
 * at once, while it is still there: those connections have both their ends here, and are ended
 * after it has gone. In the thread of os/lease if there is one.
 */
static int depart(void *context, int ifindex, const struct addr *address, unsigned prefix_length,
		  struct instant end, const atomic_bool *hurry)
{
	struct vip *vip = context;
	int error;

	close_until(vip, ifindex, address, end, hurry);
	error = remove_now(vip->background, ifindex, address, prefix_length);
	if (error == 0)
		close_until(vip, ifindex, address, instant_add(clock_now(), CLOSE_AGAIN_MAX_US),
			    hurry);
	return error;
}

static const struct lease_calls calls = {.renew = renew, .depart = depart};

int vip_new(struct vip **ret_vip)
{
	struct vip *vip = calloc(1, sizeof(*vip));
	int error;

	if (!vip)
		return -ENOMEM;
	if ((error = netlink_new(&vip->netlink)) < 0 ||
	    (error = netlink_new(&vip->background)) < 0 ||
	    (error = lease_new(&calls, vip, &vip->lease)) < 0) {
		vip_free(vip);
		return error;
	}
	*ret_vip = vip;
	return 0;
}

void vip_free(struct vip *vip)
{
	if (!vip)
		return;
	/* First: its thread uses a socket. */
	lease_free(vip->lease);
	close_free(vip->close);
	netlink_free(vip->background);
	netlink_free(vip->netlink);
	free(vip);
}

int vip_start(struct vip *vip)
{
	return lease_start(vip->lease);
}

int vip_close_connections(struct vip *vip)
{
	struct close *close;
	int error;

	if (vip->close)
		return 0;
	error = close_new(&close);
	if (error < 0)
		return error;
	error = close_check(close);
	if (error < 0) {
		close_free(close);
		return error;
	}
	vip->close = close;
	return 0;
}

uint64_t vip_closed_count(const struct vip *vip)
{
	return vip->close ? close_count(vip->close) : 0;
}

static int take_route(void *context, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	bool *local = context;

	if (header->nlmsg_type == RTM_NEWROUTE && nlmsg_valid_hdr(header, sizeof(struct rtmsg)))
		*local = ((const struct rtmsg *)nlmsg_data(header))->rtm_type == RTN_LOCAL;
	return 0;
}

/* Whether the kernel would deliver a packet to the IPv6 address; false if it cannot be asked. */
static bool is_local(struct vip *vip, int ifindex, const struct addr *address)
{
	struct rtmsg body = {.rtm_family = AF_INET6, .rtm_dst_len = 128};
	struct nl_msg *message;
	bool local = false;

	if (netlink_message(RTM_GETROUTE, 0, &body, sizeof(body), &message) < 0)
		return false;
	/* By hand: libnl-route looks routes up by address alone, a link-local one needs the
	 * interface. */
	if (nla_put(message, RTA_DST, (int)addr_size(address->family), address->bytes) < 0 ||
	    nla_put_u32(message, RTA_OIF, (uint32_t)ifindex) < 0)
		nlmsg_free(message);
	else if (netlink_ask(vip->netlink, message, take_route, &local) < 0)
		return false;
	return local;
}

/*
 * The kernel acknowledges an IPv6 address before it has the local route for it, which a work queue
 * adds (addrconf_dad_work() of net/ipv6/addrconf.c). An announcement in between would send the
 * neighbours to an address that does not answer.
 *
 * A role has many addresses: after one that was waited for in vain, as where routing rules hide the
 * local table, the others are not waited for.
 */
static void wait_local(struct vip *vip, int ifindex, const struct addr *address)
{
	const struct timespec pause = {.tv_nsec = LOCAL_PAUSE_NS};
	struct instant end = instant_add(clock_now(), LOCAL_WAIT_US);

	if (!instant_due(vip->no_wait, clock_now()))
		return;
	while (!is_local(vip, ifindex, address)) {
		if (instant_due(end, clock_now())) {
			vip->no_wait = instant_add(clock_now(), LOCAL_NO_WAIT_US);
			return;
		}
		nanosleep(&pause, NULL);
	}
}

int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	int error;

	lease_cancel(vip->lease, ifindex, address);
	if (address->family == ADDR_FAMILY_IPV4)
		return add(vip->netlink, NLM_F_REPLACE, ifindex, address, lease_s);
	error = add(vip->netlink, NLM_F_EXCL, ifindex, address, lease_s);
	if (error == 0)
		wait_local(vip, ifindex, address);
	else if (error == -EEXIST)
		error = add(vip->netlink, NLM_F_REPLACE, ifindex, address, lease_s);
	return error;
}

int vip_renew(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	return lease_renew(vip->lease, ifindex, address, lease_s);
}

int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length)
{
	lease_cancel(vip->lease, ifindex, address);
	return remove_now(vip->netlink, ifindex, address, prefix_length);
}

int vip_place_last(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	unsigned bits = addr_bits(address->family);
	int error;

	assert(address->family == ADDR_FAMILY_IPV4);
	lease_cancel(vip->lease, ifindex, address);
	/* The double holds the local route while the address is away. */
	error = add_double(vip->netlink, ifindex, address, bits - 1, lease_s);
	if (error < 0)
		return error;
	error = remove_now(vip->netlink, ifindex, address, bits);
	if (error == 0 || error == -EADDRNOTAVAIL)
		error = add(vip->netlink, NLM_F_REPLACE, ifindex, address, lease_s);
	if (error == 0)
		error = remove_now(vip->netlink, ifindex, address, bits - 1);
	return error;
}

int vip_depart(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length)
{
	return lease_depart(vip->lease, ifindex, address, prefix_length,
			    instant_add(clock_now(), CLOSE_MAX_US));
}
