/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lease.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

enum task {
	TASK_RENEW,
	TASK_DEPART,
};

/* One task for one address: it waits, is under way, or has failed, with the error that the next
 * call returns. One that went well is forgotten. */
struct job {
	struct job *next;
	enum task task;
	int ifindex;
	struct addr address;
	unsigned number;    /* RENEW: the lease in seconds; DEPART: the prefix length */
	struct instant end; /* DEPART: what comes before the removal is over */
	bool pending;	    /* waits or is under way */
	int error;	    /* of the last attempt */
};

struct lease {
	struct lease_calls calls;
	void *context;
	pthread_t thread;
	bool has_thread; /* the caller's alone */
	atomic_bool hurry;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;  /* a job is pending, or the end */
	pthread_cond_t done;  /* under_way has changed */
	struct job *jobs;
	struct job *under_way; /* the one that is carried out now, or NULL */
	bool ending;
};

static bool is_for(const struct job *job, int ifindex, const struct addr *address)
{
	return job->ifindex == ifindex && addr_equal(&job->address, address);
}

/* A departure is one of this prefix length, number. Points to the list's end if there is none. */
static struct job **find(struct lease *lease, enum task task, int ifindex,
			 const struct addr *address, unsigned number)
{
	struct job **at = &lease->jobs;

	while (*at && (!is_for(*at, ifindex, address) || (*at)->task != task ||
		       (task == TASK_DEPART && (*at)->number != number)))
		at = &(*at)->next;
	return at;
}

/* Removes what *at points to from the list. */
static void drop(struct job **at)
{
	struct job *job = *at;

	*at = job->next;
	free(job);
}

/* At the end only departures are left to do. */
static struct job *next_pending(const struct lease *lease)
{
	struct job *job = lease->jobs;

	while (job && (!job->pending || (lease->ending && job->task != TASK_DEPART)))
		job = job->next;
	return job;
}

/* Only what a thread will do is pending, only errors are kept, and what is under way is in the
 * list. The lock is held. */
static void check(const struct lease *lease)
{
	bool found = lease->under_way == NULL;

	for (const struct job *job = lease->jobs; job; job = job->next) {
		assert(job->pending ? lease->has_thread : job->error < 0);
		found |= job == lease->under_way && job->pending;
	}
	assert(found);
}

/* That the interface has gone is told by its event; an address that was to be removed is gone. */
static int result_of(enum task task, int error)
{
	if (error == -ENODEV || (task == TASK_DEPART && error == -EADDRNOTAVAIL))
		return 0;
	return error;
}

static int carry_out(struct lease *lease, const struct job *job)
{
	int error = -EINVAL;

	switch (job->task) {
	case TASK_RENEW:
		error = lease->calls.renew(lease->context, job->ifindex, &job->address,
					   job->number);
		break;
	case TASK_DEPART:
		error = lease->calls.depart(lease->context, job->ifindex, &job->address,
					    job->number, job->end, &lease->hurry);
		break;
	}
	return result_of(job->task, error);
}

/* The lock is held, but not while the kernel is asked. */
static void do_one(struct lease *lease, struct job *job)
{
	int error;

	lease->under_way = job;
	pthread_mutex_unlock(&lease->lock);
	error = carry_out(lease, job);
	pthread_mutex_lock(&lease->lock);
	lease->under_way = NULL;
	job->pending = false;
	job->error = error;
	if (error == 0)
		drop(find(lease, job->task, job->ifindex, &job->address, job->number));
	pthread_cond_broadcast(&lease->done);
}

static void *run(void *context)
{
	struct lease *lease = context;
	struct job *job;

	pthread_mutex_lock(&lease->lock);
	while ((job = next_pending(lease)) || !lease->ending) {
		if (job)
			do_one(lease, job);
		else
			pthread_cond_wait(&lease->wake, &lease->lock);
	}
	pthread_mutex_unlock(&lease->lock);
	return NULL;
}

int lease_new(const struct lease_calls *calls, void *context, struct lease **ret_lease)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return -ENOMEM;
	lease->calls = *calls;
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
	while (lease->jobs)
		drop(&lease->jobs);
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

/* Afterwards the thread does not work on what is under way now. The lock is held, but not while
 * waiting. */
static void await(struct lease *lease, const struct job *under_way)
{
	atomic_store(&lease->hurry, true);
	while (lease->under_way == under_way)
		pthread_cond_wait(&lease->done, &lease->lock);
	atomic_store(&lease->hurry, false);
}

/* Afterwards the thread does not do this task for the address. The lock is held, but not while
 * waiting. */
static void cancel(struct lease *lease, enum task task, int ifindex, const struct addr *address)
{
	struct job **at = &lease->jobs;

	while (*at) {
		if ((*at)->task != task || !is_for(*at, ifindex, address)) {
			at = &(*at)->next;
		} else if (*at == lease->under_way) {
			await(lease, *at);
			at = &lease->jobs;
		} else {
			drop(at);
		}
	}
}

/* The lock is held. */
static int enqueue(struct lease *lease, const struct job *wanted)
{
	struct job **at =
		find(lease, wanted->task, wanted->ifindex, &wanted->address, wanted->number);
	struct job *job = *at;

	if (!job && !(job = *at = calloc(1, sizeof(*job))))
		return -ENOMEM;
	if (job->pending)
		return -EBUSY;
	*job = (struct job){
		.next = job->next,
		.task = wanted->task,
		.ifindex = wanted->ifindex,
		.address = wanted->address,
		.number = wanted->number,
		.end = wanted->end,
		.pending = true,
		.error = job->error,
	};
	pthread_cond_signal(&lease->wake);
	return job->error;
}

int lease_renew(struct lease *lease, int ifindex, const struct addr *address, unsigned lease_s)
{
	const struct job wanted = {
		.task = TASK_RENEW, .ifindex = ifindex, .address = *address, .number = lease_s};
	const struct job *before;
	int error;

	if (!lease->has_thread)
		return carry_out(lease, &wanted);
	pthread_mutex_lock(&lease->lock);
	cancel(lease, TASK_DEPART, ifindex, address);
	before = *find(lease, TASK_RENEW, ifindex, address, lease_s);
	if (before && before->pending && before->number != lease_s)
		cancel(lease, TASK_RENEW, ifindex, address);
	error = enqueue(lease, &wanted);
	check(lease);
	pthread_mutex_unlock(&lease->lock);
	return error;
}

int lease_depart(struct lease *lease, int ifindex, const struct addr *address,
		 unsigned prefix_length, struct instant end)
{
	const struct job wanted = {.task = TASK_DEPART,
				   .ifindex = ifindex,
				   .address = *address,
				   .number = prefix_length,
				   .end = end};
	int error;

	if (!lease->has_thread)
		return carry_out(lease, &wanted);
	pthread_mutex_lock(&lease->lock);
	cancel(lease, TASK_RENEW, ifindex, address);
	error = enqueue(lease, &wanted);
	check(lease);
	pthread_mutex_unlock(&lease->lock);
	return error == -EBUSY ? 0 : error;
}

void lease_cancel(struct lease *lease, int ifindex, const struct addr *address)
{
	pthread_mutex_lock(&lease->lock);
	cancel(lease, TASK_RENEW, ifindex, address);
	cancel(lease, TASK_DEPART, ifindex, address);
	check(lease);
	pthread_mutex_unlock(&lease->lock);
}
