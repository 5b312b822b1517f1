/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as a value: the table of options with their limits and defaults, the text of a
 * value and back, and the checks that span several options. conf/file reads and prints the
 * file around it; nothing here does.
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
#define CONF_NAME_SIZE 64
#define CONF_INTERFACE_SIZE 16 /* IFNAMSIZ */
#define CONF_PATH_SIZE 256
#define CONF_SOCKET_SIZE 108 /* sun_path */
#define CONF_LISTEN_SIZE 64  /* [ADDRESS]:PORT */
#define CONF_HOST_SIZE 254   /* a DNS name, RFC 1035 2.3.4 */

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
	uint8_t priority; /* 155..254, 0 = auto */
	uint16_t advert_int_cs;
	enum vrrp_preempt preempt;
	int64_t preempt_delay_us;
	enum advert_checksum checksum;
	bool track_apiserver;
	bool unicast;		    /* unicast_peer is given */
	struct addr unicast_src_ip; /* unspecified = auto; counts for its own family */
	size_t peer_count;
	struct addr peers[CONF_PEERS_MAX];
	size_t address_count;
	struct addr addresses[CONF_ADDRESSES_MAX]; /* as written, both families mixed */
};

/* About 700 kB at full size, so it is made on the heap, zeroed: pages that are not used cost
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
	bool realtime;
	struct conf_apiserver apiserver;
	size_t instance_count;
	struct conf_instance instances[CONF_INSTANCES_MAX];
};

enum conf_section {
	CONF_SECTION_GLOBAL,	/* struct conf */
	CONF_SECTION_APISERVER, /* struct conf_apiserver */
	CONF_SECTION_INSTANCE,	/* struct conf_instance */
};
#define CONF_SECTION_COUNT (CONF_SECTION_INSTANCE + 1)

/* The keyword of the section in the file; "" for CONF_SECTION_GLOBAL. */
const char *conf_section_name(enum conf_section section);

enum conf_type {
	CONF_TYPE_BOOLEAN,
	CONF_TYPE_NUMBER,
	CONF_TYPE_WORD,	  /* one of words; the field is its position */
	CONF_TYPE_PATH,	  /* absolute */
	CONF_TYPE_URL,	  /* also fills address, port and path */
	CONF_TYPE_LISTEN, /* also fills metrics_address and metrics_port */
	CONF_TYPE_SERVER_NAME,
	CONF_TYPE_INTERFACE,
	CONF_TYPE_ADDRESS,
	CONF_TYPE_VIRTUAL_ADDRESSES, /* a list; so the next */
	CONF_TYPE_PEERS,
};

/* One option of the file: everything that parser, printer and the check of the manual know of it.
 */
struct conf_option {
	enum conf_section section;
	enum conf_type type;
	const char *name;
	const char *initial; /* the default as it is written; NULL = none */
	const char *zero; /* how a field of zeros is written; NULL if it is a value like others */
	size_t offset;	  /* of the field in the section's struct */
	size_t size;
	int64_t min; /* NUMBER: in units of the field */
	int64_t max;
	int64_t scale; /* NUMBER: what one, as written, is in units of the field; a power of 10 */
	const char *unit;	  /* NUMBER: for people */
	const char *const *words; /* ended with NULL */
};

extern const struct conf_option conf_options[];
extern const size_t conf_option_count;

/* NULL if there is none. */
const struct conf_option *conf_option_find(enum conf_section section, const char *name);

bool conf_option_is_list(const struct conf_option *option);

#define CONF_TEXT_SIZE 256

/*
 * Sets the field of the section's struct from text, or appends text to a list. False, with the
 * reason and what is allowed in reason and nothing set, if it is not allowed.
 */
bool conf_option_parse(const struct conf_option *option, void *section, const char *text,
		       char reason[CONF_TEXT_SIZE]);

/* Writes the value as conf_option_parse() takes it and returns text; not for lists. */
const char *conf_option_format(const struct conf_option *option, const void *section,
			       char text[CONF_TEXT_SIZE]);

/* *conf is all zero; sets the defaults of everything outside instances. */
void conf_init(struct conf *conf);

/* Appends an instance with the defaults and this name. False, with the reason, if the name is not
 * allowed or used, or there are CONF_INSTANCES_MAX. */
bool conf_instance_add(struct conf *conf, const char *name, char reason[CONF_TEXT_SIZE]);

/*
 * The checks that span several options, and the values that follow from others
 * (virtual_router_id). error is called for each violation; instance is NULL outside instances,
 * option is the one to blame.
 */
void conf_complete(struct conf *conf,
		   void (*error)(void *context, const struct conf_instance *instance,
				 const char *option, const char *message),
		   void *context);

/* Whether any instance needs the probe. */
bool conf_tracks_apiserver(const struct conf *conf);

/* Whether a reload may leave the probe alone. */
bool conf_apiserver_equal(const struct conf_apiserver *a, const struct conf_apiserver *b);

/* The interval between refreshes of the lease (rule LEASE), 0 for a lease without end. */
int64_t conf_address_refresh_us(const struct conf *conf);

/* The instance of this name; NULL if there is none. */
const struct conf_instance *conf_instance_find(const struct conf *conf, const char *name);

/* True if the instance has an address of the family and so a virtual router of it. */
bool conf_instance_has_family(const struct conf_instance *instance, enum addr_family family);

#endif
