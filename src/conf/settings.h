/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the file to what core wants: the settings of one virtual router for each instance.
 */
#ifndef CPVRRP_CONF_SETTINGS_H
#define CPVRRP_CONF_SETTINGS_H

#include "conf/conf.h"
#include "core/router.h"

/* The settings of instance number i < conf->instance_count; conf has been completed. */
void settings_of_instance(const struct conf *conf, size_t i, struct router_settings *ret_settings);

#endif
