/* SPDX-License-Identifier: Apache-2.0 */
#include "os/nft_helper.h"

#include <netinet/in.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/confine.h"
#include "os/nft_keep.h"
#include "os/nft_rules.h"

#define TRANSACTION_MAX_S 5
/* Others may change their rules all the time (a network plugin). */
#define CHECK_PAUSE_MS 100
#define ANSWER_TIMEOUT_S 2
/* The one descriptor beside standard input, output and error that is kept. */
#define SOCKET_FD 3

struct helper {
	int socket;
	struct nft_shared *shared;
	struct nl_sock *events;	   /* NULL: the kernel has none */
	struct nl_sock *questions; /* NULL with events */
	struct nl_sock *keeper;	   /* of the tables of os/nft_keep; NULL: not made yet */
	bool known;		   /* there was a transaction; it has left so many rules: */
	int rules;
	bool lost_said; /* since the last transaction */
};

/* What one transaction takes: run in a child, which it may end. */

static void write_reason(struct nft_shared *shared, const char *error)
{
	const char *text = strstr(error, "Error: ");
	size_t length;

	text = text ? text + strlen("Error: ") : error;
	length = strcspn(text, "\n");
	snprintf(shared->reason, sizeof(shared->reason), "%.*s", (int)length,
		 length > 0 ? text : "no reason given");
}

/* Whether the kernel would take a rule with this part. */
static bool has_part(enum nft_part part)
{
	struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
	char text[512];
	FILE *stream = fmemopen(text, sizeof(text), "w");
	int result = -1;

	if (context && stream) {
		nft_rules_part(stream, part);
		fclose(stream);
		nft_ctx_buffer_error(context);
		nft_ctx_set_dry_run(context, true);
		result = nft_run_cmd_from_buffer(context, text);
	}
	nft_ctx_free(context);
	return result == 0;
}

/* The error at a missing part is "No such file or directory", as at many others. */
static void name_missing_part(struct nft_shared *shared)
{
	for (enum nft_part part = 0; part < NFT_PART_COUNT; part++) {
		if (has_part(part))
			continue;
		snprintf(shared->reason, sizeof(shared->reason),
			 "the kernel lacks the part \"%s\" of nftables", nft_part_name(part));
		return;
	}
}

static _Noreturn void carry_out(struct nft_shared *shared)
{
	struct nft_ctx *context;
	int result;

	alarm(TRANSACTION_MAX_S);
	context = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!context || nft_ctx_buffer_error(context) != 0) {
		write_reason(shared, "libnftables cannot start");
		_exit(EXIT_FAILURE);
	}
	result = nft_run_cmd_from_buffer(context, shared->text);
	if (result != 0) {
		write_reason(shared, nft_ctx_get_error_buffer(context));
		name_missing_part(shared);
	}
	_exit(result == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static enum nft_message run(struct nft_shared *shared)
{
	int status = 0;
	pid_t child;

	snprintf(shared->reason, sizeof(shared->reason), "no reason given");
	child = fork();
	if (child == 0)
		carry_out(shared);
	if (child < 0) {
		snprintf(shared->reason, sizeof(shared->reason), "fork: %s", strerror(errno));
		return NFT_MESSAGE_FAILED;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		snprintf(shared->reason, sizeof(shared->reason),
			 WTERMSIG(status) == SIGALRM ? "no answer within %d s"
						     : "libnftables was ended by signal %d",
			 WTERMSIG(status) == SIGALRM ? TRANSACTION_MAX_S : WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? NFT_MESSAGE_DONE
									: NFT_MESSAGE_FAILED;
}

/* The watch. */

static struct nl_sock *open_netfilter(int group)
{
	const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	struct nl_sock *socket = nl_socket_alloc();

	if (!socket)
		return NULL;
	if (nl_connect(socket, NETLINK_NETFILTER) == 0 &&
	    (group == 0 || nl_socket_add_membership(socket, group) == 0) &&
	    setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) == 0)
		return socket;
	nl_socket_free(socket);
	return NULL;
}

/* Events are too many to read: they say that something has changed. If some were lost, it has too.
 * Returns whether there were any. */
static bool drain(struct nl_sock *events)
{
	bool any = false;
	char byte;

	for (;;) {
		ssize_t size = recv(nl_socket_get_fd(events), &byte, 1, MSG_DONTWAIT | MSG_TRUNC);

		if (size < 0 && errno != ENOBUFS && errno != EINTR)
			return any;
		any = true;
	}
}

static int count_rule(struct nl_msg *message, void *count)
{
	if (nlmsg_hdr(message)->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
		(*(int *)count)++;
	return NL_OK;
}

/* The rules of our table of one family; -1 if the kernel does not tell. */
static int count_family(struct nl_sock *socket, uint8_t family)
{
	struct nfgenmsg body = {.nfgen_family = family, .version = NFNETLINK_V0};
	struct nl_msg *message =
		nlmsg_alloc_simple(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP);
	int count = 0;
	int result;

	if (!message)
		return -1;
	result = nlmsg_append(message, &body, sizeof(body), NLMSG_ALIGNTO);
	if (result == 0)
		result = nla_put_string(message, NFTA_RULE_TABLE, NFT_TABLE);
	if (result == 0)
		result = nl_send_auto(socket, message);
	nlmsg_free(message);
	nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, count_rule, &count);
	if (result >= 0)
		result = nl_recvmsgs_default(socket);
	return result < 0 ? -1 : count;
}

/* All rules of our tables. A dump that a change has interrupted is begun anew, a few times. */
static int count_rules(struct nl_sock *socket)
{
	static const uint8_t protocols[] = {NFPROTO_NETDEV, NFPROTO_IPV4, NFPROTO_IPV6};
	int sum = 0;

	for (size_t i = 0; i < sizeof(protocols); i++) {
		int count = -1;

		for (unsigned attempt = 0; attempt < 3 && count < 0; attempt++)
			count = count_family(socket, protocols[i]);
		if (count < 0)
			return -1;
		sum += count;
	}
	return sum;
}

/* The loop. */

static void say(const struct helper *helper, enum nft_message message)
{
	const char byte = (char)message;

	/* If it cannot be said the daemon has gone, or has not read for very long. */
	(void)send(helper->socket, &byte, 1, MSG_NOSIGNAL);
}

/* There is no such file before the first rule needs connections. */
static char read_tcp_loose(void)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", O_RDONLY | O_CLOEXEC);
	char digit = '?';

	if (fd < 0)
		return digit;
	if (read(fd, &digit, 1) != 1)
		digit = '?';
	close(fd);
	return digit;
}

/* Once there are rules to bridge. Without it only a flush hurts. */
static void keep(struct helper *helper)
{
	if (helper->keeper || helper->rules <= 0)
		return;
	helper->keeper = open_netfilter(0);
	if (helper->keeper)
		(void)nft_keep(helper->keeper);
}

static void check(struct helper *helper)
{
	int rules;

	if (!helper->events || !drain(helper->events) || !helper->known || helper->lost_said)
		return;
	assert(helper->questions && helper->rules >= 0);
	rules = count_rules(helper->questions);
	if (rules < 0 || rules == helper->rules)
		return;
	helper->lost_said = true;
	say(helper, NFT_MESSAGE_LOST);
}

static void take_request(struct helper *helper)
{
	enum nft_message message;
	char byte;
	ssize_t size = recv(helper->socket, &byte, 1, 0);

	if (size < 0 && errno == EINTR)
		return;
	if (size != 1 || byte != NFT_MESSAGE_RUN)
		_exit(EXIT_SUCCESS);
	/* Before the transaction's own events hide those of another program. */
	check(helper);
	message = run(helper->shared);
	if (message == NFT_MESSAGE_DONE && helper->questions) {
		helper->rules = count_rules(helper->questions);
		helper->known = helper->rules >= 0;
		helper->lost_said = false;
		keep(helper);
		helper->shared->tcp_loose = read_tcp_loose();
		(void)drain(helper->events);
	}
	say(helper, message);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static _Noreturn void serve(struct helper *helper)
{
	struct pollfd fds[] = {
		{.fd = helper->socket, .events = POLLIN},
		{.fd = helper->events ? nl_socket_get_fd(helper->events) : -1, .events = POLLIN},
	};
	int64_t next_check = 0;

	for (;;) {
		int64_t pause = next_check - now_ms();
		bool watching = pause <= 0;

		if (poll(fds, watching ? 2 : 1, watching ? -1 : (int)pause) <= 0)
			continue;
		if (fds[0].revents)
			take_request(helper);
		if (watching && fds[1].revents) {
			check(helper);
			next_check = now_ms() + CHECK_PAUSE_MS;
		}
	}
}

/* Confinement. */

static void ignore_signals(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
}

/* What libnl, libnftables and the C library need of the kernel between fork and exit. */
static const char *const calls[] = {
	"access",
	"alarm",
	"bind",
	"brk",
	"clock_gettime",
	"clock_nanosleep",
	"close",
	"connect",
	"exit",
	"exit_group",
	"fcntl",
	"fstat",
	"futex",
	"getpid",
	"getppid",
	"getrandom",
	"getsockname",
	"getsockopt",
	"gettid",
	"gettimeofday",
	"lseek",
	"madvise",
	"mremap",
	"munmap",
	"newfstatat",
	"poll",
	"ppoll",
	"pread64",
	"pselect6",
	"read",
	"recvfrom",
	"recvmsg",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"select",
	"sendmsg",
	"sendto",
	"set_robust_list",
	"setitimer",
	"setsockopt",
	"stat",
	"statx",
	"time",
	"uname",
	"wait4",
	"write",
	"writev",
};

static int allow(scmp_filter_ctx filter, const char *name, unsigned argument, uint64_t mask,
		 uint64_t value)
{
	const struct scmp_arg_cmp condition = {
		.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
	int number = seccomp_syscall_resolve_name(name);

	/* Pseudo numbers, which are negative, stand for calls of other architectures. */
	if (number < 0)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, mask != 0, &condition);
}

static int add_calls(scmp_filter_ctx filter)
{
	const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
				    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	int error = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && error == 0; i++)
		error = allow(filter, calls[i], 0, 0, 0);
	for (const struct confine_call *call = confine_calls_extra; call->name && error == 0;
	     call++)
		error = allow(filter, call->name, 0, 0, 0);
	if (error == 0)
		error = allow(filter, "clone", 0, namespaces, 0);
	if (error == 0)
		error = allow(filter, "socket", 0, UINT32_MAX, AF_NETLINK);
	if (error == 0)
		error = allow(filter, "open", 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
	if (error == 0)
		error = allow(filter, "openat", 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
	if (error == 0)
		error = allow(filter, "mmap", 2, PROT_EXEC, 0);
	if (error == 0)
		error = allow(filter, "mprotect", 2, PROT_EXEC, 0);
	return error;
}

/* A call that is missing fails as on a kernel without it: clone3(2), whose flags a filter cannot
 * see, so that the C library takes clone(2). */
static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int error;

	if (!filter)
		return -ENOMEM;
	error = add_calls(filter);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

static int confine_helper(pid_t parent)
{
	const struct rlimit none = {0, 0};
	int error = confine_capabilities(UINT64_C(1) << CAP_NET_ADMIN);

	if (error < 0)
		return error;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* A parent that died before sends no signal. */
	if (getppid() != parent)
		return -ESRCH;
	return filter_calls();
}

_Noreturn void nft_helper_run(pid_t parent, int socket, struct nft_shared *shared)
{
	struct helper helper = {.socket = SOCKET_FD, .shared = shared};

	prctl(PR_SET_NAME, "cpvrrp-nft", 0, 0, 0);
	ignore_signals();
	/* Nothing of the daemon's stays open here. */
	if ((socket != SOCKET_FD && dup2(socket, SOCKET_FD) < 0) ||
	    close_range(SOCKET_FD + 1, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	helper.events = open_netfilter(NFNLGRP_NFTABLES);
	helper.questions = helper.events ? open_netfilter(0) : NULL;
	if (confine_helper(parent) < 0)
		_exit(EXIT_FAILURE);
	serve(&helper);
}
