/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lease.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

/* The renewal of one address: it waits, is under way, or has failed, with the error that the next
 * call returns. One that went well is forgotten. */
struct renewal {
	struct renewal *next;
	int ifindex;
	struct addr address;
	unsigned lease_s;
	bool pending; /* waits or is under way */
	int error;    /* of the last attempt */
};

struct lease {
	int (*renew)(void *context, int ifindex, const struct addr *address, unsigned lease_s);
	void *context;
	pthread_t thread;
	bool has_thread; /* the caller's alone */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;  /* a renewal is pending, or the end */
	pthread_cond_t done;  /* under_way has changed */
	struct renewal *renewals;
	struct renewal *under_way; /* the one that renew() is called for now, or NULL */
	bool ending;
};

static struct renewal **find(struct lease *lease, int ifindex, const struct addr *address)
{
	struct renewal **at = &lease->renewals;

	while (*at && ((*at)->ifindex != ifindex || !addr_equal(&(*at)->address, address)))
		at = &(*at)->next;
	return at;
}

/* Removes what *at points to from the list. */
static void drop(struct renewal **at)
{
	struct renewal *renewal = *at;

	*at = renewal->next;
	free(renewal);
}

static struct renewal *next_pending(const struct lease *lease)
{
	struct renewal *renewal = lease->renewals;

	while (renewal && !renewal->pending)
		renewal = renewal->next;
	return renewal;
}

/* Only what a thread will renew is pending, only errors are kept, and what is under way is in the
 * list. The lock is held. */
static void check(const struct lease *lease)
{
	bool found = lease->under_way == NULL;

	for (const struct renewal *renewal = lease->renewals; renewal; renewal = renewal->next) {
		assert(renewal->pending ? lease->has_thread : renewal->error < 0);
		found |= renewal == lease->under_way && renewal->pending;
	}
	assert(found);
}

/* That the interface has gone is told by its event. */
static int result_of(int error)
{
	return error == -ENODEV ? 0 : error;
}

/* The lock is held, but not while the kernel is asked. */
static void renew_one(struct lease *lease, struct renewal *renewal)
{
	int error;

	lease->under_way = renewal;
	pthread_mutex_unlock(&lease->lock);
	error = lease->renew(lease->context, renewal->ifindex, &renewal->address, renewal->lease_s);
	pthread_mutex_lock(&lease->lock);
	lease->under_way = NULL;
	renewal->pending = false;
	renewal->error = result_of(error);
	if (renewal->error == 0)
		drop(find(lease, renewal->ifindex, &renewal->address));
	pthread_cond_broadcast(&lease->done);
}

static void *run(void *context)
{
	struct lease *lease = context;

	pthread_mutex_lock(&lease->lock);
	while (!lease->ending) {
		struct renewal *renewal = next_pending(lease);

		if (renewal)
			renew_one(lease, renewal);
		else
			pthread_cond_wait(&lease->wake, &lease->lock);
	}
	pthread_mutex_unlock(&lease->lock);
	return NULL;
}

int lease_new(int (*renew)(void *context, int ifindex, const struct addr *address,
			   unsigned lease_s),
	      void *context, struct lease **ret_lease)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return -ENOMEM;
	lease->renew = renew;
	lease->context = context;
	pthread_mutex_init(&lease->lock, NULL);
	pthread_cond_init(&lease->wake, NULL);
	pthread_cond_init(&lease->done, NULL);
	*ret_lease = lease;
	return 0;
}

void lease_free(struct lease *lease)
{
	if (!lease)
		return;
	pthread_mutex_lock(&lease->lock);
	lease->ending = true;
	pthread_cond_signal(&lease->wake);
	pthread_mutex_unlock(&lease->lock);
	if (lease->has_thread)
		pthread_join(lease->thread, NULL);
	while (lease->renewals)
		drop(&lease->renewals);
	pthread_cond_destroy(&lease->done);
	pthread_cond_destroy(&lease->wake);
	pthread_mutex_destroy(&lease->lock);
	free(lease);
}

int lease_start(struct lease *lease)
{
	sigset_t all, before;
	int error;

	if (lease->has_thread)
		return 0;
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&lease->thread, NULL, run, lease);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	lease->has_thread = error == 0;
	return -error;
}

/* Afterwards the thread does not renew the address. The lock is held, but not while waiting. */
static void cancel(struct lease *lease, int ifindex, const struct addr *address)
{
	struct renewal **at = find(lease, ifindex, address);

	while (*at && *at == lease->under_way) {
		pthread_cond_wait(&lease->done, &lease->lock);
		at = find(lease, ifindex, address);
	}
	if (*at)
		drop(at);
}

/* The renewal of this address, made if there is none; NULL without memory. */
static struct renewal *get(struct lease *lease, int ifindex, const struct addr *address)
{
	struct renewal **at = find(lease, ifindex, address);

	if (!*at && (*at = calloc(1, sizeof(**at)))) {
		(*at)->ifindex = ifindex;
		(*at)->address = *address;
	}
	return *at;
}

static int enqueue(struct lease *lease, int ifindex, const struct addr *address, unsigned lease_s)
{
	struct renewal *renewal = *find(lease, ifindex, address);

	if (renewal && renewal->pending && renewal->lease_s != lease_s)
		cancel(lease, ifindex, address);
	renewal = get(lease, ifindex, address);
	if (!renewal)
		return -ENOMEM;
	if (renewal->pending)
		return -EBUSY;
	renewal->pending = true;
	renewal->lease_s = lease_s;
	pthread_cond_signal(&lease->wake);
	return renewal->error;
}

int lease_renew(struct lease *lease, int ifindex, const struct addr *address, unsigned lease_s)
{
	int error;

	if (!lease->has_thread)
		return result_of(lease->renew(lease->context, ifindex, address, lease_s));
	pthread_mutex_lock(&lease->lock);
	error = enqueue(lease, ifindex, address, lease_s);
	check(lease);
	pthread_mutex_unlock(&lease->lock);
	return error;
}

void lease_cancel(struct lease *lease, int ifindex, const struct addr *address)
{
	pthread_mutex_lock(&lease->lock);
	cancel(lease, ifindex, address);
	check(lease);
	pthread_mutex_unlock(&lease->lock);
}
