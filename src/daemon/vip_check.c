/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vip_check.h"

#include <stdio.h>

/* Whether all bits behind the prefix are zeros, or all are ones. */
static bool has_host_bits(const struct addr *address, unsigned prefix_length, bool ones)
{
	for (unsigned i = prefix_length; i < addr_bits(address->family); i++)
		if ((address->bytes[i / 8] >> (7 - i % 8) & 1) != ones)
			return false;
	return true;
}

/* What vip is to the prefix of an own address; NULL if it is one of its hosts. A prefix of one or
 * two addresses has hosts only (RFC 3021, RFC 6164). IPv6 has no broadcast; its network address is
 * that of all routers (RFC 4291 2.6.1). */
static const char *role_of(const struct addr *vip, const struct interface_address *own)
{
	unsigned bits = addr_bits(vip->family);
	unsigned length = own->prefix_length;

	if (length + 2 > bits || !addr_in_prefix(vip, &own->address, length))
		return NULL;
	if (has_host_bits(vip, length, false))
		return "the network address";
	return vip->family == ADDR_FAMILY_IPV4 && has_host_bits(vip, length, true)
		       ? "the broadcast address"
		       : NULL;
}

bool vip_check(const struct interface *interface, const struct addr *vip, char text[VIP_CHECK_SIZE])
{
	char vip_text[ADDR_TEXT_SIZE], own_text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *own = &interface->addresses[i];
		const char *role = role_of(vip, own);

		if (!role)
			continue;
		snprintf(text, VIP_CHECK_SIZE,
			 "%s cannot be a virtual address: it is %s of %s, %s/%u",
			 addr_format(vip, vip_text), role, interface->name,
			 addr_format(&own->address, own_text), own->prefix_length);
		return false;
	}
	return true;
}
