/*
 * Requests to the file service, mutated, over a tree full of links that lead out of it: each whole request is answered once
 * and in order, a broken one ends the service, no draft is left, and nothing beside the root is seen or touched. Arguments:
 * rounds, seed, an empty directory. Has to be root: it goes into that directory with chroot(2), so that not even a bug leads
 * out of it.
 */
#define _GNU_SOURCE
#include "random.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../native/src/files.c"

enum { MOST_REQUESTS = 24, ROUNDS_A_TREE = 40 };

/* What joining a container is made of is not tried here. */
int tsc_open_container(int pid, uint64_t start_time) { return (void)pid, (void)start_time, -ESRCH; }
int tsc_mount_overlay(struct tsc_setup *setup, const struct tsc_op *op) { return (void)setup, (void)op, -EINVAL; }
int tsc_make_filesystem(const char *type, const char *source, const char *data, uint64_t attributes)
{
	return (void)type, (void)source, (void)data, (void)attributes, -EINVAL;
}

/* The report of a leak needs a /proc, which a chroot has not; nothing is allocated. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

static const char secret[] = "what lies beside the root";
static uint8_t stream[MOST_REQUESTS * (REQUEST_ROOM + 8)], answers[8 << 20];

static void put_file(const char *path, const char *text)
{
	int fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void make_tree(void)
{
	CHECK(mkdir("/root", 0700) == 0 && mkdir("/root/dir", 0755) == 0 && mkdir("/root/dir/deep", 0755) == 0);
	put_file("/root/file", "content");
	put_file("/root/dir/deep/file", "more of it");
	CHECK(symlink("/beside", "/root/absolute") == 0 && symlink("../beside", "/root/relative") == 0);
	CHECK(symlink("../../../../beside/secret", "/root/dir/secret") == 0 && symlink("loop", "/root/loop") == 0);
	CHECK(mkfifo("/root/fifo", 0666) == 0 && mknod("/root/null", S_IFCHR | 0666, 0x103 /* 1:3 */) == 0);
}

static bool is_draft(const char *name) { return !strncmp(name, ".tscompose-", 11) && name[11] >= '0' && name[11] <= '9'; }

/* Takes what is there away, and counts drafts. */
static unsigned empty(const char *path, bool keep)
{
	unsigned drafts = 0;
	DIR *directory = opendir(path);
	CHECK(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		char child[8192];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		CHECK((size_t)snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < sizeof child);
		drafts += is_draft(entry->d_name);
		if (entry->d_type == DT_DIR)
			drafts += empty(child, keep);
		if (!keep)
			CHECK(remove(child) == 0);
	}
	closedir(directory);
	return drafts;
}

static void check_beside(void)
{
	char text[64] = {0};
	struct stat found;
	int fd = sys_open("/beside/secret", O_RDONLY | O_NOFOLLOW, 0);
	CHECK(fd >= 0 && read(fd, text, sizeof text) == sizeof secret - 1 && !strcmp(text, secret));
	CHECK(fstat(fd, &found) == 0 && found.st_mode == (S_IFREG | 0600) && found.st_nlink == 1);
	close(fd);
	CHECK(stat("/beside", &found) == 0 && found.st_mode == (S_IFDIR | 0700) && found.st_uid == 0);
	/* The root, and what is beside it. */
	unsigned names = 0;
	DIR *top = opendir("/");
	CHECK(top);
	while (readdir(top))
		names++;
	closedir(top);
	CHECK(names == 4);
}

static const char *const paths[] = {
	"/", "/file", "/dir", "/dir/deep/file", "/dir/new", "/new/below/it", "/absolute", "/absolute/secret", "/relative/secret",
	"/dir/secret", "/loop", "/loop/x", "/fifo", "/null", "/../beside/secret", "/dir/../../beside", "file", "", "//", "/dir/",
};

/* The first six lead nowhere else. */
static const char *some_path(void) { return paths[next(next(2) ? 6 : sizeof paths / sizeof paths[0])]; }

/* One good request at `to`; its size. */
static size_t make_request(uint8_t *to)
{
	const char *path = some_path();
	struct tsc_file_request head = {
		/* Files are rather written than removed, so that there is something to be found. */
		.op = (uint16_t)(next(3) ? 1 + next(TSC_FILE_LINK) : TSC_FILE_WRITE + next(3)),
		.flags = next(8),
		.mode = next(2) ? 0644 : interesting(),
		.uid = next(4) ? 0 : interesting(),
		.gid = next(4) ? 0 : interesting(),
		.mtime_ns = next(2) ? 0 : (uint64_t)interesting() << next(32),
	};
	if (head.op == TSC_FILE_DATA || head.op == TSC_FILE_COMMIT)
		path = "";
	head.path_length = (uint16_t)strlen(path);
	size_t size = sizeof head + head.path_length, data = 0;
	memcpy(to + sizeof head, path, head.path_length);
	if (head.op == TSC_FILE_SYMLINK || head.op == TSC_FILE_LINK) {
		const char *text = some_path();
		memcpy(to + size, text, data = strlen(text));
	} else if (head.op == TSC_FILE_DATA) {
		data = next(8) ? next(300) : TSC_FILE_CHUNK;
		memset(to + size, 'd', data);
	}
	head.size = (uint32_t)(size += data);
	memcpy(to, &head, sizeof head);
	return size;
}

/* Some requests, most of them mutated a little; how many bytes. */
static size_t make_stream(void)
{
	size_t size = 0;
	for (uint32_t i = 1 + next(MOST_REQUESTS); i > 0; i--) {
		size_t added = make_request(stream + size);
		if (next(3) == 0) {
			uint8_t *head = stream + size;
			/* The size mostly stays, so that what follows is read as requests. */
			uint32_t claimed = (uint32_t)added;
			added = mutate_bytes(head, added, added, added);
			if (next(8))
				memcpy(head, &claimed, sizeof claimed);
		}
		size += added;
	}
	return next(4) ? size : size - next((uint32_t)(size < 100 ? size : 100));
}

/* What must be answered, by the rules of the protocol and nothing else: operations in order. */
static size_t expect(size_t size, uint16_t ops[MOST_REQUESTS * 4])
{
	size_t count = 0;
	for (size_t at = 0; size - at >= sizeof(struct tsc_file_request);) {
		struct tsc_file_request head;
		memcpy(&head, stream + at, sizeof head);
		if (head.size < sizeof head || head.size > REQUEST_ROOM || head.path_length > 4096 ||
		    head.path_length > head.size - sizeof head || head.size > size - at)
			break;
		if (head.op != TSC_FILE_DATA)
			ops[count++] = head.op;
		at += head.size;
	}
	return count;
}

static size_t check_answers(int fd, const uint16_t *ops, size_t expected)
{
	off_t size = lseek(fd, 0, SEEK_END);
	size_t done = 0, failed = 0;
	CHECK(size >= 0 && (size_t)size <= sizeof answers && pread(fd, answers, (size_t)size, 0) == size);
	for (size_t at = 0; at < (size_t)size;) {
		struct tsc_file_reply head;
		CHECK((size_t)size - at >= sizeof head);
		memcpy(&head, answers + at, sizeof head);
		CHECK(head.size >= sizeof head && head.size <= (size_t)size - at && done < expected && head.op == ops[done]);
		CHECK(head.error >= 0 && head.error < 4096 && (head.error == 0 || head.size == sizeof head));
		CHECK(!memmem(answers + at, head.size, secret, sizeof secret - 1));
		failed += head.error != 0;
		done += !head.more;
		at += head.size;
	}
	CHECK(done == expected);
	return failed;
}

static int anonymous_file(int as)
{
	int fd = memfd_create("stream", 0);
	CHECK(fd >= 0 && dup2(fd, as) == as);
	return fd;
}

int main(int argc, char **argv)
{
	static uint16_t ops[MOST_REQUESTS * 4];
	CHECK(argc == 4);
	unsigned long rounds = strtoul(argv[1], NULL, 10), answered = 0, failed = 0;
	random_state = strtoull(argv[2], NULL, 10) | 1;
	FILE *said = fdopen(dup(1), "w");
	struct tsc_file_service service = {.root = -1, .proc = sys_open("/proc", O_PATH | O_DIRECTORY, 0), .draft = {.fd = -1, .parent = -1}};
	CHECK(said && service.proc >= 0 && chroot(argv[3]) == 0 && chdir("/") == 0);
	CHECK(mkdir("/beside", 0700) == 0);
	put_file("/beside/secret", secret);
	int in = anonymous_file(0), out = anonymous_file(1);
	umask(0);
	for (unsigned long round = 0; round < rounds; round++) {
		if (round % ROUNDS_A_TREE == 0) {
			make_tree();
			service.root = sys_open("/root", O_PATH | O_DIRECTORY, 0);
		}
		size_t size = make_stream(), expected = expect(size, ops);
		CHECK(ftruncate(in, 0) == 0 && pwrite(in, stream, size, 0) == (ssize_t)size && lseek(in, 0, SEEK_SET) == 0);
		CHECK(ftruncate(out, 0) == 0 && lseek(out, 0, SEEK_SET) == 0);
		struct tsc_file_call call;
		while (read_request(&call) && answer(&service, &call))
			;
		tsc_drop_draft(&service.draft);
		failed += check_answers(out, ops, expected);
		answered += expected;
		CHECK(empty("/root", true) == 0);
		check_beside();
		if (round % ROUNDS_A_TREE == ROUNDS_A_TREE - 1 || round == rounds - 1) {
			close(service.root);
			empty("/root", false);
			CHECK(rmdir("/root") == 0);
		}
	}
	CHECK(remove("/beside/secret") == 0 && rmdir("/beside") == 0);
	/* Neither is anything left open. */
	int last = dup(0);
	CHECK(last >= 0 && last < 16);
	fprintf(said, "%lu rounds, %lu answered, %lu refused\n", rounds, answered, failed);
	return fclose(said);
}
