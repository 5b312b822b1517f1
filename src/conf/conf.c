/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"

#include <assert.h>
#include <string.h>

bool conf_tracks_apiserver(const struct conf *conf)
{
	for (size_t i = 0; i < conf->instance_count; i++)
		if (conf->instances[i].track_apiserver)
			return true;
	return false;
}

bool conf_apiserver_equal(const struct conf_apiserver *a, const struct conf_apiserver *b)
{
	return strcmp(a->url, b->url) == 0 && addr_equal(&a->address, &b->address) &&
	       a->port == b->port && strcmp(a->path, b->path) == 0 &&
	       strcmp(a->server_name, b->server_name) == 0 && strcmp(a->ca_file, b->ca_file) == 0 &&
	       strcmp(a->client_cert_file, b->client_cert_file) == 0 &&
	       strcmp(a->client_key_file, b->client_key_file) == 0 &&
	       strcmp(a->token_file, b->token_file) == 0 &&
	       a->insecure_skip_verify == b->insecure_skip_verify &&
	       a->interval_us == b->interval_us && a->timeout_us == b->timeout_us &&
	       a->fall == b->fall && a->rise == b->rise;
}

static bool ports_equal(const struct conf_instance *a, const struct conf_instance *b)
{
	assert(a->balance_port_count <= CONF_BALANCE_PORTS_MAX);
	return a->balance_port_count == b->balance_port_count &&
	       memcmp(a->balance_ports, b->balance_ports,
		      a->balance_port_count * sizeof(a->balance_ports[0])) == 0;
}

static bool tracked_equal(const struct conf_instance *a, const struct conf_instance *b)
{
	if (a->track_file_count != b->track_file_count ||
	    a->track_interface_count != b->track_interface_count)
		return false;
	for (size_t i = 0; i < a->track_file_count; i++)
		if (strcmp(a->track_files[i], b->track_files[i]) != 0)
			return false;
	for (size_t i = 0; i < a->track_interface_count; i++)
		if (strcmp(a->track_interfaces[i], b->track_interfaces[i]) != 0)
			return false;
	return true;
}

bool conf_instance_equal(const struct conf_instance *a, const struct conf_instance *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->interface, b->interface) == 0 &&
	       a->virtual_router_id == b->virtual_router_id && a->priority == b->priority &&
	       a->advert_int_cs == b->advert_int_cs && a->preempt == b->preempt &&
	       a->preempt_delay_us == b->preempt_delay_us && a->checksum == b->checksum &&
	       a->track_apiserver == b->track_apiserver && a->members == b->members &&
	       tracked_equal(a, b) && a->balance == b->balance && ports_equal(a, b) &&
	       a->unicast == b->unicast && addr_equal(&a->unicast_src_ip, &b->unicast_src_ip) &&
	       addr_lists_equal(a->peers, a->peer_count, b->peers, b->peer_count) &&
	       addr_lists_equal(a->addresses, a->address_count, b->addresses, b->address_count);
}

bool conf_equal(const struct conf *a, const struct conf *b)
{
	if (a->log_level != b->log_level || a->log_format != b->log_format ||
	    strcmp(a->control_socket, b->control_socket) != 0 ||
	    strcmp(a->metrics_listen, b->metrics_listen) != 0 ||
	    !addr_equal(&a->metrics_address, &b->metrics_address) ||
	    a->metrics_port != b->metrics_port || a->address_lease_s != b->address_lease_s ||
	    a->announce_refresh_s != b->announce_refresh_s || a->realtime != b->realtime ||
	    !conf_apiserver_equal(&a->apiserver, &b->apiserver) ||
	    a->instance_count != b->instance_count)
		return false;
	for (size_t i = 0; i < a->instance_count; i++)
		if (!conf_instance_equal(&a->instances[i], &b->instances[i]))
			return false;
	return true;
}

int64_t conf_address_refresh_us(const struct conf *conf)
{
	return (int64_t)conf->address_lease_s * SECOND_US / 3;
}

const struct conf_instance *conf_instance_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->instance_count; i++)
		if (strcmp(conf->instances[i].name, name) == 0)
			return &conf->instances[i];
	return NULL;
}

bool conf_balances(const struct conf *conf)
{
	for (size_t i = 0; i < conf->instance_count; i++)
		if (conf->instances[i].balance)
			return true;
	return false;
}
