/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cleanup.h"
#include "daemon/control.h"
#include "daemon/control_client.h"
#include "daemon/daemon.h"
#include "daemon/host_check.h"
#include "daemon/manifest.h"
#include "os/log.h"
#include "os/probe.h"

enum command {
	COMMAND_RUN,
	COMMAND_CHECK_CONFIG,
	COMMAND_DUMP_STATE,
	COMMAND_WATCH,
	COMMAND_READY,
	COMMAND_STEP_DOWN,
	COMMAND_CLEANUP,
	COMMAND_MANIFEST,
	COMMAND_VERSION,
	COMMAND_HELP,
};

#define WATCH_MAX_S 3600
#define OWNER_SIZE 32
#define STATE_TARGET "/v1/state?format=text"

struct cli {
	enum command command;
	struct conf_source source;
	const char *socket_path; /* NULL = that of the configuration */
	const char *format;
	const char *image;
	int step_down_s;
	int watch_s;
	bool strict;
};

static const char usage[] =
	"usage: cpvrrp [--config FILE | --vip ADDRESS] [--socket PATH]\n"
	"       cpvrrp --check-config [--strict] [--config FILE | --vip ADDRESS]\n"
	"       cpvrrp --dump-state[=text|json] | --ready [--config FILE] [--socket PATH]\n"
	"       cpvrrp --watch [SECONDS] | --step-down [SECONDS] [--config FILE]\n"
	"              [--socket PATH]\n"
	"       cpvrrp --cleanup [--config FILE] [--socket PATH]\n"
	"       cpvrrp --manifest [--image REF] [--config FILE | --vip ADDRESS]\n"
	"              [--socket PATH]\n"
	"       cpvrrp --version | --help\n";

static const char help[] =
	"\n"
	"Keeps a virtual IP on a control-plane node whose kube-apiserver is ready.\n"
	"Without a command it runs in the foreground.\n"
	"\n"
	"  --config FILE             configuration, " CLI_CONF_PATH " by default\n"
	"  --vip ADDRESS             run without a file: with this virtual IP, or several\n"
	"                            divided by commas, and every option by default\n"
	"  --socket PATH             control socket, instead of that of the configuration\n"
	"  --check-config            print the effective configuration, or every error;\n"
	"                            warn of what will not work on this node\n"
	"  --strict                  fail if there is a warning\n"
	"  --dump-state[=text|json]  ask the running daemon what it does and why\n"
	"  --watch [SECONDS]         do so again every second, or SECONDS, in place\n"
	"  --ready                   succeed if the running daemon answers\n"
	"  --step-down [SECONDS]     hand the virtual IP over now and stay lowest for\n"
	"                            SECONDS, 60 by default; 0 ends that early\n"
	"  --cleanup                 remove what a stopped daemon has left: virtual IPs\n"
	"                            and the nftables tables of balance\n"
	"  --manifest                print a static pod for the configuration\n"
	"  --image REF               its image, " MANIFEST_IMAGE " by default\n"
	"  --version                 print the version\n"
	"  --help                    print this\n"
	"\n"
	"-f, -t, -v and -h are short for --config, --check-config, --version and --help.\n"
	"A value may follow its option with = or as the next word; text and json only\n"
	"with =.\n"
	"\n"
	"Examples:\n"
	"  cpvrrp -t && pkill -HUP -x cpvrrp\n"
	"  cpvrrp --dump-state=json | jq -r '.virtual_routers[0].active_router.address'\n"
	"  cpvrrp --step-down 600\n"
	"  cpvrrp --manifest >/etc/kubernetes/manifests/cpvrrp.yaml\n"
	"  cpvrrp --manifest --vip 10.10.10.10 >/etc/kubernetes/manifests/cpvrrp.yaml\n"
	"\n"
	"Exit status: 0 success, 1 failure, 2 usage, 78 configuration.\n"
	"See cpvrrp(8) and cpvrrp.conf(5).\n";

/* Options that are no command; above the letters that getopt_long() returns. */
enum option_value {
	OPTION_CONFIG = 256,
	OPTION_SOCKET,
	OPTION_IMAGE,
	OPTION_STRICT,
	OPTION_VIP,
};

static const char letters[] = "f:htv"; /* as keepalived's */

static const struct option options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"vip", required_argument, NULL, OPTION_VIP},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"check-config", no_argument, NULL, COMMAND_CHECK_CONFIG},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"dump-state", optional_argument, NULL, COMMAND_DUMP_STATE},
	{"watch", optional_argument, NULL, COMMAND_WATCH},
	{"ready", no_argument, NULL, COMMAND_READY},
	{"step-down", optional_argument, NULL, COMMAND_STEP_DOWN},
	{"cleanup", no_argument, NULL, COMMAND_CLEANUP},
	{"manifest", no_argument, NULL, COMMAND_MANIFEST},
	{"image", required_argument, NULL, OPTION_IMAGE},
	{"version", no_argument, NULL, COMMAND_VERSION},
	{"help", no_argument, NULL, COMMAND_HELP},
	{NULL, 0, NULL, 0},
};

/* The value in options of a letter; any other value is as it is. */
static int long_form(int value)
{
	switch (value) {
	case 'f':
		return OPTION_CONFIG;
	case 'h':
		return COMMAND_HELP;
	case 't':
		return COMMAND_CHECK_CONFIG;
	case 'v':
		return COMMAND_VERSION;
	}
	return value;
}

static bool parse_seconds(const char *option, const char *text, int min, int max, int *ret_seconds)
{
	int seconds = control_parse_seconds(text, min, max);

	if (seconds < 0) {
		fprintf(stderr, "cpvrrp: --%s=%s: SECONDS is a whole number from %d to %d\n",
			option, text, min, max);
		return false;
	}
	*ret_seconds = seconds;
	return true;
}

static bool parse_command(struct cli *cli, enum command command, const char *argument)
{
	if (cli->command != COMMAND_RUN && cli->command != command) {
		fprintf(stderr, "cpvrrp: one command at a time\n");
		return false;
	}
	cli->command = command;
	if (!argument)
		return true;
	if (command == COMMAND_STEP_DOWN)
		return parse_seconds("step-down", argument, 0, CONTROL_STEP_DOWN_MAX_S,
				     &cli->step_down_s);
	if (command == COMMAND_WATCH)
		return parse_seconds("watch", argument, 1, WATCH_MAX_S, &cli->watch_s);
	cli->format = argument;
	if (strcmp(argument, "text") == 0 || strcmp(argument, "json") == 0)
		return true;
	fprintf(stderr, "cpvrrp: --dump-state=%s: the format is text or json\n", argument);
	return false;
}

/* SECONDS as a word of its own: getopt_long() takes an argument that may be missing only with =. */
static const char *next_word(int argc, char **argv, int value)
{
	if (optarg || (value != COMMAND_STEP_DOWN && value != COMMAND_WATCH) || optind >= argc ||
	    *argv[optind] == '-')
		return optarg;
	return argv[optind++];
}

/* Why the options do not go together; NULL if they do. */
static const char *misuse(const struct cli *cli)
{
	bool reads = cli->command == COMMAND_RUN || cli->command == COMMAND_CHECK_CONFIG ||
		     cli->command == COMMAND_MANIFEST;

	if (cli->source.vip && cli->source.path)
		return "--vip is instead of --config";
	if (cli->source.vip && !reads)
		return "--vip is for running, --check-config and --manifest only";
	if (cli->command == COMMAND_CHECK_CONFIG && cli->socket_path)
		return "--check-config asks no daemon: --socket has no use";
	if (cli->command != COMMAND_CHECK_CONFIG && cli->strict)
		return "--strict is for --check-config only";
	if (cli->command != COMMAND_MANIFEST && cli->image)
		return "--image is for --manifest only";
	return NULL;
}

/* False, and said, if the arguments are not as in usage. */
static bool parse(int argc, char **argv, struct cli *cli)
{
	int value;

	while ((value = long_form(getopt_long(argc, argv, letters, options, NULL))) != -1) {
		if (value == '?')
			return false;
		if (value == OPTION_CONFIG)
			cli->source.path = optarg;
		else if (value == OPTION_VIP)
			cli->source.vip = optarg;
		else if (value == OPTION_SOCKET)
			cli->socket_path = optarg;
		else if (value == OPTION_IMAGE)
			cli->image = optarg;
		else if (value == OPTION_STRICT)
			cli->strict = true;
		else if (!parse_command(cli, (enum command)value, next_word(argc, argv, value)))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "cpvrrp: %s: not an option\n", argv[optind]);
		return false;
	}
	if (misuse(cli)) {
		fprintf(stderr, "cpvrrp: %s\n", misuse(cli));
		return false;
	}
	if (!cli->source.path)
		cli->source.path = CLI_CONF_PATH;
	return true;
}

/* A full disk or a closed pipe must not look like success. */
static int finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_EXIT_OK;
	fprintf(stderr, "cpvrrp: cannot write: %s\n", strerror(errno));
	return CLI_EXIT_FAILED;
}

static int check_config(const struct cli *cli)
{
	struct conf *conf = daemon_read_conf(&cli->source);
	char detail[PROBE_DETAIL_SIZE] = "";
	unsigned warnings;
	int result;

	if (!conf)
		return CLI_EXIT_CONFIG;
	conf_file_print(conf, stdout);
	warnings = host_check(conf, stdout, stderr);
	if (conf_tracks_apiserver(conf))
		probe_check(&conf->apiserver, detail);
	if (detail[0]) {
		fprintf(stderr, "cpvrrp: %s: the apiserver is not ready until it is there\n",
			detail);
		warnings++;
	}
	free(conf);
	result = finish_output();
	return result == CLI_EXIT_OK && cli->strict && warnings > 0 ? CLI_EXIT_FAILED : result;
}

static int print_manifest(const struct cli *cli)
{
	struct manifest manifest = {
		.source = &cli->source,
		.socket_path = cli->socket_path,
		.image = cli->image ? cli->image : MANIFEST_IMAGE,
	};
	/* The files that it names are not checked: they are those of the node that runs the pod. */
	struct conf *conf = conf_source_read(&cli->source, conf_file_print_error, stderr);
	bool printed;

	if (!conf)
		return CLI_EXIT_CONFIG;
	manifest.conf = conf;
	printed = manifest_print(&manifest, stdout, stderr);
	free(conf);
	return printed ? finish_output() : CLI_EXIT_CONFIG;
}

/*
 * The user who owns path, or the first directory above it that this user may look into. NULL if
 * that is this user, or if there is none.
 */
static const char *other_owner(const char *path, char text[OWNER_SIZE])
{
	char part[CONF_PATH_SIZE];
	struct stat st;

	snprintf(part, sizeof(part), "%s", path);
	while (lstat(part, &st) != 0) {
		char *slash = strrchr(part, '/');

		if (!slash || slash == part)
			return NULL;
		*slash = '\0';
	}
	if (st.st_uid == geteuid())
		return NULL;
	snprintf(text, OWNER_SIZE, "user ID %u", (unsigned)st.st_uid);
	return st.st_uid == 0 ? "root" : text;
}

/* One line on why there is no answer; NULL without memory. */
static char *explain_failure(const char *path, int error)
{
	char buffer[OWNER_SIZE], *text = NULL;
	const char *owner = error == -EACCES ? other_owner(path, buffer) : NULL;
	int size;

	if (owner)
		size = asprintf(&text, "cpvrrp: %s belongs to another user (%s): %s\n", path, owner,
				strerror(-error));
	else if (error == -EPERM)
		size = asprintf(&text,
				"cpvrrp: not the daemon but another user's process answers on "
				"%s; its answer is ignored\n",
				path);
	else
		size = asprintf(&text, "cpvrrp: no daemon answers on %s: %s\n", path,
				strerror(-error));
	return size < 0 ? NULL : text;
}

static void clean_line(char *line)
{
	log_clean(line);
	/* The control characters U+0080 to U+009F in UTF-8. */
	for (char *at = line; (at = strchr(at, 0xc2)); at++)
		if ((unsigned char)at[1] >= 0x80 && (unsigned char)at[1] <= 0x9f)
			at[0] = at[1] = ' ';
}

/* Leaves nothing in text that could steer a terminal but the newlines. */
static void clean(char *text)
{
	char *end;

	while ((end = strchr(text, '\n'))) {
		*end = '\0';
		clean_line(text);
		*end = '\n';
		text = end + 1;
	}
	clean_line(text);
}

/* One request to the daemon. *ret_text is its answer, or one line that says why there is none;
 * free() it. NULL without memory. */
static int request(const struct cli *cli, const char *method, const char *target, char **ret_text)
{
	char configured[CONF_SOCKET_SIZE];
	const char *path = cli->socket_path;
	char *text = NULL, *body = NULL;
	int status;

	if (!path) {
		conf_file_control_socket(cli->source.path, configured);
		path = configured;
	}
	status = control_request(path, method, target, &body);
	if (body)
		clean(body);
	if (status == 200) {
		*ret_text = body;
		return CLI_EXIT_OK;
	}
	if (status < 0)
		text = explain_failure(path, status);
	else if (asprintf(&text, "cpvrrp: the daemon on %s answers %s %s with %d: %s", path, method,
			  target, status, body) < 0)
		text = NULL;
	free(body);
	*ret_text = text;
	return CLI_EXIT_FAILED;
}

/* As request(), but the line that says why there is no answer goes to standard error. */
static int ask(const struct cli *cli, const char *method, const char *target, char **ret_body)
{
	char *text;
	int result = request(cli, method, target, &text);

	if (result == CLI_EXIT_OK) {
		*ret_body = text;
		return result;
	}
	fputs(text ? text : "cpvrrp: no memory\n", stderr);
	free(text);
	return result;
}

static int ask_and_print(const struct cli *cli, const char *method, const char *target)
{
	char *body;
	int result = ask(cli, method, target, &body);

	if (result != CLI_EXIT_OK)
		return result;
	fputs(body, stdout);
	free(body);
	return finish_output();
}

/* A running daemon would put back what is removed, and its connections would end. */
static int clean_up(const struct cli *cli)
{
	char *text = NULL;
	int result = request(cli, "GET", "/healthz", &text);

	if (result == CLI_EXIT_OK)
		fputs("cpvrrp: a daemon is running; stop it first\n", stderr);
	free(text);
	if (result == CLI_EXIT_OK || !cleanup_run(stdout, stderr))
		return CLI_EXIT_FAILED;
	return finish_output();
}

/*
 * Overwrites the screen, each line to its end, so that nothing flickers. Prints as many lines as
 * the terminal has, and as much of each as fits, since one more would scroll; nothing about the
 * terminal is changed that would have to be restored.
 */
static void print_in_place(const char *text)
{
	struct winsize size = {0};
	unsigned left;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	left = size.ws_row;
	fputs("\033[H", stdout);
	for (; *text && left != 1; left--) {
		int length = (int)strcspn(text, "\n");
		int fits = size.ws_col && size.ws_col < length ? size.ws_col : length;

		/* Erased before: behind the last column that would take the last character. */
		printf("\033[K%.*s\n", fits, text);
		text += length + (text[length] == '\n');
	}
	fputs("\033[J", stdout);
}

/* Runs until it is interrupted: a daemon that is restarted meanwhile is asked again. */
static int watch(const struct cli *cli)
{
	bool terminal = isatty(STDOUT_FILENO);
	int result;

	/* A screen at a time, not a line. */
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (terminal)
		fputs("\033[2J", stdout);
	do {
		char *text;

		request(cli, "GET", STATE_TARGET, &text);
		if (text && terminal)
			print_in_place(text);
		else if (text)
			printf("%s\n", text);
		free(text);
		result = finish_output();
		sleep((unsigned)cli->watch_s);
	} while (result == CLI_EXIT_OK);
	return result;
}

static int ready(const struct cli *cli)
{
	char *body;
	int result = ask(cli, "GET", "/healthz", &body);

	if (result == CLI_EXIT_OK)
		free(body);
	return result;
}

static int step_down(const struct cli *cli)
{
	char target[64];

	snprintf(target, sizeof(target), "/v1/step-down?seconds=%d", cli->step_down_s);
	return ask_and_print(cli, "POST", target);
}

static int run(const struct cli *cli)
{
	int fd, result;

	/* A socket must not become file descriptor 2, which the log is written to. */
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	result = daemon_run(&cli->source, cli->socket_path);
	if (result == 0)
		return CLI_EXIT_OK;
	return result == -EINVAL ? CLI_EXIT_CONFIG : CLI_EXIT_FAILED;
}

static int print(const char *text, const char *more)
{
	printf("%s%s", text, more);
	return finish_output();
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {
		.format = "text", .step_down_s = CONTROL_STEP_DOWN_DEFAULT_S, .watch_s = 1};

	if (!parse(argc, argv, &cli)) {
		fputs(usage, stderr);
		return CLI_EXIT_USAGE;
	}
	switch (cli.command) {
	case COMMAND_RUN:
		return run(&cli);
	case COMMAND_CHECK_CONFIG:
		return check_config(&cli);
	case COMMAND_DUMP_STATE:
		return ask_and_print(&cli, "GET",
				     strcmp(cli.format, "json") == 0 ? "/v1/state" : STATE_TARGET);
	case COMMAND_WATCH:
		return watch(&cli);
	case COMMAND_READY:
		return ready(&cli);
	case COMMAND_STEP_DOWN:
		return step_down(&cli);
	case COMMAND_CLEANUP:
		return clean_up(&cli);
	case COMMAND_MANIFEST:
		return print_manifest(&cli);
	case COMMAND_VERSION:
		return print("cpvrrp " VERSION "\n", "");
	case COMMAND_HELP:
		return print(usage, help);
	}
	return CLI_EXIT_USAGE;
}
