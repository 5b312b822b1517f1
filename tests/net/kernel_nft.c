/* SPDX-License-Identifier: Apache-2.0 */
/* os/nft and os/nft_rules against the real kernel, with connections through three members. */
#include <check.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "nft_stage.h"

static struct stage_connections connections;

static void begin(void)
{
	connections = (struct stage_connections){0};
	stage_tell_all();
	stage_activate(0);
}

static void check_all_alive(const char *when)
{
	size_t alive = stage_count_alive(&connections);

	printf("%s: %zu of %zu alive; served by %u, %u and %u\n", when, alive, connections.count,
	       connections.served[0], connections.served[1], connections.served[2]);
	ck_assert_uint_eq(alive, connections.count);
}

/* BALANCE: the VIP moves twice, and no connection ends. */
START_TEST(nft_moves)
{
	begin();
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 60);
	for (unsigned i = 0; i < STAGE_NODES; i++)
		ck_assert_uint_ge(connections.served[i], 8);
	check_all_alive("at first");
	stage_move(0, 1);
	check_all_alive("after 0 -> 1");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 60);
	stage_move(1, 2);
	check_all_alive("after 1 -> 2");
}
END_TEST

/* BALANCE: whatever becomes ready, unready or Active since a connection began. */
START_TEST(nft_sequence)
{
	begin();
	stage_band(2, PRIORITY_BAND_DOWN);
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	ck_assert_uint_eq(connections.served[2], 0);
	stage_band(2, PRIORITY_BAND_READY);
	check_all_alive("2 is ready");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	stage_band(1, PRIORITY_BAND_DOWN);
	check_all_alive("1 drains");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	stage_band(1, PRIORITY_BAND_READY);
	check_all_alive("1 is ready");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	stage_band(0, PRIORITY_BAND_DOWN);
	check_all_alive("the Active drains");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	stage_move(0, 1);
	check_all_alive("the VIP has moved");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	stage_band(0, PRIORITY_BAND_READY);
	check_all_alive("0 is ready");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	stage_band(2, PRIORITY_BAND_DOWN);
	check_all_alive("2 drains");
}
END_TEST

/* Whom the move has not reached: a client whose neighbour entry still leads to the old holder. */
START_TEST(nft_client_of_the_old_holder)
{
	begin();
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	run("ip neigh replace %s dev eth0 lladdr 02:00:00:00:01:0b nud permanent", stage_vip[_i]);
	stage_move(0, 1);
	check_all_alive("packets still go to 0");
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	for (unsigned i = 0; i < STAGE_NODES; i++)
		ck_assert_uint_gt(connections.served[i], 0);
}
END_TEST

/* A connection whose slot has another owner now ends for both sides when its client closes it. */
START_TEST(nft_close_walks)
{
	unsigned node;
	char byte;

	begin();
	stage_band(1, PRIORITY_BAND_DOWN);
	stage_band(2, PRIORITY_BAND_DOWN);
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 12);
	ck_assert_uint_eq(connections.served[0], 12);
	stage_band(0, PRIORITY_BAND_DOWN);
	stage_band(2, PRIORITY_BAND_READY);
	close(stage_connect(stage_vip[_i], STAGE_PORT, &node));
	ck_assert_uint_eq(node, 2);
	for (size_t i = 0; i < connections.count; i++) {
		shutdown(connections.fds[i], SHUT_WR);
		ck_assert(readable(connections.fds[i], STAGE_ANSWER_MS));
		ck_assert_int_eq(recv(connections.fds[i], &byte, 1, 0), 0);
	}
}
END_TEST

/* How many of the connections end with an error at the next byte. */
static size_t count_reset(void)
{
	size_t reset = 0;
	char byte = 'x';

	for (size_t i = 0; i < connections.count; i++) {
		if (send(connections.fds[i], &byte, 1, MSG_NOSIGNAL) == 1 &&
		    readable(connections.fds[i], STAGE_ANSWER_MS) &&
		    recv(connections.fds[i], &byte, 1, 0) < 0 && errno == ECONNRESET)
			reset++;
	}
	return reset;
}

/* A member whose daemon is silent gets no new connections, and keeps those it has: the walk tries
 * it at last. */
START_TEST(nft_member_lingers)
{
	begin();
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 60);
	stage_live(1, true, true);
	stage_live(1, false, true);
	check_all_alive("1 is silent");
	stage_move(0, 2);
	check_all_alive("the VIP has moved");
	connections.served[1] = 0;
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	ck_assert_uint_eq(connections.served[1], 0);
	stage_live(1, true, true);
	stage_live(1, true, false);
	check_all_alive("1 is back");
}
END_TEST

/* A client that uses its ports again: what another member remembers of the connections before,
 * which the client has reset, is not in the way. */
START_TEST(nft_ports_again)
{
	const struct timespec pause = {.tv_sec = 1, .tv_nsec = 200000000};
	const struct linger reset = {.l_onoff = 1};

	begin();
	run("sysctl -qw net.ipv4.ip_local_port_range='40000 40011'");
	stage_band(0, PRIORITY_BAND_DOWN);
	stage_band(2, PRIORITY_BAND_DOWN);
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 10);
	ck_assert_uint_eq(connections.served[1], 10);
	while (connections.count > 0) {
		int fd = connections.fds[--connections.count];

		ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
		close(fd);
	}
	stage_band(2, PRIORITY_BAND_READY);
	stage_band(1, PRIORITY_BAND_DOWN);
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 10);
	ck_assert_uint_eq(connections.served[2], 10);
	nanosleep(&pause, NULL);
	stage_band(1, PRIORITY_BAND_READY);
	stage_band(2, PRIORITY_BAND_DOWN);
	check_all_alive("the member before has the slots again");
}
END_TEST

/* Connections of which member 1 has every third or so, and the others have the rest. */
static void open_by_member(struct stage_connections *of_1, struct stage_connections *of_others,
			   const char *vip)
{
	for (unsigned i = 0; i < 30; i++) {
		unsigned node = 0;
		int fd = stage_connect(vip, STAGE_PORT, &node);
		struct stage_connections *list = node == 1 ? of_1 : of_others;

		ck_assert_int_ge(fd, 0);
		list->fds[list->count++] = fd;
	}
	ck_assert_uint_gt(of_1->count, 0);
	ck_assert_uint_gt(of_others->count, 0);
}

/* The packets that all members have received. */
static long count_received(void)
{
	long sum = 0;

	for (unsigned i = 0; i < STAGE_NODES; i++) {
		enter(stage_nodes[i].namespace);
		sum += strtol(output("awk '/eth0:/ { print $3 }' /proc/net/dev"), NULL, 10);
	}
	enter(stage_client);
	return sum;
}

/* The clients of a member that has gone are told, by the last member of the walk; the others' live.
 */
START_TEST(nft_member_gone)
{
	struct stage_connections others = {0};
	long received;

	begin();
	open_by_member(&connections, &others, stage_vip[_i]);
	stage_cut(1);
	stage_live(1, false, false);
	received = count_received();
	ck_assert_uint_eq(count_reset(), connections.count);
	/* One packet of each, that the Active sends on and that walks once; and neighbours'. */
	ck_assert_int_lt(count_received() - received, 6 * (long)connections.count + 20);
	printf("%zu walks took %ld packets\n", connections.count, count_received() - received);
	ck_assert_uint_eq(stage_count_alive(&others), others.count);
	stage_open(&others, stage_vip[_i], STAGE_PORT, 30);
	ck_assert_uint_eq(others.served[1], 0);
}
END_TEST

/* Members that disagree about the owner find the connections all the same, and a packet of one that
 * has gone is answered with RST: its walk has ended. */
START_TEST(nft_members_disagree)
{
	struct stage_connections others = {0};

	begin();
	open_by_member(&connections, &others, stage_vip[_i]);
	for (unsigned i = 0; i < STAGE_NODES; i++) {
		for (unsigned j = 0; j < STAGE_NODES; j++)
			stage_nodes[i].plan.group.members[j].band =
				i == j ? PRIORITY_BAND_READY : PRIORITY_BAND_DOWN;
		stage_tell(&stage_nodes[i]);
	}
	check_all_alive("each calls itself ready alone");
	ck_assert_uint_eq(stage_count_alive(&others), others.count);
	stage_cut(1);
	stage_live(1, false, false);
	ck_assert_uint_eq(count_reset(), connections.count);
	ck_assert_uint_eq(stage_count_alive(&others), others.count);
}
END_TEST

/* LEASE: rules that nobody renews end, and packets are taken as without BALANCE; renewed in time
 * they stay. */
START_TEST(nft_lease)
{
	const struct timespec pause = {.tv_sec = 1, .tv_nsec = 500000000};
	struct stage_connections later = {0};

	for (unsigned i = 0; i < STAGE_NODES; i++)
		stage_nodes[i].plan.lease_s = 2;
	begin();
	stage_nodes[0].plan.forward_s = 2;
	for (unsigned i = 0; i < 3; i++) {
		stage_tell_all();
		nanosleep(&pause, NULL);
	}
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	ck_assert_uint_lt(connections.served[0], 30);
	nanosleep(&pause, NULL);
	nanosleep(&pause, NULL);
	stage_open(&later, stage_vip[_i], STAGE_PORT, 30);
	ck_assert_uint_eq(later.served[0], 30);
	stage_tell_all();
	check_all_alive("the leases are back");
	connections = (struct stage_connections){0};
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	ck_assert_uint_lt(connections.served[0], 30);
}
END_TEST

/* While leases are renewed no packet meets an empty set: the Active, which is not ready, gets none.
 */
START_TEST(nft_renewal_is_whole)
{
	struct stage_node *node = &stage_nodes[0];
	char reason[NFT_REASON_SIZE];
	pid_t child;

	begin();
	stage_band(0, PRIORITY_BAND_DOWN);
	child = fork();
	while (child == 0) {
		FILE *text = nft_begin(node->nft);

		nft_rules_renew(text, &node->plan);
		if (nft_commit(node->nft, text) < 0 || stage_answer(node, reason) != NFT_NEWS_DONE)
			_exit(1);
	}
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 300);
	ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
	kill(child, SIGKILL);
	ck_assert_uint_eq(connections.served[0], 0);
}
END_TEST

/* Something else flushes the rules: that is told at once, and other tables are not touched when
 * ours come back. */
START_TEST(nft_flushed)
{
	static const char *const flushes[] = {"flush ruleset", "delete table ip6 cpvrrp",
					      "flush table ip cpvrrp",
					      "flush chain netdev cpvrrp r0_in"};
	struct stage_node *node = &stage_nodes[1];
	char reason[NFT_REASON_SIZE];

	begin();
	stage_open(&connections, stage_vip[0], STAGE_PORT, 30);
	for (unsigned i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++) {
		int64_t start = now_ms();

		enter(node->namespace);
		run("nft %s", flushes[i]);
		while (nft_receive(node->nft, reason) != NFT_NEWS_LOST)
			ck_assert(nft_wait(node->nft, 1000));
		ck_assert_int_lt(now_ms() - start, 1000);
		/* Until the rules are back the kernel translates what it has translated. */
		enter(stage_client);
		check_all_alive("without rules");
		enter(node->namespace);
		run("nft add table inet other && nft add chain inet other kept");
		node->installed = false;
		stage_tell(node);
		ck_assert_ptr_nonnull(strstr(output("nft list tables"), "table inet other"));
		ck_assert_ptr_nonnull(strstr(output("nft list tables"), "table ip6 cpvrrp"));
		enter(stage_client);
		check_all_alive(flushes[i]);
	}
	/* Rules of others may change. */
	enter(node->namespace);
	run("nft add chain inet other more && nft flush table inet other");
	ck_assert(!nft_wait(node->nft, 300));
}
END_TEST

/* A flush whose events a transaction's own would hide: the helper looks first. It looks at most
 * every 100 ms, so the first flush, which is of another table, keeps it from looking by itself. */
START_TEST(nft_flushed_before_a_transaction)
{
	struct stage_node *node = &stage_nodes[1];
	char reason[NFT_REASON_SIZE];
	FILE *text;

	begin();
	enter(node->namespace);
	run("nft add table inet other");
	text = nft_begin(node->nft);
	nft_rules_renew(text, &node->plan);
	run("nft flush chain ip cpvrrp r0_prerouting");
	ck_assert_int_eq(nft_commit(node->nft, text), 0);
	ck_assert(nft_wait(node->nft, 1000));
	ck_assert_int_eq(nft_receive(node->nft, reason), NFT_NEWS_LOST);
	ck_assert(nft_wait(node->nft, 1000));
	ck_assert_int_eq(nft_receive(node->nft, reason), NFT_NEWS_DONE);
}
END_TEST

/* All rules of a node, without the time that elements have left. */
static void list_rules(struct stage_node *node, char *text, size_t size)
{
	enter(node->namespace);
	snprintf(text, size, "%s",
		 output("nft -s list ruleset | sed 's/ expires [0-9a-z]*//g' | sort"));
	enter(stage_client);
}

/* An update leads to the same rules as their replacement. */
START_TEST(nft_updates_and_replacements_agree)
{
	static char updated[1 << 19], replaced[1 << 19];
	struct stage_node *node = &stage_nodes[0];

	begin();
	for (unsigned i = 0; i < 6; i++) {
		switch (i) {
		case 0:
		case 3:
			stage_band(1, i == 0 ? PRIORITY_BAND_DOWN : PRIORITY_BAND_READY);
			break;
		case 1:
		case 4:
			stage_live(2, i == 4, i == 1);
			break;
		case 2:
			stage_band(0, PRIORITY_BAND_ANSWERING);
			break;
		case 5:
			node->plan.forwards = false;
			stage_tell(node);
			break;
		}
		list_rules(node, updated, sizeof(updated));
		node->installed = false;
		stage_tell(node);
		list_rules(node, replaced, sizeof(replaced));
		ck_assert_uint_gt(strlen(updated), 50000);
		ck_assert_msg(strcmp(updated, replaced) == 0, "after step %u", i);
	}
}
END_TEST

START_TEST(nft_several_addresses_and_ports)
{
	for (unsigned i = 0; i < STAGE_NODES; i++) {
		stage_nodes[i].plan.vip_count = 4;
		stage_nodes[i].plan.port_count = 2;
	}
	begin();
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 20);
	stage_open(&connections, stage_vip[_i], STAGE_OTHER_PORT, 20);
	stage_open(&connections, stage_other_vip[_i], STAGE_PORT, 20);
	stage_open(&connections, stage_other_vip[_i], STAGE_OTHER_PORT, 20);
	for (unsigned i = 0; i < STAGE_NODES; i++)
		ck_assert_uint_gt(connections.served[i], 10);
	stage_move(0, 2);
	check_all_alive("two addresses, two ports");
	stage_band(1, PRIORITY_BAND_DOWN);
	check_all_alive("1 drains");
}
END_TEST

/* The clients on a member: a ready one serves its own, another's are served by the Active. */
START_TEST(nft_local_clients)
{
	begin();
	enter(stage_nodes[1].namespace);
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 10);
	ck_assert_uint_eq(connections.served[1], 10);
	stage_band(1, PRIORITY_BAND_DOWN);
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 10);
	ck_assert_uint_eq(connections.served[0], 10);
	enter(stage_nodes[0].namespace);
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 10);
	ck_assert_uint_eq(connections.served[0], 20);
	for (unsigned i = 0; i < 10; i++)
		close(connections.fds[--connections.count]);
	stage_move(0, 2);
	check_all_alive("the VIP has moved");
	stage_band(1, PRIORITY_BAND_READY);
	check_all_alive("1 is ready");
}
END_TEST

/* A narrow link on the way to the client: the router's errors reach the member that they concern,
 * also when its slot has another owner by then. */
START_TEST(nft_narrow_way)
{
	begin();
	stage_add_distant_client();
	stage_open(&connections, stage_vip[_i], STAGE_PORT, 30);
	for (unsigned i = 0; i < STAGE_NODES; i++)
		ck_assert_uint_gt(connections.served[i], 0);
	for (size_t i = 0; i < connections.count; i++)
		ck_assert_msg(stage_download(connections.fds[i], 20000), "download %zu", i);
	stage_band(0, PRIORITY_BAND_DOWN);
	stage_band(1, PRIORITY_BAND_DOWN);
	stage_move(0, 1);
	for (unsigned i = 0; i < STAGE_NODES; i++) {
		enter(stage_nodes[i].namespace);
		run("ip route flush cache && ip -6 route flush cache");
	}
	enter(stage_client);
	for (size_t i = 0; i < connections.count; i++)
		ck_assert_msg(stage_download(connections.fds[i], 20000), "later download %zu", i);
}
END_TEST

/* The helper. */

/* What libnftables would do wrong in the helper's child: by the first word of the transaction. */
int __real_nft_run_cmd_from_buffer(struct nft_ctx *context, const char *text);
int __wrap_nft_run_cmd_from_buffer(struct nft_ctx *context, const char *text);

static const char *missing_part; /* the kernel has no rules with this word */

int __wrap_nft_run_cmd_from_buffer(struct nft_ctx *context, const char *text)
{
	if (strncmp(text, "end", 3) == 0)
		exit(3);
	if (strncmp(text, "abort", 5) == 0)
		abort();
	if (missing_part && strstr(text, missing_part))
		return -1;
	return __real_nft_run_cmd_from_buffer(context, text);
}

static struct nft *helper;
static char reason[NFT_REASON_SIZE];

static enum nft_news carry_out(const char *command)
{
	FILE *text = nft_begin(helper);
	enum nft_news news = NFT_NEWS_NONE;

	ck_assert_ptr_nonnull(text);
	fputs(command, text);
	ck_assert_int_eq(nft_commit(helper, text), 0);
	ck_assert(nft_is_busy(helper));
	ck_assert_ptr_null(nft_begin(helper));
	while (news != NFT_NEWS_DONE && news != NFT_NEWS_FAILED && news != NFT_NEWS_ENDED) {
		ck_assert(nft_wait(helper, WAIT_MAX_MS));
		news = nft_receive(helper, reason);
	}
	ck_assert(!nft_is_busy(helper));
	return news;
}

START_TEST(helper_carries_out)
{
	ck_assert_int_eq(nft_new(&helper), 0);
	ck_assert_int_eq(nft_receive(helper, reason), NFT_NEWS_NONE);
	ck_assert_int_eq(carry_out("add table ip cpvrrp\nadd chain ip cpvrrp c\n"), NFT_NEWS_DONE);
	ck_assert_ptr_nonnull(strstr(output("nft list tables"), "table ip cpvrrp"));
	/* All or nothing. */
	ck_assert_int_eq(carry_out("add chain ip cpvrrp d\nadd chain ip absent d\n"),
			 NFT_NEWS_FAILED);
	ck_assert_str_eq(reason, "No such file or directory");
	ck_assert_ptr_null(strstr(output("nft list table ip cpvrrp"), "chain d"));
	ck_assert_int_eq(carry_out("no such command\n"), NFT_NEWS_FAILED);
	ck_assert_ptr_nonnull(strstr(reason, "syntax error"));
	nft_free(helper);
	ck_assert_ptr_nonnull(strstr(output("nft list tables"), "table ip cpvrrp"));
}
END_TEST

void __asan_init(void) __attribute__((weak));

/* libnftables ends the process it is in on some errors: the next transaction has another one. */
START_TEST(helper_outlives_libnftables)
{
	ck_assert_int_eq(nft_new(&helper), 0);
	ck_assert_int_eq(carry_out("end"), NFT_NEWS_FAILED);
	ck_assert_int_eq(carry_out("abort"), NFT_NEWS_FAILED);
	/* The address sanitizer makes a status of the signal. */
	if (!__asan_init)
		ck_assert_ptr_nonnull(strstr(reason, "libnftables was ended by signal"));
	ck_assert_int_eq(carry_out("add table ip cpvrrp\n"), NFT_NEWS_DONE);
	nft_free(helper);
}
END_TEST

/* What the kernel lacks is said by name. */
START_TEST(helper_names_missing_parts)
{
	static const char *const words[] = {"jhash", "fwd", "dup", "ct", "ct timeout", "nat"};
	char wanted[NFT_REASON_SIZE];

	for (enum nft_part part = 0; part < NFT_PART_COUNT; part++) {
		ck_assert_str_eq(nft_part_name(part), words[part]);
		missing_part = part == NFT_PART_CONNTRACK ? "ct state" : words[part];
		ck_assert_int_eq(nft_new(&helper), 0);
		snprintf(wanted, sizeof(wanted), "add table ip cpvrrp\n# %s\n", missing_part);
		ck_assert_int_eq(carry_out(wanted), NFT_NEWS_FAILED);
		snprintf(wanted, sizeof(wanted), "the kernel lacks the part \"%s\" of nftables",
			 words[part]);
		ck_assert_str_eq(reason, wanted);
		nft_free(helper);
	}
	missing_part = NULL;
	/* This one has all, and the attempts leave nothing. */
	ck_assert_int_eq(nft_new(&helper), 0);
	ck_assert_int_eq(carry_out("add chain ip absent d\n"), NFT_NEWS_FAILED);
	ck_assert_ptr_null(strstr(reason, "lacks"));
	ck_assert_str_eq(output("nft list ruleset"), "");
	nft_free(helper);
}
END_TEST

/* The process id of the helper whose parent is this process. */
static pid_t helper_pid(void)
{
	return (pid_t)strtol(output("pgrep -x -P %d cpvrrp-nft", getpid()), NULL, 10);
}

START_TEST(helper_ended)
{
	ck_assert_int_eq(nft_new(&helper), 0);
	ck_assert_int_eq(carry_out("add table ip cpvrrp\n"), NFT_NEWS_DONE);
	/* The signals that end the daemon: it hands its role over first. */
	run("kill -TERM %d && kill -INT %d", helper_pid(), helper_pid());
	ck_assert_int_eq(carry_out("add table ip cpvrrp\n"), NFT_NEWS_DONE);
	run("kill -KILL %d", helper_pid());
	ck_assert(nft_wait(helper, WAIT_MAX_MS));
	ck_assert_int_eq(nft_receive(helper, reason), NFT_NEWS_ENDED);
	ck_assert_int_eq(nft_receive(helper, reason), NFT_NEWS_NONE);
	ck_assert_int_eq(nft_fd(helper), -1);
	ck_assert_ptr_null(nft_begin(helper));
	nft_free(helper);
}
END_TEST

static bool has_ended(const char *pid)
{
	return strcmp(output("cat /proc/%s/comm 2>/dev/null || echo gone", pid), "cpvrrp-nft\n") !=
	       0;
}

/* No helper outlives its daemon, however that ends. */
START_TEST(helper_dies_with_its_parent)
{
	char pid[32] = "";
	int ends[2];
	pid_t daemon;

	ck_assert_int_eq(pipe(ends), 0);
	daemon = fork();
	if (daemon == 0) {
		if (nft_new(&helper) == 0 && carry_out("add table ip cpvrrp\n") == NFT_NEWS_DONE)
			dprintf(ends[1], "%d", helper_pid());
		pause();
	}
	ck_assert_int_gt(read(ends[0], pid, sizeof(pid) - 1), 0);
	ck_assert(!has_ended(pid));
	kill(daemon, SIGKILL);
	await(has_ended, pid);
}
END_TEST

/* CAP_NET_ADMIN (12) alone, no new privileges, and a filter of system calls. */
START_TEST(helper_is_confined)
{
	const char *status;

	ck_assert_int_eq(nft_new(&helper), 0);
	ck_assert_int_eq(carry_out("add table ip cpvrrp\n"), NFT_NEWS_DONE);
	status = output("cat /proc/%d/status", helper_pid());
	ck_assert_ptr_nonnull(strstr(status, "\nCapPrm:\t0000000000001000\n"));
	ck_assert_ptr_nonnull(strstr(status, "\nCapEff:\t0000000000001000\n"));
	ck_assert_ptr_nonnull(strstr(status, "\nNoNewPrivs:\t1\n"));
	ck_assert_ptr_nonnull(strstr(status, "\nSeccomp:\t2\n"));
	/* Nothing open but standard input, output and error, the socket to the daemon, and two of
	 * netlink. */
	ck_assert_int_eq(strtol(output("ls /proc/%d/fd | wc -l", helper_pid()), NULL, 10), 6);
	nft_free(helper);
}
END_TEST

START_TEST(helper_refuses_what_is_too_long)
{
	char line[1024];
	FILE *text;

	ck_assert_int_eq(nft_new(&helper), 0);
	memset(line, '#', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	text = nft_begin(helper);
	for (unsigned i = 0; i < 9000; i++)
		fwrite(line, 1, sizeof(line), text);
	ck_assert_int_eq(nft_commit(helper, text), -EFBIG);
	ck_assert_int_eq(carry_out("add table ip cpvrrp\n"), NFT_NEWS_DONE);
	nft_free(helper);
}
END_TEST

/* Whether the walk can work is known after a transaction. */
START_TEST(tcp_loose)
{
	static const char rules[] = "add table ip cpvrrp\n"
				    "add chain ip cpvrrp c { type filter hook input priority 0; }\n"
				    "add rule ip cpvrrp c ct state new\n";

	ck_assert_int_eq(nft_new(&helper), 0);
	ck_assert_int_eq(carry_out(rules), NFT_NEWS_DONE);
	ck_assert(!nft_is_stuck(helper));
	run("echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose");
	ck_assert_int_eq(carry_out(rules), NFT_NEWS_DONE);
	ck_assert(nft_is_stuck(helper));
	nft_free(helper);
}
END_TEST

void add_nft_helper_tests(TCase *tcase)
{
	tcase_add_test(tcase, helper_carries_out);
	tcase_add_test(tcase, helper_outlives_libnftables);
	tcase_add_test(tcase, helper_names_missing_parts);
	tcase_add_test(tcase, helper_ended);
	tcase_add_test(tcase, helper_dies_with_its_parent);
	tcase_add_test(tcase, helper_is_confined);
	tcase_add_test(tcase, helper_refuses_what_is_too_long);
	tcase_add_test(tcase, tcp_loose);
}

TCase *tcase_nft(void)
{
	TCase *tcase = tcase_create("nft");

	tcase_add_checked_fixture(tcase, stage_set_up, stage_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, nft_moves, 0, 2);
	tcase_add_loop_test(tcase, nft_sequence, 0, 2);
	tcase_add_loop_test(tcase, nft_client_of_the_old_holder, 0, 2);
	tcase_add_loop_test(tcase, nft_close_walks, 0, 2);
	tcase_add_loop_test(tcase, nft_member_gone, 0, 2);
	tcase_add_loop_test(tcase, nft_ports_again, 0, 2);
	tcase_add_loop_test(tcase, nft_member_lingers, 0, 2);
	tcase_add_loop_test(tcase, nft_members_disagree, 0, 2);
	tcase_add_loop_test(tcase, nft_lease, 0, 2);
	tcase_add_loop_test(tcase, nft_renewal_is_whole, 0, 2);
	tcase_add_test(tcase, nft_flushed);
	tcase_add_test(tcase, nft_flushed_before_a_transaction);
	tcase_add_test(tcase, nft_updates_and_replacements_agree);
	tcase_add_loop_test(tcase, nft_several_addresses_and_ports, 0, 2);
	tcase_add_loop_test(tcase, nft_local_clients, 0, 2);
	tcase_add_loop_test(tcase, nft_narrow_way, 0, 2);
	return tcase;
}
