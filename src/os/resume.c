/* SPDX-License-Identifier: Apache-2.0 */
#include "os/resume.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/small_file.h"

#define MAGIC "cpvrrp claims 1"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 40

/* Times are those of CLOCK_BOOTTIME: a claim ends also while the machine sleeps. */
struct slot {
	char name[RESUME_NAME_SIZE];
	int64_t at_us;
	int64_t tenure_short_us; /* INT64_MAX = over */
	int64_t tenure_long_us;
	uint16_t interval_cs; /* 0 = no claim */
	uint8_t priority;
};

struct file {
	char magic[sizeof(MAGIC)];
	char boot_id[BOOT_ID_SIZE];
	struct slot slots[RESUME_MAX];
};

struct resume {
	struct file before; /* what the process before has left */
	struct file *file;  /* mapped */
};

static int read_boot_id(char ret_boot_id[BOOT_ID_SIZE])
{
	struct small_file file;
	int error = small_file_read(BOOT_ID, SMALL_FILE_SHARED, &file);

	if (error < 0)
		return error;
	memset(ret_boot_id, 0, BOOT_ID_SIZE);
	memcpy(ret_boot_id, file.data, file.size < BOOT_ID_SIZE ? file.size : BOOT_ID_SIZE);
	small_file_free(&file);
	return 0;
}

/* The place in the file system is taken now: a mapping that finds none later ends the process. */
static int map(int fd, struct file **ret_file)
{
	struct stat st;
	void *mapped;
	int error;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	if (st.st_uid != geteuid())
		return -EPERM;
	error = posix_fallocate(fd, 0, sizeof(struct file));
	if (error != 0)
		return -error;
	mapped = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	*ret_file = mapped;
	return 0;
}

static int open_file(const char *path, struct file **ret_file)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	int error;

	if (fd < 0)
		return -errno;
	error = map(fd, ret_file);
	close(fd);
	return error;
}

int resume_open(const char *path, struct resume **ret_resume)
{
	struct resume *resume = calloc(1, sizeof(*resume));
	char boot_id[BOOT_ID_SIZE];
	int error;

	if (!resume)
		return -ENOMEM;
	error = read_boot_id(boot_id);
	if (error == 0)
		error = open_file(path, &resume->file);
	if (error != 0) {
		free(resume);
		return error;
	}
	assert(resume->file);
	if (memcmp(resume->file->magic, MAGIC, sizeof(MAGIC)) == 0 &&
	    memcmp(resume->file->boot_id, boot_id, sizeof(boot_id)) == 0)
		memcpy(&resume->before, resume->file, sizeof(resume->before));
	memset(resume->file, 0, sizeof(*resume->file));
	memcpy(resume->file->magic, MAGIC, sizeof(MAGIC));
	memcpy(resume->file->boot_id, boot_id, sizeof(boot_id));
	*ret_resume = resume;
	return 0;
}

void resume_close(struct resume *resume)
{
	if (!resume)
		return;
	munmap(resume->file, sizeof(*resume->file));
	free(resume);
}

static int64_t to_boottime(struct instant t, int64_t slept_us)
{
	return instant_add(t, slept_us).us;
}

static struct instant from_boottime(int64_t us, int64_t slept_us)
{
	return instant_add((struct instant){us}, -slept_us);
}

struct vrrp_claim resume_find(const struct resume *resume, const char *name)
{
	int64_t slept_us = clock_slept_us();

	for (size_t i = 0; i < RESUME_MAX; i++) {
		const struct slot *slot = &resume->before.slots[i];

		if (strncmp(slot->name, name, sizeof(slot->name)) == 0)
			return (struct vrrp_claim){
				.at = from_boottime(slot->at_us, slept_us),
				.interval_cs = slot->interval_cs,
				.priority = slot->priority,
				.tenure_short = from_boottime(slot->tenure_short_us, slept_us),
				.tenure_long = from_boottime(slot->tenure_long_us, slept_us),
			};
	}
	return (struct vrrp_claim){.interval_cs = 0};
}

/* The slot of that name, or a free one; NULL if there is none. */
static struct slot *slot_of(struct resume *resume, size_t place, const char *name)
{
	struct slot *slots = resume->file->slots, *unused = NULL;

	if (place < RESUME_MAX && strcmp(slots[place].name, name) == 0)
		return &slots[place];
	for (size_t i = RESUME_MAX; i-- > 0;) {
		if (strcmp(slots[i].name, name) == 0)
			return &slots[i];
		if (slots[i].name[0] == '\0' || (slots[i].interval_cs == 0 && !unused))
			unused = &slots[i];
	}
	if (place < RESUME_MAX && slots[place].name[0] == '\0')
		return &slots[place];
	return unused;
}

/* The process may end between any two of these stores, so the interval, without which there is no
 * claim, goes first and comes last. */
void resume_keep(struct resume *resume, size_t place, const char *name,
		 const struct vrrp_claim *claim)
{
	int64_t slept_us = clock_slept_us();
	struct slot *slot;

	assert(name[0] != '\0');
	if (strlen(name) >= RESUME_NAME_SIZE)
		return;
	slot = slot_of(resume, place, name);
	if (!slot)
		return;
	slot->interval_cs = 0;
	atomic_signal_fence(memory_order_seq_cst);
	strcpy(slot->name, name);
	slot->at_us = to_boottime(claim->at, slept_us);
	slot->tenure_short_us = to_boottime(claim->tenure_short, slept_us);
	slot->tenure_long_us = to_boottime(claim->tenure_long, slept_us);
	slot->priority = claim->priority;
	atomic_signal_fence(memory_order_seq_cst);
	slot->interval_cs = claim->interval_cs;
}
