/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges a configuration as a whole, when all of a file has been read.
 */
#ifndef CPVRRP_CONF_CHECK_H
#define CPVRRP_CONF_CHECK_H

#include "conf/conf.h"

/*
 * The checks that span several options, and the values that follow from others
 * (virtual_router_id). error is called for each violation; instance is NULL outside instances,
 * option is the one to blame.
 */
void conf_complete(struct conf *conf,
		   void (*error)(void *context, const struct conf_instance *instance,
				 const char *option, const char *message),
		   void *context);

#endif
