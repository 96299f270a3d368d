/*
 * The log: bytes as they came, one index entry per read. Bytes first, entry after: a reader stops at the index' end. A
 * disk that is full stops nothing: what it refuses is counted and marked with GAP, and each read tries again. The files are
 * made with the first bytes: many containers never write any.
 *
 * Bytes go from the pipe to the file by splice(2): one system call takes them from the one and puts them into the other,
 * so there is no moment at which a killed monitor could have them in its memory only.
 */
#include "monitor.h"

#include <asm/ioctls.h>

static uint8_t buffer[TSC_LOG_CHUNK] __attribute__((aligned(4096)));

#define MADV_DONTNEED 4

/* SPLICE_F_MOVE | SPLICE_F_NONBLOCK; `at`: where in `to`, NULL for a pipe. */
static long splice(int from, int to, uint64_t *at, size_t size)
{
	return SYS6(__NR_splice, from, 0, to, at, size, 3);
}

static void name_file(char name[32], const char *stem, uint32_t number)
{
	struct tsc_text text = tsc_start_text(name, 32);
	tsc_add_text(&text, stem);
	if (number > 0) {
		tsc_add_text(&text, ".");
		tsc_add_number(&text, number);
	}
}

static bool is_there(int dir, const char *name)
{
	struct statx info;
	return sys_statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &info) == 0;
}

static int shift(struct tsc_log *log, const char *stem, uint32_t number)
{
	char from[32], to[32];
	name_file(from, stem, number);
	name_file(to, stem, number + 1);
	int error = sys_renameat(log->dir, from, log->dir, to);
	return error == -ENOENT ? 0 : error;
}

/* A rotation that died between the two renames of a pair: the index follows its log. */
static void finish_rotation(struct tsc_log *log)
{
	char data[32], index[32];
	for (uint32_t i = log->files; i-- > 0;) {
		name_file(data, "log", i);
		name_file(index, "index", i);
		if (!is_there(log->dir, data) && is_there(log->dir, index))
			shift(log, "index", i);
	}
}

static int open_files(struct tsc_log *log, int flags)
{
	flags |= O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int data = sys_openat(log->dir, "log", flags, 0600);
	int index = data < 0 ? data : sys_openat(log->dir, "index", flags, 0600);
	if (index < 0) {
		tsc_close(&data);
		return index;
	}
	tsc_close(&log->data);
	tsc_close(&log->index);
	log->data = data;
	log->index = index;
	return 0;
}

static uint64_t file_size(int fd)
{
	struct statx info;
	return sys_statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &info) == 0 ? info.stx_size : 0;
}

/* Where the last entry says that the log ends. */
static uint64_t indexed_size(struct tsc_log *log)
{
	struct tsc_log_entry last;
	int fd = sys_openat(log->dir, "index", O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	uint64_t size = 0;
	log->index_size = file_size(log->index) / sizeof last * sizeof last;
	if (fd >= 0 && log->index_size > 0 &&
	    sys_pread(fd, &last, sizeof last, log->index_size - sizeof last) == (long)sizeof last)
		size = last.offset + last.length;
	if (fd >= 0)
		sys_close(fd);
	return size;
}

int tsc_open_log(struct tsc_log *log, const char *dir, uint64_t limit, uint32_t files)
{
	log->limit = limit;
	log->files = files;
	if (files == 0)
		return 0;
	log->dir = sys_open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (log->dir < 0)
		return log->dir;
	finish_rotation(log);
	if (!is_there(log->dir, "log"))
		return 0;
	int error = open_files(log, 0);
	if (error)
		return error;
	log->size = indexed_size(log);
	return 0;
}

static bool add_entry(struct tsc_log *log, struct tsc_log_entry *entry)
{
	entry->offset = log->size;
	entry->flags = (uint8_t)(entry->flags | (log->gap ? TSC_LOG_GAP : 0));
	if (sys_pwrite(log->index, entry, sizeof *entry, log->index_size) != (long)sizeof *entry)
		return false;
	log->index_size += sizeof *entry;
	log->size += entry->length;
	log->gap = false;
	return true;
}

void tsc_index_orphans(struct tsc_log *log, uint16_t start)
{
	uint64_t size = log->data < 0 ? 0 : file_size(log->data);
	while (size > log->size) {
		uint64_t rest = size - log->size;
		struct tsc_log_entry entry = {.time_ns = tsc_read_clock(TSC_CLOCK_REALTIME),
					      .length = rest > 1u << 30 ? 1u << 30 : (uint32_t)rest,
					      .stream = 1,
					      .flags = TSC_LOG_ADOPTED,
					      .start = start};
		if (!add_entry(log, &entry))
			return;
	}
}

/* When a rename is refused the old file is written on: too long a log is better than none. */
static void rotate(struct tsc_log *log)
{
	for (uint32_t i = log->files - 1; i-- > 0;)
		if (shift(log, "log", i) != 0 || shift(log, "index", i) != 0)
			return;
	if (log->files == 1) {
		sys_unlinkat(log->dir, "log", 0);
		sys_unlinkat(log->dir, "index", 0);
	}
	if (open_files(log, O_TRUNC) == 0)
		log->size = log->index_size = 0;
}

static void drop(struct tsc_log *log, uint64_t bytes)
{
	log->dropped += bytes;
	log->gap = true;
}

/* For file systems without splice_write, and to get rid of what the disk refuses. */
static long copy(struct tsc_log *log, int fd, uint32_t size, bool write)
{
	long got = sys_read(fd, buffer, size);
	if (got > 4096)
		log->touched = true;
	long done = 0, more = 0;
	while (write && done < got &&
	       (more = sys_pwrite(log->data, buffer + done, (size_t)(got - done), log->size + (uint64_t)done)) > 0)
		done += more;
	if (got > done)
		drop(log, (uint64_t)(got - done));
	return done;
}

/* Up to `size` bytes, which are there, from the pipe to the end of the log. */
static void keep(struct tsc_log *log, int fd, uint32_t size, uint8_t stream, uint16_t start)
{
	if (log->data < 0 && open_files(log, 0) != 0) {
		copy(log, fd, size, false);
		return;
	}
	if (tsc_log_must_rotate(log->size, log->limit, size))
		rotate(log);
	uint64_t at = log->size;
	long done = log->copies ? -EINVAL : splice(fd, log->data, &at, size);
	if (done == -EINVAL) {
		log->copies = true;
		done = copy(log, fd, size, true);
	} else if (done < 0 && done != -EAGAIN && done != -EINTR) {
		done = copy(log, fd, size, false);
	}
	if (done <= 0)
		return;
	struct tsc_log_entry entry = {.time_ns = tsc_read_clock(TSC_CLOCK_REALTIME),
				      .length = (uint32_t)done,
				      .stream = stream,
				      .start = start};
	/* Bytes without an entry do not exist: the next write goes over them. */
	if (!add_entry(log, &entry))
		drop(log, (uint64_t)done);
}

/* Idle again: the pages of the buffer go back, but for the first. */
static void shrink(struct tsc_log *log)
{
	if (log->touched)
		sys_madvise(buffer + 4096, sizeof buffer - 4096, MADV_DONTNEED);
	log->touched = false;
}

bool tsc_drain_pipe(struct tsc_monitor *m, int fd, uint8_t stream, unsigned rounds)
{
	struct tsc_log *log = &m->log;
	uint32_t wanted = tsc_log_read_size(log->files ? log->limit : 0, TSC_LOG_CHUNK);
	uint64_t dropped = log->dropped;
	int there = 0;
	for (unsigned i = 0; i < rounds && fd >= 0; i++) {
		if (sys_ioctl(fd, FIONREAD, &there) != 0 || there <= 0)
			break;
		uint32_t size = (unsigned)there < wanted ? (uint32_t)there : wanted;
		if (log->files > 0) {
			keep(log, fd, size, stream, (uint16_t)m->state.starts);
		} else {
			sys_read(fd, buffer, size);
			log->touched = true;
		}
	}
	if (there <= 0)
		shrink(log);
	if (dropped != log->dropped)
		tsc_write_record(m);
	return there <= 0;
}

bool tsc_drain_terminal(struct tsc_monitor *m, unsigned rounds)
{
	/* By way of the fifo, which outlives us: what has left the terminal is there or in the log, never only here. */
	for (unsigned i = 0; i < rounds && m->master >= 0 && m->out >= 0; i++) {
		long got = splice(m->master, m->out, NULL, 4096);
		if (got == -EINVAL) { /* before 5.11 terminals cannot be spliced */
			got = sys_read(m->master, buffer, 4096);
			if (got > 0)
				sys_write(m->out, buffer, (size_t)got);
		}
		tsc_drain_pipe(m, m->out, 1, 2);
		if (got <= 0)
			return true;
	}
	return false;
}
