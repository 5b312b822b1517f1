/* SPDX-License-Identifier: Apache-2.0 */
#include "os/announce.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/neigh.h"

struct announce {
	int fd;
};

/* The socket is for sending. Nothing that gets hold of the process can listen with it: the filter
 * lets nothing in and cannot be taken off. */
static int deafen(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog filter = {.len = 1, .filter = &drop};
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

int announce_new(struct announce **ret_announce)
{
	struct announce *announce = calloc(1, sizeof(*announce));
	int error;

	if (!announce)
		return -ENOMEM;
	/* Protocol 0 receives nothing either, until it is bound to another one. */
	announce->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	error = announce->fd < 0 ? -errno : deafen(announce->fd);
	if (error < 0) {
		announce_free(announce);
		return error;
	}
	*ret_announce = announce;
	return 0;
}

void announce_free(struct announce *announce)
{
	if (!announce)
		return;
	if (announce->fd >= 0)
		close(announce->fd);
	free(announce);
}

/* The interface's present name and hardware address. */
static int read_hardware(int fd, int ifindex, struct ifreq *ret_request)
{
	struct ifreq request = {.ifr_ifindex = ifindex};

	if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	*ret_request = request;
	return 0;
}

/* The R flag of a Neighbor Advertisement says whether the node is a router (RFC 4861 4.4). Linux
 * takes a node for a router on an interface whose forwarding setting is not 0. */
static bool is_router(const char *name)
{
	char path[sizeof("/proc/sys/net/ipv6/conf//forwarding") + IFNAMSIZ];
	FILE *file;
	int value;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%.*s/forwarding", IFNAMSIZ, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	value = getc(file);
	fclose(file);
	return value != EOF && value != '0';
}

static int send_frame(int fd, int ifindex, const uint8_t *frame, size_t size)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};

	assert(size > ETHER_HDR_LEN && size <= NEIGH_FRAME_MAX);
	/* Queueing disciplines look at the Ethernet type here. */
	memcpy(&to.sll_protocol, frame + offsetof(struct ether_header, ether_type),
	       sizeof(to.sll_protocol));
	if (sendto(fd, frame, size, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

/* Sends both forms, as neighbours differ in which one they learn from (RFC 5227 3). The first error
 * counts, after both have been tried. */
static int send_arp(int fd, int ifindex, const uint8_t mac[NEIGH_MAC_SIZE],
		    const struct addr *address)
{
	static const enum neigh_form forms[] = {NEIGH_FORM_ARP_REQUEST, NEIGH_FORM_ARP_REPLY};
	uint8_t frame[NEIGH_FRAME_MAX];
	int error = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t size = neigh_arp(frame, mac, address, forms[i]);
		int sent = send_frame(fd, ifindex, frame, size);

		if (error == 0)
			error = sent;
	}
	return error;
}

int announce_send(struct announce *announce, int ifindex, const struct addr *source,
		  const struct addr *address)
{
	uint8_t frame[NEIGH_FRAME_MAX];
	uint8_t mac[NEIGH_MAC_SIZE];
	struct ifreq hardware;
	int error = read_hardware(announce->fd, ifindex, &hardware);
	size_t size;

	if (error < 0)
		return error;
	memcpy(mac, hardware.ifr_hwaddr.sa_data, sizeof(mac));
	switch (address->family) {
	case ADDR_FAMILY_IPV4:
		return send_arp(announce->fd, ifindex, mac, address);
	case ADDR_FAMILY_IPV6:
		size = neigh_na(frame, mac, source, address, is_router(hardware.ifr_name));
		return send_frame(announce->fd, ifindex, frame, size);
	}
	return 0;
}
