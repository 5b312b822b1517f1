/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a configuration to struct conf: both forms of the syntax, what each kind of mistake
 * is answered, line by line, that one run tells all of them, and what a file of keepalived is
 * answered.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/file.h"
#include "conf/keepalived.h"
#include "conf/option.h"
#include "conf/parse.h"
#include "conf/value.h"

#define FOUND_SIZE 65536

static void note_error(void *context, int line, const char *message)
{
	char *found = context;
	size_t used = strlen(found);

	ck_assert_int_ge(line, 0);
	ck_assert_ptr_null(strchr(message, '\n'));
	snprintf(found + used, FOUND_SIZE - used, "%d: %s\n", line, message);
}

/* From memory of just this size. NULL if there were errors. */
static struct conf *parse_bytes(const char *text, size_t size, char errors[FOUND_SIZE])
{
	struct conf *conf = calloc(1, sizeof(*conf));
	char *copy = malloc(size + !size);
	int error;

	memcpy(copy, text, size);
	errors[0] = '\0';
	error = conf_parse(conf, copy, size, note_error, errors);
	free(copy);
	ck_assert_int_eq(error, *errors ? -EINVAL : 0);
	if (error == 0)
		return conf;
	free(conf);
	return NULL;
}

static struct conf *parse(const char *text)
{
	static char errors[FOUND_SIZE];
	struct conf *conf = parse_bytes(text, strlen(text), errors);

	ck_assert_msg(conf != NULL, "%s", errors);
	return conf;
}

/* VIP stands for an instance without mistakes. */
#define VIP "vrrp_instance vip { virtual_ipaddress { 10.0.0.1 } }\n"
#define REMOVE "remove the # from this line and from the others of the instance"
#define LEVELS "allowed are error, warning, notice, info, debug"
#define OPEN_STRING "the string that starts here does not end in its line"
#define VARIABLE "${...} is not allowed: a value does not depend on the environment"

static const struct {
	const char *text;
	const char *errors;
} mistakes[] = {
	/* Each kind of value, with key, value as it was written, and what is allowed. */
	{"\nvrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n\tadvert_int = 0.001\n}",
	 "4: advert_int = 0.001: allowed are 0.01 to 40.95 seconds in whole centiseconds\n"},
	{"log_level loud\n" VIP, "1: log_level loud: " LEVELS "\n"},
	{"log_level=loud\n" VIP, "1: log_level = loud: " LEVELS "\n"},
	{"address_lease = 1s\n" VIP,
	 "1: address_lease = 1s: not a plain number; allowed are 0 or 2 to 3600 whole seconds\n"},
	{"address_lease 5s\n" VIP,
	 "1: address_lease 5s: has no unit here: write 5; allowed are 0 or 2 to 3600 whole "
	 "seconds\n"},
	{"apiserver { ca_file = \"\" }\n" VIP, "1: ca_file = \"\": must be an absolute path\n"},
	{"metrics_listen = \"9466\"\n" VIP,
	 "1: metrics_listen = 9466: must be ADDRESS:PORT, such as 127.0.0.1:9466 or [::]:9466\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress {\n\t\t10.0.0.1 "
	 "10.0.0.2/24,\n\t\t10.0.0\n\t}\n}\n",
	 "3: virtual_ipaddress 10.0.0.2/24: only /32 is allowed: the network of the interface is "
	 "that of its own address, and a virtual address must not bring another route\n"
	 "4: virtual_ipaddress 10.0.0: not an IPv4 or IPv6 address\n"},

	/* All of them, in the order of the lines, those of the cross checks among them. */
	{"log_level = a\nlog_format = b\napiserver {\n\tfall = 0\n\ttoken_file = /t\n"
	 "\tinsecure_skip_verify = yes\n}\nvrrp_instance a {\n\tpriority = 255\n}\n"
	 "vrrp_instance b {\n\tvirtual_ipaddress = { 10.0.0.0 }\n\tchecksum = x\n}\n",
	 "1: log_level = a: " LEVELS "\n"
	 "2: log_format = b: allowed are text, json\n"
	 "4: fall = 0: allowed are 1 to 100 failures in a row\n"
	 "6: insecure_skip_verify: not together with token_file: a token is sent only to a "
	 "verified server\n"
	 "8: vrrp_instance a: virtual_ipaddress: must be given, 1 to 20 addresses\n"
	 "9: priority = 255: allowed are auto or 171 to 254\n"
	 "11: vrrp_instance b: virtual_router_id: must be given, 1 to 255: the last byte of "
	 "10.0.0.0, its default, is 0\n"
	 "13: checksum = x: allowed are rfc9568, rfc5798\n"},

	/* Unknown options, all of them, whatever their value. */
	{"foo = 1\nbar = { a, b }\nfoo = \"2\" log_level = a\napiserver { baz = 3 }\n"
	 "vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n\tbaz = 4\n\tqux = {}\n}\n",
	 "1: foo: unknown option or section\n2: bar: unknown option or section\n"
	 "3: foo: unknown option or section\n3: log_level = a: " LEVELS "\n"
	 "4: baz: unknown option in section apiserver\n"
	 "7: baz: unknown option in section vrrp_instance\n"
	 "8: qux: unknown option in section vrrp_instance\n"},
	{"foo 1 2 3\nfoo { 1 { 2 } } log_level a\nfoo \"a { b\"\n{\n \"}\\\"}\" // }\n# }\n! }\n"
	 "/* } */ }\nlog_level b\n" VIP,
	 "1: foo: unknown option or section\n2: foo: unknown option or section\n"
	 "2: log_level a: " LEVELS "\n3: foo: unknown option or section\n"
	 "9: log_level: is given twice, first in line 2\n"},
	{"foo\n", "0: vrrp_instance: at least one is needed\n1: foo: unknown option or section\n"},

	/* Options in the wrong place, misspelt ones, values that are in parts. */
	{"fall 3\nrize 2\n" VIP "vrrp_instnce b {\n}\n",
	 "1: fall: unknown option or section; it belongs into section apiserver\n"
	 "2: rize: unknown option or section\n"
	 "4: vrrp_instnce: unknown option or section; the nearest is vrrp_instance\n"},
	{"vrrp_instance a {\n\tvirtual_ipadress { 10.0.0.1 }\n\tvirtual_ipaddress { 10.0.0.1 }\n"
	 "\tintreface = eth0\n\tadvert_interval 1\n\tfall 3\n\tlog_level info\n}\n",
	 "2: virtual_ipadress: unknown option in section vrrp_instance; the nearest is "
	 "virtual_ipaddress\n"
	 "4: intreface: unknown option in section vrrp_instance; the nearest is interface\n"
	 "5: advert_interval: unknown option in section vrrp_instance; the nearest is advert_int\n"
	 "6: fall: unknown option in section vrrp_instance; it belongs into section apiserver\n"
	 "7: log_level: unknown option in section vrrp_instance; it belongs outside of all "
	 "sections\n"},
	{"apiserver {\n\tca_file /etc/my certs/ca.crt x\n\trise 2 fall 0\n\trise2 3\n}\n"
	 "vrrp_instance a {\n\tvirtual_ipaddress 10.0.0.1, 10.0.0.2\n} foo\n",
	 "2: certs/ca.crt: follows the value of ca_file; a value with blanks needs quotes, several "
	 "addresses need braces\n"
	 "3: fall 0: allowed are 1 to 100 failures in a row\n"
	 "4: rise2: unknown option in section apiserver; the nearest is rise\n"
	 "7: 10.0.0.2: follows the value of virtual_ipaddress; a value with blanks needs quotes, "
	 "several addresses need braces\n"
	 "8: foo: unknown option or section\n"},
	{"log_level info apiserver { foo\n}\n" VIP,
	 "1: foo: unknown option in section apiserver\n"},
	{"apiserver { fall 3 } foo 1\n" VIP, "1: foo: unknown option or section\n"},
	{"} foo 1\n" VIP, "1: unexpected closing brace\n1: foo: unknown option or section\n"},
	{"rise 2 foo = 3\n" VIP,
	 "1: rise: unknown option or section; it belongs into section apiserver\n"},
	{"realtime yes foo = 3\n" VIP, "1: foo: unknown option or section\n"},

	/* Twice. */
	{"log_level = info\n\nlog_level = debug foo 1\n" VIP,
	 "3: log_level: is given twice, first in line 1\n3: foo: unknown option or section\n"},
	{"apiserver { }\napiserver { }\n" VIP, "2: apiserver: is given twice, first in line 1\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n"
	 "\tvirtual_ipaddress = { 10.0.0.2 }\n\tvirtual_ipaddress\n\t{ 10.0.0.2 }\n}\n",
	 "3: virtual_ipaddress: is given twice, first in line 2\n"
	 "4: virtual_ipaddress: is given twice, first in line 2\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress 10.0.0.1\n\tvirtual_ipaddress += 10.0.0.2\n"
	 "\tvirtual_ipaddress 10.0.0.3\n}\n",
	 "4: virtual_ipaddress: is given twice, first in line 2\n"},
	{VIP VIP, "2: vrrp_instance vip: another instance has this name\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = {\n\t\t10.0.0.1,\n\t\t10.0.0.1/32\n\t}\n}\n",
	 "4: virtual_ipaddress = 10.0.0.1/32: is in the list twice\n"},
	{VIP "vrrp_instance b {\n\tvirtual_router_id = 2\n\tvirtual_ipaddress = 10.0.0.1\n}\n",
	 "4: vrrp_instance b: virtual_ipaddress: 10.0.0.1 is an address of instance vip, too\n"},

	/* The consequence of a refused value is no error of its own. */
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.0 }\n\tvirtual_router_id = 256\n}\n",
	 "3: virtual_router_id = 256: allowed are 1 to 255\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0 }\n}\n",
	 "2: virtual_ipaddress = 10.0.0: not an IPv4 or IPv6 address\n"},
	{"vrrp_instance a b c {\n\tvirtual_ipaddress 10.0.0.1\n\tcheckum 1\n}\n",
	 "1: vrrp_instance: an opening brace is expected, not b\n"
	 "3: checkum: unknown option in section vrrp_instance; the nearest is checksum\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress {\n\t\t10.0.0.0\n\tadvert_int 1\n}\n",
	 "2: virtual_ipaddress: the closing brace is missing\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress { 10.0.0.0 10.0.0 }\n}\n",
	 "2: virtual_ipaddress 10.0.0: not an IPv4 or IPv6 address\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress\n}\n",
	 "2: virtual_ipaddress: its value is missing in this line; not an IPv4 or IPv6 address\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress 10.0.0.0\n\tvirtual_router_id { 7 }\n}\n",
	 "3: virtual_router_id: one value is allowed, without braces\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress 10.0.0.0\n}\nvrrp_instance a {\n}\n",
	 "1: vrrp_instance a: virtual_router_id: must be given, 1 to 255: the last byte of "
	 "10.0.0.0, its default, is 0\n"
	 "4: vrrp_instance a: another instance has this name\n"},
	{"vrrp_instnce a {\n}\n",
	 "1: vrrp_instnce: unknown option or section; the nearest is vrrp_instance\n"},
	{"apiserver {\n\tfoo {\n\t}\n}\n",
	 "0: vrrp_instance: at least one is needed\n2: foo: unknown option in section apiserver\n"},
	{"\xef\xbb", "0: vrrp_instance: at least one is needed\n"
		     "1: \xef\xbb: unknown option or section\n"},
	{"\xef\xbb\xbe" VIP, "1: \xef\xbb\xbevrrp_instance: unknown option or section; the "
			     "nearest is vrrp_instance\n"},
	{"\xef\xbb\xbf", "0: vrrp_instance: at least one is needed\n"},
	{"vrrp_instance \"a b\" {\n\tadvert_int 0\n}\n",
	 "1: vrrp_instance a b: a name has 1 to 63 letters, digits, underscores, dots and "
	 "hyphens\n"
	 "2: advert_int 0: allowed are 0.01 to 40.95 seconds in whole centiseconds\n"},
	{"vrrp_instance \"\" {\n}\n",
	 "1: vrrp_instance: a name has 1 to 63 letters, digits, underscores, dots and hyphens\n"},

	/* Empty. */
	{"", "0: vrrp_instance: at least one is needed\n"},
	{" \t\n\r\n;,\n# a\n! b\n// c\n/* d */", "0: vrrp_instance: at least one is needed\n"},
	{"# The VIP.\n\n#vrrp_instance a {\n#\tvirtual_ipaddress { 10.0.0.1 }\n#}\n",
	 "3: vrrp_instance: at least one is needed; " REMOVE "\n"},
	{"# \t# vrrp_instance a {", "1: vrrp_instance: at least one is needed; " REMOVE "\n"},
	{"# no vrrp_instance\n! vrrp_instance\n# vrrp_instanc e a\n# vrrp_instance",
	 "0: vrrp_instance: at least one is needed\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n\tunicast_peer = { }\n}\n",
	 "3: unicast_peer: the list is empty; name every node, or leave it out for multicast\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress { , ;\n# x\n }\n}\n",
	 "2: virtual_ipaddress: the list is empty; at least one address is needed\n"},
	{VIP "vrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.2 }\n}\nvrrp_instance b {\n"
	     "\tvirtual_ipaddress = { 10.0.0.3 } unicast_peer # x\n=\n{\n}\n}\n",
	 "6: unicast_peer: its value is missing in this line; not an IPv4 or IPv6 address\n"
	 "7: =: a name is expected here\n"},
	{VIP "vrrp_instance b {\n\tvirtual_ipaddress { 10.0.0.3 } unicast_peer = # x\n\n{\n}\n}\n",
	 "5: unicast_peer: the list is empty; name every node, or leave it out for multicast\n"},

	/* Braces. */
	{"\nvrrp_instance a {\n\tvirtual_ipaddress = { 10.0.0.1 }\n",
	 "2: vrrp_instance: the closing brace is missing\n"},
	{"apiserver {\n\tfall = 2\n" VIP "log_level a",
	 "3: vrrp_instance: not allowed within apiserver, whose closing brace may be missing\n"
	 "4: log_level a: " LEVELS "\n"},
	{"vrrp_instance a {\n\tvirtual_ipaddress 10.0.0.9\nglobal_defs {\n}\nlog_level a\n",
	 "3: global_defs: not allowed within vrrp_instance, whose closing brace may be missing\n"
	 "3: global_defs: not needed: global options stand outside of all sections\n"
	 "5: log_level a: " LEVELS "\n"},
	{VIP "}\nlog_level a\n", "2: unexpected closing brace\n3: log_level a: " LEVELS "\n"},
	{VIP "{ a { b } }\nlog_level a\n",
	 "2: unexpected opening brace\n2: a: unknown option or section\n2: unexpected closing "
	 "brace\n3: log_level a: " LEVELS "\n"},
	{"vrrp_instance a {{\n\tvirtual_ipaddress { 10.0.0.1 }\n}}\n",
	 "1: unexpected opening brace\n3: unexpected closing brace\n"},
	{VIP "foo {\n bar {\n }\n", "2: foo: unknown option or section\n2: {: the closing brace is "
				    "missing\n"},
	{VIP "vrrp_instance b { virtual_ipaddress = { 10.0.0.2\n",
	 "2: virtual_ipaddress: the closing brace is missing\n"
	 "2: vrrp_instance: the closing brace is missing\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress {\n\t\t10.0.0.2\n\tadvert_int 0\n}\n",
	 "2: virtual_ipaddress: the closing brace is missing\n"
	 "4: advert_int 0: allowed are 0.01 to 40.95 seconds in whole centiseconds\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress {\n\t\t10.0.0.2\n\tstate MASTER\n}\n",
	 "2: virtual_ipaddress: the closing brace is missing\n"
	 "4: state MASTER: not needed: the election decides which node is Active; every node "
	 "starts as Backup\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress {\n\t\t10.0.0.2\n\taccept\n}\n",
	 "2: virtual_ipaddress: the closing brace is missing\n"
	 "4: accept: not needed: the Active always takes packets to the virtual address\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress {\n\t\t$VIP \"\"\n\t}\n}\n",
	 "3: virtual_ipaddress $VIP: not an IPv4 or IPv6 address\n"
	 "3: virtual_ipaddress \"\": not an IPv4 or IPv6 address\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress {\n\t\t10.0.0.2\napiserver {\n}\n",
	 "2: virtual_ipaddress: the closing brace is missing\n"
	 "4: apiserver: not allowed within vrrp_instance, whose closing brace may be missing\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress { 10.0.0.2 { 10.0.0.3 } }\n}\n",
	 "2: virtual_ipaddress: braces within braces\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress { { 10.0.0.3 } }\n}\n",
	 "2: virtual_ipaddress: braces within braces\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress { dev eth0 nodad }\n}\n",
	 "2: dev eth0: not needed: all addresses of an instance are on its interface (option "
	 "interface)\n2: nodad: not needed: the daemon chooses the flags of a virtual address\n"},
	{VIP "log_level = { info } realtime maybe\n",
	 "2: log_level: one value is allowed, without braces\n"
	 "2: realtime maybe: allowed are auto, true, yes, on, false, no, off\n"},
	{VIP "apiserver\nlog_level a\n", "2: apiserver: an opening brace is expected\n"
					 "3: log_level a: " LEVELS "\n"},
	{VIP "apiserver = {\n\tfall 0\n}\n", "2: apiserver: an opening brace is expected, not =\n"
					     "3: fall 0: allowed are 1 to 100 failures in a row\n"},
	{"vrrp_instance a\n", "1: vrrp_instance: an opening brace is expected\n"},
	{"vrrp_instance {\n\tadvert_int 0\n}\n",
	 "1: vrrp_instance: its name is missing, as in vrrp_instance apiserver { ... }\n"
	 "2: advert_int 0: allowed are 0.01 to 40.95 seconds in whole centiseconds\n"},

	/* Values that are missing, and names. */
	{VIP "log_level =", "2: log_level: its value is missing in this line; " LEVELS "\n"},
	{VIP "log_level\ninfo\n", "2: log_level: its value is missing in this line; " LEVELS "\n"
				  "3: info: unknown option or section\n"},
	{VIP "log_level =\nlog_format\n",
	 "2: log_level: its value is missing in this line; " LEVELS "\n"
	 "3: log_format: its value is missing in this line; allowed are text, json\n"},
	{VIP "apiserver { token_file }\n",
	 "2: token_file: its value is missing in this line; none is written \"\"\n"},
	{VIP "log_level += info\n", "2: log_level: += is for lists only\n"},
	{VIP "\"\" log_level = loud\nlog_level loud\n",
	 "2: \"\": a name is expected here\n3: log_level loud: " LEVELS "\n"},
	{VIP "apiserver {\n\"\"\n}\n", "3: \"\": a name is expected here\n"},
	{VIP "= 3\n+= 3\n(a)\n", "2: =: a name is expected here\n3: +: a name is expected here\n"
				 "4: (a): a name is expected here\n"},
	{VIP "include(\"/etc/passwd\")\ninclude /etc/x\n",
	 "2: include (: not available: the file is complete in itself\n"
	 "3: include /etc/x: not available: the file is complete in itself\n"},
	{VIP "apiserver { url = \"https://10.0.0.2/\" }\n\"apiserver|url\" = x\n",
	 "3: apiserver|url: unknown option or section; the nearest is apiserver\n"},

	/* Quotes and comments that do not end; what they hide is not told. */
	{VIP "\nlog_level = \"info\nlog_format = xml\n",
	 "3: log_level = info: " OPEN_STRING "\n4: log_format = xml: allowed are text, json\n"},
	{VIP "log_level = 'info\r\n", "2: log_level = info: " OPEN_STRING "\n"},
	{VIP "log_level = '\r\n", "2: log_level = \"\": " OPEN_STRING "\n"},
	{VIP "'log_level = info", "2: log_level = info: " OPEN_STRING "\n"},
	{"vrrp_instance 'a {\nvirtual_ipaddress 10.0.0.1\n",
	 "1: vrrp_instance: an opening brace is expected\n"
	 "2: virtual_ipaddress: unknown option or section; it belongs into section "
	 "vrrp_instance\n"},
	{"vrrp_instance a { virtual_ipaddress { \"10.0.0.1 } }\n",
	 "1: virtual_ipaddress 10.0.0.1 } }: " OPEN_STRING "\n"},
	{VIP "/* vrrp_instance b {\n", "2: the comment that starts here does not end\n"},
	{"vrrp_instance b {\n\tvirtual_ipaddress = { /* 10.0.0.1 }\n",
	 "2: the comment that starts here does not end\n"},
	{"foo /* bar\n", "1: foo: unknown option or section\n"
			 "1: the comment that starts here does not end\n"},
	{"vrrp_instance b { /*/\n}", "1: the comment that starts here does not end\n"},

	/* A value depends on the file alone. */
	{VIP "control_socket = \"${HOME}/x\"\n", "2: control_socket = ${HOME}/x: " VARIABLE "\n"},
	{VIP "log_level ${LEVEL:-info} foo\n",
	 "2: log_level ${LEVEL:-info}: " VARIABLE "\n"
	 "2: foo: follows the value of log_level; a value with blanks needs quotes, several "
	 "addresses need braces\n"},
	{VIP "log_level ${}\n", "2: log_level ${}: " VARIABLE "\n"},
	{VIP "log_level ${LEVEL\nlog_format a\n}\n",
	 "2: log_level $: " LEVELS "\n2: unexpected opening brace\n2: LEVEL: unknown option or "
	 "section\n3: log_format a: allowed are text, json\n4: "
	 "unexpected "
	 "closing brace\n"},
	{VIP "control_socket = \"/run/\\x41\"\n",
	 "2: control_socket = /run/\\x41: backslashes are not allowed\n"},
	{VIP "apiserver { ca_file = \"/a\\\"b\" }\n",
	 "2: ca_file = /a\\\"b: backslashes are not allowed\n"},
	{VIP "apiserver { ca_file \"/a\\\"\" fall 0 }\n",
	 "2: ca_file /a\\\": backslashes are not allowed\n"
	 "2: fall 0: allowed are 1 to 100 failures in a row\n"},
	{VIP "apiserver { ca_file \"C:\\\" }\n",
	 "2: ca_file C:\\\" }: backslashes are not allowed\n"},
	{VIP "control_socket = ~/x\n", "2: control_socket = ~/x: must be an absolute path\n"},

	/* Lines count, whatever stands between; errors are clean. */
	{"# a\n/* b\n c */ // d\n/* e */ log_level = a # f\n\n! g\nlog_format = b\r\n" VIP,
	 "4: log_level = a: " LEVELS "\n7: log_format = b: allowed are text, json\n"},
	{"\xef\xbb\xbflog_level a\r\n\r\nlog_format b\r\n" VIP,
	 "1: log_level a: " LEVELS "\n3: log_format b: allowed are text, json\n"},
	{"log_level \x01\x1f\x7f\n" VIP, "1: log_level ?"
					 "?"
					 "?: " LEVELS "\n"},
};

START_TEST(mistake)
{
	static char errors[FOUND_SIZE];
	const char *text = mistakes[_i].text;

	ck_assert_ptr_null(parse_bytes(text, strlen(text), errors));
	ck_assert_str_eq(errors, mistakes[_i].errors);
}
END_TEST

/* A mistake in one file is not remembered in the next. */
START_TEST(a_good_file_after_each_mistake)
{
	static char errors[FOUND_SIZE];

	for (size_t i = 0; i < COUNT(mistakes); i++) {
		ck_assert_ptr_null(parse_bytes(mistakes[i].text, strlen(mistakes[i].text), errors));
		free(parse(VIP));
		free(parse(VIP "realtime yes;"));
	}
}
END_TEST

/* The same configuration in keepalived's syntax, in that of the first releases, and mixed. */
static const char *const forms[] = {
	"log_level debug\nlog_format json\nmetrics_listen \"\"\n"
	"apiserver {\n\turl https://[::1]:6443/readyz?verbose&a=b;c\n\tca_file \"/a b\"\n}\n"
	"vrrp_instance a {\n\tvirtual_ipaddress {\n\t\t10.0.0.1/32\n\t\t10.0.0.2\n"
	"\t\t2001:db8::1/128\n\t}\n\tunicast_peer { 10.0.0.7 2001:db8::7 }\n}\n"
	"vrrp_instance b {\n\tvirtual_ipaddress { 10.0.0.9 }\n\tadvert_int 0.5\n}\n",

	"# first\r\n"
	"log_level=debug log_format = 'json' metrics_listen = ''\n"
	"apiserver { url = \"https://[::1]:6443/readyz?verbose&a=b;c\" // c\n ca_file = '/a b' }\n"
	"vrrp_instance \"a\" {\n\tvirtual_ipaddress = { # the VIP\n"
	"\t\t10.0.0.1/32, /* and * or / **/ '10.0.0.2', // and\n\t\t\"2001:db8::1/128\",\n\t}\n"
	"\tunicast_peer = { 10.0.0.7 }\n\tunicast_peer += 2001:db8::7\n}\n"
	"vrrp_instance b { virtual_ipaddress = 10.0.0.9 \"advert_int\" = 0.5 }",

	"\xef\xbb\xbf! a byte order mark, CRLF, semicolons\r\nlog_level debug;\r\n"
	"log_format json;; metrics_listen \"\";\r\n;\r\n"
	"apiserver\r\n{\r\n\turl=https://[::1]:6443/readyz?verbose&a=b;c; ca_file '/a b';\r\n}\r\n"
	"vrrp_instance a\r\n{\r\n\tvirtual_ipaddress\r\n\t{\r\n\t\t10.0.0.1/32 ! one\r\n"
	"\t\t10.0.0.2;\r\n\t\t2001:db8::1/128;}\r\n"
	"\tunicast_peer +={10.0.0.7;2001:db8::7\r\n}\r\n}\r\n"
	"vrrp_instance b{virtual_ipaddress 10.0.0.9,advert_int /**/0.5}",
};

START_TEST(forms_are_equal)
{
	struct conf *first = parse(forms[0]);
	const struct conf_instance *a = &first->instances[0];

	ck_assert_uint_eq(first->log_level, CONF_LOG_DEBUG);
	ck_assert_uint_eq(first->log_format, CONF_LOG_JSON);
	ck_assert_str_eq(first->apiserver.path, "/readyz?verbose&a=b;c");
	ck_assert_str_eq(first->apiserver.ca_file, "/a b");
	ck_assert_uint_eq(first->instance_count, 2);
	ck_assert_str_eq(a->name, "a");
	ck_assert_uint_eq(a->address_count, 3);
	ck_assert_uint_eq(a->peer_count, 2);
	ck_assert(a->unicast);
	ck_assert_uint_eq(a->virtual_router_id, 1);
	ck_assert_uint_eq(first->instances[1].virtual_router_id, 9);
	ck_assert_uint_eq(first->instances[1].advert_int_cs, 50);
	ck_assert(!first->instances[1].unicast);
	for (size_t i = 1; i < COUNT(forms); i++) {
		struct conf *other = parse(forms[i]);

		ck_assert_msg(conf_equal(first, other), "form %zu", i);
		free(other);
	}
	free(first);
}
END_TEST

/* Braces of ${NAME} open nothing, up to a length that no name has. */
START_TEST(variable_limit)
{
	static char errors[FOUND_SIZE];
	char name[63], text[256], expected[512];

	memset(name, 'A', sizeof(name));
	for (int length = 61; length <= 62; length++) {
		snprintf(text, sizeof(text), VIP "realtime ${%.*s}\n", length, name);
		ck_assert_ptr_null(parse_bytes(text, strlen(text), errors));
		snprintf(expected, sizeof(expected), "2: realtime ${%.*s}: " VARIABLE "\n", length,
			 name);
		ck_assert_int_eq(strcmp(errors, expected) == 0, length == 61);
	}
}
END_TEST

/* No value is read as less than what was written: a comment begins where a word may begin. */
START_TEST(comment_signs_within_words)
{
	struct conf *conf = parse("apiserver { token_file /a!b ca_file /a//b client_cert_file "
				  "/a/*b client_key_file '/a#b' }\n" VIP);

	ck_assert_str_eq(conf->apiserver.token_file, "/a!b");
	ck_assert_str_eq(conf->apiserver.ca_file, "/a//b");
	ck_assert_str_eq(conf->apiserver.client_cert_file, "/a/*b");
	ck_assert_str_eq(conf->apiserver.client_key_file, "/a#b");
	free(conf);
	conf = parse("apiserver { ca_file /a#b\n }" VIP);
	ck_assert_str_eq(conf->apiserver.ca_file, "/a");
	free(conf);
}
END_TEST

START_TEST(zero_byte)
{
	static char errors[FOUND_SIZE];
	static const char text[] = "log_level loud\n#\0\n" VIP;

	ck_assert_ptr_null(parse_bytes(text, sizeof(text) - 1, errors));
	ck_assert_str_eq(errors, "2: has a zero byte, so it is no text\n");
	ck_assert_ptr_null(parse_bytes("\xff\xfe"
				       "a\0",
				       4, errors));
	ck_assert_str_eq(errors, "1: has a zero byte, so it is no text\n");
}
END_TEST

/* 1,024 bytes are a word, 1,025 are too many; what is behind them is read. */
START_TEST(word_limit)
{
	static char errors[FOUND_SIZE];
	char expected[FOUND_SIZE];
	char word[1026];
	char *text;

	memset(word, '1', sizeof(word));
	for (int length = 1024; length <= 1025; length++) {
		ck_assert_int_gt(
			asprintf(&text, "log_level %.*s\nlog_format a\n" VIP, length, word), 0);
		ck_assert_ptr_null(parse_bytes(text, strlen(text), errors));
		snprintf(expected, sizeof(expected),
			 "1: log_level %.100s: %s\n2: log_format a: allowed are text, json\n", word,
			 length == 1024 ? LEVELS
					: "the word that starts here is longer than 1024 bytes");
		ck_assert_str_eq(errors, expected);
		free(text);
	}
	word[1025] = '\0';
	ck_assert_int_gt(asprintf(&text, "%s 1\nvrrp_instance %s { }", word, word), 0);
	ck_assert_ptr_null(parse_bytes(text, strlen(text), errors));
	snprintf(expected, sizeof(expected),
		 "1: %.100s: the word that starts here is longer than 1024 bytes\n"
		 "2: vrrp_instance %.100s: the word that starts here is longer than 1024 bytes\n",
		 word, word);
	ck_assert_str_eq(errors, expected);
	free(text);
}
END_TEST

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static char *repeat(const char *text, size_t size)
{
	size_t length = strlen(text);
	char *all = malloc(size);

	for (size_t i = 0; i < size; i++)
		all[i] = text[i % length];
	return all;
}

START_TEST(limits_of_errors_and_instances)
{
	static char errors[FOUND_SIZE];
	char *text = repeat("foo = 1\n", (size_t)100 * 8);
	size_t used = 0;

	ck_assert_ptr_null(parse_bytes(text, (size_t)99 * 8, errors));
	ck_assert_uint_eq(count_lines(errors), 100);
	ck_assert_ptr_null(strstr(errors, "more than"));
	ck_assert_ptr_null(parse_bytes(text, (size_t)100 * 8, errors));
	ck_assert_uint_eq(count_lines(errors), 101);
	ck_assert_ptr_nonnull(strstr(errors, "\n100: foo: unknown option or section\n"
					     "0: more than 100 errors\n"));
	free(text);

	text = calloc(1, 1 << 20);
	for (int i = 0; i < 300; i++)
		used += (size_t)sprintf(text + used,
					"vrrp_instance a%d { virtual_ipaddress = 10.0.%d.%d\n"
					"interface = eth%d }\n",
					i, i / 100, i % 100 + 1, i);
	ck_assert_ptr_null(parse_bytes(text, used, errors));
	ck_assert_str_eq(errors, "511: vrrp_instance a255: up to 255 instances are allowed\n");
	/* The last one that is allowed keeps its line. */
	memcpy(strstr(text, "10.0.2.55"), "10.0.2.0 ", 9);
	ck_assert_ptr_null(parse_bytes(text, used, errors));
	ck_assert_str_eq(errors, "509: vrrp_instance a254: virtual_router_id: must be given, 1 to "
				 "255: the last byte of 10.0.2.0, its default, is 0\n"
				 "511: vrrp_instance a255: up to 255 instances are allowed\n");
	free(text);
}
END_TEST

/* Texts that look back or ahead a lot, or nest: time that grows with the square of the size would
 * be minutes. */
START_TEST(large_texts_end_soon)
{
	static char errors[FOUND_SIZE];
	static const char *const parts[] = {
		"{",
		"}",
		"foo{",
		"a\n",
		"${",
		"a ${ ",
		"'",
		"\"\\",
		"/*/",
		"apiserver{",
		"foo {\n",
		"foo\n\n",
		"log_level\n\n\n",
		"@a ",
		"global_defs{",
		"vrrp_script a {\n}\n",
		"vrrp_instance a{\n",
		"vrrp_instance a {virtual_ipaddress{\n",
		"virtual_ipaddress_\n",
		"=",
		"a;",
		"/",
		"\\",
	};
	const size_t size = CONF_FILE_SIZE_MAX / 16;

	for (size_t i = 0; i < COUNT(parts); i++) {
		char *text = repeat(parts[i], size);

		ck_assert_ptr_null(parse_bytes(text, size, errors));
		free(text);
	}
}
END_TEST

/* The file that kubeadm's document on highly available clusters gives for keepalived. */
START_TEST(kubeadm_recipe)
{
	static char errors[FOUND_SIZE];
	static const char text[] = "! /etc/keepalived/keepalived.conf\n"
				   "! Configuration File for keepalived\n"
				   "global_defs {\n"
				   "    router_id LVS_DEVEL\n"
				   "}\n"
				   "vrrp_script check_apiserver {\n"
				   "  script \"/etc/keepalived/check_apiserver.sh\"\n"
				   "  interval 3\n"
				   "  weight -2\n"
				   "  fall 10\n"
				   "  rise 2\n"
				   "}\n"
				   "\n"
				   "vrrp_instance VI_1 {\n"
				   "    state MASTER\n"
				   "    interface ${INTERFACE}\n"
				   "    virtual_router_id 51\n"
				   "    priority 101\n"
				   "    authentication {\n"
				   "        auth_type PASS\n"
				   "        auth_pass 42\n"
				   "    }\n"
				   "    virtual_ipaddress {\n"
				   "        10.10.10.10/24 dev eth0 label eth0:1\n"
				   "    }\n"
				   "    track_script {\n"
				   "        check_apiserver\n"
				   "    }\n"
				   "}\n";
	static const char expected[] =
		"3: global_defs: not needed: global options stand outside of all sections\n"
		"4: router_id LVS_DEVEL: not needed: it names the machine in mails and to SNMP, "
		"and "
		"cpvrrp has neither\n"
		"6: vrrp_script check_apiserver: not needed: cpvrrp runs no script; section "
		"apiserver says how the apiserver is asked\n"
		"7: script /etc/keepalived/check_apiserver.sh: not needed: the daemon itself asks "
		"url of section apiserver\n"
		"8: interval 3: write it in section apiserver, in seconds\n"
		"9: weight -2: not needed: a ready node outranks every node that is not ready\n"
		"10: fall 10: write it in section apiserver\n"
		"11: rise 2: write it in section apiserver\n"
		"15: state MASTER: not needed: the election decides which node is Active; every "
		"node starts as Backup\n"
		"16: interface ${INTERFACE}: " VARIABLE "\n"
		"18: priority 101: allowed are auto or 171 to 254\n"
		"19: authentication: not available: VRRPv3 has no authentication (RFC 9568)\n"
		"24: virtual_ipaddress 10.10.10.10/24: only /32 is allowed: the network of the "
		"interface is that of its own address, and a virtual address must not bring "
		"another route\n"
		"24: dev eth0: not needed: all addresses of an instance are on its interface "
		"(option interface)\n"
		"24: label eth0:1: not available: a virtual address has no label\n"
		"26: track_script: not needed: the instance follows section apiserver, unless "
		"track_apiserver is false\n";

	ck_assert_ptr_null(parse_bytes(text, sizeof(text) - 1, errors));
	ck_assert_str_eq(errors, expected);
}
END_TEST

/* What is left of that file works as it stands. */
START_TEST(keepalived_syntax)
{
	struct conf *conf = parse("! keepalived\n"
				  "vrrp_instance VI_1 {\n"
				  "    interface eth0\n"
				  "    virtual_router_id 51\n"
				  "    priority 200\n"
				  "    advert_int 1\n"
				  "    unicast_src_ip 10.10.10.11\n"
				  "    unicast_peer {\n"
				  "        10.10.10.11\n"
				  "        10.10.10.12\n"
				  "    }\n"
				  "    virtual_ipaddress {\n"
				  "        10.10.10.10/32   # the VIP\n"
				  "    }\n"
				  "    preempt_delay 300\n"
				  "}\n");
	const struct conf_instance *instance = &conf->instances[0];

	ck_assert_str_eq(instance->interface, "eth0");
	ck_assert_uint_eq(instance->virtual_router_id, 51);
	ck_assert_uint_eq(instance->priority, 200);
	ck_assert_uint_eq(instance->advert_int_cs, 100);
	ck_assert_uint_eq(instance->peer_count, 2);
	ck_assert_uint_eq(instance->address_count, 1);
	free(conf);
}
END_TEST

/* keepalived's keywords by where they stand (2.4.3, and the older lvs_id); %s is one of them. */
static const struct {
	const char *text;
	const char *keywords;
} keepalived[] = {
	{"%s x\n" VIP,
	 "global_defs track_group static_ipaddress static_routes static_rules vrrp_sync_group "
	 "garp_group linkbeat_interfaces vrrp_script vrrp_track_process track_file "
	 "vrrp_track_file interface_up_down_delays linkbeat_use_polling net_namespace "
	 "net_namespace_ipvs namespace_with_ipsets use_pid_dir instance child_wait_time SSL "
	 "virtual_server_group virtual_server bfd_instance include includer includem includew "
	 "includeb includea $VIP @high ~SEQ"},
	{"global_defs {\n%s x\n}\n" VIP,
	 "process_names process_name vrrp_process_name checker_process_name lvs_process_name "
	 "bfd_process_name use_symlink_paths set_supplementary_groups router_id lvs_id "
	 "notification_email_from smtp_server smtp_helo_name smtp_connect_timeout "
	 "notification_email smtp_alert startup_script startup_script_timeout shutdown_script "
	 "shutdown_script_timeout max_auto_priority min_auto_priority_delay smtp_alert_vrrp "
	 "smtp_alert_checker checker_log_all_failures dynamic_interfaces no_email_faults "
	 "default_interface disable_local_igmp v3_checksum_as_v2 lvs_timeouts lvs_flush "
	 "lvs_flush_on_stop lvs_flush_onstop lvs_sync_daemon vrrp_mcast_group4 vrrp_mcast_group6 "
	 "vrrp_garp_master_delay vrrp_garp_master_repeat vrrp_garp_master_refresh "
	 "vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat "
	 "vrrp_down_timer_adverts vrrp_garp_interval vrrp_gna_interval vrrp_min_garp "
	 "vrrp_garp_extra_if vrrp_vmac_garp_intvl vrrp_lower_prio_no_advert "
	 "vrrp_higher_prio_send_advert vrrp_version vrrp_iptables vrrp_ipsets nftables "
	 "nftables_priority nftables_ifindex vrrp_check_unicast_src vrrp_skip_check_adv_addr "
	 "vrrp_strict vrrp_priority vrrp_no_swap vrrp_rt_priority vrrp_cpu_affinity "
	 "vrrp_rlimit_rttime vrrp_rlimit_rtime nftables_ipvs nftables_ipvs_priority "
	 "nftables_ipvs_start_fwmark nftables_counters notify_fifo notify_fifo_script "
	 "vrrp_notify_fifo vrrp_notify_fifo_script vrrp_notify_priority_changes "
	 "fifo_write_vrrp_states_on_reload lvs_notify_fifo lvs_notify_fifo_script "
	 "checker_priority checker_no_swap checker_rt_priority checker_cpu_affinity "
	 "checker_rlimit_rttime checker_rlimit_rtime bfd_priority bfd_no_swap bfd_rt_priority "
	 "bfd_cpu_affinity bfd_rlimit_rttime bfd_rlimit_rtime snmp_socket enable_traps "
	 "enable_snmp_vrrp enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 "
	 "enable_snmp_rfcv3 enable_snmp_checker snmp_vs_stats_update_interval "
	 "snmp_rs_stats_update_interval enable_dbus dbus_service_name dbus_no_interface_name "
	 "script_user enable_script_security vrrp_netlink_cmd_rcv_bufs "
	 "vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs "
	 "vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs "
	 "process_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force "
	 "lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force rs_init_notifies "
	 "no_checker_emails vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier vrrp_startup_delay "
	 "vrrp_delay_after_boot log_unknown_vrids vrrp_owner_ignore_adverts vmac_prefix "
	 "vmac_addr_prefix umask random_seed reload_check_config reload_time_file reload_repeat "
	 "reload_file include_check config_save_dir tmp_config_directory data_use_instance "
	 "json_version iproute_usr_dir iproute_etc_dir state_dump_file stats_dump_file "
	 "json_dump_file"},
	{"vrrp_script a {\n%s x\n}\n" VIP,
	 "script interval timeout weight rise fall user init_fail"},
	{"vrrp_sync_group a {\n%s x\n}\n" VIP,
	 "group track_interface track_script track_file track_process track_bfd notify_backup "
	 "notify_master notify_fault notify_stop notify smtp_alert global_tracking "
	 "sync_group_tracking_weight notify_priority_changes"},
	{"virtual_server 10.0.0.1 443 {\n%s x\n}\n" VIP,
	 "ip_family retry delay_before_retry warmup connect_timeout delay_loop "
	 "inhibit_on_failure lb_algo lvs_sched hashed ops flag-1 flag-2 flag-3 sh-port "
	 "sh-fallback mh-port mh-fallback lb_kind lvs_method persistence_engine "
	 "persistence_timeout persistence_granularity protocol ha_suspend smtp_alert virtualhost "
	 "snmp_name alpha omega quorum_up quorum_down quorum hysteresis weight sorry_server "
	 "sorry_server_inhibit sorry_server_lvs_method real_server"},
	{"vrrp_instance a {\nvirtual_ipaddress 10.0.0.9\n%s x\n}\n" VIP,
	 "use_vmac use_vmac_addr vmac_xmit_base use_ipvlan unicast_fault_no_peer "
	 "check_unicast_src old_unicast_checksum native_ipv6 state vrf dont_track_primary "
	 "track_script track_process track_bfd mcast_src_ip "
	 "mcast_dst_ip track_src_ip unicast_ttl version virtual_ipaddress_excluded "
	 "no_virtual_ipaddress promote_secondaries linkbeat_use_polling v3_checksum_as_v2 "
	 "virtual_routes virtual_rules accept no_accept skip_check_adv_addr strict_mode nopreempt "
	 "debug notify_backup notify_master notify_fault notify_stop notify_deleted notify "
	 "notify_master_rx_lower_pri smtp_alert notify_priority_changes "
	 "lvs_sync_daemon_interface garp_master_delay garp_master_refresh garp_master_repeat "
	 "garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat "
	 "down_timer_adverts timer_expired_backup thread_timer_expired garp_extra_if "
	 "vmac_garp_intvl lower_prio_no_advert higher_prio_send_advert owner_ignore_adverts "
	 "kernel_rx_buf_size authentication auth_hmac @high"},
	{"vrrp_instance a {\nvirtual_ipaddress { 10.0.0.9 %s x }\n}\n" VIP,
	 "dev label scope brd broadcast peer preferred_lft track_group"},
	{"vrrp_instance a {\nvirtual_ipaddress { 10.0.0.9 %s }\n}\n" VIP,
	 "home mngtmpaddr noprefixroute autojoin no_track use_vmac -nodad nodad dev"},
	{"vrrp_instance a {\nvirtual_ipaddress 10.0.0.9\nunicast_peer { 10.0.0.2 %s 255 }\n}\n" VIP,
	 "min_ttl max_ttl"},
	{"vrrp_instance a {\nvirtual_ipaddress 10.0.0.9\ntrack_file { /x %s -10 }\n}\n" VIP,
	 "weight"},
	{"vrrp_instance a {\nvirtual_ipaddress 10.0.0.9\ntrack_interface { eth1 %s -10 }\n}\n" VIP,
	 "weight"},
	{"vrrp_instance a {\nvirtual_ipaddress 10.0.0.9\ntrack_interface { eth1 %s eth2 }\n}\n" VIP,
	 "reverse noreverse"},
};

/* Each is answered what does its job here, and that is the only error or, in a section that cpvrrp
 * has not, the second one. */
START_TEST(keepalived_keyword)
{
	static char errors[FOUND_SIZE];
	char *keywords = strdup(keepalived[_i].keywords);
	const char *place = strstr(keepalived[_i].text, "%s");
	size_t before = (size_t)(place - keepalived[_i].text);
	bool section = before > 0 && strncmp(keepalived[_i].text, "vrrp_instance", 13) != 0;
	char *rest = NULL;
	int line = 1;

	for (size_t i = 0; i < before; i++)
		line += keepalived[_i].text[i] == '\n';
	for (char *word = strtok_r(keywords, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char text[1024];
		char start[128];
		const char *answer;

		snprintf(text, sizeof(text), "%.*s%s%s", (int)before, keepalived[_i].text, word,
			 place + 2);
		snprintf(start, sizeof(start), "%d: %s", line, word);
		ck_assert_ptr_null(parse_bytes(text, strlen(text), errors));
		ck_assert_msg(count_lines(errors) == (section ? 2 : 1), "%s: %s", word, errors);
		answer = section ? strchr(errors, '\n') + 1 : errors;
		ck_assert_msg(strncmp(answer, start, strlen(start)) == 0, "%s: %s", start, answer);
		ck_assert_msg(strstr(answer, ": not needed") || strstr(answer, ": not available") ||
				      strstr(answer, ": write "),
			      "%s", answer);
		ck_assert_ptr_null(strstr(answer, "unknown option"));
	}
	free(keywords);
}
END_TEST

/* Only what keepalived has is answered, and only where keepalived has it. */
START_TEST(keepalived_keywords_alone)
{
	static const struct {
		enum keepalived_place place;
		const char *name;
		bool known;
	} cases[] = {
		{KEEPALIVED_INSTANCE, "state", true},
		{KEEPALIVED_INSTANCE, "stat", false},
		{KEEPALIVED_INSTANCE, "statx", false},
		{KEEPALIVED_INSTANCE, "state_x", false},
		{KEEPALIVED_INSTANCE, "notify_x", true},
		{KEEPALIVED_INSTANCE, "notif", false},
		{KEEPALIVED_INSTANCE, "", false},
		{KEEPALIVED_INSTANCE, "router_id", false},
		{KEEPALIVED_INSTANCE, "$VIP", true},
		{KEEPALIVED_SYNC_GROUP, "lb_algo", false},
		{KEEPALIVED_APISERVER, "interval", false},
		{KEEPALIVED_APISERVER, "~SEQ", true},
		{KEEPALIVED_ADDRESS, "$VIP", false},
		{KEEPALIVED_ADDRESS_FLAG, "$VIP", false},
		{KEEPALIVED_PEER, "$VIP", false},
	};
	static const struct {
		const char *name;
		enum keepalived_place inside;
	} sections[] = {
		{"global_defs", KEEPALIVED_GLOBAL_DEFS},
		{"vrrp_script", KEEPALIVED_SCRIPT},
		{"vrrp_sync_group", KEEPALIVED_SYNC_GROUP},
		{"virtual_server", KEEPALIVED_VIRTUAL_SERVER},
	};
	enum keepalived_place inside;

	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_msg((keepalived_answer(cases[i].place, cases[i].name) != NULL) ==
				      cases[i].known,
			      "%s", cases[i].name);
	for (size_t i = 0; i < COUNT(sections); i++) {
		ck_assert(keepalived_section(sections[i].name, &inside));
		ck_assert_uint_eq(inside, sections[i].inside);
	}
	ck_assert(!keepalived_section("static_routes", &inside));
	ck_assert(!keepalived_section("vrrp_instance", &inside));
}
END_TEST

/* keepalived's form, where the words mean the same, and its name of a section track_file. */
START_TEST(tracked_names)
{
	static char errors[FOUND_SIZE];
	static const char text[] = "vrrp_instance a {\n"
				   "    virtual_ipaddress 10.0.0.9\n"
				   "    track_file { drain weight 0 }\n"
				   "    track_interface { }\n"
				   "}\n";
	static const char expected[] =
		"3: track_file drain: must be an absolute path, which needs no section and no "
		"other name\n"
		"3: weight 0: not needed: while the file exists or the interface is down, the node "
		"is not ready, and every ready node outranks it\n"
		"4: track_interface: the list is empty; leave it out to track none\n";
	struct conf *conf = parse("vrrp_instance a {\n"
				  "    virtual_ipaddress 10.0.0.9\n"
				  "    track_file /run/cpvrrp/maintenance\n"
				  "    track_interface {\n"
				  "        eth1\n"
				  "        eth2\n"
				  "    }\n"
				  "}\n");
	const struct conf_instance *instance = &conf->instances[0];

	ck_assert_uint_eq(instance->track_file_count, 1);
	ck_assert_str_eq(instance->track_files[0], "/run/cpvrrp/maintenance");
	ck_assert_uint_eq(instance->track_interface_count, 2);
	ck_assert_str_eq(instance->track_interfaces[1], "eth2");
	free(conf);
	ck_assert_ptr_null(parse_bytes(text, sizeof(text) - 1, errors));
	ck_assert_str_eq(errors, expected);
}
END_TEST

/* What spreads the connections here is an option of vrrp_instance. */
START_TEST(virtual_server_is_answered)
{
	static char errors[FOUND_SIZE];
	static const char text[] = "virtual_server 10.0.0.1 6443 {\n"
				   "    delay_loop 6\n"
				   "    real_server 10.0.0.2 6443 {\n"
				   "        SSL_GET { url { path /readyz } }\n"
				   "    }\n"
				   "}\n" VIP;
	static const char expected[] =
		"1: virtual_server 10.0.0.1: not needed: balance in vrrp_instance spreads the "
		"connections over the ready apiservers\n"
		"2: delay_loop 6: not needed: url, interval, timeout, fall and rise of section "
		"apiserver say how this node's own apiserver is checked\n"
		"3: real_server 10.0.0.2: not needed: balance in vrrp_instance spreads the "
		"connections over the ready apiservers\n";

	ck_assert_ptr_null(parse_bytes(text, sizeof(text) - 1, errors));
	ck_assert_str_eq(errors, expected);
}
END_TEST

/* keepalived's flag without a value. */
START_TEST(preempt_without_value)
{
	static char errors[FOUND_SIZE];
	static const char text[] =
		"vrrp_instance a {\nvirtual_ipaddress { 10.0.0.1 }\npreempt\n}\n";

	ck_assert_ptr_null(parse_bytes(text, sizeof(text) - 1, errors));
	ck_assert_str_eq(errors, "3: preempt: its value is missing in this line; write preempt "
				 "always: also between ready nodes the address goes to the highest "
				 "priority\n");
}
END_TEST

Suite *suite_conf_parse(void)
{
	Suite *suite = suite_create("conf_parse");
	TCase *tcase = tcase_create("conf_parse");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, mistake, 0, COUNT(mistakes));
	tcase_add_test(tcase, a_good_file_after_each_mistake);
	tcase_add_test(tcase, forms_are_equal);
	tcase_add_test(tcase, variable_limit);
	tcase_add_test(tcase, comment_signs_within_words);
	tcase_add_test(tcase, zero_byte);
	tcase_add_test(tcase, word_limit);
	tcase_add_test(tcase, limits_of_errors_and_instances);
	tcase_add_test(tcase, large_texts_end_soon);
	tcase_add_test(tcase, kubeadm_recipe);
	tcase_add_test(tcase, keepalived_syntax);
	tcase_add_loop_test(tcase, keepalived_keyword, 0, COUNT(keepalived));
	tcase_add_test(tcase, keepalived_keywords_alone);
	tcase_add_test(tcase, tracked_names);
	tcase_add_test(tcase, virtual_server_is_answered);
	tcase_add_test(tcase, preempt_without_value);
	suite_add_tcase(suite, tcase);
	return suite;
}
