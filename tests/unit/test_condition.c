/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions besides the apiserver, alone and in the engine: track_file and track_interface. */
#include "core/condition.h"

#include <string.h>

#include "unit.h"
#include "world.h"

static const struct conditions three = {
	.count = 3,
	.list = {{CONDITION_FILE, "a"}, {CONDITION_INTERFACE, "a"}, {CONDITION_FILE, "b"}},
};

START_TEST(equal_in_kind_name_and_order)
{
	struct conditions other = three;

	ck_assert(conditions_equal(&three, &other));
	other.list[3].name[0] = 'c';
	ck_assert(conditions_equal(&three, &other));
	other.count = 2;
	ck_assert(!conditions_equal(&three, &other));
	other = three;
	other.list[2].name[0] = 'c';
	ck_assert(!conditions_equal(&three, &other));
	other = three;
	other.list[1].kind = CONDITION_FILE;
	ck_assert(!conditions_equal(&three, &other));
}
END_TEST

START_TEST(first_unmet)
{
	struct condition_state states[CONDITIONS_MAX] = {{.unmet = false}};

	ck_assert_uint_eq(conditions_first_unmet(&three, states), 3);
	/* Beyond the list. */
	states[3].unmet = true;
	ck_assert_uint_eq(conditions_first_unmet(&three, states), 3);
	states[2].unmet = true;
	ck_assert_uint_eq(conditions_first_unmet(&three, states), 2);
	states[0].unmet = true;
	ck_assert_uint_eq(conditions_first_unmet(&three, states), 0);
}
END_TEST

START_TEST(states_are_carried_by_kind_and_name)
{
	static const struct conditions to = {
		.count = 3,
		.list = {{CONDITION_INTERFACE, "b"}, {CONDITION_FILE, "b"}, {CONDITION_FILE, "a"}},
	};
	struct condition_state states[CONDITIONS_MAX] = {
		{.unmet = false}, {true, "is down"}, {true, "why"}};

	conditions_carry(&three, &to, states);
	ck_assert(!states[0].unmet);
	ck_assert(states[1].unmet);
	ck_assert_str_eq(states[1].reason, "why");
	ck_assert(!states[2].unmet);
	ck_assert_str_eq(states[2].reason, "");
	conditions_carry(&to, &three, states);
	ck_assert(!states[0].unmet && !states[1].unmet && states[2].unmet);
}
END_TEST

START_TEST(kinds_have_names)
{
	ck_assert_str_eq(condition_kind_name(CONDITION_FILE), "file");
	ck_assert_str_eq(condition_kind_name(CONDITION_INTERFACE), "interface");
}
END_TEST

/* ---- In the engine ---- */

static struct conf_instance *add_tracking(void)
{
	struct conf_instance *instance = add_apiserver();

	strcpy(instance->track_files[instance->track_file_count++], "/maintenance");
	strcpy(instance->track_interfaces[instance->track_interface_count++], "eth1");
	return instance;
}

static bool set_condition(size_t i, bool unmet, const char *reason)
{
	struct condition_state state = {.unmet = unmet};

	strcpy(state.reason, reason);
	return engine_condition(&w.engine, w.now, find(10), i, &state);
}

/* BANDS: with everything met the apiserver alone counts; else "answering" is the best band. */
START_TEST(band_of_apiserver_and_conditions)
{
	static const struct {
		bool tracks;
		enum health_result result;
		uint8_t met, unmet;
	} rows[] = {
		{true, HEALTH_OK, 200, 116},
		{true, HEALTH_STATUS, 116, 116},
		{true, HEALTH_REFUSED, 32, 32},
		{false, HEALTH_REFUSED, 200, 116},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		tear_down();
		set_up();
		add_tracking()->track_apiserver = rows[i].tracks;
		start_engine();
		probe_answers(rows[i].result);
		ck_assert_uint_eq(find(10)->vrrp.priority, rows[i].met);
		set_condition(0, true, "kernel");
		ck_assert_uint_eq(find(10)->vrrp.priority, rows[i].unmet);
		/* Both have to be met. */
		set_condition(1, true, "is down");
		set_condition(0, false, "");
		ck_assert_uint_eq(find(10)->vrrp.priority, rows[i].unmet);
		set_condition(1, false, "");
		ck_assert_uint_eq(find(10)->vrrp.priority, rows[i].met);
	}
}
END_TEST

/* HANDOVER: the Active says so at once and goes on serving until a better router takes over. */
START_TEST(active_goes_on_until_another_takes_over)
{
	add_tracking();
	start_engine();
	run_active();
	take();
	set_condition(0, true, "kernel");
	ck_assert_str_eq(take(), "SEND(116)");
	hear(w.now.us + 10 * MILLISECOND_US, 3, 190);
	ck_assert_str_eq(take(), "SEND(1) REMOVE(10.10.10.10) NOTIFY(Backup higher_priority)");
	set_condition(0, false, "");
	ck_assert_uint_eq(find(10)->vrrp.priority, 200);
	ck_assert_str_eq(take(), "");
}
END_TEST

/* DAMPING: neither the condition, nor what an apiserver does that is out of service. */
START_TEST(condition_is_no_loss_of_readiness)
{
	add_tracking()->track_apiserver = true;
	start_engine();
	probe_answers(HEALTH_OK);
	run_active();
	set_condition(1, true, "is down");
	ck_assert(w.engine.health.ready);
	probe_answers(HEALTH_REFUSED);
	ck_assert(!w.engine.health.ready);
	ck_assert_uint_eq(w.engine.health.losses, 0);
	set_condition(1, false, "");
	probe_answers(HEALTH_OK);
	probe_answers(HEALTH_OK);
	probe_answers(HEALTH_REFUSED);
	ck_assert_uint_eq(w.engine.health.losses, 1);
}
END_TEST

START_TEST(news_are_told_once)
{
	add_tracking();
	start_engine();
	ck_assert(!set_condition(0, false, ""));
	ck_assert(set_condition(0, true, ""));
	ck_assert(!set_condition(0, true, ""));
	ck_assert(set_condition(0, true, "kernel"));
	ck_assert_str_eq(find(10)->conditions[0].reason, "kernel");
	ck_assert(set_condition(0, false, ""));
	ck_assert(!find(10)->conditions[0].unmet);
}
END_TEST

/* A reload that leaves the condition sends nothing; one that drops it makes the node ready. */
START_TEST(reload_keeps_what_is_known)
{
	struct conf_instance *instance = add_tracking();

	start_engine();
	run_active();
	set_condition(1, true, "is down");
	take();
	instance->track_file_count = 0;
	configure(w.now.us);
	ck_assert_str_eq(take(), "");
	ck_assert(find(10)->conditions[0].unmet);
	ck_assert_str_eq(find(10)->conditions[0].reason, "is down");
	instance->track_interface_count = 0;
	configure(w.now.us);
	ck_assert_str_eq(take(), "SEND(200)");
}
END_TEST

Suite *suite_condition(void)
{
	Suite *suite = suite_create("condition");
	TCase *tcase = tcase_create("alone");

	tcase_add_test(tcase, equal_in_kind_name_and_order);
	tcase_add_test(tcase, first_unmet);
	tcase_add_test(tcase, states_are_carried_by_kind_and_name);
	tcase_add_test(tcase, kinds_have_names);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("engine");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, band_of_apiserver_and_conditions);
	tcase_add_test(tcase, active_goes_on_until_another_takes_over);
	tcase_add_test(tcase, condition_is_no_loss_of_readiness);
	tcase_add_test(tcase, news_are_told_once);
	tcase_add_test(tcase, reload_keeps_what_is_known);
	suite_add_tcase(suite, tcase);
	return suite;
}
