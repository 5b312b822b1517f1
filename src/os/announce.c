/* SPDX-License-Identifier: Apache-2.0 */
#include "os/announce.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdbool.h>
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

int announce_new(struct announce **ret_announce)
{
	struct announce *announce = calloc(1, sizeof(*announce));
	int result;

	if (!announce)
		return -ENOMEM;
	/* Protocol 0 receives nothing. */
	announce->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (announce->fd < 0) {
		result = -errno;
		free(announce);
		return result;
	}
	*ret_announce = announce;
	return 0;
}

void announce_free(struct announce *announce)
{
	if (!announce)
		return;
	close(announce->fd);
	free(announce);
}

/* The name and the hardware address as they are now. */
static int announce_hardware(int fd, int ifindex, struct ifreq *ret_request)
{
	struct ifreq request = {.ifr_ifindex = ifindex};

	if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	*ret_request = request;
	return 0;
}

/* The R flag of a Neighbor Advertisement says whether the node is a router (RFC 4861 4.4); for
 * Linux the interface's forwarding setting does. */
static bool announce_is_router(const char *name)
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

static int announce_frame(int fd, int ifindex, const uint8_t *frame, size_t size)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};

	/* The Ethernet type, for the queueing disciplines. */
	memcpy(&to.sll_protocol, frame + 12, sizeof(to.sll_protocol));
	if (sendto(fd, frame, size, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

int announce_send(struct announce *announce, int ifindex, const struct addr *source,
		  const struct addr *address)
{
	static const enum neigh_form forms[] = {NEIGH_FORM_ARP_REQUEST, NEIGH_FORM_ARP_REPLY};
	uint8_t frame[NEIGH_FRAME_MAX];
	uint8_t mac[NEIGH_MAC_SIZE];
	struct ifreq hardware;
	size_t size;
	int result = announce_hardware(announce->fd, ifindex, &hardware);

	if (result < 0)
		return result;
	memcpy(mac, hardware.ifr_hwaddr.sa_data, sizeof(mac));
	switch (address->family) {
	case ADDR_FAMILY_IPV4:
		/* Neighbours differ in which form they learn from (RFC 5227 3). */
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
			int sent;

			size = neigh_arp(frame, mac, address, forms[i]);
			sent = announce_frame(announce->fd, ifindex, frame, size);
			if (result == 0)
				result = sent;
		}
		break;
	case ADDR_FAMILY_IPV6:
		size = neigh_na(frame, mac, source, address, announce_is_router(hardware.ifr_name));
		result = announce_frame(announce->fd, ifindex, frame, size);
		break;
	}
	return result;
}
