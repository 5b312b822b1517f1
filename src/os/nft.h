/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to nftables: a helper process carries transactions out (os/nft_helper), since libnftables
 * ends the process that it is used in on some errors and takes its time for large rule sets. This
 * module starts the helper, hands it one transaction at a time and hears what came of it; nothing
 * here waits, except nft_wait().
 *
 * The helper dies with the process. If it ends by itself, there is no other: the process may not
 * fork any more once it is confined. The rules' leases then run out.
 */
#ifndef CPVRRP_OS_NFT_H
#define CPVRRP_OS_NFT_H

#include <stdbool.h>
#include <stdio.h>

struct nft;

#define NFT_REASON_SIZE 256

/* What the helper says. */
enum nft_news {
	NFT_NEWS_NONE,
	NFT_NEWS_DONE,	 /* the transaction is in the kernel */
	NFT_NEWS_FAILED, /* nothing of it is; there is a reason */
	NFT_NEWS_LOST,	 /* something else has changed our tables since */
	NFT_NEWS_ENDED,	 /* the helper; said once */
};

/* Starts the helper: before the process is confined or has threads. Returns 0 or -errno. */
int nft_new(struct nft **ret_nft);

/* Ends the helper; the tables stay. NULL is allowed. */
void nft_free(struct nft *nft);

/* To be polled for reading: then nft_receive() has news. -1 once the helper has ended. */
int nft_fd(const struct nft *nft);

/* A transaction is under way. */
bool nft_is_busy(const struct nft *nft);

/* A stream for the text of the next transaction, in the language of nft(8); NULL if there is no
 * memory, if the helper has ended, or while another transaction is under way. */
FILE *nft_begin(struct nft *nft);

/* Closes the stream and hands the transaction to the helper. Returns 0, -EFBIG if it was too long,
 * or another -errno. */
int nft_commit(struct nft *nft, FILE *text);

/* The next news, if there is some. reason is written with NFT_NEWS_FAILED and NFT_NEWS_ENDED. */
enum nft_news nft_receive(struct nft *nft, char reason[NFT_REASON_SIZE]);

/* Waits for news that long. True if there is some. */
bool nft_wait(const struct nft *nft, int timeout_ms);

/* The kernel does not take up connections in mid-stream (net.netfilter.nf_conntrack_tcp_loose is
 * 0), on which the walk depends: as it was after the last transaction. */
bool nft_is_stuck(const struct nft *nft);

#endif
