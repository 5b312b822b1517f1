/* SPDX-License-Identifier: Apache-2.0 */
/* The queue and the thread of os/lease. The kernel is a function that takes as long as a test wants
 * and returns what it wants. */
#include "os/lease.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "unit.h"

#define WAIT_MAX_S 5
#define RELEASE_NS 50000000
#define INDEX 7
#define END_US 4711

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hold; /* a renewal does not end */
	int result;
	unsigned begun, ended;
	char calls[256];
	pthread_t thread; /* of the last renewal */
	bool signals_blocked;
} kernel = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct lease *lease;
static struct addr first, second;
static bool threads_refused;

/* The linker lets the program's calls of pthread_create() come here. */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *context);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *context)
{
	if (threads_refused)
		return EAGAIN;
	return __real_pthread_create(thread, attributes, start, context);
}

static int renew(void *context, int ifindex, const struct addr *address, unsigned lease_s)
{
	char text[ADDR_TEXT_SIZE];
	sigset_t blocked;
	size_t used;
	int result;

	ck_assert_ptr_eq(context, &kernel);
	ck_assert_int_eq(ifindex, INDEX);
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	pthread_mutex_lock(&kernel.lock);
	used = strlen(kernel.calls);
	snprintf(kernel.calls + used, sizeof(kernel.calls) - used, "%s%s for %u", used ? ", " : "",
		 addr_format(address, text), lease_s);
	kernel.thread = pthread_self();
	kernel.signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP);
	kernel.begun++;
	pthread_cond_broadcast(&kernel.changed);
	while (kernel.hold)
		pthread_cond_wait(&kernel.changed, &kernel.lock);
	result = kernel.result;
	kernel.ended++;
	pthread_cond_broadcast(&kernel.changed);
	pthread_mutex_unlock(&kernel.lock);
	return result;
}

static int depart(void *context, int ifindex, const struct addr *address, unsigned prefix_length,
		  struct instant end, const atomic_bool *hurry)
{
	char text[ADDR_TEXT_SIZE];
	size_t used;
	int result;

	ck_assert_ptr_eq(context, &kernel);
	ck_assert_int_eq(ifindex, INDEX);
	ck_assert_int_eq(end.us, END_US);
	pthread_mutex_lock(&kernel.lock);
	used = strlen(kernel.calls);
	snprintf(kernel.calls + used, sizeof(kernel.calls) - used, "%s%s/%u goes", used ? ", " : "",
		 addr_format(address, text), prefix_length);
	kernel.thread = pthread_self();
	kernel.begun++;
	pthread_cond_broadcast(&kernel.changed);
	/* Nobody wakes it up when it is to hurry. */
	while (kernel.hold && !atomic_load(hurry)) {
		pthread_mutex_unlock(&kernel.lock);
		sched_yield();
		pthread_mutex_lock(&kernel.lock);
	}
	result = kernel.result;
	kernel.ended++;
	pthread_cond_broadcast(&kernel.changed);
	pthread_mutex_unlock(&kernel.lock);
	return result;
}

static const struct lease_calls calls = {.renew = renew, .depart = depart};

static int start_departure(const struct addr *address, unsigned prefix_length)
{
	return lease_depart(lease, INDEX, address, prefix_length, (struct instant){END_US});
}

static void await(const unsigned *counter, unsigned wanted)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_MAX_S;
	pthread_mutex_lock(&kernel.lock);
	while (*counter < wanted)
		ck_assert_int_eq(pthread_cond_timedwait(&kernel.changed, &kernel.lock, &end), 0);
	pthread_mutex_unlock(&kernel.lock);
}

static void set_hold(bool hold)
{
	pthread_mutex_lock(&kernel.lock);
	kernel.hold = hold;
	pthread_cond_broadcast(&kernel.changed);
	pthread_mutex_unlock(&kernel.lock);
}

static void *release(void *context)
{
	const struct timespec pause = {.tv_nsec = RELEASE_NS};

	(void)context;
	nanosleep(&pause, NULL);
	set_hold(false);
	return NULL;
}

/* The renewal under way ends while the test waits for something. */
static void release_later(void)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, release, NULL), 0);
	ck_assert_int_eq(pthread_detach(thread), 0);
}

static void setup(void)
{
	ck_assert(addr_parse("192.0.2.1", &first) && addr_parse("2001:db8::2", &second));
	kernel.hold = false;
	kernel.result = 0;
	kernel.begun = kernel.ended = 0;
	kernel.calls[0] = '\0';
	threads_refused = false;
	ck_assert_int_eq(lease_new(&calls, &kernel, &lease), 0);
}

static void setup_started(void)
{
	setup();
	ck_assert_int_eq(lease_start(lease), 0);
}

static void teardown(void)
{
	lease_free(lease);
}

/* The first renewal is under way and does not end. */
static void hold_first(void)
{
	set_hold(true);
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	await(&kernel.begun, 1);
}

/* The result of the renewal of before; another one has begun then. */
static int result_of_last(const struct addr *address)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int result;

	while ((result = lease_renew(lease, INDEX, address, 5)) == -EBUSY)
		nanosleep(&pause, NULL);
	return result;
}

START_TEST(test_renewed_in_the_background)
{
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	await(&kernel.ended, 1);
	ck_assert(!pthread_equal(kernel.thread, pthread_self()));
	ck_assert(kernel.signals_blocked);
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5");
	ck_assert_int_eq(result_of_last(&first), 0);
}
END_TEST

START_TEST(test_signals_stay_with_the_caller)
{
	sigset_t blocked;

	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	ck_assert(!sigismember(&blocked, SIGTERM));
}
END_TEST

/* One call for all that is asked while the kernel is busy, in the order of the first. */
START_TEST(test_coalesced)
{
	hold_first();
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), -EBUSY);
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 5), 0);
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 5), -EBUSY);
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 5), -EBUSY);
	set_hold(false);
	await(&kernel.ended, 2);
	lease_free(lease);
	lease = NULL;
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5, 2001:db8::2 for 5");
}
END_TEST

START_TEST(test_error_is_told_once)
{
	kernel.result = -EACCES;
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	await(&kernel.ended, 1);
	kernel.result = 0;
	ck_assert_int_eq(result_of_last(&second), 0);
	ck_assert_int_eq(result_of_last(&first), -EACCES);
	ck_assert_int_eq(result_of_last(&first), 0);
}
END_TEST

START_TEST(test_interface_gone_is_no_error)
{
	kernel.result = -ENODEV;
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	await(&kernel.ended, 1);
	ck_assert_int_eq(result_of_last(&first), 0);
}
END_TEST

START_TEST(test_canceled_while_it_waits)
{
	hold_first();
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 5), 0);
	lease_cancel(lease, INDEX, &second);
	lease_cancel(lease, INDEX, &second);
	set_hold(false);
	await(&kernel.ended, 1);
	lease_free(lease);
	lease = NULL;
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5");
}
END_TEST

/* RECONCILE: afterwards the address can be removed, and nothing brings it back. */
START_TEST(test_canceled_under_way)
{
	hold_first();
	kernel.result = _i == 0 ? 0 : -EACCES;
	release_later();
	lease_cancel(lease, INDEX, &first);
	ck_assert_uint_eq(kernel.ended, 1);
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	await(&kernel.ended, 2);
}
END_TEST

/* A reload with another lease must not be undone by a renewal that was asked for before it. */
START_TEST(test_other_lease_while_it_waits)
{
	hold_first();
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 5), 0);
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 0), 0);
	set_hold(false);
	await(&kernel.ended, 2);
	lease_free(lease);
	lease = NULL;
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5, 2001:db8::2 for 0");
}
END_TEST

START_TEST(test_other_lease_under_way)
{
	hold_first();
	release_later();
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 0), 0);
	await(&kernel.ended, 2);
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5, 192.0.2.1 for 0");
}
END_TEST

START_TEST(test_freed_with_renewals)
{
	hold_first();
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 5), 0);
	release_later();
	lease_free(lease);
	lease = NULL;
	ck_assert_uint_eq(kernel.ended, 1);
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5");
}
END_TEST

/* LEASE: without a thread the caller renews, and is told of errors at once. */
START_TEST(test_without_thread)
{
	threads_refused = true;
	if (_i == 1)
		ck_assert_int_eq(lease_start(lease), -EAGAIN);
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	ck_assert_uint_eq(kernel.ended, 1);
	ck_assert(pthread_equal(kernel.thread, pthread_self()));
	kernel.result = -EACCES;
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), -EACCES);
	kernel.result = -ENODEV;
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	kernel.result = 0;
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	lease_cancel(lease, INDEX, &first);
	ck_assert_uint_eq(kernel.ended, 4);
}
END_TEST

START_TEST(test_thread_made_later)
{
	threads_refused = true;
	ck_assert_int_eq(lease_start(lease), -EAGAIN);
	threads_refused = false;
	ck_assert_int_eq(lease_start(lease), 0);
	ck_assert_int_eq(lease_start(lease), 0);
	ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	await(&kernel.ended, 1);
	ck_assert(!pthread_equal(kernel.thread, pthread_self()));
}
END_TEST

/* CLOSE: the caller is not kept waiting, and one departure is enough. */
START_TEST(test_departs_in_the_background)
{
	set_hold(true);
	ck_assert_int_eq(start_departure(&first, 32), 0);
	await(&kernel.begun, 1);
	ck_assert_int_eq(start_departure(&first, 32), 0);
	ck_assert_int_eq(start_departure(&first, 24), 0);
	ck_assert_uint_eq(kernel.ended, 0);
	set_hold(false);
	await(&kernel.ended, 2);
	ck_assert(!pthread_equal(kernel.thread, pthread_self()));
	ck_assert_str_eq(kernel.calls, "192.0.2.1/32 goes, 192.0.2.1/24 goes");
}
END_TEST

/* RECONCILE: nothing brings an address back that departs. */
START_TEST(test_departure_drops_the_renewal)
{
	hold_first();
	ck_assert_int_eq(lease_renew(lease, INDEX, &second, 5), 0);
	ck_assert_int_eq(start_departure(&second, 128), 0);
	set_hold(false);
	await(&kernel.ended, 2);
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5, 2001:db8::2/128 goes");
}
END_TEST

/* A takeover does not wait for the connections of an address that departs. */
START_TEST(test_canceled_departure_hurries)
{
	set_hold(true);
	ck_assert_int_eq(start_departure(&first, 32), 0);
	await(&kernel.begun, 1);
	if (_i == 0)
		lease_cancel(lease, INDEX, &first);
	else
		ck_assert_int_eq(lease_renew(lease, INDEX, &first, 5), 0);
	ck_assert_uint_ge(kernel.ended, 1);
	set_hold(false);
	await(&kernel.ended, _i == 0 ? 1 : 2);
	ck_assert_str_eq(kernel.calls,
			 _i == 0 ? "192.0.2.1/32 goes" : "192.0.2.1/32 goes, 192.0.2.1 for 5");
}
END_TEST

START_TEST(test_canceled_departure_does_not_begin)
{
	hold_first();
	ck_assert_int_eq(start_departure(&second, 128), 0);
	ck_assert_int_eq(start_departure(&second, 64), 0);
	lease_cancel(lease, INDEX, &second);
	set_hold(false);
	await(&kernel.ended, 1);
	lease_free(lease);
	lease = NULL;
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5");
}
END_TEST

/* The daemon leaves no address behind when it ends. */
START_TEST(test_freed_after_departures)
{
	hold_first();
	ck_assert_int_eq(start_departure(&second, 128), 0);
	release_later();
	lease_free(lease);
	lease = NULL;
	ck_assert_str_eq(kernel.calls, "192.0.2.1 for 5, 2001:db8::2/128 goes");
}
END_TEST

/* The next departure with this prefix length tells of one that failed; an address that is not there
 * is what was wanted. */
START_TEST(test_failed_departure_is_told)
{
	static const int results[][2] = {{-EPERM, -EPERM}, {-EADDRNOTAVAIL, 0}, {-ENODEV, 0}};

	kernel.result = results[_i][0];
	ck_assert_int_eq(start_departure(&first, 32), 0);
	await(&kernel.ended, 1);
	ck_assert_int_eq(start_departure(&second, 128), 0);
	await(&kernel.ended, 2);
	ck_assert_int_eq(start_departure(&first, 32), results[_i][1]);
	await(&kernel.ended, 3);
}
END_TEST

START_TEST(test_departs_without_thread)
{
	ck_assert_int_eq(start_departure(&first, 32), 0);
	ck_assert_uint_eq(kernel.ended, 1);
	ck_assert(pthread_equal(kernel.thread, pthread_self()));
	kernel.result = -EPERM;
	ck_assert_int_eq(start_departure(&first, 32), -EPERM);
	kernel.result = -EADDRNOTAVAIL;
	ck_assert_int_eq(start_departure(&first, 32), 0);
}
END_TEST

Suite *suite_lease(void)
{
	Suite *suite = suite_create("lease");
	TCase *started = tcase_create("with a thread");
	TCase *bare = tcase_create("without a thread");

	tcase_add_checked_fixture(started, setup_started, teardown);
	tcase_add_test(started, test_renewed_in_the_background);
	tcase_add_test(started, test_signals_stay_with_the_caller);
	tcase_add_test(started, test_coalesced);
	tcase_add_test(started, test_error_is_told_once);
	tcase_add_test(started, test_interface_gone_is_no_error);
	tcase_add_test(started, test_canceled_while_it_waits);
	tcase_add_loop_test(started, test_canceled_under_way, 0, 2);
	tcase_add_test(started, test_other_lease_while_it_waits);
	tcase_add_test(started, test_other_lease_under_way);
	tcase_add_test(started, test_freed_with_renewals);
	tcase_add_test(started, test_departs_in_the_background);
	tcase_add_test(started, test_departure_drops_the_renewal);
	tcase_add_loop_test(started, test_canceled_departure_hurries, 0, 2);
	tcase_add_test(started, test_canceled_departure_does_not_begin);
	tcase_add_test(started, test_freed_after_departures);
	tcase_add_loop_test(started, test_failed_departure_is_told, 0, 3);
	suite_add_tcase(suite, started);
	tcase_add_checked_fixture(bare, setup, teardown);
	tcase_add_loop_test(bare, test_without_thread, 0, 2);
	tcase_add_test(bare, test_thread_made_later);
	tcase_add_test(bare, test_departs_without_thread);
	suite_add_tcase(suite, bare);
	return suite;
}
