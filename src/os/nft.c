/* SPDX-License-Identifier: Apache-2.0 */
#include "os/nft.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/nft_helper.h"

static_assert(NFT_REASON_SIZE == NFT_HELPER_REASON_SIZE, "a reason fits");

struct nft {
	int fd;	   /* -1 once the helper has ended */
	bool busy; /* the shared memory is the helper's */
	struct nft_shared *shared;
};

static int start(struct nft *nft, int ends[2])
{
	pid_t parent = getpid();
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		nft_helper_run(parent, ends[1], nft->shared);
	close(ends[1]);
	nft->fd = ends[0];
	return 0;
}

int nft_new(struct nft **ret_nft)
{
	struct nft *nft = calloc(1, sizeof(*nft));
	int ends[2];
	int error;

	if (!nft)
		return -ENOMEM;
	nft->fd = -1;
	nft->shared = mmap(NULL, sizeof(*nft->shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (nft->shared == MAP_FAILED) {
		error = -errno;
		nft->shared = NULL;
		goto fail;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		error = -errno;
		goto fail;
	}
	error = start(nft, ends);
	if (error < 0) {
		close(ends[0]);
		close(ends[1]);
		goto fail;
	}
	*ret_nft = nft;
	return 0;

fail:
	nft_free(nft);
	return error;
}

void nft_free(struct nft *nft)
{
	if (!nft)
		return;
	if (nft->fd >= 0)
		close(nft->fd);
	if (nft->shared)
		munmap(nft->shared, sizeof(*nft->shared));
	free(nft);
}

int nft_fd(const struct nft *nft)
{
	return nft->fd;
}

bool nft_is_busy(const struct nft *nft)
{
	return nft->busy;
}

FILE *nft_begin(struct nft *nft)
{
	if (nft->fd < 0 || nft->busy)
		return NULL;
	return fmemopen(nft->shared->text, sizeof(nft->shared->text) - 1, "w");
}

int nft_commit(struct nft *nft, FILE *text)
{
	const char message = NFT_MESSAGE_RUN;
	long size;

	assert(!nft->busy);
	/* Nothing more can be written, or it was all written: fclose() fails if it did not fit. */
	size = fflush(text) == 0 ? ftell(text) : -1;
	if (fclose(text) != 0 || size < 0)
		return -EFBIG;
	nft->shared->text[size] = '\0';
	if (send(nft->fd, &message, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	nft->busy = true;
	return 0;
}

enum nft_news nft_receive(struct nft *nft, char reason[NFT_REASON_SIZE])
{
	char message;
	ssize_t size;

	if (nft->fd < 0)
		return NFT_NEWS_NONE;
	size = recv(nft->fd, &message, 1, MSG_DONTWAIT);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return NFT_NEWS_NONE;
	if (size <= 0) {
		snprintf(reason, NFT_REASON_SIZE, "the helper process has ended");
		close(nft->fd);
		nft->fd = -1;
		nft->busy = false;
		return NFT_NEWS_ENDED;
	}
	switch (message) {
	case NFT_MESSAGE_DONE:
		nft->busy = false;
		return NFT_NEWS_DONE;
	case NFT_MESSAGE_FAILED:
		nft->busy = false;
		snprintf(reason, NFT_REASON_SIZE, "%.*s", NFT_REASON_SIZE - 1, nft->shared->reason);
		return NFT_NEWS_FAILED;
	case NFT_MESSAGE_LOST:
		return NFT_NEWS_LOST;
	}
	return NFT_NEWS_NONE;
}

bool nft_wait(const struct nft *nft, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = nft->fd, .events = POLLIN};

	return nft->fd >= 0 && poll(&poll_fd, 1, timeout_ms) > 0;
}

bool nft_is_stuck(const struct nft *nft)
{
	return nft->shared->tcp_loose == '0';
}
