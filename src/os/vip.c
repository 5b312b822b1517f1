/* SPDX-License-Identifier: Apache-2.0 */
#include "os/vip.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VIP_ANSWER_SIZE 4096
#define VIP_TIMEOUT_S 2
#define VIP_LOCAL_PAUSE_NS 200000
#define VIP_LOCAL_TRIES 1250   /* 250 ms; 77 ms were seen at a load of 7 on two cores */
#define VIP_FOREVER UINT32_MAX /* the kernel's INFINITY_LIFE_TIME */

/* A netlink socket and the answer to its last request. */
struct channel {
	int fd;
	uint32_t sequence;
	union {
		struct nlmsghdr header;
		uint8_t bytes[VIP_ANSWER_SIZE];
	} answer;
};

/* A lease that is to start again, or the error that the last attempt has met. */
struct renewal {
	struct renewal *next;
	int ifindex;
	struct addr address;
	unsigned lease_s;
	struct nl_msg *message; /* NULL after the attempt */
	int result;
};

struct vip {
	struct channel channel;
	bool never_local; /* the local route of an address never showed */

	/* The thread that renews; lock guards what follows, but the channel is the thread's alone.
	 */
	struct channel renewing;
	pthread_t thread;
	bool thread_runs;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* something to renew, or the end */
	pthread_cond_t done; /* at_work has changed */
	struct renewal *renewals;
	struct renewal *at_work; /* NULL, or the one that the kernel is asked for now */
	bool ending;
};

static int channel_open(struct channel *channel)
{
	const struct timeval timeout = {.tv_sec = VIP_TIMEOUT_S};

	channel->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (channel->fd < 0 ||
	    setsockopt(channel->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	return 0;
}

/* Waits for the answer of type `wanted`, which is then in channel->answer, or for an error. An
 * acknowledgement is an error of 0. An answer with another sequence number belongs to a request
 * that was given up. */
static int channel_wait(struct channel *channel, int wanted)
{
	for (;;) {
		ssize_t size = recv(channel->fd, &channel->answer, sizeof(channel->answer), 0);
		const struct nlmsghdr *header = &channel->answer.header;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!nlmsg_ok(header, (int)size) || header->nlmsg_seq != channel->sequence)
			continue;
		if (header->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)nlmsg_data(header))->error;
		if (header->nlmsg_type == wanted)
			return 0;
	}
}

static int channel_ask(struct channel *channel, struct nl_msg *message, int wanted)
{
	struct nlmsghdr *header = nlmsg_hdr(message);

	header->nlmsg_seq = ++channel->sequence;
	if (send(channel->fd, header, header->nlmsg_len, 0) < 0)
		return -errno;
	return channel_wait(channel, wanted);
}

static struct renewal **find_renewal(struct vip *vip, int ifindex, const struct addr *address)
{
	struct renewal **at = &vip->renewals;

	while (*at && ((*at)->ifindex != ifindex || !addr_equal(&(*at)->address, address)))
		at = &(*at)->next;
	return at;
}

/* Removes what *at points to from the list. */
static void drop_renewal(struct renewal **at)
{
	struct renewal *renewal = *at;

	*at = renewal->next;
	nlmsg_free(renewal->message);
	free(renewal);
}

static struct renewal *next_renewal(const struct vip *vip)
{
	struct renewal *renewal = vip->renewals;

	while (renewal && !renewal->message)
		renewal = renewal->next;
	return renewal;
}

static void renew_one(struct vip *vip, struct renewal *renewal)
{
	int result;

	vip->at_work = renewal;
	pthread_mutex_unlock(&vip->lock);
	result = channel_ask(&vip->renewing, renewal->message, NLMSG_ERROR);
	pthread_mutex_lock(&vip->lock);
	vip->at_work = NULL;
	nlmsg_free(renewal->message);
	renewal->message = NULL;
	renewal->result = result;
	/* An interface that has gone is told by netlink. */
	if (result == 0 || result == -ENODEV)
		drop_renewal(find_renewal(vip, renewal->ifindex, &renewal->address));
	pthread_cond_broadcast(&vip->done);
}

static void *renew(void *context)
{
	struct vip *vip = context;

	pthread_mutex_lock(&vip->lock);
	while (!vip->ending) {
		struct renewal *renewal = next_renewal(vip);

		if (renewal)
			renew_one(vip, renewal);
		else
			pthread_cond_wait(&vip->wake, &vip->lock);
	}
	pthread_mutex_unlock(&vip->lock);
	return NULL;
}

/* Signals are the loop's. */
static int start_thread(struct vip *vip)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&vip->thread, NULL, renew, vip);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	vip->thread_runs = error == 0;
	return -error;
}

int vip_new(struct vip **ret_vip)
{
	struct vip *vip = calloc(1, sizeof(*vip));
	int result;

	if (!vip)
		return -ENOMEM;
	vip->channel.fd = vip->renewing.fd = -1;
	pthread_mutex_init(&vip->lock, NULL);
	pthread_cond_init(&vip->wake, NULL);
	pthread_cond_init(&vip->done, NULL);
	if ((result = channel_open(&vip->channel)) < 0 ||
	    (result = channel_open(&vip->renewing)) < 0) {
		vip_free(vip);
		return result;
	}
	*ret_vip = vip;
	return 0;
}

void vip_free(struct vip *vip)
{
	if (!vip)
		return;
	pthread_mutex_lock(&vip->lock);
	vip->ending = true;
	pthread_cond_signal(&vip->wake);
	pthread_mutex_unlock(&vip->lock);
	if (vip->thread_runs)
		pthread_join(vip->thread, NULL);
	while (vip->renewals)
		drop_renewal(&vip->renewals);
	pthread_cond_destroy(&vip->done);
	pthread_cond_destroy(&vip->wake);
	pthread_mutex_destroy(&vip->lock);
	if (vip->channel.fd >= 0)
		close(vip->channel.fd);
	if (vip->renewing.fd >= 0)
		close(vip->renewing.fd);
	free(vip);
}

/* NULL without memory. */
static struct nl_msg *vip_message(int type, int flags, int ifindex, const struct addr *address,
				  unsigned prefix_length)
{
	struct ifaddrmsg body = {
		.ifa_family = address->family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
		.ifa_prefixlen = (uint8_t)prefix_length,
		.ifa_scope = RT_SCOPE_UNIVERSE, /* the kernel knows the scope of IPv6 ones itself */
		.ifa_index = (unsigned)ifindex,
	};
	int size = (int)addr_size(address->family);
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

	/* RTM_DELADDR compares the prefix length of IPv4 only if IFA_ADDRESS is there. */
	if (message && (nlmsg_append(message, &body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
			nla_put(message, IFA_LOCAL, size, address->bytes) < 0 ||
			nla_put(message, IFA_ADDRESS, size, address->bytes) < 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static struct nl_msg *vip_new_message(int flags, int ifindex, const struct addr *address,
				      unsigned lease_s)
{
	/* Preferred lifetime 0: deprecated, so nobody picks it as a source address. */
	const struct ifa_cacheinfo lifetime = {
		.ifa_prefered = 0,
		.ifa_valid = lease_s == 0 ? VIP_FOREVER : lease_s,
	};
	uint32_t address_flags = IFA_F_NOPREFIXROUTE;
	struct nl_msg *message = vip_message(RTM_NEWADDR, NLM_F_CREATE | flags, ifindex, address,
					     addr_bits(address->family));

	/* Another node may still hold it for a moment (rule HANDOVER); IPv4 has no DAD to skip. */
	if (address->family == ADDR_FAMILY_IPV6)
		address_flags |= IFA_F_NODAD;
	if (message && (nla_put(message, IFA_CACHEINFO, sizeof(lifetime), &lifetime) < 0 ||
			nla_put_u32(message, IFA_FLAGS, address_flags) < 0 ||
			nla_put_u8(message, IFA_PROTO, VIP_PROTO) < 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static int vip_new_address(struct vip *vip, int flags, int ifindex, const struct addr *address,
			   unsigned lease_s)
{
	struct nl_msg *message = vip_new_message(flags, ifindex, address, lease_s);
	int result;

	if (!message)
		return -ENOMEM;
	result = channel_ask(&vip->channel, message, NLMSG_ERROR);
	nlmsg_free(message);
	return result;
}

static bool vip_is_local(struct vip *vip, int ifindex, const struct addr *address)
{
	struct rtmsg body = {.rtm_family = AF_INET6, .rtm_dst_len = 128};
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
	bool local = false;

	if (!message)
		return false;
	if (nlmsg_append(message, &body, sizeof(body), NLMSG_ALIGNTO) == 0 &&
	    nla_put(message, RTA_DST, (int)addr_size(address->family), address->bytes) == 0 &&
	    nla_put_u32(message, RTA_OIF, (uint32_t)ifindex) == 0 &&
	    channel_ask(&vip->channel, message, RTM_NEWROUTE) == 0)
		local = ((const struct rtmsg *)nlmsg_data(&vip->channel.answer.header))->rtm_type ==
			RTN_LOCAL;
	nlmsg_free(message);
	return local;
}

/*
 * The kernel acknowledges an IPv6 address before it has the local route for it, which a work queue
 * adds (net/ipv6/ addrconf.c, addrconf_dad_work). Who announces in between sends the neighbours to
 * an address that does not answer.
 */
static void vip_wait_local(struct vip *vip, int ifindex, const struct addr *address)
{
	const struct timespec pause = {.tv_nsec = VIP_LOCAL_PAUSE_NS};

	for (unsigned i = 0; !vip->never_local && !vip_is_local(vip, ifindex, address); i++) {
		/* Routing rules of somebody else's may hide the local table; that is no reason to
		 * wait again. */
		vip->never_local = i == VIP_LOCAL_TRIES;
		nanosleep(&pause, NULL);
	}
}

int vip_add(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	int result;

	if (address->family == ADDR_FAMILY_IPV4)
		return vip_new_address(vip, NLM_F_REPLACE, ifindex, address, lease_s);
	result = vip_new_address(vip, NLM_F_EXCL, ifindex, address, lease_s);
	if (result == 0)
		vip_wait_local(vip, ifindex, address);
	else if (result == -EEXIST)
		result = vip_new_address(vip, NLM_F_REPLACE, ifindex, address, lease_s);
	return result;
}

/* The renewal of this address, made if there is none; NULL without memory. */
static struct renewal *get_renewal(struct vip *vip, int ifindex, const struct addr *address)
{
	struct renewal **at = find_renewal(vip, ifindex, address);

	if (!*at && (*at = calloc(1, sizeof(**at)))) {
		(*at)->ifindex = ifindex;
		(*at)->address = *address;
	}
	return *at;
}

/* From here on the thread does not bring the address back. The caller holds the lock. */
static void cancel_renewal(struct vip *vip, int ifindex, const struct addr *address)
{
	struct renewal **at;

	while (*(at = find_renewal(vip, ifindex, address)) && *at == vip->at_work)
		pthread_cond_wait(&vip->done, &vip->lock);
	if (*at)
		drop_renewal(at);
}

int vip_renew(struct vip *vip, int ifindex, const struct addr *address, unsigned lease_s)
{
	/* Not earlier: a thread from before the daemon was confined would not be confined. */
	int result = vip->thread_runs ? 0 : start_thread(vip);
	struct nl_msg *message;
	struct renewal *renewal;

	if (result < 0)
		return result;
	message = vip_new_message(NLM_F_REPLACE, ifindex, address, lease_s);
	if (!message)
		return -ENOMEM;
	result = -ENOMEM;
	pthread_mutex_lock(&vip->lock);
	/* One with the lease of before would be the last word. */
	renewal = *find_renewal(vip, ifindex, address);
	if (renewal && renewal->lease_s != lease_s)
		cancel_renewal(vip, ifindex, address);
	renewal = get_renewal(vip, ifindex, address);
	if (renewal && renewal->message) {
		result = -EBUSY;
	} else if (renewal) {
		result = renewal->result;
		renewal->message = message;
		renewal->lease_s = lease_s;
		message = NULL;
		pthread_cond_signal(&vip->wake);
	}
	pthread_mutex_unlock(&vip->lock);
	nlmsg_free(message);
	return result;
}

int vip_remove(struct vip *vip, int ifindex, const struct addr *address, unsigned prefix_length)
{
	struct nl_msg *message = vip_message(RTM_DELADDR, 0, ifindex, address, prefix_length);
	int result;

	if (!message)
		return -ENOMEM;
	pthread_mutex_lock(&vip->lock);
	cancel_renewal(vip, ifindex, address);
	pthread_mutex_unlock(&vip->lock);
	result = channel_ask(&vip->channel, message, NLMSG_ERROR);
	nlmsg_free(message);
	return result;
}
