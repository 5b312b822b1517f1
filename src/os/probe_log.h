/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which probe reports deserve a log line, and which one. Pure: the caller gives the time and writes
 * the line. A failure gets a line when its kind changes, and each kind one a minute at most: while
 * etcd is down, a timeout and HTTP 500 take turns each second. A file that has become unusable gets
 * a warning, and so does a probe that has not succeeded once since its start, as with a wrong
 * ca_file, url or server_name.
 */
#ifndef CPVRRP_OS_PROBE_LOG_H
#define CPVRRP_OS_PROBE_LOG_H

#include <stdbool.h>

#include "conf/conf.h"
#include "core/health.h"
#include "core/instant.h"
#include "os/log.h"
#include "os/probe.h"

#define PROBE_LOG_PATIENCE_US (30 * SECOND_US)

struct probe_log {
	struct instant started;
	bool succeeded;		 /* once since started */
	bool warned;		 /* that it has not */
	enum health_result said; /* by the last line on a failure; HEALTH_OK after a success */
	struct log_limit limits[HEALTH_RESULT_COUNT];
	struct log_limit stale_limit;
	char stale[PROBE_DETAIL_SIZE]; /* by the last line on a file; "" once all can be used */
};

/* Together with probe_new(). */
void probe_log_init(struct probe_log *log, struct instant now);

/*
 * For each report, in order. True if a line is to be written: an info line says the report's
 * detail, and may be left out where another line has it; a warning may not.
 */
bool probe_log_report(struct probe_log *log, struct instant now, const struct probe_report *report,
		      enum conf_log_level *ret_level, char ret_line[LOG_TEXT_SIZE]);

/* No probe has succeeded since the start, PROBE_LOG_PATIENCE_US ago or longer. */
bool probe_log_is_overdue(const struct probe_log *log, struct instant now);

#endif
