/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/checksum.h"
#include "core/neigh.h"
#include "unit.h"

static const uint8_t mac[NEIGH_MAC_SIZE] = {0x02, 0x00, 0x5e, 0x10, 0x00, 0x01};

static void check_arp(enum neigh_form form, const uint8_t expected[42])
{
	uint8_t frame[NEIGH_FRAME_MAX];
	struct addr vip;

	memset(frame, 0xa5, sizeof(frame));
	addr_parse("192.0.2.100", &vip);
	ck_assert_uint_eq(neigh_arp(frame, mac, &vip, form), 42);
	ck_assert_mem_eq(frame, expected, 42);
}

/* RFC 826, RFC 5227 2.3: a request whose sender and target are the address itself. */
START_TEST(arp_request)
{
	static const uint8_t expected[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* to everybody */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* from us */
		0x08, 0x06,			    /* ARP */
		0x00, 0x01, 0x08, 0x00, 0x06, 0x04, /* Ethernet, IPv4 and their sizes */
		0x00, 0x01,			    /* request */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* sender */
		0xc0, 0x00, 0x02, 0x64,		    /* sender address */
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* target: RFC 5227 2.1.1, all zeroes */
		0xc0, 0x00, 0x02, 0x64,		    /* target address */
	};

	check_arp(NEIGH_FORM_ARP_REQUEST, expected);
}
END_TEST

START_TEST(arp_reply)
{
	static const uint8_t expected[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* to everybody */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* from us */
		0x08, 0x06,			    /* ARP */
		0x00, 0x01, 0x08, 0x00, 0x06, 0x04, /* Ethernet, IPv4 and their sizes */
		0x00, 0x02,			    /* reply */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* sender */
		0xc0, 0x00, 0x02, 0x64,		    /* sender address */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* target: ourselves */
		0xc0, 0x00, 0x02, 0x64,		    /* target address */
	};

	check_arp(NEIGH_FORM_ARP_REPLY, expected);
}
END_TEST

static void check_na(bool router, uint8_t flags, uint8_t checksum_high, uint8_t checksum_low)
{
	/* RFC 2464, RFC 8200 3, RFC 4861 4.4 and 4.6.1 */
	const uint8_t expected[86] = {
		0x33,  0x33,	      0x00,	    0x00, 0x00, 0x01, /* ff02::1 */
		0x02,  0x00,	      0x5e,	    0x10, 0x00, 0x01, /* from us */
		0x86,  0xdd,					      /* IPv6 */
		0x60,  0x00,	      0x00,	    0x00,	      /* version, class, flow */
		0x00,  0x20,	      0x3a,	    0xff, /* 32 bytes, ICMPv6, 255 hops */
		0xfe,  0x80,	      0x00,	    0x00, 0x00, 0x00, 0x00, 0x00, /* source */
		0x00,  0x00,	      0x5e,	    0xff, 0xfe, 0x10, 0x00, 0x01, 0xff,
		0x02,  0x00,	      0x00,	    0x00, 0x00, 0x00, 0x00, /* destination */
		0x00,  0x00,	      0x00,	    0x00, 0x00, 0x00, 0x00, 0x01, 0x88,
		0x00,  checksum_high, checksum_low, /* Neighbor Advertisement */
		flags, 0x00,	      0x00,	    0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00,
		0x00,  0x00,	      0x00, /* target */
		0x00,  0x00,	      0x00,	    0x00, 0x00, 0x00, 0x00, 0x64, 0x02,
		0x01,  0x02,	      0x00,	    0x5e, 0x10, 0x00, 0x01, /* its link-layer
									       address */
	};
	uint8_t frame[NEIGH_FRAME_MAX];
	struct addr source, vip;

	memset(frame, 0xa5, sizeof(frame));
	addr_parse("fe80::5eff:fe10:1", &source);
	addr_parse("2001:db8::64", &vip);
	ck_assert_uint_eq(neigh_na(frame, mac, &source, &vip, router), 86);
	ck_assert_mem_eq(frame, expected, 86);
}

/*
 * The checksum by hand. Pseudo-header: fe80 + 5eff + fe10 + 1 + ff02 + 1 + 20 + 3a = 35aed.
 * Message: 8800 + 2000 + 2001 + db8 + 64 + 201 + 200 + 5e10 + 1 = 1382f. Together 4931c, folded
 * 9320, inverted 6cdf. The R flag adds 8000: 1320 + 1, inverted ecde.
 */
START_TEST(na_of_a_host)
{
	check_na(false, 0x20, 0x6c, 0xdf);
}
END_TEST

START_TEST(na_of_a_router)
{
	check_na(true, 0xa0, 0xec, 0xde);
}
END_TEST

/* RFC 826: a request of the address for another one, so that it is not gratuitous. */
START_TEST(arp_question)
{
	static const uint8_t expected[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* to everybody */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* from us */
		0x08, 0x06,			    /* ARP */
		0x00, 0x01, 0x08, 0x00, 0x06, 0x04, /* Ethernet, IPv4 and their sizes */
		0x00, 0x01,			    /* request */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* sender */
		0xc0, 0x00, 0x02, 0x64,		    /* sender address */
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* target: not known */
		0xc0, 0x00, 0x02, 0xfe,		    /* target address */
	};
	uint8_t frame[NEIGH_FRAME_MAX];
	struct addr vip, gateway;

	addr_parse("192.0.2.100", &vip);
	addr_parse("192.0.2.254", &gateway);
	ck_assert_uint_eq(neigh_arp_question(frame, mac, &vip, &gateway), sizeof(expected));
	ck_assert_mem_eq(frame, expected, sizeof(expected));
}
END_TEST

/* RFC 4861 4.3 and 7.2.2, RFC 4291 2.7.1. */
START_TEST(ns)
{
	static const uint8_t head[] = {
		0x33, 0x33, 0xff, 0x00, 0x02, 0x54, /* the solicited-node group of the target */
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, /* from us */
		0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, /* IPv6 */
		0x00, 0x20, 0x3a, 0xff,		    /* ICMPv6, hop limit 255 */
	};
	static const uint8_t option[] = {0x01, 0x01, 0x02, 0x00, 0x5e, 0x10, 0x00, 0x01};
	uint8_t frame[NEIGH_FRAME_MAX];
	struct addr vip, gateway, group;

	addr_parse("2001:db8::100", &vip);
	addr_parse("fe80::254", &gateway);
	addr_parse("ff02::1:ff00:254", &group);
	ck_assert_uint_eq(neigh_ns(frame, mac, &vip, &gateway), 86);
	ck_assert_mem_eq(frame, head, sizeof(head));
	ck_assert_mem_eq(frame + 22, vip.bytes, 16);
	ck_assert_mem_eq(frame + 38, group.bytes, 16);
	ck_assert_uint_eq(frame[54], 135);
	ck_assert_mem_eq(frame + 62, gateway.bytes, 16);
	ck_assert_mem_eq(frame + 78, option, sizeof(option));
	/* The checksum over itself is 0. */
	ck_assert_uint_eq(checksum_finish(checksum_add(checksum_add_pseudo(0, &vip, &group, 58, 32),
						       frame + 54, 32)),
			  0);

	/* RFC 4861 4.3: from :: without the option. */
	vip = (struct addr){.family = ADDR_FAMILY_IPV6};
	ck_assert_uint_eq(neigh_ns(frame, mac, &vip, &gateway), 78);
	ck_assert_uint_eq(frame[19], 24);
	ck_assert_mem_eq(frame + 22, vip.bytes, 16);
	ck_assert_mem_eq(frame + 62, gateway.bytes, 16);
	ck_assert_uint_eq(checksum_finish(checksum_add(checksum_add_pseudo(0, &vip, &group, 58, 24),
						       frame + 54, 24)),
			  0);
}
END_TEST

/* A packet of ours is a claim of ours; a probe, or anything else, is none. */
START_TEST(arp_claims)
{
	uint8_t frame[NEIGH_FRAME_MAX];
	struct neigh_claim claim;
	struct addr vip, any = {.family = ADDR_FAMILY_IPV4};
	static const struct {
		size_t offset;
		uint8_t value;
	} wrong[] = {{1, 6}, {2, 0x86}, {4, 8}, {5, 16}, {7, 3}, {6, 1}};

	addr_parse("192.0.2.100", &vip);
	for (unsigned form = 0; form < 2; form++) {
		size_t size = neigh_arp(frame, mac, &vip, (enum neigh_form)form) - 14;

		ck_assert(neigh_arp_claim(frame + 14, size, &claim));
		ck_assert(addr_equal(&claim.address, &vip));
		ck_assert_mem_eq(claim.mac, mac, sizeof(mac));
		for (size_t cut = 0; cut < 18; cut++)
			ck_assert(!neigh_arp_claim(frame + 14, cut, &claim));
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			uint8_t *byte = frame + 14 + wrong[i].offset;
			uint8_t right = *byte;

			*byte = wrong[i].value;
			ck_assert(!neigh_arp_claim(frame + 14, size, &claim));
			*byte = right;
		}
	}
	neigh_arp(frame, mac, &any, NEIGH_FORM_ARP_REQUEST);
	ck_assert(!neigh_arp_claim(frame + 14, 28, &claim));
}
END_TEST

/* RFC 4861 4.4: without the option it does not say where the address is. */
START_TEST(na_claims)
{
	uint8_t frame[NEIGH_FRAME_MAX];
	uint8_t *na = frame + 54;
	struct neigh_claim claim;
	struct addr source, vip;

	addr_parse("fe80::1", &source);
	addr_parse("2001:db8::100", &vip);
	neigh_na(frame, mac, &source, &vip, false);
	ck_assert(neigh_na_claim(na, 32, &claim));
	ck_assert(addr_equal(&claim.address, &vip));
	ck_assert_mem_eq(claim.mac, mac, sizeof(mac));
	for (size_t cut = 0; cut < 32; cut++)
		ck_assert(!neigh_na_claim(na, cut, &claim));
	na[25] = 0; /* an option of length 0 */
	ck_assert(!neigh_na_claim(na, 32, &claim));
	na[25] = 2; /* longer than the packet */
	ck_assert(!neigh_na_claim(na, 32, &claim));
	na[25] = 1;
	na[24] = 1; /* Source Link-Layer Address */
	ck_assert(!neigh_na_claim(na, 32, &claim));
	na[24] = 2;
	na[0] = 135; /* Neighbor Solicitation */
	ck_assert(!neigh_na_claim(na, 32, &claim));
}
END_TEST

Suite *suite_neigh(void)
{
	Suite *suite = suite_create("neigh");
	TCase *tcase = tcase_create("neigh");

	tcase_add_test(tcase, arp_request);
	tcase_add_test(tcase, arp_reply);
	tcase_add_test(tcase, na_of_a_host);
	tcase_add_test(tcase, na_of_a_router);
	tcase_add_test(tcase, arp_question);
	tcase_add_test(tcase, ns);
	tcase_add_test(tcase, arp_claims);
	tcase_add_test(tcase, na_claims);
	suite_add_tcase(suite, tcase);
	return suite;
}
