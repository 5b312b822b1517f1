/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe of the local apiserver: GET over one persistent HTTPS/1.1 connection, one request in
 * flight, every `interval`. Knows nothing of readiness: it reports what happened, core/health
 * judges. Whoever listens on the port can neither hold up the event loop nor take its memory. The
 * process ignores SIGPIPE: OpenSSL writes with write(2).
 */
#ifndef CPVRRP_OS_PROBE_H
#define CPVRRP_OS_PROBE_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/health.h"
#include "os/credentials.h"

#define PROBE_DETAIL_SIZE CREDENTIALS_DETAIL_SIZE

struct probe_report {
	enum health_result result;
	int http_status;    /* 0 if there was no response */
	int64_t latency_us; /* from the start of the attempt, connection included, to its end */
	/* For people: the URL or file, what went wrong and what helps; "" if HEALTH_OK. */
	char detail[PROBE_DETAIL_SIZE];
	/* For people, whatever the result is: why a file of the configuration cannot be used
	 * although its earlier content is; "" if all can. */
	char stale[PROBE_DETAIL_SIZE];
};

struct probe;

/* credentials_check(): whether the files that conf names can be used. */
int probe_check(const struct conf_apiserver *conf, char detail[PROBE_DETAIL_SIZE]);

/*
 * Starts the first attempt at once. The event loop calls report once per attempt; report may free
 * the probe. conf is copied. Returns 0 or -errno.
 */
int probe_new(struct event_base *base, const struct conf_apiserver *conf,
	      void (*report)(void *context, const struct probe_report *report), void *context,
	      struct probe **ret_probe);
/* NULL is allowed. No report comes after it. */
void probe_free(struct probe *probe);

#endif
