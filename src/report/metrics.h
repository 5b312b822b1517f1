/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot in the Prometheus text format (version 0.0.4). */
#ifndef CPVRRP_REPORT_METRICS_H
#define CPVRRP_REPORT_METRICS_H

#include "report/status.h"

/* free() the result; NULL without memory. */
char *metrics_text(const struct status *status);

#endif
