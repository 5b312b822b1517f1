/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as a value: what the file says, in the units that the daemon uses. Everything
 * else in conf makes it from text, judges it or prints it.
 */
#ifndef CPVRRP_CONF_CONF_H
#define CPVRRP_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/advert.h"
#include "core/vrrp.h"

#define CONF_INSTANCES_MAX 255
#define CONF_ADDRESSES_MAX 20
#define CONF_PEERS_MAX 64
#define CONF_BALANCE_PORTS_MAX 8
#define CONF_TRACKED_MAX 8 /* files, and as many interfaces */
#define CONF_NAME_SIZE 64
#define CONF_INTERFACE_SIZE 16 /* IFNAMSIZ */
#define CONF_PATH_SIZE 256
#define CONF_SOCKET_SIZE 108 /* sun_path */
#define CONF_LISTEN_SIZE 64  /* [ADDRESS]:PORT */
#define CONF_HOST_SIZE 254   /* a DNS name, RFC 1035 2.3.4 */
#define CONF_TEXT_SIZE 256   /* a value as it is written, or why it is not allowed */

enum conf_log_level {
	CONF_LOG_ERROR,
	CONF_LOG_WARNING,
	CONF_LOG_NOTICE,
	CONF_LOG_INFO,
	CONF_LOG_DEBUG,
};

enum conf_log_format {
	CONF_LOG_TEXT,
	CONF_LOG_JSON,
};

/* Whether the daemon runs in real time. */
enum conf_realtime {
	CONF_REALTIME_AUTO, /* where it is allowed */
	CONF_REALTIME_FALSE,
	CONF_REALTIME_TRUE,
};

struct conf_apiserver {
	char url[CONF_PATH_SIZE];
	struct addr address; /* url, taken apart */
	uint16_t port;
	char path[CONF_PATH_SIZE]; /* with the query; starts with '/' */
	char server_name[CONF_HOST_SIZE];
	char ca_file[CONF_PATH_SIZE];
	char client_cert_file[CONF_PATH_SIZE]; /* "" = none; so the next two */
	char client_key_file[CONF_PATH_SIZE];
	char token_file[CONF_PATH_SIZE];
	bool insecure_skip_verify;
	int64_t interval_us;
	int64_t timeout_us;
	unsigned fall;
	unsigned rise;
};

struct conf_instance {
	char name[CONF_NAME_SIZE];
	char interface[CONF_INTERFACE_SIZE]; /* "" = auto */
	uint8_t virtual_router_id;
	bool derived_vrid; /* it follows from the first address; not part of the value */
	uint8_t priority;  /* 171..254, 0 = auto */
	uint16_t advert_int_cs;
	enum vrrp_preempt preempt;
	int64_t preempt_delay_us;
	enum advert_checksum checksum;
	bool track_apiserver;
	size_t track_file_count;
	char track_files[CONF_TRACKED_MAX][CONF_PATH_SIZE];
	size_t track_interface_count;
	char track_interfaces[CONF_TRACKED_MAX][CONF_INTERFACE_SIZE];
	bool members;
	bool balance;
	size_t balance_port_count; /* 0 = the port of the apiserver's url */
	uint16_t balance_ports[CONF_BALANCE_PORTS_MAX];
	bool unicast;		    /* unicast_peer is given */
	struct addr unicast_src_ip; /* unspecified = auto */
	size_t peer_count;
	struct addr peers[CONF_PEERS_MAX];
	size_t address_count;
	struct addr addresses[CONF_ADDRESSES_MAX]; /* as written; see check.c elected_family() */
};

/* About 1.3 MB at full size, so it is made on the heap, zeroed: pages that are not used cost
 * nothing. */
struct conf {
	enum conf_log_level log_level;
	enum conf_log_format log_format;
	char control_socket[CONF_SOCKET_SIZE];
	char metrics_listen[CONF_LISTEN_SIZE]; /* "" = off */
	struct addr metrics_address;	       /* metrics_listen, taken apart; 0 = off */
	uint16_t metrics_port;
	unsigned address_lease_s;    /* 0 = forever */
	unsigned announce_refresh_s; /* 0 = off */
	enum conf_realtime realtime;
	struct conf_apiserver apiserver;
	size_t instance_count;
	struct conf_instance instances[CONF_INSTANCES_MAX];
};

/* Whether any instance needs the probe. */
bool conf_tracks_apiserver(const struct conf *conf);

/* The same values, lists in the same order. A reload leaves a probe alone whose section is equal.
 */
bool conf_apiserver_equal(const struct conf_apiserver *a, const struct conf_apiserver *b);
bool conf_instance_equal(const struct conf_instance *a, const struct conf_instance *b);
bool conf_equal(const struct conf *a, const struct conf *b);

/* The interval between refreshes of the lease (rule LEASE), 0 for a lease without end. */
int64_t conf_address_refresh_us(const struct conf *conf);

/* Whether any instance spreads its connections. */
bool conf_balances(const struct conf *conf);

/* The instance of this name; NULL if there is none. */
const struct conf_instance *conf_instance_find(const struct conf *conf, const char *name);

#endif
