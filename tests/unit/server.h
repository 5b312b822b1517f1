/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control server without a daemon behind it, in a process of its own: for the tests of the
 * control socket, of its client and of the command line. One test has one server at most.
 */
#ifndef CPVRRP_TESTS_SERVER_H
#define CPVRRP_TESTS_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "core/addr.h"
#include "unit.h"

#define SERVER_METRICS_PORT 9466

extern char server_directory[UNIT_DIRECTORY_SIZE];
extern char server_path[96]; /* of its socket, in a directory that does not exist yet */
extern struct addr server_metrics_address; /* with SERVER_METRICS_PORT: of this test alone */
extern int server_step_downs[2];	   /* the server writes the seconds of each step-down */
extern pid_t server;			   /* 0 = none */

extern bool server_without_memory; /* for a snapshot; set before server_start() */

/* The fixture. */
void server_setup(void);
void server_teardown(void);

void server_start(void);
/* The exit status of the server: -error of control_new() or metrics_listener_new(), 0 after
 * SIGTERM. */
int server_wait(void);
int server_stop(void);

/* Connected to the server's socket, and to its metrics from 127.1.1.source. */
int server_connect(void);
int server_connect_metrics(uint8_t source);
int server_metrics_socket(struct sockaddr_in *ret_address);

/* For a test that puts something else where the server's socket would be. */
void server_make_directories(void);
int server_socket(struct sockaddr_un *ret_address);
int server_listen(void);

/* Instead of the server: a process that gives one answer, whatever it is asked. Its exit status is
 * 1 if nothing is asked. */
void server_fake(const char *answer);
/* The same as another user, which only root can become; the directory is this user's. */
void server_fake_as(uid_t user, const char *answer);

#endif
