/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks an address whether it answers, a thousand times a second, and says how long it did not.
 * An attempt is a TCP connection that is reset as soon as the SYN is answered. It is lost if the
 * answer is a refusal, or does not come within the timeout; what a retransmitted SYN reaches later
 * counts as lost all the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US 1000000
#define RING 8192	    /* attempts that are not judged yet */
#define EVENTS 256	    /* taken from the kernel at a time */
#define BURST 32	    /* attempts made up for in one turn; a longer pause is skipped */
#define TURN_AWAKE_US 20000 /* a turn that took longer was spent waiting for the processor */
#define TIMER UINT64_MAX

enum verdict {
	VERDICT_PENDING,
	VERDICT_ANSWERED,
	VERDICT_LOST,
};

struct attempt {
	int fd;
	enum verdict verdict;
	int64_t sent_us;
	int64_t sent_awake_us;
};

struct vipprobe {
	struct sockaddr_storage address;
	socklen_t address_size;
	int64_t rate;
	int64_t timeout_us;
	int64_t slots_max; /* 0 = until a signal */

	int epoll;
	int timer;
	int64_t started_us;
	int64_t wall_us; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
	int64_t turn_us;
	int64_t awake_us; /* time this process was able to listen; timeouts are counted in it */
	int64_t slots;	  /* moments to send that have passed, absolute from started_us */

	struct attempt ring[RING];
	uint64_t judged; /* attempts below are judged, in the order they were sent */
	uint64_t sent;

	uint64_t lost, lost_now, outages, skipped;
	int64_t answered_us; /* when the last answered attempt was sent */
	int64_t longest_us, late_us;
	bool up;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "vipprobe: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t clock_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

static double wall_s(const struct vipprobe *probe, int64_t at_us)
{
	return (double)(at_us + probe->wall_us) / SECOND_US;
}

static void outage_end(struct vipprobe *probe, int64_t end_us, const char *how)
{
	int64_t length_us = end_us - probe->answered_us;

	printf("outage at=%.6f ms=%.1f lost=%" PRIu64 "%s\n", wall_s(probe, probe->answered_us),
	       (double)length_us / 1000, probe->lost_now, how);
	if (length_us > probe->longest_us)
		probe->longest_us = length_us;
	probe->outages++;
	probe->lost_now = 0;
}

static void judge(struct vipprobe *probe)
{
	for (; probe->judged < probe->sent; probe->judged++) {
		const struct attempt *attempt = &probe->ring[probe->judged % RING];

		if (attempt->verdict == VERDICT_PENDING)
			return;
		if (attempt->verdict == VERDICT_LOST) {
			probe->lost++;
			probe->lost_now++;
			continue;
		}
		if (probe->lost_now)
			outage_end(probe, attempt->sent_us, "");
		if (!probe->up)
			printf("up at=%.6f\n", wall_s(probe, attempt->sent_us));
		probe->up = true;
		probe->answered_us = attempt->sent_us;
	}
}

static void conclude(struct attempt *attempt, bool answered)
{
	attempt->verdict = answered ? VERDICT_ANSWERED : VERDICT_LOST;
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
}

/* True if the first SYN was the one that was answered. */
static bool answered_at_once(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       info.tcpi_total_retrans == 0;
}

static void take(struct vipprobe *probe, uint64_t number, int64_t now_us)
{
	struct attempt *attempt = &probe->ring[number % RING];
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		die("getsockopt");
	/* A reset is for a connection: the SYN was answered, and rule CLOSE came before this
	 * program had a look. The answer to a SYN that nobody wants is ECONNREFUSED. */
	if (error == ECONNRESET)
		error = 0;
	if (error == 0 && now_us - attempt->sent_us > probe->timeout_us &&
	    !answered_at_once(attempt->fd))
		error = ETIMEDOUT;
	conclude(attempt, error == 0);
}

static void expire(struct vipprobe *probe)
{
	for (uint64_t i = probe->judged; i < probe->sent; i++) {
		struct attempt *attempt = &probe->ring[i % RING];

		if (probe->awake_us - attempt->sent_awake_us <= probe->timeout_us)
			return;
		if (attempt->verdict == VERDICT_PENDING)
			conclude(attempt, false);
	}
}

static void attempt_new(struct vipprobe *probe)
{
	struct attempt *attempt = &probe->ring[probe->sent % RING];
	struct epoll_event event = {.events = EPOLLOUT, .data.u64 = probe->sent};
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	int family = probe->address.ss_family;

	probe->sent++;
	attempt->sent_us = clock_us(CLOCK_MONOTONIC);
	attempt->sent_awake_us = probe->awake_us;
	attempt->verdict = VERDICT_PENDING;
	attempt->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt->fd < 0)
		die("socket");
	if (setsockopt(attempt->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		die("SO_LINGER");
	if (connect(attempt->fd, (struct sockaddr *)&probe->address, probe->address_size) == 0)
		conclude(attempt, true);
	else if (errno != EINPROGRESS)
		conclude(attempt, false);
	else if (epoll_ctl(probe->epoll, EPOLL_CTL_ADD, attempt->fd, &event) < 0)
		die("epoll_ctl");
}

/* Sends what is due. The timer is periodic, so the schedule does not drift. */
static void tick(struct vipprobe *probe, int64_t now_us)
{
	uint64_t ticks = 0;
	int64_t late_us, due;

	if (read(probe->timer, &ticks, sizeof(ticks)) < 0)
		return;
	due = (int64_t)ticks;
	if (probe->slots_max && due > probe->slots_max - probe->slots)
		due = probe->slots_max - probe->slots;
	probe->slots += due;
	late_us = now_us - probe->started_us - (probe->slots - due + 1) * SECOND_US / probe->rate;
	if (due > 0 && late_us > probe->late_us)
		probe->late_us = late_us;
	if (due > BURST) {
		probe->skipped += (uint64_t)(due - BURST);
		due = BURST;
	}
	for (; due > 0; due--)
		attempt_new(probe);
}

/* Answers are taken before anything is given up, so that being late here is no loss. */
static void turn(struct vipprobe *probe)
{
	struct epoll_event events[EVENTS];
	bool ticked = false;
	int64_t now_us, since_us;
	int count;

	do {
		count = epoll_wait(probe->epoll, events, EVENTS, ticked ? 0 : 100);
		if (count < 0 && errno != EINTR)
			die("epoll_wait");
		now_us = clock_us(CLOCK_MONOTONIC);
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 == TIMER)
				ticked = true;
			else
				take(probe, events[i].data.u64, now_us);
		}
	} while (count == EVENTS);
	since_us = now_us - probe->turn_us;
	probe->turn_us = now_us;
	probe->awake_us += since_us < TURN_AWAKE_US ? since_us : TURN_AWAKE_US;
	expire(probe);
	judge(probe);
	if (ticked)
		tick(probe, now_us);
	fflush(stdout);
}

static void start(struct vipprobe *probe)
{
	int64_t period_ns = INT64_C(1000000000) / probe->rate;
	struct timespec period = {.tv_sec = period_ns / 1000000000,
				  .tv_nsec = period_ns % 1000000000};
	struct itimerspec timer = {.it_interval = period, .it_value = period};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = TIMER};

	probe->epoll = epoll_create1(EPOLL_CLOEXEC);
	probe->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (probe->epoll < 0 || probe->timer < 0)
		die("epoll, timerfd");
	if (epoll_ctl(probe->epoll, EPOLL_CTL_ADD, probe->timer, &event) < 0)
		die("epoll_ctl");
	probe->started_us = clock_us(CLOCK_MONOTONIC);
	probe->wall_us = clock_us(CLOCK_REALTIME) - probe->started_us;
	probe->turn_us = probe->started_us;
	probe->answered_us = probe->started_us;
	if (timerfd_settime(probe->timer, 0, &timer, NULL) < 0)
		die("timerfd_settime");
}

static void run(struct vipprobe *probe)
{
	start(probe);
	while (!stopped && (!probe->slots_max || probe->slots < probe->slots_max))
		turn(probe);
	if (timerfd_settime(probe->timer, 0, &(struct itimerspec){0}, NULL) < 0)
		die("timerfd_settime");
	while (probe->judged < probe->sent)
		turn(probe);
	if (probe->lost_now)
		outage_end(probe, probe->ring[(probe->sent - 1) % RING].sent_us, " open");
	printf("total sent=%" PRIu64 " lost=%" PRIu64 " outages=%" PRIu64
	       " longest_ms=%.1f skipped=%" PRIu64 " late_ms=%.1f\n",
	       probe->sent, probe->lost, probe->outages, (double)probe->longest_us / 1000,
	       probe->skipped, (double)probe->late_us / 1000);
}

static void usage(void)
{
	fputs("usage: vipprobe [-r ATTEMPTS_PER_SECOND] [-t TIMEOUT_MS] [-d SECONDS] ADDRESS "
	      "PORT\n"
	      "Runs for -d SECONDS or until SIGTERM or SIGINT. Prints, with at= in seconds of the\n"
	      "epoch: \"up\" at the first answer, \"outage\" at the end of each, \"total\" at the "
	      "end.\n",
	      stderr);
	exit(2);
}

static int64_t number(const char *text, double scale, int64_t max)
{
	char *end;
	double value = strtod(text, &end) * scale;

	if (end == text || *end || !(value >= 1 && value <= (double)max))
		usage();
	return (int64_t)value;
}

static void resolve(struct vipprobe *probe, const char *address, const char *port)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *info;
	int error = getaddrinfo(address, port, &hints, &info);

	if (error) {
		fprintf(stderr, "vipprobe: %s %s: %s\n", address, port, gai_strerror(error));
		exit(2);
	}
	memcpy(&probe->address, info->ai_addr, info->ai_addrlen);
	probe->address_size = info->ai_addrlen;
	freeaddrinfo(info);
}

/* All attempts of one timeout, and as many again, must find a place and a file descriptor. */
static void check_room(const struct vipprobe *probe)
{
	int64_t most = 2 * probe->rate * probe->timeout_us / SECOND_US + 2 * BURST;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	if (most <= RING && (rlim_t)most + 16 <= limit.rlim_cur)
		return;
	fprintf(stderr, "vipprobe: too many attempts at a time: rate x timeout is %" PRId64 "\n",
		probe->rate * probe->timeout_us / SECOND_US);
	exit(2);
}

int main(int argc, char **argv)
{
	static struct vipprobe probe = {.rate = 1000, .timeout_us = 100000};
	struct sigaction action = {.sa_handler = stop};
	double seconds = 0;
	int option;

	while ((option = getopt(argc, argv, "r:t:d:")) != -1) {
		switch (option) {
		case 'r':
			probe.rate = number(optarg, 1, 100000);
			break;
		case 't':
			probe.timeout_us = number(optarg, 1000, 10 * SECOND_US);
			break;
		case 'd':
			seconds = (double)number(optarg, 1000, INT64_C(1000000000)) / 1000;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2)
		usage();
	probe.slots_max = (int64_t)(seconds * (double)probe.rate);
	resolve(&probe, argv[optind], argv[optind + 1]);
	check_room(&probe);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	run(&probe);
	return 0;
}
