/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that carries out nftables transactions for os/nft: each in a child of its own, which
 * libnftables may end, and whose memory goes with it. Between them it sleeps, and watches whether
 * something else changes our tables.
 *
 * It has CAP_NET_ADMIN and the system calls that this takes, ignores the signals that end the
 * daemon, and dies with the daemon.
 */
#ifndef CPVRRP_OS_NFT_HELPER_H
#define CPVRRP_OS_NFT_HELPER_H

#include <stdint.h>
#include <sys/types.h>

/* Text of one transaction; pages that are not used take no memory. A virtual router takes 110 kB.
 */
#define NFT_HELPER_TEXT_SIZE (8 * 1024 * 1024)
#define NFT_HELPER_REASON_SIZE 256

/* Memory of both processes: the daemon writes it before a request, the helper before its answer. */
struct nft_shared {
	/* net.netfilter.nf_conntrack_tcp_loose after the last transaction; '?': not known. The
	 * daemon may not read it itself. */
	char tcp_loose;
	char reason[NFT_HELPER_REASON_SIZE];
	char text[NFT_HELPER_TEXT_SIZE]; /* ends with a zero byte */
};

/* Bytes on the socket between them. */
enum nft_message {
	NFT_MESSAGE_RUN = 'r',	  /* to the helper: carry out the text */
	NFT_MESSAGE_DONE = 'd',	  /* from it */
	NFT_MESSAGE_FAILED = 'f', /* see reason */
	NFT_MESSAGE_LOST = 'l',	  /* the rules are not those of the last transaction */
};

/* The helper's life, in a fresh child of `parent`. socket is one end of a SOCK_SEQPACKET pair. */
_Noreturn void nft_helper_run(pid_t parent, int socket, struct nft_shared *shared);

#endif
