/* SPDX-License-Identifier: Apache-2.0 */
#include "os/stray.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/netlink.h"
#include "os/vip.h"

#define DUMP_TRIES 10
#define FILTERED_MAX 64 /* sought addresses; of more the events of all addresses come */
#define HEAD_SIZE 20
#define BLOCK_SIZE 5 /* instructions for one address */
#define FILTER_MAX (HEAD_SIZE + BLOCK_SIZE * FILTERED_MAX + 1)

#define TYPE_OFFSET offsetof(struct nlmsghdr, nlmsg_type)
#define FAMILY_OFFSET ((size_t)NLMSG_HDRLEN + offsetof(struct ifaddrmsg, ifa_family))
#define INDEX_OFFSET ((size_t)NLMSG_HDRLEN + offsetof(struct ifaddrmsg, ifa_index))
#define ATTRIBUTES_OFFSET ((size_t)NLMSG_HDRLEN + sizeof(struct ifaddrmsg))

struct strays {
	struct netlink *events;
	struct netlink *questions;
	bool stale; /* all is to be asked for again */
	size_t sought_count;
	struct stray_sought *sought;
	struct stray_list found;
};

int strays_new(struct strays **ret_strays)
{
	struct strays *strays = calloc(1, sizeof(*strays));
	int error;

	if (!strays)
		return -ENOMEM;
	if ((error = netlink_new_events(&strays->events)) < 0 ||
	    (error = netlink_new(&strays->questions)) < 0 ||
	    (error = strays_seek(strays, NULL, 0)) < 0) {
		strays_free(strays);
		return error;
	}
	*ret_strays = strays;
	return 0;
}

void strays_free(struct strays *strays)
{
	if (!strays)
		return;
	netlink_free(strays->questions);
	netlink_free(strays->events);
	free(strays->sought);
	free(strays);
}

int strays_fd(const struct strays *strays)
{
	return netlink_fd(strays->events);
}

const struct stray_list *strays_get(const struct strays *strays)
{
	return &strays->found;
}

/* ---- The filter ---- */

/* A load is in network order, netlink in that of the host. */
#define LOAD_TYPE BPF_STMT(BPF_LD | BPF_H | BPF_ABS, TYPE_OFFSET)
#define LOAD_FAMILY BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FAMILY_OFFSET)
#define LOAD_INDEX BPF_STMT(BPF_LD | BPF_W | BPF_ABS, INDEX_OFFSET)
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define PASS BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)
#define DROP BPF_STMT(BPF_RET | BPF_K, 0)
/* The offset of an attribute, 0 if there is none (linux/filter.h). */
#define FIND_ATTRIBUTE(type)                                                                       \
	BPF_STMT(BPF_LD | BPF_IMM, ATTRIBUTES_OFFSET), BPF_STMT(BPF_LDX | BPF_IMM, (type)),        \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR))

/* The last four bytes of the address tell enough here. */
static uint32_t last_word(const struct addr *address)
{
	uint32_t word;

	memcpy(&word, address->bytes + addr_size(address->family) - sizeof(word), sizeof(word));
	return ntohl(word);
}

/* Passes the events of the sought addresses on other interfaces than their own. Returns the number
 * of instructions. */
static unsigned short make_filter(const struct strays *strays,
				  struct sock_filter filter[FILTER_MAX])
{
	/* IFA_LOCAL is the interface's address, IFA_ADDRESS perhaps the other end's; of IPv6 there
	 * is IFA_LOCAL only beside another end's. */
	const struct sock_filter head[] = {
		LOAD_TYPE,
		IF_EQUAL(htons(RTM_NEWADDR), 2, 0),
		IF_EQUAL(htons(RTM_DELADDR), 1, 0),
		DROP,
		FIND_ATTRIBUTE(IFA_LOCAL),
		IF_EQUAL(0, 0, 5),
		FIND_ATTRIBUTE(IFA_ADDRESS),
		IF_EQUAL(0, 0, 1),
		DROP,
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		LOAD_FAMILY,
		IF_EQUAL(AF_INET, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr) + 12),
		BPF_STMT(BPF_JMP | BPF_JA, 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr)),
		BPF_STMT(BPF_ST, 0),
	};
	bool all = strays->sought_count > FILTERED_MAX;
	size_t size = sizeof(head) / sizeof(head[0]);

	static_assert(sizeof(head) / sizeof(head[0]) == HEAD_SIZE, "the jumps fit");
	memcpy(filter, head, sizeof(head));
	for (size_t i = 0; !all && i < strays->sought_count; i++) {
		const struct stray_sought *sought = &strays->sought[i];
		const struct sock_filter block[BLOCK_SIZE] = {
			BPF_STMT(BPF_LD | BPF_MEM, 0),
			IF_EQUAL(last_word(&sought->address), 0, 3),
			LOAD_INDEX,
			IF_EQUAL(htonl((uint32_t)sought->ifindex), 1, 0),
			PASS,
		};

		memcpy(filter + size, block, sizeof(block));
		size += BLOCK_SIZE;
	}
	filter[size++] = all ? (struct sock_filter)PASS : (struct sock_filter)DROP;
	assert(size <= FILTER_MAX);
	return (unsigned short)size;
}

static int set_filter(const struct strays *strays)
{
	struct sock_filter filter[FILTER_MAX];
	struct sock_fprog program = {.len = make_filter(strays, filter), .filter = filter};

	/* libnl has no socket filters. */
	if (setsockopt(netlink_fd(strays->events), SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)) < 0)
		return -errno;
	return 0;
}

/* ---- The list ---- */

static bool is_sought(const struct strays *strays, const struct stray *stray)
{
	bool sought = false;

	for (size_t i = 0; i < strays->sought_count; i++) {
		const struct stray_sought *own = &strays->sought[i];

		if (!addr_equal(&own->address, &stray->address))
			continue;
		/* Of two routers with the address either may have it. */
		if (own->ifindex == stray->ifindex)
			return false;
		sought = true;
	}
	return sought;
}

static void note(struct strays *strays, const struct stray *stray, bool deleted)
{
	struct stray_list *found = &strays->found;
	size_t i = 0;

	while (i < found->count && (found->list[i].ifindex != stray->ifindex ||
				    found->list[i].prefix_length != stray->prefix_length ||
				    !addr_equal(&found->list[i].address, &stray->address)))
		i++;
	if (deleted && i < found->count)
		found->list[i] = found->list[--found->count];
	else if (!deleted && i < STRAYS_MAX) {
		found->list[i] = *stray;
		found->count += i == found->count;
	}
}

/* False if the message is of another kind, or of no address that can be sought. */
static bool read_address(struct nl_msg *message, struct stray *ret_stray)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct ifaddrmsg *body = nlmsg_data(header);
	struct nlattr *local, *proto;
	enum addr_family family;

	if ((header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR) ||
	    !nlmsg_valid_hdr(header, sizeof(*body)) ||
	    (body->ifa_family != AF_INET && body->ifa_family != AF_INET6))
		return false;
	family = body->ifa_family == AF_INET ? ADDR_FAMILY_IPV4 : ADDR_FAMILY_IPV6;
	local = nlmsg_find_attr(header, sizeof(*body), IFA_LOCAL);
	if (!local)
		local = nlmsg_find_attr(header, sizeof(*body), IFA_ADDRESS);
	if (!local || nla_len(local) != (int)addr_size(family))
		return false;
	proto = nlmsg_find_attr(header, sizeof(*body), IFA_PROTO);
	*ret_stray = (struct stray){
		.address = addr_from_bytes(family, nla_data(local)),
		.prefix_length = body->ifa_prefixlen,
		.ifindex = (int)body->ifa_index,
		.vip = proto && nla_len(proto) == 1 && nla_get_u8(proto) == VIP_PROTO,
	};
	return true;
}

static int take_message(void *context, struct nl_msg *message)
{
	struct strays *strays = context;
	struct stray stray;

	if (read_address(message, &stray) && is_sought(strays, &stray))
		note(strays, &stray, nlmsg_hdr(message)->nlmsg_type == RTM_DELADDR);
	return 0;
}

static int ask(struct strays *strays)
{
	struct ifaddrmsg body = {.ifa_family = AF_UNSPEC};
	struct nl_msg *question;
	int error = -EAGAIN;

	for (unsigned i = 0; i < DUMP_TRIES && error == -EAGAIN; i++) {
		strays->found.count = 0;
		error = netlink_message(RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body), &question);
		if (error == 0)
			error = netlink_ask(strays->questions, question, take_message, strays);
	}
	strays->stale = error < 0;
	return error;
}

int strays_seek(struct strays *strays, const struct stray_sought *sought, size_t count)
{
	struct stray_sought *copy = calloc(count + 1, sizeof(*copy));
	int error;

	if (!copy)
		return -ENOMEM;
	if (count > 0)
		memcpy(copy, sought, count * sizeof(*copy));
	free(strays->sought);
	strays->sought = copy;
	strays->sought_count = count;
	strays->stale = true;
	/* Events that the filter passes from now on are read after the answer, and are newer. */
	error = set_filter(strays);
	return error < 0 ? error : ask(strays);
}

int strays_drain(struct strays *strays)
{
	int news = 0, result;

	while ((result = netlink_receive(strays->events, take_message, strays)) != -EAGAIN) {
		if (result < 0 && result != -ENOBUFS)
			return result;
		strays->stale |= result < 0;
		news = 1;
	}
	if (!strays->stale)
		return news;
	result = ask(strays);
	return result < 0 ? result : 1;
}
