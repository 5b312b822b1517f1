/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules GROUP and DEAF: when a STATUS is due, and what the engine sends and takes. The group of the
 * engine's tests is "apiserver" of world.h; its other members are 10.0.0.HOST.
 */
#include "core/group.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "world.h"

/* ---- When a STATUS is due ---- */

static struct group group;
static struct group_status said;

static void set_up_group(void)
{
	group_init(&group);
	said = (struct group_status){
		.vrid = 10, .priority = 200, .interval_cs = MEMBER_INTERVAL_CS};
}

/* True if a STATUS was due, which is then sent. */
static bool ask(int64_t us)
{
	if (!group_is_due(&group, at(us), &said))
		return false;
	group_note_sent(&group, at(us), &said, true);
	return true;
}

START_TEST(due_every_second)
{
	ck_assert(instant_is_never(group.next));
	ck_assert(ask(T0));
	ck_assert(!ask(T0));
	ck_assert_int_eq(group.next.us, T0 + SECOND_US);
	ck_assert(!ask(T0 + SECOND_US - 1));
	ck_assert(ask(T0 + SECOND_US));
	ck_assert_uint_eq(group.counters.sent, 2);
}
END_TEST

START_TEST(due_at_once_after_a_change)
{
	ck_assert(ask(T0));
	said.priority = 116;
	ck_assert(ask(T0 + 1));
	ck_assert(!ask(T0 + 1));
	ck_assert_int_eq(group.next.us, T0 + 1 + SECOND_US);
}
END_TEST

/* Every field of the message is news. */
START_TEST(any_field_is_a_change)
{
	static const struct group_status none;
	struct group_status changed = none;

	ck_assert(group_status_equal(&changed, &none));
	switch (_i) {
	case 0:
		changed.vrid = 1;
		break;
	case 1:
		changed.priority = 1;
		break;
	case 2:
		changed.state = VRRP_STATE_ACTIVE;
		break;
	case 3:
		changed.balance = true;
		break;
	case 4:
		changed.leaving = true;
		break;
	case 5:
		changed.interval_cs = 1;
		break;
	case 6:
		changed.port = 1;
		break;
	case 7:
		changed.mac[5] = 1;
		break;
	case 8:
		changed.digest = 1;
		break;
	case 9:
		changed.other.bytes[0] = 1;
		break;
	case 10:
		changed.heard_count = 1;
		break;
	}
	ck_assert(!group_status_equal(&changed, &none));
}
END_TEST

/* GROUP_BURST at once, then one every GROUP_SPACING_US. */
START_TEST(changes_are_damped)
{
	unsigned sent = 0;

	for (int i = 0; i < 3 * GROUP_BURST; i++) {
		said.priority ^= 1;
		sent += ask(T0);
	}
	ck_assert_uint_eq(sent, GROUP_BURST);
	said.priority ^= said.priority == group.said.priority;
	ck_assert_int_eq(group.next.us, T0 + GROUP_SPACING_US);
	ck_assert(!ask(T0 + GROUP_SPACING_US - 1));
	ck_assert(ask(T0 + GROUP_SPACING_US));
	said.priority ^= 1;
	ck_assert(!ask(T0 + GROUP_SPACING_US));
	ck_assert_int_eq(group.next.us, T0 + 2 * GROUP_SPACING_US);
	/* A second of quiet, and there is a burst again. */
	ck_assert(ask(T0 + 2 * GROUP_SPACING_US));
	sent = 0;
	for (int i = 0; i < 3 * GROUP_BURST; i++) {
		said.priority ^= 1;
		sent += ask(T0 + 2 * SECOND_US);
	}
	ck_assert_uint_eq(sent, GROUP_BURST);
}
END_TEST

START_TEST(repeated_once_though_it_says_nothing_new)
{
	ck_assert(ask(T0));
	group_repeat(&group);
	ck_assert(ask(T0 + 1));
	ck_assert(!ask(T0 + 1));
}
END_TEST

START_TEST(stopped_group_is_silent_and_begins_at_once)
{
	ck_assert(ask(T0));
	group_stop(&group);
	ck_assert(instant_is_never(group.next));
	ck_assert(ask(T0 + 1));
}
END_TEST

/* A link that comes and goes: a new start is damped as any other change. */
START_TEST(new_start_is_damped)
{
	for (int i = 0; i < GROUP_BURST; i++) {
		ck_assert(ask(T0));
		group_stop(&group);
	}
	ck_assert(!ask(T0));
	group_assert(&group);
	ck_assert_int_eq(group.next.us, T0 + GROUP_SPACING_US);
	ck_assert(ask(T0 + GROUP_SPACING_US));
}
END_TEST

START_TEST(failure_is_counted_and_retried_a_second_later)
{
	ck_assert(group_is_due(&group, at(T0), &said));
	group_note_sent(&group, at(T0), &said, false);
	ck_assert_uint_eq(group.counters.sent, 0);
	ck_assert_uint_eq(group.counters.send_failures, 1);
	ck_assert(!ask(T0 + SECOND_US - 1));
	ck_assert(ask(T0 + SECOND_US));
}
END_TEST

/* ---- The engine ---- */

static struct group_status last_status(void)
{
	const struct fake_sent *sent = fake_io_last_status(&w.io);
	const struct packet packet = {.source = sent->source,
				      .destination = sent->destination,
				      .hops = ADVERT_HOPS,
				      .data = sent->bytes,
				      .size = sent->size};
	struct group_status status;

	ck_assert_int_eq(group_status_decode(&packet, &status), GROUP_STATUS_OK);
	return status;
}

static struct addr host_address(unsigned host)
{
	struct addr address = ip("10.0.0.0");

	address.bytes[3] = (uint8_t)host;
	return address;
}

/* What 10.0.0.host says if it hears nobody. */
static struct group_status status_of(void)
{
	return (struct group_status){.vrid = 10,
				     .priority = 220,
				     .state = VRRP_STATE_BACKUP,
				     .interval_cs = MEMBER_INTERVAL_CS,
				     .other = {.family = ADDR_FAMILY_IPV6}};
}

static void receive_status(int64_t us, unsigned host, const struct group_status *status)
{
	uint8_t bytes[GROUP_STATUS_SIZE_MAX];
	struct packet packet = {.source = host_address(host),
				.destination = advert_group(ADDR_FAMILY_IPV4),
				.hops = ADVERT_HOPS};
	uint8_t *data;

	packet.size = group_status_encode(status, ADVERT_CHECKSUM_RFC9568, &packet.source,
					  &packet.destination, bytes, sizeof(bytes));
	data = malloc(packet.size);
	ck_assert_ptr_nonnull(data);
	memcpy(data, bytes, packet.size);
	packet.data = data;
	receive(2, us, &packet);
	free(data);
}

/* 10.0.0.host says that it hears this router, or that it hears nobody. */
static void hear_status(int64_t us, unsigned host, bool hears_us)
{
	struct group_status status = status_of();

	if (hears_us)
		status.heard[status.heard_count++] = ip("10.0.0.2");
	receive_status(us, host, &status);
}

static const struct group *our_group(void)
{
	return &find(10)->group;
}

static void start_member(void)
{
	add_apiserver()->members = true;
	w.conf->apiserver.port = 6443;
	start_engine();
	take();
	take_traces();
}

static void start_active_member(void)
{
	start_member();
	run_active();
}

START_TEST(status_says_what_the_router_is)
{
	struct group_status status;

	assign("fe80::2", 64);
	w.io.mac[5] = 7;
	start_member();
	turn(T0);
	ck_assert_str_eq(take(), "STATUS(200)");
	ck_assert_addr_eq(fake_io_last_status(&w.io)->source, "10.0.0.2");
	ck_assert_addr_eq(fake_io_last_status(&w.io)->destination, "224.0.0.18");
	status = last_status();
	ck_assert_uint_eq(status.vrid, 10);
	ck_assert_uint_eq(status.priority, 200);
	ck_assert_int_eq(status.state, VRRP_STATE_BACKUP);
	ck_assert(!status.leaving && !status.balance);
	ck_assert_uint_eq(status.interval_cs, MEMBER_INTERVAL_CS);
	ck_assert_uint_eq(status.port, 6443);
	ck_assert_uint_eq(status.mac[5], 7);
	ck_assert_uint_eq(status.digest, 40101);
	ck_assert_addr_eq(status.other, "fe80::2");
	ck_assert_uint_eq(status.heard_count, 0);
}
END_TEST

START_TEST(status_goes_out_every_second)
{
	start_member();
	turn(T0);
	take();
	ck_assert_int_eq(engine_deadline(&w.engine).us, T0 + SECOND_US);
	run(T0 + 2 * SECOND_US);
	ck_assert_str_eq(take(), "STATUS(200) STATUS(200)");
}
END_TEST

START_TEST(change_of_role_is_told_at_once)
{
	start_member();
	turn(T0);
	run(ACTIVE_AT);
	ck_assert_str_eq(take(), "STATUS(200) STATUS(200) STATUS(200) STATUS(200) "
				 "ADD ANNOUNCE SEND(200) NOTIFY(Active active_down) STATUS(200)");
	ck_assert_int_eq(last_status().state, VRRP_STATE_ACTIVE);
}
END_TEST

START_TEST(change_of_band_is_told_at_once)
{
	add_apiserver()->members = true;
	w.conf->instances[0].track_apiserver = true;
	start_engine();
	turn(T0);
	take();
	probe_answers(HEALTH_OK);
	turn(T0);
	ck_assert_str_eq(take(), "STATUS(200)");
	step_down(SECOND_US);
	turn(T0);
	ck_assert_str_eq(take(), "STATUS(1)");
}
END_TEST

START_TEST(last_status_says_leaving)
{
	start_member();
	turn(T0);
	take();
	shut_down();
	ck_assert_str_eq(take(), "NOTIFY(Initialize shutdown) STATUS(200)");
	ck_assert(last_status().leaving);
	ck_assert_int_eq(last_status().state, VRRP_STATE_INITIALIZE);
	ck_assert(instant_is_never(engine_deadline(&w.engine)));
	turn(T0 + SECOND_US);
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(leaving_active_says_so_from_the_start)
{
	start_active_member();
	shut_down();
	turn(w.now.us);
	ck_assert(last_status().leaving);
	ck_assert_int_eq(last_status().state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(last_status().priority, 1);
	run(w.now.us + SECOND_US);
	ck_assert(engine_stopped(&w.engine));
	ck_assert_int_eq(last_status().state, VRRP_STATE_INITIALIZE);
}
END_TEST

START_TEST(dropped_router_says_leaving)
{
	start_member();
	turn(T0);
	take();
	w.conf->instance_count = 0;
	configure(T0);
	ck_assert_str_eq(take(), "NOTIFY(Initialize shutdown) STATUS(200)");
	ck_assert(last_status().leaving);
}
END_TEST

START_TEST(faulty_router_is_silent)
{
	start_member();
	turn(T0);
	link_down();
	netlink();
	take();
	run(T0 + 5 * SECOND_US);
	ck_assert_str_eq(take(), "");
	shut_down();
	ck_assert_ptr_null(strstr(take(), "STATUS"));
}
END_TEST

START_TEST(new_address_is_told_at_once)
{
	start_member();
	turn(T0);
	take();
	replace_first("10.0.0.4");
	netlink();
	turn(T0);
	ck_assert_str_eq(take(), "STATUS(200)");
	ck_assert_addr_eq(fake_io_last_status(&w.io)->source, "10.0.0.4");
}
END_TEST

START_TEST(unicast_sends_a_copy_to_each_other_peer)
{
	add_unicast()->members = true;
	start_engine();
	take();
	turn(T0);
	ck_assert_str_eq(take(), "STATUS(200) STATUS(200)");
	ck_assert_addr_eq(fake_io_last_status(&w.io)->destination, "10.0.0.3");
	ck_assert_addr_eq(w.io.status_sent[w.io.status_count - 2].destination, "10.0.0.1");
	ck_assert_uint_eq(our_group()->counters.sent, 1);
}
END_TEST

START_TEST(members_false_is_silent_and_hears_nothing)
{
	start_backup();
	turn(T0);
	hear_status(T0, 3, true);
	run(T0 + 2 * SECOND_US);
	ck_assert_str_eq(take(), "");
	ck_assert_str_eq(take_traces(), "");
	ck_assert_uint_eq(our_group()->members.count, 0);
	ck_assert_uint_eq(our_group()->counters.rejected[GROUP_STATUS_UNKNOWN_VRID], 1);
}
END_TEST

START_TEST(reload_to_members_false_forgets_them)
{
	start_member();
	turn(T0);
	hear_status(T0, 3, true);
	w.conf->instances[0].members = false;
	configure(T0);
	netlink();
	take();
	run(T0 + 2 * SECOND_US);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(our_group()->members.count, 0);
	w.conf->instances[0].members = true;
	configure(w.now.us);
	netlink();
	turn(w.now.us);
	ck_assert_str_eq(take(), "STATUS(200)");
}
END_TEST

START_TEST(member_silent_for_a_day_is_forgotten)
{
	start_member();
	hear_status(T0 + 1, 3, true);
	ck_assert_uint_eq(our_group()->members.count, 1);
	turn(T0 + MEMBER_FORGET_US);
	ck_assert_uint_eq(our_group()->members.count, 1);
	turn(T0 + 1 + SECOND_US + MEMBER_FORGET_US);
	ck_assert_uint_eq(our_group()->members.count, 0);
}
END_TEST

/* Whom it hears is news too, so a new member is answered at once. */
START_TEST(new_member_is_listed_at_once)
{
	start_member();
	turn(T0);
	take();
	hear_status(T0 + 1, 3, false);
	turn(T0 + 1);
	ck_assert_str_eq(take(), "STATUS(200)");
	ck_assert_uint_eq(last_status().heard_count, 1);
	ck_assert_addr_eq(last_status().heard[0], "10.0.0.3");
	hear_status(T0 + 2, 3, true);
	turn(T0 + 2);
	ck_assert_str_eq(take(), "");
	ck_assert_uint_eq(our_group()->counters.received, 2);
	/* Three seconds of silence later it is not listed any more. */
	run(T0 + 4 * SECOND_US);
	ck_assert_uint_eq(last_status().heard_count, 0);
}
END_TEST

/* An Active whose first STATUS has not come yet is listed for three of our intervals. */
START_TEST(router_that_advertises_is_listed)
{
	start_member();
	turn(T0);
	hear(T0 + 1, 3, 220);
	turn(T0 + 1);
	ck_assert_addr_eq(last_status().heard[0], "10.0.0.3");
	/* For three intervals, here of a second. */
	ck_assert_uint_eq(router_tell(find(10), at(T0 + 3 * SECOND_US)).heard_count, 1);
	ck_assert_uint_eq(router_tell(find(10), at(T0 + 1 + 3 * SECOND_US)).heard_count, 0);
	hear_status(T0 + 2, 3, false);
	turn(T0 + 2);
	ck_assert_uint_eq(last_status().heard_count, 1);
}
END_TEST

static const struct {
	const char *what;
	unsigned host;
	uint16_t digest;
	enum group_status_refusal expected;
} refusals[] = {
	{"ours", 2, 0, GROUP_STATUS_SOURCE_OWN},
	{"another cluster with our VRID", 3, 1, GROUP_STATUS_DIGEST_FOREIGN},
	{"the same digest", 3, 40101, GROUP_STATUS_OK},
	{"no digest", 3, 0, GROUP_STATUS_OK},
};

START_TEST(status_is_examined)
{
	struct group_status status = status_of();
	bool good = refusals[_i].expected == GROUP_STATUS_OK;

	start_member();
	turn(T0);
	take();
	status.digest = refusals[_i].digest;
	receive_status(T0 + 1, refusals[_i].host, &status);
	ck_assert_uint_eq(our_group()->members.count, good);
	ck_assert_uint_eq(our_group()->counters.received, good);
	ck_assert_uint_eq(our_group()->counters.rejected[refusals[_i].expected], !good);
	ck_assert_str_eq(take_traces(), good			 ? ""
					: refusals[_i].host == 2 ? "status:source_own"
								 : "status:digest_foreign");
}
END_TEST

/* REJECT */
START_TEST(refused_status_changes_one_counter_only)
{
	struct router before;
	struct group_status status = status_of();

	start_active_member();
	hear_status(w.now.us, 3, true);
	turn(w.now.us);
	take();
	before = snapshot(find(10));
	receive_status(w.now.us, 2, &status);
	status.digest = 1;
	receive_status(w.now.us, 3, &status);
	ck_assert(unchanged(&before, find(10)));
	ck_assert_str_eq(take(), "");
}
END_TEST

START_TEST(status_of_another_group_is_silently_counted)
{
	struct group_status status = status_of();

	start_member();
	status.vrid = 11;
	receive_status(T0, 3, &status);
	ck_assert_uint_eq(w.engine.status_rejected[GROUP_STATUS_UNKNOWN_VRID], 1);
	ck_assert_uint_eq(our_group()->members.count, 0);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

START_TEST(status_of_a_stranger_is_refused_in_unicast)
{
	add_unicast()->members = true;
	start_engine();
	take_traces();
	hear_status(T0, 9, true);
	ck_assert_str_eq(take_traces(), "status:source_not_peer");
	hear_status(T0, 3, true);
	ck_assert_uint_eq(our_group()->members.count, 1);
}
END_TEST

START_TEST(seventeenth_member_is_counted)
{
	start_member();
	for (unsigned host = 3; host < 3 + MEMBER_OTHERS_MAX; host++)
		hear_status(T0, host, true);
	take_traces();
	hear_status(T0, 100, true);
	ck_assert_str_eq(take_traces(), "status:surplus");
	ck_assert_uint_eq(our_group()->counters.rejected[GROUP_STATUS_SURPLUS], 1);
	turn(T0);
	ck_assert_uint_eq(last_status().heard_count, GROUP_STATUS_HEARD_MAX);
}
END_TEST

/* With any other VRID in the header a STATUS is what an advert of an unknown type is. */
START_TEST(status_with_a_vrid_in_the_header_is_an_advert_of_unknown_type)
{
	uint8_t data[GROUP_STATUS_FIXED_SIZE] = {0x3f, 10};
	const struct packet packet = {.source = ip("10.0.0.3"),
				      .destination = advert_group(ADDR_FAMILY_IPV4),
				      .hops = ADVERT_HOPS,
				      .data = data,
				      .size = sizeof(data)};

	start_member();
	take_traces();
	receive(2, T0, &packet);
	ck_assert_str_eq(take_traces(), "refused:type");
}
END_TEST

START_TEST(order_of_addresses_does_not_matter_to_the_digest)
{
	struct router_settings settings = {.advertised_count = 3, .address_count = 3};
	uint16_t digest;

	settings.family = ADDR_FAMILY_IPV6;
	settings.addresses[0] = ip("fe80::1");
	settings.addresses[1] = ip("2001:db8::9");
	settings.addresses[2] = ip("2001:db8::64");
	digest = router_digest(&settings);
	settings.addresses[2] = ip("2001:db8::9");
	settings.addresses[1] = ip("2001:db8::64");
	ck_assert_uint_eq(router_digest(&settings), digest);
	settings.addresses[0] = ip("fe80::2");
	ck_assert_uint_eq(router_digest(&settings), digest);
	settings.addresses[2] = ip("2001:db8::a");
	ck_assert_uint_ne(router_digest(&settings), digest);
}
END_TEST

/* ---- DEAF ---- */

/* An Active that is no member where there are members; a group of other implementations is none. */
START_TEST(stranger_that_is_active_is_told)
{
	start_member();
	hear(T0 + 4 * SECOND_US, 4, 220);
	ck_assert_str_eq(take_traces(), "");
	hear_status(T0 + 4 * SECOND_US + 1, 3, true);
	hear(T0 + 4 * SECOND_US + 2, 4, 220);
	ck_assert_str_eq(take_traces(), "");
	hear(T0 + 4 * SECOND_US + 3, 3, 221);
	ck_assert_str_eq(take_traces(), "");
	hear(T0 + 4 * SECOND_US + 4, 4, 222);
	ck_assert_str_eq(take_traces(), "stranger");
	hear_status(T0 + 4 * SECOND_US + 5, 4, true);
	hear(T0 + 4 * SECOND_US + 6, 3, 223);
	hear(T0 + 4 * SECOND_US + 7, 4, 224);
	ck_assert_str_eq(take_traces(), "");
}
END_TEST

/* A router that has just started may not have heard the Active's STATUS yet. */
START_TEST(stranger_may_be_a_member_not_heard_yet)
{
	start_member();
	find(10)->vrrp.listens_from = at(T0);
	hear_status(T0 + 1, 3, true);
	hear(T0 + ROUTER_ACQUAINTED_US - 1, 4, 220);
	ck_assert_str_eq(take_traces(), "");
	hear(T0 + ROUTER_ACQUAINTED_US, 3, 221);
	hear(T0 + ROUTER_ACQUAINTED_US, 4, 222);
	ck_assert_str_eq(take_traces(), "stranger");
}
END_TEST

START_TEST(active_yields_to_a_better_one_that_hears_it)
{
	start_active_member();
	hear_status(w.now.us, 3, true);
	take();
	hear(w.now.us, 3, 220);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

START_TEST(active_yields_to_a_better_one_without_status)
{
	start_active_member();
	take();
	hear(w.now.us, 3, 220);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

START_TEST(active_keeps_the_role_from_a_deaf_one)
{
	start_active_member();
	hear_status(w.now.us, 3, false);
	hear_status(w.now.us + SECOND_US, 3, false);
	hear_status(w.now.us + SECOND_US, 3, false);
	run(w.now.us + SECOND_US);
	take();
	hear(w.now.us + 250 * MILLISECOND_US, 3, 220);
	ck_assert_str_eq(take(), "SEND(200) ANNOUNCE");
	/* It hears again, says so, and gets the role. */
	hear_status(w.now.us, 3, true);
	hear(w.now.us, 3, 220);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* A member whose first STATUS is younger than three intervals has had no time to hear us. */
START_TEST(new_member_is_not_called_deaf)
{
	start_active_member();
	hear_status(w.now.us, 3, false);
	run(w.now.us + 3 * SECOND_US - 1);
	hear_status(w.now.us, 3, false);
	hear(w.now.us, 3, 220);
	ck_assert_int_eq(find(10)->vrrp.state, VRRP_STATE_BACKUP);
}
END_TEST

/* The Backup that takes over because the Active is silent says before its first advert that it does
 * not hear the Active, however young the Active's STATUS is. */
START_TEST(takeover_tells_the_silence_first)
{
	start_member();
	turn(T0);
	hear(T0, 3, 220);
	hear_status(T0, 3, true);
	run(T0 + 3 * SECOND_US);
	hear_status(T0 + 3 * SECOND_US, 3, true);
	turn(T0 + 3 * SECOND_US + 1);
	ck_assert_uint_eq(last_status().heard_count, 1);
	take();
	run(T0 + DOWN);
	ck_assert_str_eq(take(), "ADD STATUS(200) ANNOUNCE SEND(200) NOTIFY(Active active_down) "
				 "STATUS(200)");
	ck_assert_uint_eq(last_status().heard_count, 0);
	/* And before the answer, that it hears the Active again; each time, as one may be lost. */
	run(T0 + DOWN + 20 * MILLISECOND_US);
	hear(T0 + DOWN + 20 * MILLISECOND_US, 3, 180);
	ck_assert_str_eq(take(), "STATUS(200) SEND(200) ANNOUNCE");
	ck_assert_uint_eq(last_status().heard_count, 1);
	hear(T0 + DOWN + 40 * MILLISECOND_US, 3, 180);
	ck_assert_str_eq(take(), "STATUS(200) SEND(200) ANNOUNCE");
	/* An Active that leaves is none that could keep the role. The burst is over. */
	run(T0 + DOWN + 2 * SECOND_US);
	take();
	hear(T0 + DOWN + 2 * SECOND_US, 3, 1);
	ck_assert_ptr_null(strstr(take(), "STATUS"));
	/* Of two equal ones the address decides, so it may be this one that stays. */
	hear(T0 + DOWN + 2 * SECOND_US + 1, 1, 200);
	run(T0 + DOWN + 4 * SECOND_US);
	take();
	hear(T0 + DOWN + 4 * SECOND_US, 1, 200);
	ck_assert_str_eq(take(), "STATUS(200) SEND(200) ANNOUNCE");
}
END_TEST

Suite *suite_group(void)
{
	Suite *suite = suite_create("group");
	TCase *schedule = tcase_create("schedule");
	TCase *engine = tcase_create("engine");

	tcase_add_checked_fixture(schedule, set_up_group, NULL);
	tcase_add_test(schedule, due_every_second);
	tcase_add_test(schedule, due_at_once_after_a_change);
	tcase_add_loop_test(schedule, any_field_is_a_change, 0, 11);
	tcase_add_test(schedule, changes_are_damped);
	tcase_add_test(schedule, repeated_once_though_it_says_nothing_new);
	tcase_add_test(schedule, stopped_group_is_silent_and_begins_at_once);
	tcase_add_test(schedule, new_start_is_damped);
	tcase_add_test(schedule, failure_is_counted_and_retried_a_second_later);
	suite_add_tcase(suite, schedule);

	tcase_add_checked_fixture(engine, set_up, tear_down);
	tcase_add_test(engine, status_says_what_the_router_is);
	tcase_add_test(engine, status_goes_out_every_second);
	tcase_add_test(engine, change_of_role_is_told_at_once);
	tcase_add_test(engine, change_of_band_is_told_at_once);
	tcase_add_test(engine, last_status_says_leaving);
	tcase_add_test(engine, leaving_active_says_so_from_the_start);
	tcase_add_test(engine, dropped_router_says_leaving);
	tcase_add_test(engine, faulty_router_is_silent);
	tcase_add_test(engine, new_address_is_told_at_once);
	tcase_add_test(engine, unicast_sends_a_copy_to_each_other_peer);
	tcase_add_test(engine, members_false_is_silent_and_hears_nothing);
	tcase_add_test(engine, member_silent_for_a_day_is_forgotten);
	tcase_add_test(engine, reload_to_members_false_forgets_them);
	tcase_add_test(engine, new_member_is_listed_at_once);
	tcase_add_test(engine, router_that_advertises_is_listed);
	tcase_add_loop_test(engine, status_is_examined, 0, (int)COUNT(refusals));
	tcase_add_test(engine, refused_status_changes_one_counter_only);
	tcase_add_test(engine, status_of_another_group_is_silently_counted);
	tcase_add_test(engine, status_of_a_stranger_is_refused_in_unicast);
	tcase_add_test(engine, seventeenth_member_is_counted);
	tcase_add_test(engine, status_with_a_vrid_in_the_header_is_an_advert_of_unknown_type);
	tcase_add_test(engine, order_of_addresses_does_not_matter_to_the_digest);
	tcase_add_test(engine, stranger_that_is_active_is_told);
	tcase_add_test(engine, stranger_may_be_a_member_not_heard_yet);
	tcase_add_test(engine, active_yields_to_a_better_one_that_hears_it);
	tcase_add_test(engine, active_yields_to_a_better_one_without_status);
	tcase_add_test(engine, active_keeps_the_role_from_a_deaf_one);
	tcase_add_test(engine, new_member_is_not_called_deaf);
	tcase_add_test(engine, takeover_tells_the_silence_first);
	suite_add_tcase(suite, engine);
	return suite;
}
