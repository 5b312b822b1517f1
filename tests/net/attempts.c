/* SPDX-License-Identifier: Apache-2.0 */
#include "attempts.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/advert.h"
#include "os/announce.h"

#define PORT 6443
#define ABSTRACT "@cpvrrp-inside"

/* linux/netfilter_ipv4/ip_tables.h, linux/ip_vs.h, linux/mroute.h, linux/tcp.h: they do not go with
 * the headers above. */
#define IPT_SO_SET_REPLACE 64
#define IP_VS_SO_SET_ADD 1090
#define MRT_INIT 200
#define TCP_ULP 31
#define IPPROTO_MPTCP_ 262

static char place[] = "/tmp/cpvrrp-inside-XXXXXX";
static pid_t other;		  /* a process that is not confined */
static struct announce *announce; /* open before the confinement */
static int packet_socket;	  /* its own */

void place_path(char path[PLACE_PATH_SIZE], const char *name)
{
	snprintf(path, PLACE_PATH_SIZE, "%s/%s", place, name);
}

static const char *in_place(const char *name)
{
	static char path[PLACE_PATH_SIZE];

	place_path(path, name);
	return path;
}

static void make_file(const char *name, mode_t mode)
{
	int fd = open(in_place(name), O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

/* A name that begins with @ is an abstract one. */
static socklen_t unix_address(const char *name, struct sockaddr_un *ret_address)
{
	size_t size = strlen(name);

	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	ck_assert_uint_lt(size, sizeof(ret_address->sun_path));
	memcpy(ret_address->sun_path, name, size);
	if (name[0] == '@')
		ret_address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

static int listen_unix(const char *name)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(name, &address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (const struct sockaddr *)&address, size) < 0)
		return -1;
	return listen(fd, 1) < 0 ? -1 : fd;
}

static int listen_tcp(uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return listen(fd, 1);
}

/* That of os/announce, which has the lowest number that is free. */
static void open_packet_socket(void)
{
	socklen_t size = sizeof(int);
	int domain = 0;

	packet_socket = dup(STDIN_FILENO);
	close(packet_socket);
	ck_assert_int_eq(announce_new(&announce), 0);
	ck_assert_int_eq(getsockopt(packet_socket, SOL_SOCKET, SO_DOMAIN, &domain, &size), 0);
	ck_assert_int_eq(domain, AF_PACKET);
}

void place_make(void)
{
	static const char *const directories[] = {"etc", "pki", "other", "run"};
	mode_t mask = umask(0);

	other = getpid();
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	ck_assert_int_eq(system("ip link set lo up"), 0);
	ck_assert_ptr_nonnull(mkdtemp(place));
	ck_assert_int_eq(chmod(place, 0755), 0);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		ck_assert_int_eq(mkdir(in_place(directories[i]), 0755), 0);
	make_file("etc/cpvrrp.conf", 0644);
	make_file("pki/ca.crt", 0644);
	make_file("pki/ca.key", 0600);
	make_file("other/file", 0644);
	ck_assert_int_ge(listen_unix(in_place("other/socket")), 0);
	ck_assert_int_eq(chmod(in_place("other/socket"), 0600), 0);
	ck_assert_int_ge(listen_unix(ABSTRACT), 0);
	ck_assert_int_ge(listen_tcp(PORT), 0);
	open_packet_socket();
	umask(mask);
}

void place_remove(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", place);
	ck_assert_int_eq(system(command), 0);
}

/* Programs and threads. */

static long execute(void)
{
	char *arguments[] = {(char[]){"true"}, NULL};

	return execv("/bin/true", arguments);
}

static long make_process(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long make_thread_elsewhere(void)
{
	return syscall(SYS_clone, CLONE_THREAD | CLONE_NEWNET, 0, 0, 0, 0);
}

static void *do_nothing(void *context)
{
	return context;
}

static long make_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, do_nothing, NULL);
	return errno == 0 ? pthread_join(thread, NULL) : -1;
}

/* Other processes. */

static long trace(void)
{
	return ptrace(PTRACE_SEIZE, other, NULL, NULL);
}

static long kill_parent(void)
{
	return kill(other, 0);
}

static long tgkill_parent(void)
{
	return syscall(SYS_tgkill, other, other, 0);
}

static long own_descriptor(void)
{
	return fcntl(STDIN_FILENO, F_SETOWN, other);
}

static long read_about_parent(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)other);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* More rights. */

static long be_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long set_limit(void)
{
	struct rlimit limit = {64, 64};

	return setrlimit(RLIMIT_NOFILE, &limit);
}

/* At an address whose lower half is zero, as that of no pointer. */
static long set_limit_by_pointer(void)
{
	const uintptr_t low = UINT64_C(1) << 45;
	struct rlimit *limit = mmap((void *)low, 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (limit == MAP_FAILED)
		return 0;
	*limit = (struct rlimit){64, 64};
	return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, limit, NULL);
}

/* Memory. */

static long map_code(void)
{
	void *map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? -1 : 0;
}

static long make_code(void)
{
	static char page[8192] __attribute__((aligned(4096)));

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

/* Files. */

static long try_open(const char *name, int flags)
{
	return open(name[0] == '/' ? name : in_place(name), flags | O_CLOEXEC, 0600);
}

static long read_configuration(void)
{
	return try_open("etc/cpvrrp.conf", O_RDONLY);
}

static long read_certificate(void)
{
	return try_open("pki/ca.crt", O_RDONLY);
}

static long read_key(void)
{
	return try_open("pki/ca.key", O_RDONLY);
}

static long read_other(void)
{
	return try_open("other/file", O_RDONLY);
}

static long read_shadow(void)
{
	return try_open("/etc/shadow", O_RDONLY);
}

static long list_root(void)
{
	return try_open("/", O_RDONLY | O_DIRECTORY);
}

static long look_at_other(void)
{
	struct stat st;

	return stat(in_place("other/file"), &st);
}

static long watch_other(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	return fd < 0 ? fd : inotify_add_watch(fd, in_place("other"), IN_CREATE);
}

static long write_file(void)
{
	return try_open("etc/cpvrrp.conf", O_WRONLY);
}

static long write_and_read_file(void)
{
	return try_open("etc/cpvrrp.conf", O_RDWR);
}

static long create_file(void)
{
	return try_open("run/file", O_RDONLY | O_CREAT);
}

static long empty_file(void)
{
	return try_open("etc/cpvrrp.conf", O_RDONLY | O_TRUNC);
}

static long set_sysctl(void)
{
	return try_open("/proc/sys/net/ipv6/conf/lo/forwarding", O_WRONLY);
}

/* Of a file that is its own: no other rule stands in the way. */
static long fchmod_to(mode_t mode)
{
	return fchmod(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), mode);
}

static long fchmod_setuid(void)
{
	return fchmod_to(04755);
}

static long fchmod_private(void)
{
	return fchmod_to(0600);
}

static long remove_other(void)
{
	return unlink(in_place("other/file"));
}

static long remove_own(void)
{
	return listen_unix(in_place("run/socket")) < 0 ? -1 : unlink(in_place("run/socket"));
}

static long make_socket_elsewhere(void)
{
	return listen_unix(in_place("other/made"));
}

static long make_directory_elsewhere(void)
{
	return mkdir(in_place("other/made"), 0755);
}

static long make_directory_for_all(void)
{
	return mkdir(in_place("run/made"), 01777);
}

static long type_into_terminal(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "");
}

/* Sockets: family, type, protocol. */

static long open_socket(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC, protocol);
}

#define OPENS(name, family, type, protocol)                                                        \
	static long name(void)                                                                     \
	{                                                                                          \
		return open_socket(family, type, protocol);                                        \
	}

OPENS(open_netfilter, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
OPENS(open_xfrm, AF_NETLINK, SOCK_RAW, NETLINK_XFRM)
OPENS(open_sock_diag, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
OPENS(open_generic, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)
OPENS(open_audit, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)
OPENS(open_icmp, AF_INET, SOCK_RAW, IPPROTO_ICMP)
OPENS(open_icmp6, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
OPENS(open_raw, AF_INET, SOCK_RAW, IPPROTO_RAW)
OPENS(open_udp, AF_INET, SOCK_DGRAM, 0)
OPENS(open_mptcp, AF_INET, SOCK_STREAM, IPPROTO_MPTCP_)
OPENS(open_packet, AF_PACKET, SOCK_RAW, 0)
OPENS(open_vsock, AF_VSOCK, SOCK_STREAM, 0)
OPENS(open_alg, AF_ALG, SOCK_SEQPACKET, 0)
OPENS(open_route, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)

/* What the kernel reads of the value does not come to pass. */
static long set_option(int fd, int level, int option)
{
	return setsockopt(fd, level, option, NULL, 0);
}

static int advert_socket(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, ADVERT_PROTOCOL);
}

static long replace_iptables(void)
{
	return set_option(advert_socket(), IPPROTO_IP, IPT_SO_SET_REPLACE);
}

static long add_ipvs_service(void)
{
	return set_option(advert_socket(), IPPROTO_IP, IP_VS_SO_SET_ADD);
}

static long mark_packets(void)
{
	return set_option(advert_socket(), SOL_SOCKET, SO_MARK);
}

static long route_multicast(void)
{
	return set_option(advert_socket(), IPPROTO_IP, MRT_INIT);
}

static long load_tcp_module(void)
{
	return set_option(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), IPPROTO_TCP, TCP_ULP);
}

static long receive_all_packets(void)
{
	int ignored = 0;
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 1};

	if (bind(packet_socket, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return 0;
	return setsockopt(packet_socket, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof(ignored));
}

static long make_packet_ring(void)
{
	return set_option(packet_socket, SOL_PACKET, PACKET_RX_RING);
}

static long connect_unix(const char *name)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(name, &address);

	return connect(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		       (const struct sockaddr *)&address, size);
}

static long connect_elsewhere(void)
{
	return connect_unix(in_place("other/socket"));
}

static long connect_abstract(void)
{
	long result = connect_unix(ABSTRACT);

	if (errno == EPERM)
		errno = EACCES; /* what Landlock says of files */
	return result;
}

/* The network. */

static long connect_tcp(void)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					    .sin_port = htons(PORT)};

	return connect(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		       (const struct sockaddr *)&address, sizeof(address));
}

static long listen_on_any_port(void)
{
	return listen_tcp(0);
}

static long send_advert(void)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return sendto(advert_socket(), "advert", 6, 0, (const struct sockaddr *)&address,
		      sizeof(address));
}

static long send_frame(void)
{
	const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = 1};
	static const char frame[64];

	return sendto(packet_socket, frame, sizeof(frame), 0, (const struct sockaddr *)&address,
		      sizeof(address));
}

/* Returns what the kernel answers to a request that is to be acknowledged. */
static long ask_route(struct nlmsghdr *request)
{
	int fd = (int)open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} answer;

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, request, request->nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < 0)
		return -1;
	errno = -answer.error.error;
	return answer.error.error;
}

static long add_address(void)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg body;
		struct nlattr attribute;
		uint8_t address[4];
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_NEWADDR,
			   .nlmsg_flags = NLM_F_CREATE},
		.body = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1},
		.attribute = {sizeof(request.attribute) + sizeof(request.address), IFA_LOCAL},
		.address = {192, 0, 2, 1},
	};

	return ask_route(&request.header);
}

static long take_interface_down(void)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body;
	} request = {
		.header = {.nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWLINK},
		.body = {.ifi_index = 1, .ifi_change = IFF_UP},
	};

	return ask_route(&request.header);
}

#define ENDS(what_, as_root_, as_user_, attempt_)                                                  \
	{                                                                                          \
		.what = (what_), .as_root = (as_root_), .as_user = (as_user_),                     \
		.attempt = (attempt_)                                                              \
	}
#define FILTERED(what_, attempt_) ENDS(what_, FILTER, FILTER, attempt_)
/* A call without arguments. */
#define NO_CALL(what_, call_)                                                                      \
	{                                                                                          \
		.what = (what_), .as_root = FILTER, .as_user = FILTER, .call = 1 + SYS_##call_     \
	}
#define OF_SANITIZERS(what_, stop_, attempt_)                                                      \
	{                                                                                          \
		.what = (what_), .as_root = (stop_), .as_user = (stop_), .attempt = (attempt_),    \
		.of_sanitizers = true                                                              \
	}

const struct attempt attempts[] = {
	FILTERED("run a program (execve)", execute),
	OF_SANITIZERS("make a process (clone)", FILTER, make_process),
	NO_CALL("make a process (clone3)", clone3),
	OF_SANITIZERS("make a thread in another namespace (clone)", FILTER, make_thread_elsewhere),
	ENDS("make a thread", ALLOWED, ALLOWED, make_thread),

	OF_SANITIZERS("trace a process (ptrace)", FILTER, trace),
	NO_CALL("read another's memory (process_vm_readv)", process_vm_readv),
	NO_CALL("write another's memory (process_vm_writev)", process_vm_writev),
	NO_CALL("take another's descriptors (pidfd_open)", pidfd_open),
	FILTERED("send a signal to another (kill)", kill_parent),
	FILTERED("send a signal to another (tgkill)", tgkill_parent),
	NO_CALL("send a signal to another (rt_sigqueueinfo)", rt_sigqueueinfo),
	FILTERED("send a signal to another (fcntl F_SETOWN)", own_descriptor),
	OF_SANITIZERS("read of another in /proc", LANDLOCK, read_about_parent),

	NO_CALL("change the user (setuid)", setuid),
	NO_CALL("change the group (setgid)", setgid),
	NO_CALL("change the capabilities (capset)", capset),
	OF_SANITIZERS("be traced and dumped (prctl PR_SET_DUMPABLE)", FILTER, be_dumpable),
	FILTERED("set a limit (setrlimit)", set_limit),
	FILTERED("set a limit (prlimit64)", set_limit_by_pointer),
	NO_CALL("run before all others (sched_setscheduler)", sched_setscheduler),
	NO_CALL("leave a namespace (unshare)", unshare),
	NO_CALL("enter a namespace (setns)", setns),

	FILTERED("make memory executable (mmap)", map_code),
	FILTERED("make memory executable (mprotect)", make_code),
	NO_CALL("make a file in memory (memfd_create)", memfd_create),
	NO_CALL("userfaultfd", userfaultfd),

	NO_CALL("bpf", bpf),
	NO_CALL("perf_event_open", perf_event_open),
	NO_CALL("io_uring_setup", io_uring_setup),
	NO_CALL("keyctl", keyctl),
	NO_CALL("add_key", add_key),
	NO_CALL("mount", mount),
	NO_CALL("umount2", umount2),
	NO_CALL("chroot", chroot),
	NO_CALL("pivot_root", pivot_root),
	NO_CALL("init_module", init_module),
	NO_CALL("kexec_load", kexec_load),
	NO_CALL("reboot", reboot),
	NO_CALL("clock_settime", clock_settime),
	NO_CALL("open_by_handle_at", open_by_handle_at),

	ENDS("read the configuration", ALLOWED, ALLOWED, read_configuration),
	ENDS("read the CA's certificate", ALLOWED, ALLOWED, read_certificate),
	ENDS("read a key of root's in a directory that it reads from, such as `ca.key` beside "
	     "`ca.crt`",
	     ALLOWED, MODE, read_key),
	ENDS("read a file elsewhere", LANDLOCK, LANDLOCK, read_other),
	ENDS("read `/etc/shadow`, with the configuration elsewhere", LANDLOCK, LANDLOCK,
	     read_shadow),
	ENDS("list a directory elsewhere", LANDLOCK, LANDLOCK, list_root),
	ENDS("see whether a file elsewhere exists, and its size", ALLOWED, ALLOWED, look_at_other),
	ENDS("see files come and go in a directory elsewhere (inotify)", ALLOWED, ALLOWED,
	     watch_other),
	FILTERED("write a file (open O_WRONLY)", write_file),
	FILTERED("write a file (open O_RDWR)", write_and_read_file),
	FILTERED("make a file (open O_CREAT)", create_file),
	FILTERED("empty a file (open O_TRUNC)", empty_file),
	NO_CALL("open a file by another call (openat2)", openat2),
	FILTERED("change a sysctl", set_sysctl),
	NO_CALL("truncate", truncate),
	NO_CALL("rename", renameat2),
	NO_CALL("make a link (linkat)", linkat),
	NO_CALL("make a link (symlinkat)", symlinkat),
	NO_CALL("make a device (mknodat)", mknodat),
	NO_CALL("change an owner (fchownat)", fchownat),
	NO_CALL("change a mode by name (fchmodat)", fchmodat),
	FILTERED("make a file setuid (fchmod 04755)", fchmod_setuid),
	ENDS("make a file private (fchmod 0600)", ALLOWED, ALLOWED, fchmod_private),
	NO_CALL("set an attribute (fsetxattr)", fsetxattr),
	NO_CALL("change the directory (chdir)", chdir),
	ENDS("remove a file elsewhere", LANDLOCK, LANDLOCK, remove_other),
	ENDS("make or remove a socket in the control socket's directory", ALLOWED, ALLOWED,
	     remove_own),
	ENDS("make a socket elsewhere", LANDLOCK, LANDLOCK, make_socket_elsewhere),
	ENDS("make a directory elsewhere", LANDLOCK, LANDLOCK, make_directory_elsewhere),
	FILTERED("make a directory that others can write to", make_directory_for_all),
	FILTERED("type into a terminal (ioctl TIOCSTI)", type_into_terminal),

	FILTERED("nftables (NETLINK_NETFILTER)", open_netfilter),
	FILTERED("iptables (setsockopt IPT_SO_SET_REPLACE)", replace_iptables),
	FILTERED("IPVS (setsockopt IP_VS_SO_SET_ADD)", add_ipvs_service),
	FILTERED("IPsec (NETLINK_XFRM)", open_xfrm),
	FILTERED("generic netlink (NETLINK_GENERIC)", open_generic),
	FILTERED("the audit log (NETLINK_AUDIT)", open_audit),
	FILTERED("multicast routing (setsockopt MRT_INIT)", route_multicast),
	FILTERED("mark its packets for another route (setsockopt SO_MARK)", mark_packets),
	FILTERED("load a module for TCP (setsockopt TCP_ULP)", load_tcp_module),
	FILTERED("a second packet socket", open_packet),
	FILTERED("options of the packet socket (setsockopt PACKET_RX_RING)", make_packet_ring),
	FILTERED("a raw socket of ICMP", open_icmp),
	FILTERED("a raw socket of ICMPv6", open_icmp6),
	FILTERED("a raw socket of any protocol (IPPROTO_RAW)", open_raw),
	FILTERED("UDP", open_udp),
	FILTERED("MPTCP", open_mptcp),
	FILTERED("talk to the hypervisor (AF_VSOCK)", open_vsock),
	FILTERED("the kernel's cryptography (AF_ALG)", open_alg),

	ENDS("connect to a Unix socket of root's, such as containerd's", ALLOWED, MODE,
	     connect_elsewhere),
	{.what = "connect to an abstract Unix socket",
	 .as_root = LANDLOCK,
	 .as_user = LANDLOCK,
	 .attempt = connect_abstract,
	 .version = 6},
	ENDS("connect to any TCP port", ALLOWED, ALLOWED, connect_tcp),
	ENDS("listen on any TCP port", ALLOWED, ALLOWED, listen_on_any_port),
	ENDS("send VRRP packets", ALLOWED, ALLOWED, send_advert),
	ENDS("send any Ethernet frame", ALLOWED, ALLOWED, send_frame),
	ENDS("receive all packets of the node (the packet socket without its filter)", LOCK, LOCK,
	     receive_all_packets),
	ENDS("ask for interfaces, addresses, routes", ALLOWED, ALLOWED, open_route),
	ENDS("see and end connections (NETLINK_SOCK_DIAG)", ALLOWED, ALLOWED, open_sock_diag),
	ENDS("add and remove addresses", ALLOWED, ALLOWED, add_address),
	ENDS("change interfaces, routes and rules", ALLOWED, ALLOWED, take_interface_down),
	{.what = NULL},
};
