/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections for bench/balance: a server that says its name, and clients that measure what a TCP
 * connection to an address is like. Each client prints one JSON object a line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US INT64_C(1000000)
#define NAME_SIZE 16
#define NAMES_MAX 16
#define EVENTS 256
#define PROBES 2048 /* attempts in flight: twice a limit's worth */
#define PROBE_LIMIT_US                                                                             \
	500000 /* an attempt without a first byte is lost; a lost SYN comes after 1 s */
#define STUCK_US (2 * SECOND_US)
#define AT_A_TIME 64	  /* connections that are being opened */
#define RATE_AT_A_TIME 16 /* the same, by `rate` */
#define TRIES 500	  /* to get a connection to one server */

static const char usage_text[] =
	"usage: streams serve NAME PORT             says NAME to each connection. Then it echoes "
	"bytes;\n"
	"                                           after a 'd' it sends without end, after a 'u' "
	"it\n"
	"                                           takes without end\n"
	"       streams probe ADDRESS PORT US FROM  from FROM a new connection each US, until\n"
	"                                           SIGTERM; it is lost without a first byte in\n"
	"                                           500 ms\n"
	"       streams hold ADDRESS PORT COUNT MS  COUNT connections, each asked for an echo "
	"every MS.\n"
	"                                           Says what they are like when all are open, and "
	"at\n"
	"                                           SIGUSR1 and SIGTERM since the last time\n"
	"       streams rate ADDRESS PORT SECONDS   connections that are opened, named and reset\n"
	"       streams rtt ADDRESS PORT SECONDS NAME    the time of an echo of the server NAME\n"
	"       streams down|up ADDRESS PORT SECONDS NAME  one connection to it, as quick as it "
	"goes\n";

struct stream {
	int fd; /* -1: closed */
	bool named, broken;
	char name[NAME_SIZE];
	int64_t asked_us;   /* when what it waits for was sent; 0 = it waits for nothing */
	int64_t silence_us; /* the longest wait since the last report */
};

static struct sockaddr_in address;
static struct sockaddr_in source; /* 0.0.0.0: any */
static char buffer[1 << 17];

static void die(const char *what)
{
	fprintf(stderr, "streams: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static int number(const char *text, int max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 1 || value > max)
		usage();
	return (int)value;
}

static void take_address(const char *host, const char *port)
{
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)number(port, 65535));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		usage();
}

static void take_source(const char *host)
{
	source.sin_family = AF_INET;
	if (inet_pton(AF_INET, host, &source.sin_addr) != 1)
		usage();
}

static int epoll_new(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		die("epoll_create1");
	return epoll;
}

static void epoll_watch(int epoll, int operation, int fd, uint32_t events, uint64_t what)
{
	struct epoll_event event = {.events = events, .data.u64 = what};

	if (epoll_ctl(epoll, operation, fd, &event) < 0)
		die("epoll_ctl");
}

/* --- the server --- */

enum {
	LISTENER = UINT64_MAX >> 32
};

static void accept_all(int epoll, int listener, const char *name)
{
	const int on = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (dprintf(fd, "%s\n", name) < 0)
			close(fd);
		else
			epoll_watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, (uint64_t)fd);
	}
}

/* What is sent without end is sent when the socket takes it; what comes without end is dropped. */
static void answer(int epoll, int fd, uint32_t events)
{
	ssize_t size;

	if (events & EPOLLOUT) {
		size = send(fd, buffer, sizeof(buffer), MSG_NOSIGNAL);
	} else {
		size = recv(fd, buffer, sizeof(buffer), 0);
		if (size == 1 && buffer[0] == 'd')
			epoll_watch(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT, (uint64_t)fd);
		else if (size > 0 && buffer[0] != 'u')
			size = send(fd, buffer, (size_t)size, MSG_NOSIGNAL);
	}
	if (size == 0 || (size < 0 && errno != EAGAIN))
		close(fd);
}

static void serve(const char *name, int port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct epoll_event events[EVENTS];
	const int on = 1;
	int epoll = epoll_new();
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(listener, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(listener, 4096) < 0)
		die("listen");
	epoll_watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, LISTENER);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 == LISTENER)
				accept_all(epoll, listener, name);
			else
				answer(epoll, (int)events[i].data.u64, events[i].events);
		}
	}
}

/* --- one connection --- */

static void stream_open(struct stream *stream, int epoll, uint64_t what)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	const int on = 1;

	*stream = (struct stream){.asked_us = now_us()};
	stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (stream->fd < 0)
		die("socket");
	setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (source.sin_addr.s_addr != INADDR_ANY &&
	    (setsockopt(stream->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
	     bind(stream->fd, (struct sockaddr *)&source, sizeof(source)) < 0))
		die("bind");
	if (connect(stream->fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
	    errno != EINPROGRESS)
		die("connect");
	epoll_watch(epoll, EPOLL_CTL_ADD, stream->fd, EPOLLIN, what);
}

static void stream_close(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	stream->asked_us = 0;
}

/* Takes what has come. The name comes first, in one piece. Returns false if the connection is no
 * more. */
static bool stream_take(struct stream *stream)
{
	char text[NAME_SIZE];
	ssize_t size = recv(stream->fd, text, sizeof(text) - 1, 0);

	if (size < 0 && errno == EAGAIN)
		return true;
	if (size <= 0) {
		stream->broken = true;
		stream_close(stream);
		return false;
	}
	if (!stream->named) {
		text[size] = '\0';
		text[strcspn(text, "\n")] = '\0';
		memcpy(stream->name, text, sizeof(text));
		stream->named = true;
	}
	stream->asked_us = 0;
	return true;
}

static void stream_wait(int fd, short events)
{
	struct timespec limit = {.tv_sec = 5};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	if (pselect(fd + 1, events == EPOLLIN ? &set : NULL, events == EPOLLOUT ? &set : NULL, NULL,
		    &limit, NULL) != 1) {
		fputs("streams: no answer in 5 s\n", stderr);
		exit(1);
	}
}

/* A connection to the server of this name, by trying until one comes there. */
static struct stream stream_to(const char *name)
{
	int epoll = epoll_new();

	for (int i = 0; i < TRIES; i++) {
		struct stream stream;

		stream_open(&stream, epoll, 0);
		while (!stream.named) {
			stream_wait(stream.fd, EPOLLIN);
			if (!stream_take(&stream))
				break;
		}
		if (stream.named && strcmp(stream.name, name) == 0)
			return stream;
		stream_close(&stream);
	}
	fprintf(stderr, "streams: no connection to %s\n", name);
	exit(1);
}

/* --- the clients' loop --- */

struct loop {
	int epoll, signals, timer;
};

#define TICK (UINT64_MAX - 1)
#define SIGNAL UINT64_MAX

static struct loop loop_new(int pace_us)
{
	struct timespec pace = {.tv_sec = pace_us / SECOND_US,
				.tv_nsec = pace_us % SECOND_US * 1000};
	struct itimerspec timer = {.it_interval = pace, .it_value = pace};
	struct loop loop = {.epoll = epoll_new()};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	loop.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	loop.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop.signals < 0 || loop.timer < 0 || timerfd_settime(loop.timer, 0, &timer, NULL) < 0)
		die("signalfd, timerfd");
	epoll_watch(loop.epoll, EPOLL_CTL_ADD, loop.signals, EPOLLIN, SIGNAL);
	epoll_watch(loop.epoll, EPOLL_CTL_ADD, loop.timer, EPOLLIN, TICK);
	return loop;
}

/* How many ticks have passed. */
static int ticks_of(const struct loop *loop)
{
	uint64_t ticks = 0;

	if (read(loop->timer, &ticks, sizeof(ticks)) < 0)
		return 0;
	return ticks > EVENTS ? EVENTS : (int)ticks;
}

static uint32_t signal_of(const struct loop *loop)
{
	struct signalfd_siginfo info;

	if (read(loop->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return info.ssi_signo;
}

/* --- probe --- */

struct probe {
	struct stream streams[PROBES];
	uint64_t sent, judged, lost;
	int pace_us;
	int64_t sent_us[PROBES];
	int64_t first_lost_us, last_lost_us;
};

/* In the order they were sent. An attempt that is closed before it is judged was answered or lost.
 */
static void probe_judge(struct probe *probe, int64_t now)
{
	for (; probe->judged < probe->sent; probe->judged++) {
		struct stream *stream = &probe->streams[probe->judged % PROBES];
		int64_t sent_us = probe->sent_us[probe->judged % PROBES];

		if (stream->fd >= 0 && now - sent_us < PROBE_LIMIT_US)
			return;
		stream_close(stream);
		if (stream->named)
			continue;
		probe->lost++;
		probe->last_lost_us = sent_us;
		if (!probe->first_lost_us)
			probe->first_lost_us = sent_us;
	}
}

static void probe_say(const struct probe *probe)
{
	double span_ms = 0;

	if (probe->lost)
		span_ms = (double)(probe->last_lost_us - probe->first_lost_us + probe->pace_us) /
			  1000;
	printf("{\"sent\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"span_ms\": %.1f}\n", probe->judged,
	       probe->lost, span_ms);
	fflush(stdout);
}

static void probe_tick(struct probe *probe, const struct loop *loop, bool stopping)
{
	int ticks = ticks_of(loop);

	probe_judge(probe, now_us());
	for (; !stopping && ticks > 0 && probe->sent - probe->judged < PROBES; ticks--) {
		uint64_t place = probe->sent++ % PROBES;

		stream_open(&probe->streams[place], loop->epoll, place);
		probe->sent_us[place] = probe->streams[place].asked_us;
	}
}

static void run_probe(int pace_us)
{
	static struct probe probe;
	struct loop loop = loop_new(pace_us);
	struct epoll_event events[EVENTS];
	bool stopping = false;

	probe.pace_us = pace_us;
	while (!stopping || probe.judged < probe.sent) {
		int count = epoll_wait(loop.epoll, events, EVENTS, 100);
		bool ticked = false;

		for (int i = 0; i < count; i++) {
			uint64_t what = events[i].data.u64;

			if (what == TICK)
				ticked = true;
			else if (what == SIGNAL)
				stopping = signal_of(&loop) == SIGTERM;
			else if (stream_take(&probe.streams[what]) && probe.streams[what].named)
				stream_close(&probe.streams[what]);
		}
		if (ticked)
			probe_tick(&probe, &loop, stopping);
	}
	probe_say(&probe);
}

/* --- hold --- */

struct holder {
	struct stream *streams;
	int count, begun, named, broken, turn;
	bool said; /* that all are open */
};

struct served {
	char name[NAME_SIZE];
	int open, lost;
	int64_t silence_us;
};

static void served_add(struct served *served, struct stream *stream, int64_t now)
{
	int64_t waits_us = stream->asked_us ? now - stream->asked_us : 0;

	if (waits_us > stream->silence_us)
		stream->silence_us = waits_us;
	if (stream->silence_us > served->silence_us)
		served->silence_us = stream->silence_us;
	served->open++;
	served->lost += stream->broken || waits_us > STUCK_US;
	stream->silence_us = 0;
}

/* By server: connections, those that are broken or stuck, the longest wait. */
static void holder_say(struct holder *holder)
{
	struct served servers[NAMES_MAX] = {0};
	int64_t now = now_us();
	int count = 0;

	for (int i = 0; i < holder->begun; i++) {
		struct stream *stream = &holder->streams[i];
		int k = 0;

		while (k < count && strcmp(servers[k].name, stream->name) != 0)
			k++;
		if (k == NAMES_MAX)
			continue;
		if (k == count)
			memcpy(servers[count++].name, stream->name, NAME_SIZE);
		served_add(&servers[k], stream, now);
	}
	putchar('{');
	for (int k = 0; k < count; k++)
		printf("%s\"%s\": {\"open\": %d, \"lost\": %d, \"silence_ms\": %.1f}",
		       k ? ", " : "", servers[k].name, servers[k].open, servers[k].lost,
		       (double)servers[k].silence_us / 1000);
	puts("}");
	fflush(stdout);
}

/* Opens what is not open yet, then asks so many connections in turn. */
static void holder_tick(struct holder *holder, const struct loop *loop, int asks)
{
	int done = holder->named + holder->broken;

	for (; holder->begun < holder->count && holder->begun - done < AT_A_TIME; holder->begun++)
		stream_open(&holder->streams[holder->begun], loop->epoll, (uint64_t)holder->begun);
	for (; asks > 0 && holder->begun > 0; asks--) {
		struct stream *stream = &holder->streams[holder->turn++ % holder->begun];

		if (stream->fd < 0 || stream->asked_us || !stream->named)
			continue;
		stream->asked_us = now_us();
		if (send(stream->fd, "x", 1, MSG_NOSIGNAL) != 1) {
			stream->broken = true;
			holder->broken++;
			stream_close(stream);
		}
	}
	if (!holder->said && done == holder->count) {
		holder->said = true;
		holder_say(holder);
	}
}

static void holder_take(struct holder *holder, struct stream *stream)
{
	bool named = stream->named;
	int64_t waited_us = stream->asked_us ? now_us() - stream->asked_us : 0;

	if (!stream_take(stream))
		holder->broken++;
	else if (!named && stream->named)
		holder->named++;
	if (named && waited_us > stream->silence_us)
		stream->silence_us = waited_us;
}

static void run_hold(int count, int pace_ms)
{
	struct holder holder = {.count = count,
				.streams = calloc((size_t)count, sizeof(struct stream))};
	struct loop loop = loop_new(1000);
	struct epoll_event events[EVENTS];
	double asks = 0;
	uint32_t signal_number = 0;

	if (!holder.streams)
		die("calloc");
	while (signal_number != SIGTERM) {
		int events_count = epoll_wait(loop.epoll, events, EVENTS, 100);

		for (int i = 0; i < events_count; i++) {
			if (events[i].data.u64 < (uint64_t)count) {
				holder_take(&holder, &holder.streams[events[i].data.u64]);
			} else if (events[i].data.u64 == SIGNAL) {
				signal_number = signal_of(&loop);
				holder_say(&holder);
			} else {
				asks += ticks_of(&loop) * (double)count / pace_ms;
				holder_tick(&holder, &loop, (int)asks);
				asks -= (int)asks;
			}
		}
	}
	free(holder.streams);
}

/* --- what a connection costs --- */

static void run_rate(int seconds)
{
	struct loop loop = loop_new(1000);
	struct stream streams[RATE_AT_A_TIME];
	struct epoll_event events[EVENTS];
	int64_t began = now_us(), end = began + (int64_t)seconds * SECOND_US, now;
	int done = 0, failed = 0;

	for (uint64_t k = 0; k < RATE_AT_A_TIME; k++)
		stream_open(&streams[k], loop.epoll, k);
	while ((now = now_us()) < end) {
		int count = epoll_wait(loop.epoll, events, EVENTS, 100);

		for (int i = 0; i < count; i++) {
			uint64_t k = events[i].data.u64;

			if (k >= RATE_AT_A_TIME) {
				ticks_of(&loop);
				continue;
			}
			if (stream_take(&streams[k]) && streams[k].named)
				done++;
			else
				failed++;
			stream_close(&streams[k]);
			stream_open(&streams[k], loop.epoll, k);
		}
	}
	printf("{\"per_s\": %.0f, \"failed\": %d}\n", done / ((double)(now - began) / SECOND_US),
	       failed);
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void run_rtt(int seconds, const char *name)
{
	static int64_t took_us[1 << 20];
	struct stream stream = stream_to(name);
	int64_t end = now_us() + (int64_t)seconds * SECOND_US, asked;
	size_t count = 0;

	while ((asked = now_us()) < end && count < sizeof(took_us) / sizeof(took_us[0])) {
		if (send(stream.fd, "x", 1, MSG_NOSIGNAL) != 1)
			die("send");
		do
			stream_wait(stream.fd, EPOLLIN);
		while (recv(stream.fd, buffer, 1, 0) < 0 && errno == EAGAIN);
		took_us[count++] = now_us() - asked;
	}
	qsort(took_us, count, sizeof(took_us[0]), compare);
	printf("{\"median_us\": %" PRId64 ", \"echoes\": %zu}\n", took_us[count / 2], count);
}

/* Seconds that the processors of the machine have worked. */
static double busy_s(void)
{
	long long user, nice, system, idle, iowait, irq, softirq;
	FILE *file = fopen("/proc/stat", "re");

	if (!file || fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system,
			    &idle, &iowait, &irq, &softirq) != 7)
		die("/proc/stat");
	fclose(file);
	return (double)(user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
}

static void run_bulk(int seconds, const char *name, bool down)
{
	struct stream stream = stream_to(name);
	int64_t began = now_us(), end = began + (int64_t)seconds * SECOND_US, now;
	double busy = busy_s(), bytes = 0;

	if (send(stream.fd, down ? "d" : "u", 1, MSG_NOSIGNAL) != 1)
		die("send");
	memset(buffer, 'u', sizeof(buffer));
	while ((now = now_us()) < end) {
		ssize_t size;

		stream_wait(stream.fd, down ? EPOLLIN : EPOLLOUT);
		size = down ? recv(stream.fd, buffer, sizeof(buffer), 0)
			    : send(stream.fd, buffer, sizeof(buffer), MSG_NOSIGNAL);
		if (size < 0 && errno != EAGAIN)
			die("the connection ends");
		bytes += size > 0 ? (double)size : 0;
	}
	printf("{\"gbit_s\": %.3f, \"cpu_s_per_gb\": %.3f}\n",
	       bytes * 8 / 1e3 / (double)(now - began), (busy_s() - busy) / (bytes / 1e9));
}

static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	raise_limit();
	if (strcmp(verb, "serve") == 0 && argc == 4)
		serve(argv[2], number(argv[3], 65535));
	if (argc < 4)
		usage();
	take_address(argv[2], argv[3]);
	if (strcmp(verb, "probe") == 0 && argc == 6) {
		take_source(argv[5]);
		run_probe(number(argv[4], 100000));
	} else if (strcmp(verb, "hold") == 0 && argc == 6)
		run_hold(number(argv[4], 20000), number(argv[5], 60000));
	else if (strcmp(verb, "rate") == 0 && argc == 5)
		run_rate(number(argv[4], 60));
	else if (strcmp(verb, "rtt") == 0 && argc == 6)
		run_rtt(number(argv[4], 60), argv[5]);
	else if ((strcmp(verb, "down") == 0 || strcmp(verb, "up") == 0) && argc == 6)
		run_bulk(number(argv[4], 60), argv[5], strcmp(verb, "down") == 0);
	else
		usage();
	return 0;
}
