/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/keepalived.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "conf/option.h"

static_assert((int)KEEPALIVED_GLOBAL == (int)CONF_SECTION_GLOBAL &&
		      (int)KEEPALIVED_APISERVER == (int)CONF_SECTION_APISERVER &&
		      (int)KEEPALIVED_INSTANCE == (int)CONF_SECTION_INSTANCE,
	      "a section of cpvrrp is a place, too");

/* A row: names divided by blanks, where "x*" is all that begin with x; and the answer, which goes
 * behind "NAME VALUE: ". */
struct keyword {
	const char *names;
	const char *answer;
};

#define ANNOUNCEMENTS "not available: the times of announcements are fixed"
#define BUFFERS "not available: buffers have a fixed size"
#define CHECKSUM "write checksum rfc9568 in vrrp_instance, the default"
#define CONTENT "not available: the file is complete in itself"
#define DUMP "not needed: cpvrrp --dump-state asks the running daemon"
#define FIREWALL "not needed: no firewall rule is made"
#define LISTENS "not needed: an Active reads what was sent to it before it advertises again"
#define LOSES "not needed: an Active answers the advert of another Active with its own"
#define MAIL "not available: no mail is sent; the metrics can raise an alert (metrics_listen)"
#define MULTICAST                                                                                  \
	"not available: VRRP's groups are 224.0.0.18 and ff02::12; without multicast, write "      \
	"unicast_peer in vrrp_instance"
#define NO_SPREAD                                                                                  \
	"not needed: balance in vrrp_instance spreads the connections over the ready apiservers"
#define NOTIFY                                                                                     \
	"not available: no program is told of a move; the log, the metrics and cpvrrp --watch "    \
	"tell"
#define OWNER "not needed: no node is the owner of the address; priority 255 is refused"
#define PASSWORD "not available: VRRPv3 has no authentication (RFC 9568)"
#define READINESS                                                                                  \
	"not available: readiness follows the apiserver, track_file and track_interface of "       \
	"vrrp_instance"
#define REALTIME "not needed: the daemon runs in real time where it is allowed (realtime)"
#define REFRESH "write announce_refresh, in seconds, outside of all sections"
#define SCRIPTS "not needed: cpvrrp runs no script"
#define SAME_LIST "not available: the addresses of every advert are compared with those of the file"
#define STRICT "not needed: RFC 9568 is kept, and no firewall rule is made"
#define TIMER "not available: Active_Down_Interval is three intervals and Skew_Time (RFC 9568)"
#define TTL "not needed: TTL 255 is sent, and nothing else is taken"
#define UNICAST "not needed: adverts are taken from unicast_peer only"
#define VARIABLES "not available: no variables and no conditions; all nodes can have the same file"
#define VERSION_3                                                                                  \
	"not needed: cpvrrp speaks VRRPv3 only; a keepalived beside it needs vrrp_version 3"
#define VMAC "not available: the address is on the interface itself and has its MAC address"

static const struct keyword global[] = {
	{"global_defs", "not needed: global options stand outside of all sections"},
	{"vrrp_script",
	 "not needed: cpvrrp runs no script; section apiserver says how the apiserver is asked"},
	{"vrrp_sync_group",
	 "not needed: instances that follow the same apiserver move for the same reason"},
	{"virtual_server", NO_SPREAD},
	{"virtual_server_group SSL", NO_SPREAD},
	{"static_* track_group",
	 "not available: addresses, routes and rules that stay belong to the node's own network "
	 "configuration"},
	{"garp_group", ANNOUNCEMENTS},
	{"linkbeat_*", "not needed: the kernel says whether the link is up"},
	{"interface_up_down_delays", "not available: a link that is down counts at once"},
	{"track_file vrrp_track_file",
	 "write the path in track_file of vrrp_instance: while the file exists, the node is not "
	 "ready"},
	{"vrrp_track_process bfd_instance", READINESS},
	{"net_namespace* namespace_with_ipsets",
	 "not needed: start cpvrrp within the network namespace"},
	{"instance use_pid_dir child_wait_time",
	 "not needed: the daemon is one process in the foreground, without a pid file; a second "
	 "one "
	 "on a node needs a control_socket of its own"},
	{"include*", CONTENT},
	{NULL, NULL},
};

static const struct keyword global_defs[] = {
	{"router_id lvs_id",
	 "not needed: it names the machine in mails and to SNMP, and cpvrrp has neither"},
	{"notification_email* smtp_* no_email_faults no_checker_emails", MAIL},
	{"lvs_notify_*", NOTIFY},
	{"checker_* lvs_* rs_init_notifies nftables_ipvs*", NO_SPREAD},
	{"bfd_*", READINESS},
	{"process_name* vrrp_process_name", "not needed: the daemon is one process, cpvrrp"},
	{"startup_script* shutdown_script* script_user enable_script_security use_symlink_paths "
	 "set_supplementary_groups",
	 SCRIPTS},
	{"vrrp_rt_priority vrrp_priority vrrp_rlimit_* max_auto_priority min_auto_priority_delay",
	 REALTIME},
	{"vrrp_cpu_affinity",
	 "not available: the service manager can set it (CPUAffinity= of systemd)"},
	{"vrrp_no_swap", "not needed: the daemon locks its memory where that is allowed"},
	{"dynamic_interfaces", "not needed: an interface may come and go while the daemon runs"},
	{"default_interface",
	 "write interface in vrrp_instance; left out, it follows from the address"},
	{"disable_local_igmp vrrp_mcast_group*", MULTICAST},
	{"v3_checksum_as_v2", CHECKSUM},
	{"vrrp_garp_master_refresh", REFRESH},
	{"vrrp_garp_extra_if vmac_*", VMAC},
	{"vrrp_garp_* vrrp_gna_interval vrrp_min_garp vrrp_vmac_garp_intvl", ANNOUNCEMENTS},
	{"vrrp_down_timer_adverts", TIMER},
	{"vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert", LOSES},
	{"vrrp_version", VERSION_3},
	{"vrrp_iptables vrrp_ipsets nftables*", FIREWALL},
	{"vrrp_check_unicast_src", UNICAST},
	{"vrrp_skip_check_adv_addr", SAME_LIST},
	{"vrrp_strict", STRICT},
	{"notify_fifo* vrrp_notify_* fifo_write_*", NOTIFY},
	{"snmp_* enable_traps enable_snmp_*",
	 "not available: no SNMP; Prometheus can read the metrics (metrics_listen)"},
	{"enable_dbus dbus_*", "not available: no D-Bus; cpvrrp --dump-state=json tells the state"},
	{"vrrp_netlink_* process_monitor_* vrrp_rx_bufs_*", BUFFERS},
	{"vrrp_startup_delay vrrp_delay_after_boot",
	 "not needed: a node that is not ready takes nothing from a ready one; preempt_delay in "
	 "vrrp_instance makes a ready one wait"},
	{"log_unknown_vrids", "not needed: refused packets are counted and logged by reason"},
	{"vrrp_owner_ignore_adverts", OWNER},
	{"umask", "not needed: the only file that is made is the control socket, with mode 0600"},
	{"random_seed", "not needed: nothing is drawn at random"},
	{"iproute_*", "not needed: addresses alone are added, no routes and rules"},
	{"reload_check_config",
	 "not needed: a file with errors never replaces the running configuration"},
	{"reload_*", "not available: SIGHUP reads the file again"},
	{"include_check", CONTENT},
	{"config_save_dir tmp_config_directory data_use_instance json_version state_dump_file "
	 "stats_dump_file json_dump_file",
	 DUMP},
	{NULL, NULL},
};

static const struct keyword instance[] = {
	{"state",
	 "not needed: the election decides which node is Active; every node starts as Backup"},
	{"authentication auth_type auth_pass", PASSWORD},
	{"auth_hmac", "not available: adverts are not authenticated"},
	{"track_script",
	 "not needed: the instance follows section apiserver, unless track_apiserver is false"},
	{"track_src_ip", "not needed: the address that adverts come from is always watched"},
	{"dont_track_primary",
	 "not available: an instance whose interface is down does not take part in the election"},
	{"track_process track_bfd", READINESS},
	{"use_vmac* vmac_xmit_base use_ipvlan vrf garp_extra_if", VMAC},
	{"version native_ipv6", VERSION_3},
	{"unicast_fault_no_peer", "not needed: an empty unicast_peer is an error"},
	{"check_unicast_src", UNICAST},
	{"unicast_ttl", TTL},
	{"v3_checksum_as_v2", CHECKSUM},
	{"old_unicast_checksum",
	 "not available: checksum knows rfc9568 and rfc5798, the form of today's keepalived"},
	{"mcast_src_ip", "not needed: adverts come from the first address of the interface"},
	{"mcast_dst_ip", MULTICAST},
	{"virtual_ipaddress_excluded", "write its addresses in virtual_ipaddress, too: up to 20"},
	{"no_virtual_ipaddress", "not available: an instance needs virtual_ipaddress"},
	{"promote_secondaries",
	 "not needed: virtual addresses are /32 and /128, and none depends on another"},
	{"linkbeat_use_polling", "not needed: the kernel says whether the link is up"},
	{"virtual_routes virtual_rules", "not available: no route or rule moves with the address"},
	{"accept no_accept", "not needed: the Active always takes packets to the virtual address"},
	{"skip_check_adv_addr", SAME_LIST},
	{"strict_mode", STRICT},
	/* The keyword without a value; with one, preempt is an option of cpvrrp. */
	{"preempt",
	 "write preempt always: also between ready nodes the address goes to the highest "
	 "priority"},
	{"nopreempt",
	 "write preempt health, the default: between ready nodes the address stays where it is"},
	{"debug", "write log_level debug, outside of all sections"},
	{"notify*", NOTIFY},
	{"smtp_alert", MAIL},
	{"lvs_sync_daemon_interface", NO_SPREAD},
	{"garp_master_refresh", REFRESH},
	{"garp_* vmac_garp_intvl", ANNOUNCEMENTS},
	{"down_timer_adverts", TIMER},
	{"timer_expired_backup thread_timer_expired", LISTENS},
	{"lower_prio_no_advert higher_prio_send_advert", LOSES},
	{"owner_ignore_adverts", OWNER},
	{"kernel_rx_buf_size", BUFFERS},
	{NULL, NULL},
};

static const struct keyword script[] = {
	{"script", "not needed: the daemon itself asks url of section apiserver"},
	{"interval timeout", "write it in section apiserver, in seconds"},
	{"rise fall", "write it in section apiserver"},
	{"weight", "not needed: a ready node outranks every node that is not ready"},
	{"init_fail", "not needed: a node is not ready before its first success"},
	{"user", SCRIPTS},
	{NULL, NULL},
};

static const struct keyword sync_group[] = {
	{"group", "not needed: each vrrp_instance follows the apiserver"},
	{"track_script", "not needed: each vrrp_instance follows section apiserver"},
	{"track_interface track_file", "write it in each vrrp_instance"},
	{"track_process track_bfd", READINESS},
	{"global_tracking sync_group_tracking_weight",
	 "not needed: a ready node outranks every node that is not ready"},
	{"notify*", NOTIFY},
	{"smtp_alert", MAIL},
	{NULL, NULL},
};

static const struct keyword virtual_server[] = {
	{"delay_loop retry delay_before_retry connect_timeout warmup",
	 "not needed: url, interval, timeout, fall and rise of section apiserver say how this "
	 "node's "
	 "own apiserver is checked"},
	{"smtp_alert", MAIL},
	{"quorum_up quorum_down", NOTIFY},
	{"*", NO_SPREAD},
	{NULL, NULL},
};

static const struct keyword address[] = {
	{"dev", "not needed: all addresses of an instance are on its interface (option interface)"},
	{"label", "not available: a virtual address has no label"},
	{"scope brd broadcast peer preferred_lft track_group",
	 "not available: a virtual address is a plain /32 or /128"},
	{NULL, NULL},
};

static const struct keyword address_flag[] = {
	{"home mngtmpaddr noprefixroute autojoin no_track use_vmac -nodad nodad",
	 "not needed: the daemon chooses the flags of a virtual address"},
	{NULL, NULL},
};

static const struct keyword peer[] = {
	{"min_ttl max_ttl", TTL},
	{NULL, NULL},
};

static const struct keyword tracked[] = {
	{"weight",
	 "not needed: while the file exists or the interface is down, the node is not ready, and "
	 "every ready node outranks it"},
	{NULL, NULL},
};

static const struct keyword tracked_flag[] = {
	{"reverse",
	 "not available: the node is not ready while the file exists, or the interface is down"},
	{"noreverse", "not needed: it is the only way"},
	{NULL, NULL},
};

static const struct keyword *const places[] = {
	[KEEPALIVED_GLOBAL] = global,
	[KEEPALIVED_GLOBAL_DEFS] = global_defs,
	[KEEPALIVED_INSTANCE] = instance,
	[KEEPALIVED_SCRIPT] = script,
	[KEEPALIVED_SYNC_GROUP] = sync_group,
	[KEEPALIVED_VIRTUAL_SERVER] = virtual_server,
	[KEEPALIVED_ADDRESS] = address,
	[KEEPALIVED_ADDRESS_FLAG] = address_flag,
	[KEEPALIVED_PEER] = peer,
	[KEEPALIVED_TRACKED] = tracked,
	[KEEPALIVED_TRACKED_FLAG] = tracked_flag,
};

/* One of names is name, or its beginning followed by a `*`. */
static bool matches(const char *names, const char *name)
{
	for (;;) {
		size_t length = strcspn(names, " ");
		size_t prefix = names[length - 1] == '*' ? length - 1 : length;

		if (strncmp(names, name, prefix) == 0 && (prefix < length || name[prefix] == '\0'))
			return true;
		if (names[length] == '\0')
			return false;
		names += length + 1;
	}
}

const char *keepalived_answer(enum keepalived_place place, const char *name)
{
	/* $NAME=VALUE, @CONDITION KEYWORD, ~SEQ(...) */
	if (place < KEEPALIVED_ADDRESS && *name && strchr("$@~", *name))
		return VARIABLES;
	for (const struct keyword *keyword = places[place]; keyword && keyword->names; keyword++)
		if (matches(keyword->names, name))
			return keyword->answer;
	return NULL;
}

bool keepalived_section(const char *name, enum keepalived_place *ret_inside)
{
	static const struct {
		const char *name;
		enum keepalived_place inside;
	} sections[] = {
		{"global_defs", KEEPALIVED_GLOBAL_DEFS},
		{"vrrp_script", KEEPALIVED_SCRIPT},
		{"vrrp_sync_group", KEEPALIVED_SYNC_GROUP},
		{"virtual_server", KEEPALIVED_VIRTUAL_SERVER},
	};

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (strcmp(sections[i].name, name) == 0) {
			*ret_inside = sections[i].inside;
			return true;
		}
	return false;
}
