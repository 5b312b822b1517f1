/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cleanup.h"

#include <net/if.h>
#include <string.h>

#include "os/leftover.h"
#include "os/nft.h"
#include "os/nft_rules.h"

#define TABLES_WAIT_MS 10000

struct report {
	FILE *out;
	FILE *err;
	bool failed;
};

static void tell_removed(void *context, int ifindex, const struct addr *address, int error)
{
	struct report *report = context;
	char interface[IF_NAMESIZE] = "?";
	char text[ADDR_TEXT_SIZE];

	if_indextoname((unsigned)ifindex, interface);
	addr_format(address, text);
	if (error == 0)
		fprintf(report->out, "removed %s from %s\n", text, interface);
	else
		fprintf(report->err, "cpvrrp: cannot remove %s from %s: %s\n", text, interface,
			strerror(-error));
	report->failed |= error < 0;
}

/* The reason of a failure, or "" */
static void remove_tables(struct nft *nft, char reason[NFT_REASON_SIZE])
{
	FILE *text = nft_begin(nft);

	if (!text) {
		snprintf(reason, NFT_REASON_SIZE, "no memory");
		return;
	}
	nft_rules_replace(text, NULL, 0);
	if (nft_commit(nft, text) < 0) {
		snprintf(reason, NFT_REASON_SIZE, "the helper process has ended");
		return;
	}
	while (nft_is_busy(nft)) {
		if (!nft_wait(nft, TABLES_WAIT_MS)) {
			snprintf(reason, NFT_REASON_SIZE, "no answer");
			return;
		}
		if (nft_receive(nft, reason) == NFT_NEWS_DONE)
			reason[0] = '\0';
	}
}

bool cleanup_run(FILE *out, FILE *err)
{
	struct report report = {.out = out, .err = err};
	char reason[NFT_REASON_SIZE] = "";
	struct nft *nft = NULL;
	int error = leftover_remove(tell_removed, &report);

	if (error < 0)
		fprintf(err, "cpvrrp: cannot list the addresses: %s\n", strerror(-error));
	report.failed |= error < 0;
	error = nft_new(&nft);
	if (error < 0)
		snprintf(reason, sizeof(reason), "%s", strerror(-error));
	else
		remove_tables(nft, reason);
	nft_free(nft);
	if (reason[0])
		fprintf(err, "cpvrrp: cannot remove the nftables tables: %s\n", reason);
	else
		fprintf(out, "no nftables table of cpvrrp is left\n");
	return !report.failed && !reason[0];
}
