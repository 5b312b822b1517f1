/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot as JSON, for programs. doc/cpvrrp.8 documents the shape, which only grows. */
#ifndef CPVRRP_REPORT_STATUS_JSON_H
#define CPVRRP_REPORT_STATUS_JSON_H

#include "report/status.h"

/* free() the result; NULL without memory. */
char *status_json(const struct status *status);

#endif
