/* SPDX-License-Identifier: Apache-2.0 */
/* TENURE: an Active that may have taken over because it was deaf is easily beaten at first. */
#include "test_vrrp.h"

#define HOUR (3600 * SECOND)
/* The priority of 200 that a new Active advertises in each band. */
#define NEW_READY 171
#define NEW_ANSWERING 87
#define NEW_DOWN 3

/* Backup since T0, which is also when it began to listen. */
static void begin_new_backup(const struct vrrp_config *config, uint8_t priority)
{
	begin_backup(config, priority, T0);
	vr.listens_from = at(T0);
}

/* Active since T0. */
static void begin_new_active(const struct vrrp_config *config, uint8_t priority)
{
	begin_backup(config, priority, T0 - SECOND);
	vr.listens_from = at(T0 - SECOND);
	vr.backup.followed.at = at(T0 - vrrp_active_down_interval_us(&vr));
	step(T0, EVENT(EV(TIMEOUT)));
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
}

static struct vrrp_config config_of(enum vrrp_preempt preempt, uint16_t interval_cs)
{
	struct vrrp_config config = defaults;

	config.preempt = preempt;
	config.advert_int_cs = interval_cs;
	return config;
}

/* Which takeovers make a new Active. */
START_TEST(takeovers)
{
	static const struct {
		const char *name;
		enum vrrp_preempt preempt;
		uint16_t interval_cs;
		uint8_t priority;
		int64_t heard_us; /* an advert, counted from T0; 0 = none */
		uint8_t heard;
		unsigned sent;
	} rows[] = {
		{"nothing heard", HEALTH, 100, READY, 0, 0, NEW_READY},
		{"nothing heard, answering", HEALTH, 100, ANSWERING, 0, 0, NEW_ANSWERING},
		{"nothing heard, down", HEALTH, 100, DOWN, 0, 0, NEW_DOWN},
		{"nothing heard, never", NEVER, 100, READY, 0, 0, NEW_READY},
		{"nothing heard, always", ALWAYS, 100, READY, 0, 0, READY},
		{"a short interval", HEALTH, 1, READY, 0, 0, NEW_READY},
		{"the longest interval", HEALTH, 4095, READY, 0, 0, NEW_READY},
		{"an Active heard, and lost in less than 5 s", HEALTH, 100, READY,
		 5 * SECOND - WAIT_READY - 1, 220, NEW_READY},
		{"an Active heard, and lost after 5 s", HEALTH, 100, READY, 5 * SECOND - WAIT_READY,
		 220, READY},
		{"priority 0", HEALTH, 100, READY, SECOND, 0, READY},
		{"a leaving Active", HEALTH, 100, READY, SECOND, 1, READY},
		{"an Active of a lower band", HEALTH, 100, READY, SECOND, 50, READY},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vrrp_config config = config_of(rows[i].preempt, rows[i].interval_cs);

		begin_new_backup(&config, rows[i].priority);
		if (rows[i].heard_us > 0)
			advert(T0 + rows[i].heard_us, rows[i].heard);
		run_until(VRRP_STATE_ACTIVE);
		ck_assert_msg(vrrp_priority(&vr) == rows[i].sent, "%s: %u", rows[i].name,
			      vrrp_priority(&vr));
	}
}
END_TEST

/* The first advert carries it too. */
START_TEST(first_advert)
{
	begin_new_backup(&defaults, READY);
	ck_assert_str_eq(step(T0 + WAIT_READY, EVENT(EV(TIMEOUT))),
			 "ADD ANNOUNCE SEND(171) NOTIFY(Active active_down)");
	ck_assert_str_eq(timers_text(T0 + WAIT_READY), "adver+1000000 short+5000000 long+60000000 "
						       "refresh+2000000 announce+100000");
}
END_TEST

/* A router listens since its start, or since a fault was gone. */
START_TEST(listening_begins)
{
	vrrp_init(&vr, &defaults, READY);
	world = (struct world){0};
	step(T0, EVENT(EV(STARTUP)));
	step(T0 + HOUR, EVENT(EV_FAULTS_GONE(2)));
	ck_assert_int_eq(vr.listens_from.us, T0 + HOUR);

	vrrp_init(&vr, &defaults, READY);
	step(T0, EVENT(EV_FAULTS_GONE(2)));
	step(T0 + HOUR, EVENT(EV(STARTUP)));
	ck_assert_int_eq(vr.listens_from.us, T0 + HOUR);
	step(T0 + 2 * HOUR, EVENT(EV_FAULT(LINK_DOWN)));
	step(T0 + 3 * HOUR, EVENT(EV_FAULTS_GONE(2)));
	ck_assert_int_eq(vr.listens_from.us, T0 + 3 * HOUR);

	/* It has listened while no address could be added. */
	begin(ADD_FAILED, &defaults);
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
}
END_TEST

/* The lowest of the band for 5 s, the second for 60 s, then its own; each is said at once, between
 * two adverts that stay where they are. */
START_TEST(priority_rises)
{
	struct vrrp_config config = config_of(HEALTH, 70);

	config.address_refresh_us = 0;
	config.announce_refresh_us = 0;
	begin_new_active(&config, READY);
	for (int64_t us = T0; us < T0 + 61 * SECOND; us = vrrp_deadline(&vr).us) {
		const bool scheduled = (us - T0) % 700000 == 0;
		const char *actions = us == T0 ? "SEND(171)" : step(us, EVENT(EV(TIMEOUT)));

		if (us == T0 + 5 * SECOND)
			ck_assert_str_eq(actions, "ANNOUNCE SEND(172)");
		else if (us == T0 + 60 * SECOND)
			ck_assert_str_eq(actions, "SEND(200)");
		else if (scheduled)
			ck_assert_str_eq(actions, us < T0 + 5 * SECOND	  ? "SEND(171)"
						  : us < T0 + 60 * SECOND ? "SEND(172)"
									  : "SEND(200)");
		else
			ck_assert_str_eq(actions, "ANNOUNCE");
	}
	ck_assert(instant_is_never(vrrp_tenure_ends(&vr)));
}
END_TEST

/* No Active of long tenure is as low as a new one, wherever its place is. */
START_TEST(lowest_places_are_those_of_new_actives)
{
	static const uint8_t rows[][2] = {{171, 173}, {172, 173}, {173, 173}, {174, 174},
					  {254, 254}, {87, 89},	  {88, 89},   {90, 90},
					  {170, 170}, {3, 5},	  {4, 5},     {6, 6}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin_backup(&defaults, rows[i][0], T0);
		ck_assert_uint_eq(vrrp_priority(&vr), rows[i][0]);
		run_until(VRRP_STATE_ACTIVE);
		ck_assert_uint_eq(vrrp_priority(&vr), rows[i][1]);
	}
}
END_TEST

/* A new Active goes on with the tenure it has when its band changes. */
START_TEST(band_of_a_new_active)
{
	begin_new_active(&defaults, READY);
	advance(T0 + 200000);
	ck_assert_str_eq(step(T0 + 200000, EVENT(EV_PRIORITY(DOWN))), "SEND(3)");
	ck_assert_str_eq(step(T0 + 300000, EVENT(EV_PRIORITY(ANSWERING))), "SEND(87)");
	ck_assert_str_eq(step(T0 + 400000, EVENT(EV_PRIORITY(ANSWERING + 1))), "");
	advance(T0 + 5 * SECOND + 1);
	ck_assert_str_eq(step(T0 + 5 * SECOND + 1, EVENT(EV_PRIORITY(READY))), "SEND(172)");
}
END_TEST

/* Where two Actives meet, the one that has served for longer stays; of two that are equally new,
 * the one with the greater address (RFC 9568 6.4.3). */
START_TEST(two_actives_meet)
{
	static const struct {
		int64_t after_us;
		uint8_t priority, host;
		bool stays;
	} rows[] = {
		{250000, 200, 1, false},	  {250000, 173, 1, false},
		{250000, 172, 1, false},	  {250000, 171, 3, false},
		{250000, 171, 1, true},		  {250000, 170, 3, true},
		{5250000, 171, 3, true},	  {5250000, 172, 3, false},
		{5250000, 172, 1, true},	  {5250000, 173, 1, false},
		{60 * SECOND + 1, 172, 3, true},  {60 * SECOND + 1, 199, 3, true},
		{60 * SECOND + 1, 201, 1, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin_new_active(&defaults, READY);
		advance(T0 + rows[i].after_us);
		advert_from(T0 + rows[i].after_us, rows[i].priority, rows[i].host, 100);
		ck_assert_msg((vr.state == VRRP_STATE_ACTIVE) == rows[i].stays, "%zu", i);
	}
}
END_TEST

/* The timers are those of the node's own priority: the claim, and Skew_Time once it is Backup. */
START_TEST(timers_of_a_new_active)
{
	begin_new_active(&defaults, READY);
	ck_assert(!vrrp_claim_expired(&vr, at(T0 + WAIT_READY - 1)));
	ck_assert(vrrp_claim_expired(&vr, at(T0 + WAIT_READY)));
	advert(T0 + 250000, 220);
	ck_assert_str_eq(timers_text(T0 + 250000), "down+3218750");
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
}
END_TEST

/* Tenure ends with the role. */
START_TEST(tenure_ends_with_the_role)
{
	begin_new_active(&defaults, READY);
	advert(T0 + 2 * SECOND, 220);
	advance(T0 + 10 * SECOND);
	ck_assert_int_eq(vr.state, VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(vrrp_priority(&vr), READY);
	ck_assert(instant_is_never(vrrp_tenure_ends(&vr)));
}
END_TEST

/* RESUME: the next process takes the tenure over with the claim. */
START_TEST(tenure_is_handed_on)
{
	begin_new_active(&defaults, READY);
	ck_assert_int_eq(vrrp_claim(&vr).tenure_short.us, T0 + 5 * SECOND);
	ck_assert_int_eq(vrrp_claim(&vr).tenure_long.us, T0 + 60 * SECOND);
}
END_TEST

/* HANDOVER: a new Active that leaves is as low as any other; its tenure makes it say nothing. */
START_TEST(new_active_leaves)
{
	struct vrrp_config config = config_of(HEALTH, 1000);

	config.address_refresh_us = 0;
	begin_new_active(&config, READY);
	advance(T0 + 4 * SECOND);
	ck_assert_str_eq(step(T0 + 4 * SECOND, EVENT(EV(SHUTDOWN))), "SEND(1)");
	ck_assert_str_eq(step(T0 + 5 * SECOND, EVENT(EV(TIMEOUT))), "");
	ck_assert_uint_eq(vrrp_priority(&vr), LEAVING);
	ck_assert_str_eq(timers_text(T0 + 5 * SECOND),
			 "adver+5000000 handover+9000000 long+55000000");
}
END_TEST

/* A router that is held takes over with priority 1, and then rises. */
START_TEST(held_router_is_new)
{
	begin_new_backup(&defaults, READY);
	step(T0, EVENT(EV_STEP_DOWN(6 * SECOND)));
	run_until(VRRP_STATE_ACTIVE);
	ck_assert_uint_eq(vrrp_priority(&vr), LEAVING);
	advance(T0 + 6 * SECOND + 1);
	ck_assert_uint_eq(vrrp_priority(&vr), NEW_READY);
}
END_TEST

/* An administrator who wants the best router in any case does not wait for it. */
START_TEST(reload_to_always_ends_tenure)
{
	const struct vrrp_config always = config_of(ALWAYS, 100);
	const int64_t after_us[] = {250000, 10250000};

	for (size_t i = 0; i < 2; i++) {
		begin_new_active(&defaults, READY);
		advance(T0 + after_us[i]);
		vrrp_reconfigure(&vr, at(T0 + after_us[i]), &always);
		ck_assert_uint_eq(vrrp_priority(&vr), i == 0 ? 171 : 172);
		ck_assert_int_eq(vrrp_deadline(&vr).us, T0 + after_us[i]);
		ck_assert_str_eq(step(T0 + after_us[i], EVENT(EV(TIMEOUT))), "SEND(200)");
		ck_assert(instant_is_never(vrrp_tenure_ends(&vr)));
	}
}
END_TEST

/* SOCKETS FIRST: a tenure that ends during a stall is said when the sockets are drained. */
START_TEST(tenure_ends_during_a_stall)
{
	begin_new_active(&defaults, READY);
	ck_assert_str_eq(step(T0 + 100 * SECOND, EVENT(EV(TIMEOUT))), "ADD SEND(200) ANNOUNCE");
	ck_assert_str_eq(timers_text(T0 + 100 * SECOND), TAKEN_OVER);
}
END_TEST

void vrrp_add_tenure(Suite *suite)
{
	TCase *stories = tcase_create("tenure");

	tcase_add_test(stories, takeovers);
	tcase_add_test(stories, first_advert);
	tcase_add_test(stories, listening_begins);
	tcase_add_test(stories, priority_rises);
	tcase_add_test(stories, lowest_places_are_those_of_new_actives);
	tcase_add_test(stories, band_of_a_new_active);
	tcase_add_test(stories, two_actives_meet);
	tcase_add_test(stories, timers_of_a_new_active);
	tcase_add_test(stories, tenure_ends_with_the_role);
	tcase_add_test(stories, tenure_is_handed_on);
	tcase_add_test(stories, new_active_leaves);
	tcase_add_test(stories, held_router_is_new);
	tcase_add_test(stories, reload_to_always_ends_tenure);
	tcase_add_test(stories, tenure_ends_during_a_stall);
	suite_add_tcase(suite, stories);
}
