/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe under test, and tests/lib/apiserver.py, whose docstring explains its modes and
 * commands. apiserver_setup() starts the server and apiserver_teardown() ends both; the test starts
 * the probe.
 */
#ifndef CPVRRP_TESTS_APISERVER_H
#define CPVRRP_TESTS_APISERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/instant.h"
#include "os/probe.h"
#include "unit.h"

#define MS MILLISECOND_US
#define NEVER_MS 60000 /* an interval whose second attempt no test waits for */
#define REPORTS_MAX 64

extern char directory[UNIT_DIRECTORY_SIZE]; /* of the certificates of make-certs */

extern struct event_base *base;
extern struct conf_apiserver conf;
extern struct probe *probe;
extern struct probe_report reports[REPORTS_MAX];
extern int64_t reported_us[REPORTS_MAX];
extern size_t report_count;
extern size_t reports_read;
extern bool free_in_report; /* the next report frees the probe */

int64_t now_us(void);

/* The path of a file in directory, valid for three more calls: file("ca.crt"). */
const char *file(const char *name);
/* Sets an option of conf to it. */
void set(char path[CONF_PATH_SIZE], const char *name);

/* These replace a file atomically, as kubeadm, kubelet and certificate managers do it. */
void put(const char *name, const char *text);
void copy(const char *source, const char *name);
void point(const char *name, const char *target); /* a symbolic link */

/* A command to the server, and its answer; tell() expects "ok". */
const char *ask(const char *command);
void tell(const char *command);
/* What the server counted, as "CONNECTIONS/REQUESTS". */
const char *counted(void);

/* listen is ADDRESS:PORT. Returns the port. */
uint16_t apiserver_start(const char *listen);
void apiserver_signal(int number);
void apiserver_kill(void);

/* A configuration for this server, whose probe is made once. */
void conf_reset(const char *address, uint16_t port);

void apiserver_setup_files(void);
void apiserver_setup(void);
void apiserver_setup_loop(void); /* the same without a server */
void apiserver_teardown(void);

/* Starts the probe with conf; restart() frees one, and forgets its reports. */
void start(void);
void restart(void);
/* The next report. */
const struct probe_report *await(void);
void expect(enum health_result result, int status, const char *words);
void expect_ok(void);

#endif
