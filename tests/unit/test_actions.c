/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when an action cannot be carried out (rules ORDER, LEASE and SOCKETS FIRST), and the
 * copies of an advert that unicast sends. */
#include <string.h>

#include "core/engine.h"
#include "unit.h"
#include "world.h"

/* ---- Actions that fail ---- */

/* ORDER: no router claims the role without holding the address. */
START_TEST(failed_add_keeps_the_router_from_the_role)
{
	start_backup();
	w.io.add_fails = true;
	turn(ACTIVE_AT);
	ck_assert_uint_eq(w.io.sent_count, 0);
	ck_assert_ptr_null(strstr(w.log, "ANNOUNCE"));
	ck_assert_ptr_null(strstr(w.log, "Active"));
	ck_assert_ptr_nonnull(strstr(take(), "NOTIFY(Initialize add_failed)"));
	ck_assert_uint_eq(find(10)->counters.add_failures, 1);
	ck_assert_int_eq(engine_deadline(&w.engine).us, ACTIVE_AT + SECOND_US);

	/* Another change of the interface does not make the retry come sooner. */
	assign("10.0.0.50", 24);
	turn(ACTIVE_AT + 1000);
	ck_assert_str_eq(take(), "");

	w.io.add_fails = false;
	turn(ACTIVE_AT + SECOND_US);
	ck_assert_str_eq(take(), "NOTIFY(Backup recovered)");
	run(ACTIVE_AT + SECOND_US + DOWN);
	ck_assert_str_eq(take(), "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down)");
}
END_TEST

/* A fault of the interface takes the place of the failed addition, and heals as ever. */
START_TEST(fault_of_the_interface_after_a_failed_add)
{
	start_backup();
	w.io.add_fails = true;
	turn(ACTIVE_AT);
	take();
	link_down();
	netlink();
	ck_assert_str_eq(take(), "NOTIFY(Initialize link_down)");
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	w.io.up = true;
	netlink();
	ck_assert_str_eq(take(), "NOTIFY(Backup recovered)");
}
END_TEST

START_TEST(failed_renewal_is_no_reason_to_leave)
{
	start_active();
	run(ACTIVE_AT + 2 * SECOND_US - 1);
	take();
	w.io.add_fails = true;
	run(ACTIVE_AT + 2 * SECOND_US);
	/* The lease still runs, and there will be another refresh before its end. */
	ck_assert_str_eq(take(), "ADD! ANNOUNCE SEND(200)");
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.add_failures, 0);

	/* The address was not refreshed in time: the Backups need not wait. */
	unassign("10.10.10.10");
	netlink();
	timers(true);
	ck_assert_str_eq(take(), "ADD! SEND(0) REMOVE(10.10.10.10) NOTIFY(Initialize add_failed)");
}
END_TEST

/* SOCKETS FIRST: the claim of an Active that cannot send expires as if it were silent. Alone it
 * keeps the role: nobody would take it. */
START_TEST(active_that_cannot_send_yields_when_its_claim_has_expired)
{
	start_active();
	w.io.send_fails = true;
	run(ACTIVE_AT + 2 * SECOND_US);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.send_failures, 2);
	ck_assert_uint_eq(find(10)->counters.adverts_sent, 1);
	run(ACTIVE_AT + 5 * SECOND_US);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	take();
	/* Another one took over from a router that it does not hear. */
	hear(ACTIVE_AT + 5 * SECOND_US + 100 * MILLISECOND_US, 3, 180);
	ck_assert_str_eq(take(), "REMOVE(10.10.10.10) NOTIFY(Backup claim_expired)");
}
END_TEST

/* Active_Down_Interval after the last advert on the wire, and not sooner, however many have failed
 * before. */
START_TEST(claim_expires_active_down_interval_after_the_last_advert)
{
	start_active();
	for (int i = 0; i < 2; i++) {
		int64_t us = ACTIVE_AT + 10 * i * SECOND_US;

		run(us + SECOND_US);
		w.io.send_fails = true;
		run(us + 4 * SECOND_US);
		take();
		hear(us + SECOND_US + DOWN - 1, 3, 180);
		ck_assert_str_eq(take(), "SEND!(200)");
		ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
		w.io.send_fails = false;
		run(us + 5 * SECOND_US);
	}
	w.io.send_fails = true;
	run(ACTIVE_AT + 18 * SECOND_US);
	hear(ACTIVE_AT + 15 * SECOND_US + DOWN, 3, 180);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* ANNOUNCE: until an advert is on the wire another router may be Active, so nothing that provokes
 * an announcement makes one. */
START_TEST(active_whose_claim_has_expired_does_not_announce)
{
	start_active();
	w.io.send_fails = true;
	run(ACTIVE_AT + 4 * SECOND_US);
	take();
	run(ACTIVE_AT + 6 * SECOND_US);
	ck_assert_str_eq(take(), "ADD SEND!(200) ADD SEND!(200)");
	/* The schedule's, a lost address, another primary address, a reload. */
	unassign("10.10.10.10");
	w.io.mac[5]++;
	netlink();
	replace_first("10.0.0.7");
	netlink();
	w.conf->announce_refresh_s = 1;
	configure(w.now.us);
	run(ACTIVE_AT + 8 * SECOND_US);
	ck_assert_ptr_null(strstr(take(), "ANNOUNCE"));
	ck_assert(has("10.10.10.10"));

	w.io.send_fails = false;
	run(ACTIVE_AT + 9 * SECOND_US);
	ck_assert_str_eq(take(), "ADD SEND(200) ANNOUNCE");
}
END_TEST

/* After a freeze, adverts are read that were sent long ago. A sender that has recovered
 * answers as soon as an advert of its own is on the wire, and yields before. */
START_TEST(recovered_sender_answers)
{
	bool said = _i == 1;

	start_active();
	w.io.send_fails = true;
	run(ACTIVE_AT + 5 * SECOND_US);
	w.io.send_fails = false;
	if (said)
		run(ACTIVE_AT + 6 * SECOND_US);
	take();
	hear(ACTIVE_AT + 6 * SECOND_US + 100 * MILLISECOND_US, 3, 180);
	ck_assert_str_eq(take(), said ? "SEND(200) ANNOUNCE"
				      : "REMOVE(10.10.10.10) NOTIFY(Backup claim_expired)");
}
END_TEST

/* To a better one it yields as ever, heard or not, while its claim lasts. */
START_TEST(active_that_cannot_send_yields_to_a_better_one)
{
	bool expired = _i == 1;

	start_active();
	w.io.send_fails = true;
	run(ACTIVE_AT + (expired ? 5 : 2) * SECOND_US);
	take();
	hear(w.now.us + 100 * MILLISECOND_US, 3, 220);
	ck_assert_str_eq(take(),
			 expired ? "REMOVE(10.10.10.10) NOTIFY(Backup claim_expired)"
				 : "SEND!(1) REMOVE(10.10.10.10) NOTIFY(Backup higher_priority)");
}
END_TEST

/* Each advert that gets through renews the claim. */
START_TEST(adverts_that_fail_now_and_then_do_not_end_the_claim)
{
	start_active();
	for (int i = 1; i < 10; i++) {
		w.io.send_fails = i % 3 != 0;
		run(ACTIVE_AT + i * SECOND_US);
		ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
		ck_assert(!vrrp_claim_expired(&find(10)->vrrp, w.now));
	}
	ck_assert_uint_eq(find(10)->counters.send_failures, 6);
}
END_TEST

/* An answer that does not get out is no claim; one that does counts from then. */
START_TEST(only_adverts_on_the_wire_count)
{
	const struct vrrp *vr;

	start_active();
	vr = &find(10)->vrrp;
	w.io.send_fails = true;
	hear(ACTIVE_AT + 300 * MILLISECOND_US, 3, 180);
	ck_assert_int_eq(vr->said.at.us, ACTIVE_AT);
	w.io.send_fails = false;
	hear(ACTIVE_AT + 400 * MILLISECOND_US, 3, 180);
	ck_assert_int_eq(vr->said.at.us, ACTIVE_AT + 400 * MILLISECOND_US);
	ck_assert_uint_eq(vr->said.priority, 200);
	ck_assert_uint_eq(vr->said.interval_cs, 100);
}
END_TEST

/* ---- Unicast ---- */

START_TEST(unicast_sends_a_copy_to_each_peer)
{
	static const char *const destinations[] = {"10.0.0.1", "10.0.0.3"};

	add_unicast();
	start_engine();
	run(ACTIVE_AT);
	ck_assert_uint_eq(w.io.sent_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_addr_eq(w.io.sent[i].destination, destinations[i]);
		ck_assert_addr_eq(w.io.sent[i].source, "10.0.0.2");
		ck_assert_int_eq(decode(&w.io.sent[i]).checksum, ADVERT_CHECKSUM_RFC9568);
	}
	ck_assert_uint_eq(find(10)->counters.adverts_sent, 1);
	hear(ACTIVE_AT + 1000, 3, 220);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* HANDOVER: every peer hears that nobody is Active any more. */
START_TEST(unicast_priority_zero_goes_to_each_peer)
{
	add_unicast();
	start_engine();
	run(ACTIVE_AT);
	shut_down();
	w.io.sent_count = 0;
	shut_down();
	ck_assert_uint_eq(w.io.sent_count, 2);
	ck_assert_uint_eq(w.io.sent[0].priority, PRIORITY_STOP);
	ck_assert_addr_eq(w.io.sent[0].destination, "10.0.0.1");
	ck_assert_uint_eq(w.io.sent[1].priority, PRIORITY_STOP);
	ck_assert_addr_eq(w.io.sent[1].destination, "10.0.0.3");
}
END_TEST

/* The pseudo-header holds the destination. */
START_TEST(unicast_checksum_rfc5798_fits_each_peer)
{
	add_unicast()->checksum = ADVERT_CHECKSUM_RFC5798;
	start_engine();
	run(ACTIVE_AT);
	ck_assert_uint_eq(w.io.sent_count, 2);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(decode(&w.io.sent[i]).checksum, ADVERT_CHECKSUM_RFC5798);
}
END_TEST

START_TEST(multicast_checksum_rfc5798)
{
	add_apiserver()->checksum = ADVERT_CHECKSUM_RFC5798;
	start_engine();
	run(ACTIVE_AT);
	ck_assert_int_eq(decode(last_sent()).checksum, ADVERT_CHECKSUM_RFC5798);
}
END_TEST

START_TEST(unicast_ipv6)
{
	struct conf_instance *instance = add_instance("apiserver", 10);

	assign("fe80::2", 64);
	assign("2001:db8::9", 64);
	assign("2001:db8::2", 64);
	add_vip(instance, "2001:db8::100");
	add_peer(instance, "2001:db8::1");
	add_peer(instance, "2001:db8::2");
	start_engine();
	ck_assert_addr_eq(find6(10)->vrrp.primary, "2001:db8::2");
	run(ACTIVE_AT);
	ck_assert_uint_eq(w.io.sent_count, 1);
	ck_assert_addr_eq(w.io.sent[0].destination, "2001:db8::1");
	ck_assert_addr_eq(w.io.sent[0].source, "2001:db8::2");
}
END_TEST

/* Peers of the carried family get no copy: the advert is of the elected one. */
START_TEST(unicast_dual_stack)
{
	struct conf_instance *instance = add_unicast();

	assign("fe80::2", 64);
	assign("2001:db8::2", 64);
	add_vip(instance, "2001:db8::100");
	add_peer(instance, "2001:db8::1");
	add_peer(instance, "2001:db8::2");
	start_engine();
	ck_assert_uint_eq(find(10)->settings.peer_count, 3);
	ck_assert_addr_eq(find(10)->vrrp.primary, "10.0.0.2");
	run(ACTIVE_AT);
	ck_assert_uint_eq(w.io.sent_count, 2);
	ck_assert_addr_eq(w.io.sent[0].destination, "10.0.0.1");
	ck_assert_addr_eq(w.io.sent[1].destination, "10.0.0.3");
}
END_TEST

/* An advert is sent if any copy is, whichever it is. */
START_TEST(unicast_advert_is_sent_if_any_copy_is)
{
	static const char *const unreachable[] = {"10.0.0.1", "10.0.0.3"};

	for (size_t i = 0; i < COUNT(unreachable); i++) {
		tear_down();
		set_up();
		add_unicast();
		w.io.unreachable = ip(unreachable[i]);
		start_engine();
		run_active();
		ck_assert_uint_eq(find(10)->counters.adverts_sent, 1);
		ck_assert_uint_eq(find(10)->counters.send_failures, 0);
	}
	w.io.send_fails = true;
	run(ACTIVE_AT + SECOND_US);
	ck_assert_uint_eq(find(10)->counters.adverts_sent, 1);
	ck_assert_uint_eq(find(10)->counters.send_failures, 1);
}
END_TEST

/* A list of one node, and one peer that cannot be reached: no reason to give up the role, and no
 * end of the claim. */
START_TEST(unicast_without_anybody_to_hear_it)
{
	add_peer(add_apiserver(), "10.0.0.2");
	start_engine();
	run_active();
	run(ACTIVE_AT + 10 * SECOND_US);
	ck_assert_uint_eq(w.io.sent_count, 0);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(find(10)->counters.adverts_sent, 11);
	ck_assert_uint_eq(find(10)->counters.send_failures, 0);
	ck_assert(!vrrp_claim_expired(&find(10)->vrrp, w.now));

	tear_down();
	set_up();
	add_unicast();
	w.io.unreachable = ip("10.0.0.1");
	start_engine();
	run_active();
	run(ACTIVE_AT + 10 * SECOND_US);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_ACTIVE);
	ck_assert_ptr_nonnull(strstr(take(), "SEND!(200) SEND(200)"));
	ck_assert(!vrrp_claim_expired(&find(10)->vrrp, w.now));
}
END_TEST

static void add_failures(Suite *suite)
{
	TCase *tcase = tcase_create("actions that fail");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, failed_add_keeps_the_router_from_the_role);
	tcase_add_test(tcase, fault_of_the_interface_after_a_failed_add);
	tcase_add_test(tcase, failed_renewal_is_no_reason_to_leave);
	tcase_add_test(tcase, active_that_cannot_send_yields_when_its_claim_has_expired);
	tcase_add_test(tcase, claim_expires_active_down_interval_after_the_last_advert);
	tcase_add_test(tcase, active_whose_claim_has_expired_does_not_announce);
	tcase_add_loop_test(tcase, recovered_sender_answers, 0, 2);
	tcase_add_loop_test(tcase, active_that_cannot_send_yields_to_a_better_one, 0, 2);
	tcase_add_test(tcase, adverts_that_fail_now_and_then_do_not_end_the_claim);
	tcase_add_test(tcase, only_adverts_on_the_wire_count);
	suite_add_tcase(suite, tcase);
}

static void add_unicast_tests(Suite *suite)
{
	TCase *tcase = tcase_create("unicast");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, unicast_sends_a_copy_to_each_peer);
	tcase_add_test(tcase, unicast_priority_zero_goes_to_each_peer);
	tcase_add_test(tcase, unicast_checksum_rfc5798_fits_each_peer);
	tcase_add_test(tcase, multicast_checksum_rfc5798);
	tcase_add_test(tcase, unicast_ipv6);
	tcase_add_test(tcase, unicast_dual_stack);
	tcase_add_test(tcase, unicast_advert_is_sent_if_any_copy_is);
	tcase_add_test(tcase, unicast_without_anybody_to_hear_it);
	suite_add_tcase(suite, tcase);
}

Suite *suite_actions(void)
{
	Suite *suite = suite_create("actions");

	add_failures(suite);
	add_unicast_tests(suite);
	return suite;
}
