/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the tests of os/ against the real kernel: the two network namespaces, "node" and
 * "peer", that new_case() gives each test, and the commands that are run in them. kernel.c has them
 * and runs every case.
 */
#ifndef CPVRRP_TESTS_KERNEL_H
#define CPVRRP_TESTS_KERNEL_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "lib/count.h"

#define WAIT_MAX_MS 5000

extern int node_namespace;
extern int peer_namespace;

/* By test number: IPv4, then IPv6. */
extern const enum addr_family families[2];
extern const char *const node_text[2];
extern const char *const peer_text[2];
extern const char *const vip_text[2];

/* Fails the test if the command fails. */
__attribute__((format(printf, 1, 2))) void run(const char *format, ...);
/* The same, and what it prints, valid until the next call. */
__attribute__((format(printf, 1, 2))) const char *output(const char *format, ...);

/* Enters a new one with lo up, and returns it. */
int new_namespace(void);
void enter(int namespace);
struct addr address(const char *text);
int index_of(const char *name);
int64_t now_ms(void);
bool readable(int fd, int timeout_ms);

/* Waits until it holds; the test fails after WAIT_MAX_MS. */
void await(bool (*holds)(const char *), const char *argument);
/* The kernel tells of a carrier, and lets packets out, from a work queue. */
bool is_running(const char *name);
/* The kernel delivers to the IPv6 address: its local route comes from a work queue as well. */
bool is_local(const char *text);

void add_ipv6(const char *text, const char *name);
/* A veth pair from the node, which is entered, to the peer. */
void add_pair(const char *here, const char *there);

/* A packet socket on vb at the peer. */
int open_capture(int protocol);
/*
 * The next frame from the other side; 0 if none comes. The kernel's own multicast listener reports,
 * which begin with hop-by-hop options, are passed over.
 */
#define FRAME_SIZE 2048
size_t capture(int fd, uint8_t frame[FRAME_SIZE], int timeout_ms);

TCase *new_case(Suite *suite, const char *name);

void add_netlink_tests(TCase *netlink);
void add_sock_tests(TCase *sock);
void add_link_tests(TCase *link);
void add_vip_tests(TCase *vip);
void add_vrid_lock_tests(TCase *lock);
void add_close_tests(TCase *close);
void add_holder_tests(TCase *holder);
TCase *tcase_confine(void);
TCase *tcase_inside(void);
TCase *tcase_landlock(void);
void add_nft_helper_tests(TCase *helper);
TCase *tcase_nft(void);

#endif
