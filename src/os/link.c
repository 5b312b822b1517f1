/* SPDX-License-Identifier: Apache-2.0 */
#include "os/link.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>

#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Larger than any message of the kernel: one with SR-IOV functions passes 4 kB, a dump's is at most
 * 32 kB. */
#define LINK_BUFFER_SIZE (64 * 1024)
#define LINK_TIMEOUT_S 2
#define LINK_DUMP_TRIES 10
#define LINK_SYNC_ROUNDS 8
#define LINK_FILTER_INDEXES_MAX 255
#define LINK_FILTER_MAX (2 * LINK_FILTER_INDEXES_MAX + 2)
#define LINK_LOOPBACK_INDEX 1 /* of lo in every network namespace */
/* In struct ifinfomsg and in struct ifaddrmsg the interface index is at the same place. */
#define LINK_INDEX_OFFSET (NLMSG_HDRLEN + 4)

static_assert(offsetof(struct ifinfomsg, ifi_index) == 4, "see LINK_INDEX_OFFSET");
static_assert(offsetof(struct ifaddrmsg, ifa_index) == 4, "see LINK_INDEX_OFFSET");
static_assert(CONF_INTERFACE_SIZE == IF_NAMESIZE, "names are copied whole");

struct watched {
	struct watched *next;
	bool stale;   /* to be asked for again */
	bool pending; /* known is news to the user */
	struct interface known;
};

struct link {
	int fd; /* the events; every dump has a socket of its own */
	void (*changed)(void *context, const struct interface *interface);
	void *context;
	struct watched *watched;
	bool watch_all;
	unsigned short filter_size;
	struct sock_filter filter[LINK_FILTER_MAX];
	struct interface scratch;
	union {
		struct nlmsghdr header;
		uint8_t bytes[LINK_BUFFER_SIZE];
	} buffer;
};

/* Takes one message; context is the caller's. */
struct link_handler {
	void (*handle)(void *context, struct nlmsghdr *header);
	void *context;
};

/* Opens a socket with nothing to receive yet. */
static int link_open(int type, unsigned groups, int *ret_fd)
{
	const struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = groups};
	const struct timeval timeout = {.tv_sec = LINK_TIMEOUT_S};
	const int on = 1;
	int result;
	int fd = socket(AF_NETLINK, type | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	/* Without it, before Linux 4.20, a dump is not limited to one interface; that is allowed
	 * for. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0) {
		result = -errno;
		close(fd);
		return result;
	}
	*ret_fd = fd;
	return 0;
}

/* The size of one datagram of the kernel, 0 for one that is not the kernel's, or -errno. */
static ssize_t link_receive(struct link *link, int fd)
{
	struct sockaddr_nl sender = {0};
	struct iovec vector = {&link->buffer, sizeof(link->buffer)};
	struct msghdr message = {
		.msg_name = &sender,
		.msg_namelen = sizeof(sender),
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};
	ssize_t size = recvmsg(fd, &message, 0);

	if (size < 0)
		return -errno;
	/* What was cut off is lost, as after an overrun. */
	if (message.msg_flags & MSG_TRUNC)
		return -ENOBUFS;
	return sender.nl_pid == 0 ? size : 0;
}

/* Hands over the messages of one datagram. Returns 1 after the last one of an answer, 0 if more
 * will come, or -errno. */
static int link_answer(struct link *link, int size, const struct link_handler *handler)
{
	int interrupted = 0;

	for (struct nlmsghdr *header = &link->buffer.header; nlmsg_ok(header, size);
	     header = nlmsg_next(header, &size)) {
		if (header->nlmsg_flags & NLM_F_DUMP_INTR)
			interrupted = -EAGAIN;
		if (header->nlmsg_type == NLMSG_ERROR) {
			int error = ((const struct nlmsgerr *)nlmsg_data(header))->error;

			return error == 0 ? 1 : error;
		}
		if (header->nlmsg_type == NLMSG_DONE)
			return interrupted ? interrupted : 1;
		handler->handle(handler->context, header);
	}
	return interrupted;
}

/* Sends one request and reads its answer to the end. A socket of its own, so that nothing of a
 * failed exchange is left for the next one. */
static int link_request(struct link *link, struct nl_msg *request,
			const struct link_handler *handler)
{
	const struct nlmsghdr *header = nlmsg_hdr(request);
	int fd = -1;
	int result = link_open(SOCK_RAW, 0, &fd);

	if (result < 0)
		return result;
	if (send(fd, header, header->nlmsg_len, 0) < 0)
		result = -errno;
	while (result == 0) {
		ssize_t size = link_receive(link, fd);

		if (size == -EINTR)
			continue;
		if (size < 0)
			result = size == -EAGAIN ? -ETIMEDOUT : (int)size;
		else
			result = link_answer(link, (int)size, handler);
	}
	close(fd);
	return result < 0 ? result : 0;
}

static bool link_is_up(unsigned flags)
{
	/* The carrier, and the operational state (RFC 2863), which can lag behind or wait for
	 * 802.1X. The kernel shows neither unless the interface is administratively up. */
	const unsigned all = IFF_LOWER_UP | IFF_RUNNING;

	return (flags & all) == all;
}

/* NULL if the message is about something else. */
static const struct ifinfomsg *link_info(struct nlmsghdr *header)
{
	const struct ifinfomsg *info = nlmsg_data(header);

	if ((header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) ||
	    !nlmsg_valid_hdr(header, sizeof(*info)))
		return NULL;
	return info;
}

static const char *link_info_name(struct nlmsghdr *header)
{
	struct nlattr *name = nlmsg_find_attr(header, sizeof(struct ifinfomsg), IFLA_IFNAME);

	return name && nla_len(name) > 0 ? nla_get_string(name) : "";
}

/* An address of an interface as a message tells it. */
struct link_address {
	int ifindex;
	struct addr prefix; /* the peer's address on a point-to-point link */
	struct interface_address own;
};

static bool link_parse_address(struct nlmsghdr *header, struct link_address *ret)
{
	const struct ifaddrmsg *info = nlmsg_data(header);
	struct nlattr *attributes[IFA_MAX + 1];
	enum addr_family family;
	struct nlattr *prefix;
	struct nlattr *local;
	uint32_t flags;

	if ((header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR) ||
	    !nlmsg_valid_hdr(header, sizeof(*info)) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) ||
	    nlmsg_parse(header, sizeof(*info), attributes, IFA_MAX, NULL) < 0)
		return false;
	family = info->ifa_family == AF_INET ? ADDR_FAMILY_IPV4 : ADDR_FAMILY_IPV6;
	prefix = attributes[IFA_ADDRESS];
	/* IPv6 has IFA_LOCAL only on a point-to-point link. */
	local = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : prefix;
	if (!prefix)
		prefix = local;
	if (!local || (size_t)nla_len(local) != addr_size(family) ||
	    (size_t)nla_len(prefix) != addr_size(family))
		return false;
	flags = attributes[IFA_FLAGS] ? nla_get_u32(attributes[IFA_FLAGS]) : info->ifa_flags;
	ret->ifindex = (int)info->ifa_index;
	ret->prefix = addr_from_bytes(family, nla_data(prefix));
	ret->own = (struct interface_address){
		.address = addr_from_bytes(family, nla_data(local)),
		.prefix_length = info->ifa_prefixlen,
		/* An address that was found to be a duplicate stays tentative. */
		.deprecated = (flags & (IFA_F_DEPRECATED | IFA_F_TENTATIVE)) != 0,
	};
	return true;
}

static const struct interface_address *link_find_address(const struct interface *interface,
							 const struct interface_address *wanted)
{
	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *address = &interface->addresses[i];

		if (address->prefix_length == wanted->prefix_length &&
		    addr_equal(&address->address, &wanted->address))
			return address;
	}
	return NULL;
}

static bool link_same(const struct interface *a, const struct interface *b)
{
	if (a->index != b->index || a->up != b->up || a->address_count != b->address_count ||
	    memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 || a->carrier_changes != b->carrier_changes)
		return false;
	for (size_t i = 0; i < a->address_count; i++) {
		const struct interface_address *x = &a->addresses[i];
		const struct interface_address *y = &b->addresses[i];

		if (x->prefix_length != y->prefix_length || x->deprecated != y->deprecated ||
		    !addr_equal(&x->address, &y->address))
			return false;
	}
	return true;
}

/* What tells that an interface was disturbed even if it is as it was. */
struct link_marks {
	uint8_t mac[6]; /* zero if it is not one of Ethernet's size */
	uint32_t carrier_changes;
};

static struct link_marks link_marks(struct nlmsghdr *header)
{
	struct nlattr *attributes[IFLA_CARRIER_CHANGES + 1];
	struct link_marks marks = {0};
	struct nlattr *mac, *changes;

	if (nlmsg_parse(header, sizeof(struct ifinfomsg), attributes, IFLA_CARRIER_CHANGES, NULL) <
	    0)
		return marks;
	mac = attributes[IFLA_ADDRESS];
	changes = attributes[IFLA_CARRIER_CHANGES];
	if (mac && nla_len(mac) == (int)sizeof(marks.mac))
		memcpy(marks.mac, nla_data(mac), sizeof(marks.mac));
	if (changes && nla_len(changes) >= (int)sizeof(uint32_t))
		marks.carrier_changes = nla_get_u32(changes);
	return marks;
}

static bool link_marks_differ(struct nlmsghdr *header, const struct interface *known)
{
	struct link_marks marks = link_marks(header);

	return memcmp(marks.mac, known->mac, sizeof(marks.mac)) != 0 ||
	       marks.carrier_changes != known->carrier_changes;
}

static void link_take_link(void *context, struct nlmsghdr *header)
{
	struct interface *interface = context;
	const struct ifinfomsg *info = link_info(header);
	struct link_marks marks;

	/* The kernel also finds interfaces by alternative names; those are not followed. */
	if (!info || strcmp(link_info_name(header), interface->name) != 0)
		return;
	interface->index = info->ifi_index;
	interface->up = link_is_up(info->ifi_flags);
	marks = link_marks(header);
	memcpy(interface->mac, marks.mac, sizeof(interface->mac));
	interface->carrier_changes = marks.carrier_changes;
}

static void link_take_address(void *context, struct nlmsghdr *header)
{
	struct interface *interface = context;
	struct link_address address;

	if (!link_parse_address(header, &address) || address.ifindex != interface->index ||
	    interface->address_count == ENGINE_INTERFACE_ADDRESSES_MAX)
		return;
	interface->addresses[interface->address_count++] = address.own;
}

static int link_ask_link(struct link *link, struct interface *interface)
{
	const struct link_handler handler = {link_take_link, interface};
	struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	struct nl_msg *request = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK);
	int result = -ENOMEM;

	if (!request)
		return -ENOMEM;
	interface->index = 0;
	interface->up = false;
	if (nlmsg_append(request, &body, sizeof(body), NLMSG_ALIGNTO) == 0 &&
	    nla_put_string(request, IFLA_IFNAME, interface->name) == 0)
		result = link_request(link, request, &handler);
	nlmsg_free(request);
	return result == -ENODEV ? 0 : result;
}

/* ifindex 0: of all interfaces. */
static int link_ask_addresses(struct link *link, int ifindex, const struct link_handler *handler)
{
	struct ifaddrmsg body = {.ifa_family = AF_UNSPEC, .ifa_index = (unsigned)ifindex};
	struct nl_msg *request = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
	int result = -ENOMEM;

	if (!request)
		return -ENOMEM;
	if (nlmsg_append(request, &body, sizeof(body), NLMSG_ALIGNTO) == 0)
		result = link_request(link, request, handler);
	nlmsg_free(request);
	/* The interface has gone since it was looked up; the event will say so. */
	return result == -ENODEV ? 0 : result;
}

/* Fills link->scratch. A dump that changes interrupted is repeated. */
static int link_ask(struct link *link, const char name[CONF_INTERFACE_SIZE])
{
	struct interface *interface = &link->scratch;
	const struct link_handler handler = {link_take_address, interface};
	int result = -EAGAIN;

	for (unsigned i = 0; i < LINK_DUMP_TRIES && result == -EAGAIN; i++) {
		interface->address_count = 0;
		memcpy(interface->name, name, sizeof(interface->name));
		result = link_ask_link(link, interface);
		if (result == 0 && interface->index != 0)
			result = link_ask_addresses(link, interface->index, &handler);
	}
	return result;
}

/* Only what is filled: the struct has room for every VIP there can be. */
static void link_copy(struct interface *to, const struct interface *from)
{
	memcpy(to, from,
	       offsetof(struct interface, addresses) +
		       from->address_count * sizeof(from->addresses[0]));
}

static int link_refresh(struct link *link)
{
	for (struct watched *watched = link->watched; watched; watched = watched->next) {
		int result;

		if (!watched->stale)
			continue;
		result = link_ask(link, watched->known.name);
		if (result < 0)
			return result;
		watched->stale = false;
		if (!link_same(&watched->known, &link->scratch)) {
			link_copy(&watched->known, &link->scratch);
			watched->pending = true;
		}
	}
	return 0;
}

static void link_mark_all(struct link *link)
{
	for (struct watched *watched = link->watched; watched; watched = watched->next)
		watched->stale = true;
}

/*
 * Passes the messages of the watched interfaces and drops all others, or passes everything while
 * one of them does not exist: its name cannot be compared in a filter. Returns the number of
 * instructions.
 */
static unsigned short link_make_filter(const struct link *link,
				       struct sock_filter filter[LINK_FILTER_MAX])
{
	const struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_filter load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LINK_INDEX_OFFSET);
	bool all = link->watch_all;
	unsigned short size = 0;

	filter[size++] = load;
	for (const struct watched *watched = link->watched; watched; watched = watched->next) {
		/* A load is in network order, netlink in that of the host. */
		const struct sock_filter compare = BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)watched->known.index), 0, 1);

		all |= watched->known.index == 0 || size + 3 > LINK_FILTER_MAX;
		if (all)
			break;
		filter[size++] = compare;
		filter[size++] = pass;
	}
	if (all) {
		filter[0] = pass;
		return 1;
	}
	filter[size++] = drop;
	return size;
}

/* Sets *ret_replaced if another filter than before is in force now. */
static int link_filter(struct link *link, bool *ret_replaced)
{
	struct sock_filter filter[LINK_FILTER_MAX];
	struct sock_fprog program = {.len = link_make_filter(link, filter), .filter = filter};
	size_t bytes = program.len * sizeof(filter[0]);

	if (program.len == link->filter_size && memcmp(filter, link->filter, bytes) == 0)
		return 0;
	if (setsockopt(link->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	memcpy(link->filter, filter, bytes);
	link->filter_size = program.len;
	*ret_replaced = true;
	return 0;
}

/*
 * Brings all that is stale up to date, and the filter with it. Under another filter everything is
 * asked for again: the old one may have dropped what counts now.
 */
static int link_sync(struct link *link)
{
	for (unsigned i = 0; i < LINK_SYNC_ROUNDS; i++) {
		bool replaced = false;
		int result = link_refresh(link);

		if (result == 0)
			result = link_filter(link, &replaced);
		if (result < 0)
			return result;
		if (!replaced)
			return 0;
		link_mark_all(link);
	}
	return -EAGAIN;
}

/* Starts over after each call: the user may watch and unwatch from within. */
static void link_tell(struct link *link)
{
	struct watched *watched = link->watched;

	while (watched) {
		if (!watched->pending) {
			watched = watched->next;
			continue;
		}
		watched->pending = false;
		link->changed(link->context, &watched->known);
		watched = link->watched;
	}
}

/* Events only say what to ask for: the answer has the kernel's own order, and no state is put
 * together from parts. */
static void link_event_link(struct link *link, struct nlmsghdr *header,
			    const struct ifinfomsg *info)
{
	const char *name = link_info_name(header);

	for (struct watched *watched = link->watched; watched; watched = watched->next) {
		struct interface *known = &watched->known;
		bool same_name = strcmp(known->name, name) == 0;
		bool same_index = known->index == info->ifi_index;

		if (!same_name && !same_index)
			continue;
		if (header->nlmsg_type == RTM_DELLINK || !same_name || !same_index ||
		    known->up != link_is_up(info->ifi_flags) ||
		    (info->ifi_family == AF_UNSPEC && link_marks_differ(header, known)))
			watched->stale = true;
		/* Told even if another one with the same index is there by now: what was bound to
		 * the old one is dead. */
		if (header->nlmsg_type == RTM_DELLINK && same_index &&
		    info->ifi_family == AF_UNSPEC) {
			known->index = 0;
			known->up = false;
			known->address_count = 0;
			watched->pending = true;
		}
	}
}

/* Most events are the refresh of a lease, which changes nothing. */
static void link_event_address(struct link *link, struct nlmsghdr *header,
			       const struct link_address *address)
{
	for (struct watched *watched = link->watched; watched; watched = watched->next) {
		const struct interface_address *known;

		if (watched->known.index != address->ifindex)
			continue;
		known = link_find_address(&watched->known, &address->own);
		if (header->nlmsg_type == RTM_DELADDR)
			watched->stale |= known != NULL;
		else if (known)
			watched->stale |= known->deprecated != address->own.deprecated;
		else
			watched->stale |=
				watched->known.address_count < ENGINE_INTERFACE_ADDRESSES_MAX;
	}
}

static int link_events(struct link *link, int size)
{
	int count = 0;

	for (struct nlmsghdr *header = &link->buffer.header; nlmsg_ok(header, size);
	     header = nlmsg_next(header, &size)) {
		const struct ifinfomsg *info = link_info(header);
		struct link_address address;

		count++;
		if (info)
			link_event_link(link, header, info);
		else if (link_parse_address(header, &address))
			link_event_address(link, header, &address);
	}
	return count;
}

int link_new(void (*changed)(void *context, const struct interface *interface), void *context,
	     struct link **ret_link)
{
	struct link *link = calloc(1, sizeof(*link));
	int result;

	if (!link)
		return -ENOMEM;
	link->changed = changed;
	link->context = context;
	result = link_open(SOCK_RAW | SOCK_NONBLOCK,
			   RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, &link->fd);
	if (result < 0) {
		free(link);
		return result;
	}
	result = link_sync(link);
	if (result < 0) {
		link_free(link);
		return result;
	}
	*ret_link = link;
	return 0;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	while (link->watched) {
		struct watched *next = link->watched->next;

		free(link->watched);
		link->watched = next;
	}
	close(link->fd);
	free(link);
}

int link_fd(const struct link *link)
{
	return link->fd;
}

static struct watched *link_watched(const struct link *link, const char *name)
{
	struct watched *watched = link->watched;

	while (watched && strcmp(watched->known.name, name) != 0)
		watched = watched->next;
	return watched;
}

int link_watch(struct link *link, const char *name)
{
	size_t size = strlen(name) + 1;
	struct watched *watched;
	int result;

	if (link_watched(link, name))
		return 0;
	if (size > sizeof(watched->known.name))
		return -EINVAL;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return -ENOMEM;
	memcpy(watched->known.name, name, size);
	watched->stale = true;
	watched->pending = true;
	watched->next = link->watched;
	link->watched = watched;
	result = link_sync(link);
	link_tell(link);
	return result;
}

/* The next link_drain() narrows the filter; until then there are only more events. */
static void link_drop(struct watched **at)
{
	struct watched *watched = *at;

	*at = watched->next;
	free(watched);
}

void link_unwatch(struct link *link, const char *name)
{
	for (struct watched **at = &link->watched; *at; at = &(*at)->next)
		if (strcmp((*at)->known.name, name) == 0) {
			link_drop(at);
			return;
		}
}

void link_unwatch_unused(struct link *link, bool (*used)(void *context, const char *name),
			 void *context)
{
	for (struct watched **at = &link->watched; *at;)
		if (used(context, (*at)->known.name))
			at = &(*at)->next;
		else
			link_drop(at);
}

const struct interface *link_get(const struct link *link, const char *name)
{
	const struct watched *watched = link_watched(link, name);

	return watched ? &watched->known : NULL;
}

struct link_search {
	const struct addr *address;
	const struct addr *own;
	size_t own_count;
	int ifindex; /* of the best one so far, 0 if there is none */
	unsigned prefix_length;
};

static void link_consider(void *context, struct nlmsghdr *header)
{
	struct link_search *search = context;
	struct link_address found;
	unsigned length;

	if (!link_parse_address(header, &found))
		return;
	length = found.own.prefix_length;
	if (found.own.deprecated || found.ifindex == LINK_LOOPBACK_INDEX ||
	    addr_in_list(&found.own.address, search->own, search->own_count) ||
	    !addr_in_prefix(search->address, &found.prefix, length))
		return;
	if (search->ifindex == 0 || length > search->prefix_length) {
		search->ifindex = found.ifindex;
		search->prefix_length = length;
	}
}

int link_find(struct link *link, const struct addr *address, const struct addr *own,
	      size_t own_count, char ret_name[CONF_INTERFACE_SIZE])
{
	const struct link_search start = {.address = address, .own = own, .own_count = own_count};
	struct link_search search;
	const struct link_handler handler = {link_consider, &search};
	char name[CONF_INTERFACE_SIZE];
	int result = -EAGAIN;

	for (unsigned i = 0; i < LINK_DUMP_TRIES && result == -EAGAIN; i++) {
		search = start;
		result = link_ask_addresses(link, 0, &handler);
	}
	if (result < 0)
		return result;
	if (search.ifindex == 0 || !if_indextoname((unsigned)search.ifindex, name))
		return -ENODEV;
	memcpy(ret_name, name, sizeof(name));
	return 0;
}

void link_watch_all(struct link *link, bool on)
{
	bool replaced = false;

	link->watch_all = on;
	/* Nothing is missed of the watched ones, which both filters pass. If there is no memory for
	 * the filter now, the next link_drain() sets it. */
	(void)link_filter(link, &replaced);
}

int link_drain(struct link *link)
{
	int count = 0;
	int result;

	for (;;) {
		ssize_t size = link_receive(link, link->fd);

		if (size == -EAGAIN)
			break;
		if (size == -ENOBUFS)
			link_mark_all(link);
		else if (size < 0 && size != -EINTR)
			return (int)size;
		else if (size > 0)
			count += link_events(link, (int)size);
	}
	link_tell(link);
	result = link_sync(link);
	link_tell(link);
	return result < 0 ? result : count;
}
