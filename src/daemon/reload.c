/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"
#include "os/landlock.h"

#define PROBLEM_SIZE 384

static void log_error_line(void *context, const char *line)
{
	(void)context;
	log_error("%s", line);
}

bool reload_can_read(const struct conf_apiserver *apiserver, char detail[PROBE_DETAIL_SIZE])
{
	const char *const files[] = {apiserver->ca_file, apiserver->client_cert_file,
				     apiserver->client_key_file, apiserver->token_file};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (apiserver->insecure_skip_verify || !files[i][0] || !landlock_hides(files[i]))
			continue;
		snprintf(detail, PROBE_DETAIL_SIZE,
			 "a restart is needed to read %s: it is outside of the directories that "
			 "the file named at the start",
			 files[i]);
		return false;
	}
	return true;
}

struct conf *reload_read(const struct conf_source *source,
			 void (*error)(void *context, const char *line), void *context)
{
	struct conf *conf = conf_source_read(source, error, context);
	char detail[PROBE_DETAIL_SIZE];
	char name[CONF_PATH_SIZE];
	char line[CONF_PATH_SIZE + PROBE_DETAIL_SIZE];

	if (!conf || !conf_tracks_apiserver(conf) ||
	    (reload_can_read(&conf->apiserver, detail) &&
	     probe_check(&conf->apiserver, detail) == 0))
		return conf;
	snprintf(line, sizeof(line), "%s: %s", conf_source_name(source, name), detail);
	error(context, line);
	free(conf);
	return NULL;
}

/* ---- Another virtual router ---- */

/* The first address of a that b has too; NULL if there is none. */
static const struct addr *shared_address(const struct conf_instance *a,
					 const struct conf_instance *b)
{
	for (size_t i = 0; i < a->address_count; i++)
		if (addr_in_list(&a->addresses[i], b->addresses, b->address_count))
			return &a->addresses[i];
	return NULL;
}

/* Whether the others would not know the router any more, until they have the same file. */
static bool is_another(const struct conf_instance *before, const struct conf_instance *after)
{
	return before->virtual_router_id != after->virtual_router_id ||
	       before->addresses[0].family != after->addresses[0].family;
}

/* A virtual_router_id that nobody has written must not change with the first address: until all
 * nodes had the new one, two of them would hold each address that stays. True, with what is wrong,
 * if one would. */
static bool vrid_would_change(const struct conf *before, const struct conf *after,
			      char problem[PROBLEM_SIZE])
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < after->instance_count; i++) {
		const struct conf_instance *new = &after->instances[i];
		const struct conf_instance *old = conf_instance_find(before, new->name);
		const struct addr *shared = old ? shared_address(old, new) : NULL;

		if (!shared || old->virtual_router_id == new->virtual_router_id ||
		    !new->derived_vrid)
			continue;
		snprintf(problem, PROBLEM_SIZE,
			 "virtual_router_id of %s would change from %u to %u, as its default "
			 "follows the first address, and until all nodes have it two would hold "
			 "%s; write virtual_router_id %u to keep it, or %u to change it",
			 new->name, old->virtual_router_id, new->virtual_router_id,
			 addr_format(shared, text), old->virtual_router_id, new->virtual_router_id);
		return true;
	}
	return false;
}

static void warn_of_others(const struct conf *before, const struct conf *after)
{
	for (size_t i = 0; i < after->instance_count; i++) {
		const struct conf_instance *new = &after->instances[i];
		const struct conf_instance *old = conf_instance_find(before, new->name);

		if (old && is_another(old, new))
			log_warning("%s: virtual_router_id is %u with %s now, was %u with %s: this "
				    "node does not know nodes with the old one, until all have the "
				    "new one",
				    new->name, new->virtual_router_id,
				    addr_family_name(new->addresses[0].family),
				    old->virtual_router_id,
				    addr_family_name(old->addresses[0].family));
	}
}

bool reload_network(struct daemon *d, const struct conf *conf)
{
	size_t count = conf->instance_count;
	struct router_settings *settings = calloc(count + 1, sizeof(*settings));
	bool done;

	if (!settings)
		return false;
	for (size_t i = 0; i < count; i++)
		settings_of_instance(conf, i, &settings[i]);
	done = io_configure(d->io, d->now, settings, count, conf->address_lease_s) &&
	       (!d->balancer || balancer_configure(d->balancer, d->now, conf));
	look_configure(d->look, d->now, d->balancer);
	free(settings);
	return done;
}

static bool metrics_equal(const struct conf *a, const struct conf *b)
{
	return a->metrics_port == b->metrics_port &&
	       addr_equal(&a->metrics_address, &b->metrics_address);
}

/* What a reload may replace. */
struct parts {
	struct probe *probe;
	struct control *control;
	struct metrics_listener *metrics;
};

/* Frees what is in parts and not in others. */
static void free_parts(const struct parts *parts, const struct parts *others)
{
	if (parts->probe != others->probe)
		probe_free(parts->probe);
	if (parts->control != others->control)
		control_free(parts->control);
	if (parts->metrics != others->metrics)
		metrics_listener_free(parts->metrics);
}

static bool needs_probe(const struct daemon *d, const struct conf *conf)
{
	return !d->probe || !conf_tracks_apiserver(conf) ||
	       !conf_apiserver_equal(&d->conf->apiserver, &conf->apiserver);
}

/* Opens first what the new configuration needs; then nothing but memory can be missing. Returns
 * what is wrong, or NULL. */
static const char *prepare(struct daemon *d, const struct conf *conf, struct parts *parts)
{
	if (strcmp(parts_socket_path(d, d->conf), parts_socket_path(d, conf)) != 0 &&
	    parts_new_control(d, conf, 0, &parts->control) < 0)
		return "its control_socket cannot be opened; in another directory it takes a "
		       "restart";
	/* Its helper process is made before the daemon is confined. */
	if (conf_balances(conf) && !d->balancer)
		return "balance begins with the next start";
	if (!metrics_equal(d->conf, conf) && parts_new_metrics(d, conf, &parts->metrics) < 0)
		return "its metrics_listen cannot be opened";
	if (needs_probe(d, conf) && parts_new_probe(d, conf, &parts->probe) < 0)
		return "its probe cannot be started";
	return NULL;
}

static void take_over(struct daemon *d, struct conf *conf, const struct parts *parts)
{
	bool begins = !d->probe && parts->probe;
	bool replaced = d->probe != parts->probe;

	if (conf->realtime != d->conf->realtime)
		log_warning("realtime changes with the next start");
	free(d->conf);
	d->conf = conf;
	d->probe = parts->probe;
	d->control = parts->control;
	d->metrics = parts->metrics;
	engine_limit_health(&d->engine, conf->apiserver.fall, conf->apiserver.rise);
	if (replaced)
		probe_log_init(&d->probe_log, d->now);
	if (begins) {
		engine_forget_health(&d->engine, d->now);
		d->probes.since = d->now;
	}
	log_configure(conf->log_level, conf->log_format);
}

void reload(struct daemon *d)
{
	const struct parts old = {d->probe, d->control, d->metrics};
	struct conf *conf = reload_read(&d->source, log_error_line, NULL);
	struct parts new = old;
	char name[CONF_PATH_SIZE], text[PROBLEM_SIZE];
	const char *problem;

	conf_source_name(&d->source, name);
	if (!conf) {
		log_error("%s has errors; the running configuration stays", name);
		return;
	}
	problem = vrid_would_change(d->conf, conf, text) ? text : prepare(d, conf, &new);
	if (!problem && !reload_network(d, conf))
		problem = "there is no memory for it";
	if (problem) {
		free_parts(&new, &old);
		free(conf);
		log_error("%s: %s; the running configuration stays", name, problem);
		return;
	}
	free_parts(&old, &new);
	warn_of_others(d->conf, conf);
	take_over(d, conf, &new);
	log_notice("%s has been read again", name);
}
