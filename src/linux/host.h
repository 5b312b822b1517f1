/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: core/engine over sockets, netlink, the probe and the control socket, and the turn of
 * its loop in the order of rule SOCKETS FIRST.
 */
#ifndef CPVRRP_LINUX_HOST_H
#define CPVRRP_LINUX_HOST_H

/*
 * Runs in the foreground until a handover after SIGTERM or SIGINT has ended. conf_path is read now
 * and on SIGHUP; socket_path, if not NULL, overrides control_socket. Returns an exit status of enum
 * cli_exit.
 */
int host_run(const char *conf_path, const char *socket_path);

#endif
