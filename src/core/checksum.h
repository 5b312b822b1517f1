/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071) and the pseudo-headers of IPv4 (RFC 793 3.1) and IPv6 (RFC
 * 8200 8.1). A running sum starts at 0; only the last piece added to it may have an odd size.
 */
#ifndef CPVRRP_CORE_CHECKSUM_H
#define CPVRRP_CORE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

uint32_t checksum_add(uint32_t sum, const void *data, size_t size);

/* The pseudo-header for `size` bytes of upper-layer data; source and destination are of one family.
 */
uint32_t checksum_add_pseudo(uint32_t sum, const struct addr *source,
			     const struct addr *destination, uint8_t protocol, size_t size);

/* The value of the checksum field, host order; 0 when the sum covers data whose checksum field is
 * right. */
uint16_t checksum_finish(uint32_t sum);

#endif
