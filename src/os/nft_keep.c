/* SPDX-License-Identifier: Apache-2.0 */
#include "os/nft_keep.h"

#include <netinet/in.h>

#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "cpvrrp_keep"
#define BATCH_SIZE 4096
#define PRIORITY_DESTINATION (-100) /* NF_IP_PRI_NAT_DST */

/* The kernel takes the messages of a batch in one piece. */
struct batch {
	size_t size;
	_Alignas(NLMSG_ALIGNTO) uint8_t bytes[BATCH_SIZE];
	int error;
};

static struct nl_msg *new_message(int type, int flags, uint8_t family, uint16_t resource)
{
	struct nfgenmsg body = {
		.nfgen_family = family,
		.version = NFNETLINK_V0,
		.res_id = htons(resource),
	};
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (message && nlmsg_append(message, &body, sizeof(body), NLMSG_ALIGNTO) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

/* Appends the message, and frees it. The size of every message is known when it is written here, so
 * the batch has room. */
static void append(struct batch *batch, struct nl_sock *socket, struct nl_msg *message)
{
	struct nlmsghdr *header = message ? nlmsg_hdr(message) : NULL;

	if (!header) {
		batch->error = -ENOMEM;
	} else {
		assert(batch->size + NLMSG_ALIGN(header->nlmsg_len) <= sizeof(batch->bytes));
		header->nlmsg_pid = nl_socket_get_local_port(socket);
		header->nlmsg_seq = nl_socket_use_seq(socket);
		memcpy(batch->bytes + batch->size, header, header->nlmsg_len);
		batch->size += NLMSG_ALIGN(header->nlmsg_len);
	}
	nlmsg_free(message);
}

static struct nl_msg *table_message(uint8_t family)
{
	struct nl_msg *message =
		new_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NLM_F_CREATE, family, 0);

	if (message && nla_put_string(message, NFTA_TABLE_NAME, TABLE) == 0 &&
	    nla_put_u32(message, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER)) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

static struct nl_msg *chain_message(uint8_t family, const char *name, uint32_t hook)
{
	struct nl_msg *message = new_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN,
					     NLM_F_CREATE | NLM_F_ACK, family, 0);
	struct nlattr *nest;

	if (message && nla_put_string(message, NFTA_CHAIN_TABLE, TABLE) == 0 &&
	    nla_put_string(message, NFTA_CHAIN_NAME, name) == 0 &&
	    nla_put_string(message, NFTA_CHAIN_TYPE, "nat") == 0 &&
	    (nest = nla_nest_start(message, NFTA_CHAIN_HOOK)) &&
	    nla_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(hook)) == 0 &&
	    nla_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)PRIORITY_DESTINATION)) == 0 &&
	    nla_nest_end(message, nest) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

/* A rule that looks up the connection and does nothing: it makes the kernel track connections. */
static struct nl_msg *rule_message(uint8_t family, const char *chain)
{
	struct nl_msg *message = new_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE,
					     NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, family, 0);
	struct nlattr *list, *element, *data;

	if (message && nla_put_string(message, NFTA_RULE_TABLE, TABLE) == 0 &&
	    nla_put_string(message, NFTA_RULE_CHAIN, chain) == 0 &&
	    (list = nla_nest_start(message, NFTA_RULE_EXPRESSIONS)) &&
	    (element = nla_nest_start(message, NFTA_LIST_ELEM)) &&
	    nla_put_string(message, NFTA_EXPR_NAME, "ct") == 0 &&
	    (data = nla_nest_start(message, NFTA_EXPR_DATA)) &&
	    nla_put_u32(message, NFTA_CT_DREG, htonl(NFT_REG_1)) == 0 &&
	    nla_put_u32(message, NFTA_CT_KEY, htonl(NFT_CT_STATE)) == 0 &&
	    nla_nest_end(message, data) == 0 && nla_nest_end(message, element) == 0 &&
	    nla_nest_end(message, list) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

/* The first error of the answers, or 0 after the last acknowledgement. */
static int take_answers(struct nl_sock *socket, unsigned count)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t bytes[BATCH_SIZE];

	while (count > 0) {
		ssize_t size = recv(nl_socket_get_fd(socket), bytes, sizeof(bytes), 0);
		const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)bytes;
		int left = (int)size;

		if (size < 0)
			return -errno;
		for (; nlmsg_ok(header, left) && count > 0;
		     header = nlmsg_next((struct nlmsghdr *)(uintptr_t)header, &left)) {
			const struct nlmsgerr *answer = nlmsg_data(header);

			if (header->nlmsg_type != NLMSG_ERROR)
				continue;
			if (answer->error < 0)
				return answer->error;
			count--;
		}
	}
	return 0;
}

int nft_keep(struct nl_sock *socket)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	struct batch batch = {0};
	unsigned answers = 0;

	append(&batch, socket,
	       new_message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	for (size_t i = 0; i < sizeof(families); i++) {
		append(&batch, socket, table_message(families[i]));
		append(&batch, socket,
		       chain_message(families[i], "prerouting", NF_INET_PRE_ROUTING));
		append(&batch, socket, chain_message(families[i], "output", NF_INET_LOCAL_OUT));
		append(&batch, socket, rule_message(families[i], "prerouting"));
		answers += 3;
	}
	append(&batch, socket, new_message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	if (batch.error < 0)
		return batch.error;
	if (send(nl_socket_get_fd(socket), batch.bytes, batch.size, 0) < 0)
		return -errno;
	return take_answers(socket, answers);
}
