/*
 * The log: bytes as they came, one index entry per read. Bytes first, entry after: a reader stops at the index' end. A
 * disk that is full stops nothing: what it refuses is counted and marked with GAP, and each read tries again.
 */
#include "monitor.h"

static uint8_t buffer[TSC_LOG_CHUNK] __attribute__((aligned(4096)));

#define MADV_DONTNEED 4

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

static void keep(struct tsc_log *log, uint32_t size, uint8_t stream, uint16_t start)
{
	if (tsc_log_must_rotate(log->size, log->limit, size))
		rotate(log);
	uint32_t done = 0;
	long got = 0;
	while (done < size && (got = sys_pwrite(log->data, buffer + done, size - done, log->size + done)) > 0)
		done += (uint32_t)got;
	struct tsc_log_entry entry = {.time_ns = tsc_read_clock(TSC_CLOCK_REALTIME),
				      .length = done,
				      .stream = stream,
				      .start = start};
	/* Bytes without an entry do not exist: the next write goes over them. */
	if (done > 0 && !add_entry(log, &entry))
		done = 0;
	if (done < size)
		drop(log, size - done);
}

bool tsc_drain_pipe(struct tsc_monitor *m, int fd, uint8_t stream, unsigned rounds)
{
	struct tsc_log *log = &m->log;
	uint32_t wanted = tsc_log_read_size(log->files ? log->limit : 0, TSC_LOG_CHUNK);
	uint64_t dropped = log->dropped;
	bool empty = false;
	for (unsigned i = 0; i < rounds && !empty && fd >= 0; i++) {
		long got = sys_read(fd, buffer, wanted);
		if (got == -EINTR)
			continue;
		empty = got <= 0;
		if (got > 4096)
			log->touched = true;
		if (got > 0 && log->files > 0)
			keep(log, (uint32_t)got, stream, (uint16_t)m->state.starts);
	}
	/* Idle again: the pages of the buffer go back, but for the first. */
	if (empty && log->touched) {
		sys_madvise(buffer + 4096, sizeof buffer - 4096, MADV_DONTNEED);
		log->touched = false;
	}
	if (dropped != log->dropped)
		tsc_write_record(m);
	return empty || fd < 0;
}
