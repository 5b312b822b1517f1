/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cleanup.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "os/link.h"
#include "os/nft.h"
#include "os/nft_rules.h"
#include "os/vip.h"

#define TABLES_WAIT_MS 10000

struct report {
	FILE *out;
	FILE *err;
	bool failed;
};

static void tell_removed(struct report *report, const char *interface, const struct addr *address,
			 int error)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(address, text);
	if (error == 0)
		fprintf(report->out, "removed %s from %s\n", text, interface);
	else
		fprintf(report->err, "cpvrrp: cannot remove %s from %s: %s\n", text, interface,
			strerror(-error));
	report->failed |= error < 0;
}

/* Those that a cpvrrp has put there (IFA_PROTO). Before Linux 5.18 there is nothing to know them
 * by, and they stay until their lease ends. Returns 0 or -errno. */
static int remove_addresses(struct link *link, struct vip *vip, const char *name,
			    struct report *report)
{
	int error = link_watch(link, name);
	const struct interface *interface;

	if (error < 0)
		return error;
	interface = link_get(link, name);
	for (size_t i = 0; i < interface->address_count; i++) {
		const struct interface_address *found = &interface->addresses[i];

		if (found->vip)
			tell_removed(report, name, &found->address,
				     vip_remove(vip, interface->index, &found->address,
						found->prefix_length));
	}
	return 0;
}

/* Returns 0, or -errno if the kernel cannot be asked. */
static int remove_all_addresses(struct report *report)
{
	struct if_nameindex *names = if_nameindex();
	struct link *link = NULL;
	struct vip *vip = NULL;
	int error;

	if (!names)
		return -errno;
	error = link_new(NULL, NULL, &link);
	if (error == 0)
		error = vip_new(&vip);
	for (size_t i = 0; error == 0 && names[i].if_index != 0; i++)
		error = remove_addresses(link, vip, names[i].if_name, report);
	vip_free(vip);
	link_free(link);
	if_freenameindex(names);
	return error;
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
	int error = remove_all_addresses(&report);

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
