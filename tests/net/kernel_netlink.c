/* SPDX-License-Identifier: Apache-2.0 */
/* os/netlink against the real kernel. */
#include "os/netlink.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

#define NO_REQUEST 4000	    /* a type of message that the kernel does not have */
#define PORTS_OF_LIBNL 1024 /* of one process */
#define THREADS 4
#define ROUNDS 50

static struct netlink *open_netlink(void)
{
	struct netlink *netlink = NULL;

	ck_assert_int_eq(netlink_new(&netlink), 0);
	return netlink;
}

static uint32_t port_of(int fd)
{
	struct sockaddr_nl name;
	socklen_t size = sizeof(name);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	return name.nl_pid;
}

struct answer {
	unsigned messages;
	int index;	   /* of the last link */
	uint32_t sequence; /* of the last message */
	int result;	   /* to be returned */
};

static int take(void *context, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct answer *answer = context;

	answer->messages++;
	answer->sequence = header->nlmsg_seq;
	if (header->nlmsg_type == RTM_NEWLINK)
		answer->index = ((const struct ifinfomsg *)nlmsg_data(header))->ifi_index;
	return answer->result;
}

/* Asks for the interface of this name. */
static int ask_link(struct netlink *netlink, const char *name, struct answer *answer)
{
	struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	struct nl_msg *question = NULL;

	ck_assert_int_eq(netlink_message(RTM_GETLINK, 0, &body, sizeof(body), &question), 0);
	ck_assert_int_eq(nla_put_string(question, IFLA_IFNAME, name), 0);
	return netlink_ask(netlink, question, take, answer);
}

static int ask_addresses(struct netlink *netlink, int ifindex, struct answer *answer)
{
	struct ifaddrmsg body = {.ifa_family = AF_UNSPEC, .ifa_index = (unsigned)ifindex};
	struct nl_msg *question = NULL;

	ck_assert_int_eq(netlink_message(RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body), &question),
			 0);
	return netlink_ask(netlink, question, take, answer);
}

/* RTM_NEWADDR or RTM_DELADDR. */
static int change_address(struct netlink *netlink, int type, int flags, const char *name,
			  const char *text)
{
	struct addr wanted = address(text);
	struct ifaddrmsg body = {
		.ifa_family = wanted.family == ADDR_FAMILY_IPV4 ? AF_INET : AF_INET6,
		.ifa_prefixlen = (uint8_t)addr_bits(wanted.family),
		.ifa_index = if_nametoindex(name),
	};
	int size = (int)addr_size(wanted.family);
	struct nl_msg *question = NULL;

	ck_assert_int_eq(netlink_message(type, flags, &body, sizeof(body), &question), 0);
	ck_assert_int_eq(nla_put(question, IFA_LOCAL, size, wanted.bytes), 0);
	ck_assert_int_eq(nla_put(question, IFA_ADDRESS, size, wanted.bytes), 0);
	return netlink_ask(netlink, question, NULL, NULL);
}

START_TEST(netlink_answers)
{
	struct netlink *netlink = open_netlink();
	struct answer answer = {0};

	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	ck_assert_uint_eq(answer.messages, 1);
	ck_assert_int_eq(answer.index, index_of("va"));
	answer = (struct answer){0};
	ck_assert_int_eq(ask_addresses(netlink, index_of("va"), &answer), 0);
	ck_assert_uint_eq(answer.messages, 2);
	netlink_free(netlink);
}
END_TEST

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

/* libnl would tell some of these with one word, and others not at all. */
START_TEST(netlink_errors_of_the_kernel)
{
	struct netlink *netlink = open_netlink();
	struct answer answer = {0};

	ck_assert_int_eq(ask_link(netlink, "absent", &answer), -ENODEV);
	ck_assert_int_eq(change_address(netlink, RTM_DELADDR, 0, "va", "192.0.2.77"),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(change_address(netlink, RTM_DELADDR, 0, "va", "2001:db8::77"),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(
		change_address(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "va", "192.0.2.77"),
		0);
	ck_assert_int_eq(
		change_address(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "va", "192.0.2.77"),
		-EEXIST);
	ck_assert_int_eq(change_address(netlink, RTM_NEWADDR, NLM_F_CREATE, "absent", "192.0.2.78"),
			 -ENODEV);
	ck_assert_int_eq(change_address(netlink, RTM_NEWADDR, NLM_F_CREATE, "va", "ff02::1"),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(change_address(netlink, NO_REQUEST, 0, "va", "192.0.2.78"), -EOPNOTSUPP);
	run("sysctl -qw net.ipv6.conf.va.disable_ipv6=1");
	ck_assert_int_eq(change_address(netlink, RTM_NEWADDR, NLM_F_CREATE, "va", "2001:db8::77"),
			 -EACCES);
	drop_capabilities();
	ck_assert_int_eq(change_address(netlink, RTM_NEWADDR, NLM_F_CREATE, "va", "192.0.2.79"),
			 -EPERM);
	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	netlink_free(netlink);
}
END_TEST

/* A list that was cut short is not taken for the whole list. */
START_TEST(netlink_dump_fails)
{
	struct netlink *netlink = open_netlink();
	struct answer answer = {0};

	ck_assert_int_eq(ask_addresses(netlink, 9999, &answer), -ENODEV);
	ck_assert_uint_eq(answer.messages, 0);
	netlink_free(netlink);
}
END_TEST

/* A list of more than one datagram. */
static void add_addresses(unsigned count)
{
	run("for i in $(seq %u); do echo addr add 10.0.$((i / 250)).$((i %% 250))/32 dev va; done "
	    "| ip -batch -",
	    count);
}

/* The rest of the answer is read, but not passed on, and the next answer is the right one. */
START_TEST(netlink_taker_fails)
{
	struct netlink *netlink = open_netlink();
	struct answer answer = {.result = -ERANGE};
	int fd = netlink_fd(netlink);

	add_addresses(400);
	ck_assert_int_eq(ask_addresses(netlink, index_of("va"), &answer), -ERANGE);
	ck_assert_uint_eq(answer.messages, 1);
	answer = (struct answer){0};
	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	ck_assert_uint_eq(answer.messages, 1);
	ck_assert_int_eq(answer.index, index_of("va"));
	ck_assert_int_eq(netlink_fd(netlink), fd);
	netlink_free(netlink);
}
END_TEST

static pid_t start_churn(void)
{
	pid_t parent = getpid();
	pid_t child = fork();
	struct netlink *netlink;

	ck_assert_int_ge(child, 0);
	if (child > 0)
		return child;
	netlink = open_netlink();
	while (getppid() == parent) {
		change_address(netlink, RTM_NEWADDR, NLM_F_CREATE, "va", "192.0.2.99");
		change_address(netlink, RTM_DELADDR, 0, "va", "192.0.2.99");
	}
	_exit(0);
}

START_TEST(netlink_dump_interrupted)
{
	struct netlink *netlink = open_netlink();
	int64_t end = now_ms() + WAIT_MAX_MS;
	pid_t child;
	int result = 0;

	add_addresses(4000);
	child = start_churn();
	while (result == 0 && now_ms() < end) {
		struct answer answer = {0};

		/* Of all interfaces: Linux does not mark those of one interface. */
		result = ask_addresses(netlink, 0, &answer);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ck_assert_int_eq(result, -EAGAIN);
	netlink_free(netlink);
}
END_TEST

/* Nothing arrives at this socket any more, and it does not wait long for it. */
static void make_deaf(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};
	struct timeval timeout = {.tv_usec = 10000};

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
			 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
}

START_TEST(netlink_no_answer)
{
	struct netlink *netlink = open_netlink();
	struct answer answer = {0};

	make_deaf(netlink_fd(netlink));
	ck_assert_int_eq(ask_link(netlink, "va", &answer), -ETIMEDOUT);
	ck_assert_uint_eq(answer.messages, 0);
	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	ck_assert_uint_eq(answer.messages, 1);
	netlink_free(netlink);
}
END_TEST

/* No descriptor is left for the new socket; as soon as there is one, all is well. */
START_TEST(netlink_no_descriptors)
{
	struct netlink *netlink = open_netlink();
	struct answer answer = {0};
	struct netlink *other = NULL;
	struct rlimit limit, none;
	int fd = netlink_fd(netlink);

	make_deaf(fd);
	ck_assert_int_eq(ask_link(netlink, "va", &answer), -ETIMEDOUT);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)fd;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(netlink_new(&other), -EMFILE);
	ck_assert_int_eq(netlink_new_events(&other), -EMFILE);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(ask_link(netlink, "va", &answer), -EMFILE);
	ck_assert_int_eq(ask_link(netlink, "va", &answer), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	netlink_free(netlink);
}
END_TEST

/* A message to another socket, and one of another process, is no answer. */
START_TEST(netlink_strangers_messages)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr body;
	} forged = {
		.header = {.nlmsg_len = sizeof(forged), .nlmsg_type = NLMSG_ERROR},
		.body = {.error = -EPERM},
	};
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body;
	} other = {
		.header = {.nlmsg_len = sizeof(other),
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
			   .nlmsg_seq = 1},
		.body = {.ifi_index = index_of("lo")},
	};
	struct netlink *netlink = open_netlink();
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct answer answer = {0};

	ck_assert_int_eq(send(netlink_fd(netlink), &other, sizeof(other), 0), sizeof(other));
	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	ck_assert_uint_eq(answer.messages, 1);
	ck_assert_int_eq(answer.index, index_of("va"));

	forged.header.nlmsg_seq = answer.sequence + 1;
	name.nl_pid = port_of(netlink_fd(netlink));
	ck_assert_int_eq(sendto(fd, &forged, sizeof(forged), 0, (const struct sockaddr *)&name,
				sizeof(name)),
			 sizeof(forged));
	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	ck_assert_uint_eq(answer.messages, 2);
	close(fd);
	netlink_free(netlink);
}
END_TEST

static int bind_port(uint32_t port)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_pid = port};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* Another program whose process has the same number, as in another container on the host's network,
 * has every port id that libnl would choose. */
START_TEST(netlink_ports_taken)
{
	uint32_t own = (uint32_t)getpid() & 0x3fffff;
	struct rlimit limit = {2 * PORTS_OF_LIBNL, 2 * PORTS_OF_LIBNL};
	struct netlink *netlinks[8];
	struct answer answer = {0};

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (uint32_t i = 0; i < PORTS_OF_LIBNL; i++)
		bind_port(own + (i << 22));
	for (unsigned i = 0; i < 8; i++) {
		netlinks[i] = open_netlink();
		ck_assert_int_eq(ask_link(netlinks[i], "va", &answer), 0);
	}
	make_deaf(netlink_fd(netlinks[0]));
	ck_assert_int_eq(ask_link(netlinks[0], "va", &answer), -ETIMEDOUT);
	ck_assert_int_eq(ask_link(netlinks[0], "va", &answer), 0);
	for (unsigned i = 0; i < 8; i++)
		netlink_free(netlinks[i]);
}
END_TEST

/* While it was closed somebody has taken its port id. */
START_TEST(netlink_port_taken_meanwhile)
{
	struct netlink *netlink = open_netlink();
	uint32_t port = port_of(netlink_fd(netlink));
	struct answer answer = {0};
	int fd;

	make_deaf(netlink_fd(netlink));
	ck_assert_int_eq(ask_link(netlink, "va", &answer), -ETIMEDOUT);
	fd = bind_port(port);
	ck_assert_int_eq(ask_link(netlink, "va", &answer), 0);
	ck_assert_uint_ne(port_of(netlink_fd(netlink)), port);
	close(fd);
	netlink_free(netlink);
}
END_TEST

/* Returns NULL if all went well. */
static void *use_netlink(void *context)
{
	struct netlink *kept = NULL;
	int error = netlink_new(&kept);

	for (unsigned i = 0; i < ROUNDS && error == 0; i++) {
		struct netlink *netlink = NULL;
		struct answer answer = {0};

		error = netlink_new(&netlink);
		if (error == 0)
			error = ask_link(netlink, "va", &answer);
		if (error == 0)
			error = ask_link(kept, "va", &answer);
		if (error == 0 && answer.messages != 2)
			error = -EPROTO;
		netlink_free(netlink);
	}
	netlink_free(kept);
	return error == 0 ? NULL : context;
}

START_TEST(netlink_threads)
{
	pthread_t threads[THREADS];
	void *failed;

	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_netlink, threads), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
		ck_assert_ptr_null(failed);
	}
}
END_TEST

START_TEST(netlink_events_do_not_wait)
{
	struct netlink *netlink = NULL;
	struct answer answer = {0};

	ck_assert_int_eq(netlink_new_events(&netlink), 0);
	ck_assert_int_eq(netlink_receive(netlink, take, &answer), -EAGAIN);
	run("ip addr add 192.0.2.77/32 dev va");
	ck_assert_int_eq(netlink_receive(netlink, take, &answer), 1);
	ck_assert_int_eq(netlink_receive(netlink, take, &answer), -EAGAIN);
	answer.result = -ERANGE;
	run("ip addr del 192.0.2.77/32 dev va");
	ck_assert_int_eq(netlink_receive(netlink, take, &answer), -ERANGE);
	ck_assert_int_eq(netlink_receive(netlink, take, &answer), -EAGAIN);
	netlink_free(netlink);
}
END_TEST

START_TEST(netlink_sockets_are_not_inherited)
{
	struct netlink *netlink = open_netlink();
	struct netlink *events = NULL;

	ck_assert_int_eq(netlink_new_events(&events), 0);
	ck_assert_int_eq(fcntl(netlink_fd(netlink), F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(netlink_fd(events), F_GETFD), FD_CLOEXEC);
	netlink_free(events);
	netlink_free(netlink);
}
END_TEST

START_TEST(netlink_errors_of_libnl)
{
	ck_assert_int_eq(netlink_error(0), 0);
	ck_assert_int_eq(netlink_error(5), 0);
	ck_assert_int_eq(netlink_error(-NLE_NOMEM), -ENOMEM);
	ck_assert_int_eq(netlink_error(-NLE_MSG_TRUNC), -ENOBUFS);
	for (int i = 1; i <= NLE_MAX; i++)
		ck_assert_int_lt(netlink_error(-i), 0);
}
END_TEST

void add_netlink_tests(TCase *netlink)
{
	tcase_add_test(netlink, netlink_answers);
	tcase_add_test(netlink, netlink_errors_of_the_kernel);
	tcase_add_test(netlink, netlink_errors_of_libnl);
	tcase_add_test(netlink, netlink_dump_fails);
	tcase_add_test(netlink, netlink_dump_interrupted);
	tcase_add_test(netlink, netlink_taker_fails);
	tcase_add_test(netlink, netlink_no_answer);
	tcase_add_test(netlink, netlink_no_descriptors);
	tcase_add_test(netlink, netlink_strangers_messages);
	tcase_add_test(netlink, netlink_ports_taken);
	tcase_add_test(netlink, netlink_port_taken_meanwhile);
	tcase_add_test(netlink, netlink_threads);
	tcase_add_test(netlink, netlink_events_do_not_wait);
	tcase_add_test(netlink, netlink_sockets_are_not_inherited);
}
