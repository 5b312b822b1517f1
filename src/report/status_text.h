/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot as text, for people. The form may change. */
#ifndef CPVRRP_REPORT_STATUS_TEXT_H
#define CPVRRP_REPORT_STATUS_TEXT_H

#include "report/status.h"

/* free() the result; NULL without memory. */
char *status_text(const struct status *status);

#endif
