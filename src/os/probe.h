/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe of the local apiserver: GET over one persistent HTTPS/1.1 connection, one request in
 * flight, every `interval`. Knows nothing of readiness: it reports what happened, core/health
 * judges. Certificates, keys and the token are read again when their files change. The process
 * ignores SIGPIPE: OpenSSL writes with write(2).
 */
#ifndef CPVRRP_OS_PROBE_H
#define CPVRRP_OS_PROBE_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/health.h"

#define PROBE_DETAIL_SIZE 256

struct probe_report {
	enum health_result result;
	int http_status;    /* 0 if there was no response */
	int64_t latency_us; /* from the start of the attempt, connection included, to its end */
	char detail[PROBE_DETAIL_SIZE]; /* for people: what went wrong and what helps; "" if
					   HEALTH_OK */
};

struct probe;

/*
 * FAIL CLOSED: whether the files that conf names can be used. One that is missing is no error,
 * as it may come when the node joins its cluster; one that holds no certificate is. Returns 0, or
 * -EINVAL. detail has one line on what is wrong or missing, "" if nothing is.
 */
int probe_check(const struct conf_apiserver *conf, char detail[PROBE_DETAIL_SIZE]);

/*
 * Starts probing at once. report is called from the event loop, once per attempt, and may free the
 * probe. conf is copied. Returns 0 or -errno.
 */
int probe_new(struct event_base *base, const struct conf_apiserver *conf,
	      void (*report)(void *context, const struct probe_report *report), void *context,
	      struct probe **ret_probe);
/* NULL is allowed. No report comes after it. */
void probe_free(struct probe *probe);

#endif
