/* SPDX-License-Identifier: Apache-2.0 */
#include "os/vrid_lock.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/netlink.h"

#define SYSTEM_UID_MAX 999 /* SYS_UID_MAX of login.defs(5) */

/* For the user who has taken a name. */
struct search {
	const char *name; /* begins with a zero byte */
	size_t size;
	bool found;
	uint32_t uid;
};

/* The address of the lock; its name has no end but that of the address. */
static socklen_t address_of(int ifindex, enum addr_family family, uint8_t vrid,
			    struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int size = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "cpvrrp/%d/%s/%u",
			    ifindex, addr_family_name(family), (unsigned)vrid);

	assert(ifindex > 0 && vrid > 0);
	*ret_address = address;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
}

static int take_socket(void *context, struct nl_msg *message)
{
	struct search *search = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct nlattr *name, *uid;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    !nlmsg_valid_hdr(header, sizeof(struct unix_diag_msg)))
		return 0;
	name = nlmsg_find_attr(header, sizeof(struct unix_diag_msg), UNIX_DIAG_NAME);
	uid = nlmsg_find_attr(header, sizeof(struct unix_diag_msg), UNIX_DIAG_UID);
	if (!name || !uid || (size_t)nla_len(name) != search->size ||
	    memcmp(nla_data(name), search->name, search->size) != 0)
		return 0;
	search->found = true;
	search->uid = nla_get_u32(uid);
	return 0;
}

/* SO_PEERCRED would take a connection, which Landlock refuses to abstract sockets of others. */
static int look_for(struct search *search)
{
	struct unix_diag_req request = {
		.sdiag_family = AF_UNIX,
		.udiag_states = UINT32_MAX,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_UID,
	};
	struct netlink *netlink;
	struct nl_msg *message;
	int error = netlink_new_diag(&netlink);

	if (error < 0)
		return error;
	error = netlink_message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request),
				&message);
	if (error == 0)
		error = netlink_ask(netlink, message, take_socket, search);
	netlink_free(netlink);
	return error;
}

/* Whether the name is that of a daemon. */
static bool is_lock(const struct sockaddr_un *address, socklen_t size)
{
	struct search search = {
		.name = address->sun_path,
		.size = size - offsetof(struct sockaddr_un, sun_path),
	};

	return look_for(&search) == 0 && search.found &&
	       (search.uid == geteuid() || search.uid <= SYSTEM_UID_MAX);
}

int vrid_lock(int ifindex, enum addr_family family, uint8_t vrid, int *ret_fd)
{
	struct sockaddr_un address;
	socklen_t size = address_of(ifindex, family, vrid, &address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, size) == 0) {
		*ret_fd = fd;
		return 0;
	}
	error = -errno;
	close(fd);
	if (error == -EADDRINUSE && !is_lock(&address, size))
		error = -EPERM;
	return error;
}
