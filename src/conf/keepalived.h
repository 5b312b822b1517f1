/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keepalived's keywords that cpvrrp has not, each with what does its job here, so that a file of
 * keepalived is answered line by line. Only the parser asks. Data, and a search in it.
 */
#ifndef CPVRRP_CONF_KEEPALIVED_H
#define CPVRRP_CONF_KEEPALIVED_H

#include <stdbool.h>

/* Where a keyword stands; the sections of cpvrrp are the first, in the order of enum conf_section.
 */
enum keepalived_place {
	KEEPALIVED_GLOBAL,
	KEEPALIVED_APISERVER,
	KEEPALIVED_INSTANCE,
	KEEPALIVED_GLOBAL_DEFS,
	KEEPALIVED_SCRIPT,
	KEEPALIVED_SYNC_GROUP,
	KEEPALIVED_VIRTUAL_SERVER,
	KEEPALIVED_ADDRESS,	 /* behind an address of virtual_ipaddress, with a value */
	KEEPALIVED_ADDRESS_FLAG, /* the same, without a value */
	KEEPALIVED_PEER,	 /* behind an address of unicast_peer, with a value */
	KEEPALIVED_TRACKED,	 /* behind an item of track_file or track_interface, with a value */
	KEEPALIVED_TRACKED_FLAG, /* the same, without a value */
};

/* What does the job of the keyword; NULL if keepalived has no such keyword there. */
const char *keepalived_answer(enum keepalived_place place, const char *name);

/* Whether name begins a section of keepalived whose keywords are known. */
bool keepalived_section(const char *name, enum keepalived_place *ret_inside);

#endif
