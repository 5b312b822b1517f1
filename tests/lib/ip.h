/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CPVRRP_TESTS_IP_H
#define CPVRRP_TESTS_IP_H

#include <check.h>

#include "core/addr.h"

/* The address that the text is; a test whose text is none fails. */
static inline struct addr ip(const char *text)
{
	struct addr addr = {.family = ADDR_FAMILY_IPV4};

	ck_assert_msg(addr_parse(text, &addr), "%s is no address", text);
	return addr;
}

#endif
