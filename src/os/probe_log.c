/* SPDX-License-Identifier: Apache-2.0 */
#include "os/probe_log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void probe_log_init(struct probe_log *log, struct instant now)
{
	*log = (struct probe_log){.started = now, .said = HEALTH_OK};
}

bool probe_log_is_overdue(const struct probe_log *log, struct instant now)
{
	return !log->succeeded &&
	       instant_due(instant_add(log->started, PROBE_LOG_PATIENCE_US), now);
}

static bool report_overdue(struct probe_log *log, struct instant now,
			   const struct probe_report *report, char line[LOG_TEXT_SIZE])
{
	if (log->warned || !probe_log_is_overdue(log, now))
		return false;
	log->warned = true;
	log->said = report->result;
	snprintf(line, LOG_TEXT_SIZE,
		 "no apiserver probe has succeeded in %" PRId64
		 " s: %s; this node stays unready until one does",
		 instant_since(now, log->started) / SECOND_US, report->detail);
	return true;
}

static bool report_stale(struct probe_log *log, struct instant now,
			 const struct probe_report *report, char line[LOG_TEXT_SIZE])
{
	uint64_t suppressed;

	if (report->stale[0] == '\0')
		log->stale[0] = '\0';
	if (strcmp(report->stale, log->stale) == 0 ||
	    !log_allowed(&log->stale_limit, now, &suppressed))
		return false;
	snprintf(log->stale, sizeof(log->stale), "%s", report->stale);
	snprintf(line, LOG_TEXT_SIZE, "apiserver probe: %s", report->stale);
	return true;
}

static bool report_failure(struct probe_log *log, struct instant now,
			   const struct probe_report *report, char line[LOG_TEXT_SIZE])
{
	uint64_t suppressed;

	if (report->result == log->said ||
	    !log_allowed(&log->limits[report->result], now, &suppressed))
		return false;
	log->said = report->result;
	if (suppressed > 0)
		snprintf(line, LOG_TEXT_SIZE, "apiserver probe: %s (%" PRIu64 " more in between)",
			 report->detail, suppressed);
	else
		snprintf(line, LOG_TEXT_SIZE, "apiserver probe: %s", report->detail);
	return true;
}

bool probe_log_report(struct probe_log *log, struct instant now, const struct probe_report *report,
		      enum conf_log_level *ret_level, char ret_line[LOG_TEXT_SIZE])
{
	assert(report->result < HEALTH_RESULT_COUNT);
	assert((report->result == HEALTH_OK) == (report->detail[0] == '\0'));
	if (report->result == HEALTH_OK) {
		log->succeeded = true;
		log->said = HEALTH_OK;
	}
	if (report_overdue(log, now, report, ret_line) ||
	    report_stale(log, now, report, ret_line)) {
		*ret_level = CONF_LOG_WARNING;
		return true;
	}
	if (report_failure(log, now, report, ret_line)) {
		*ret_level = CONF_LOG_INFO;
		return true;
	}
	return false;
}
