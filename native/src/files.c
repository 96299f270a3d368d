/* The file service: join, give up what is not needed, answer requests until stdin ends. */
#include "files.h"
#include "shim.h"
#include "text.h"

#include <linux/stat.h>

#define REQUEST_ROOM (sizeof(struct tsc_file_request) + 4096u + TSC_FILE_CHUNK)

/* Enough to give files any owner and mode, nothing that reaches beyond files. */
enum { FILE_CAPS = 1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH | 1 << CAP_FOWNER | 1 << CAP_FSETID };

static _Alignas(8) char request_bytes[REQUEST_ROOM + 2];
static _Alignas(8) char reply_bytes[sizeof(struct tsc_file_reply) + TSC_FILE_CHUNK];

static bool read_all(char *into, size_t size)
{
	for (size_t done = 0; done < size;) {
		long got = sys_read(0, into + done, size - done);
		if (got == -EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static bool reply(uint16_t op, int error, uint32_t data_size, bool more)
{
	struct tsc_file_reply head = {.size = (uint32_t)sizeof head + data_size, .error = error, .op = op, .more = more};
	memcpy(reply_bytes, &head, sizeof head);
	for (size_t done = 0; done < head.size;) {
		long put = sys_write(1, reply_bytes + done, head.size - done);
		if (put == -EINTR)
			continue;
		if (put <= 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

static char *reply_data(void) { return reply_bytes + sizeof(struct tsc_file_reply); }

static int open_at(const struct tsc_file_service *service, const char *path, uint64_t flags)
{
	return tsc_resolve(service->root, path, flags, TSC_RESOLVE_INSIDE);
}

static bool answer_stat(const struct tsc_file_service *service, const struct tsc_file_call *call)
{
	bool follow = call->head->flags & TSC_FILE_FOLLOW;
	int fd = open_at(service, call->path, O_PATH | (follow ? 0u : (unsigned)O_NOFOLLOW));
	struct statx found;
	int error = fd < 0 ? fd : sys_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &found);
	if (fd >= 0)
		sys_close(fd);
	if (error < 0)
		return reply(TSC_FILE_STAT, -error, 0, false);
	struct tsc_file_stat stat = {
		.mode = found.stx_mode,
		.uid = found.stx_uid,
		.gid = found.stx_gid,
		.links = found.stx_nlink,
		.size = found.stx_size,
		.mtime_ns = (uint64_t)found.stx_mtime.tv_sec * 1000000000u + found.stx_mtime.tv_nsec,
		.inode = found.stx_ino,
		.device_major = found.stx_dev_major,
		.device_minor = found.stx_dev_minor,
		.rdev_major = found.stx_rdev_major,
		.rdev_minor = found.stx_rdev_minor,
	};
	memcpy(reply_data(), &stat, sizeof stat);
	return reply(TSC_FILE_STAT, 0, sizeof stat, false);
}

/* READ and LIST: chunks until the end. */
static bool answer_stream(const struct tsc_file_service *service, const struct tsc_file_call *call)
{
	uint16_t op = call->head->op;
	bool list = op == TSC_FILE_LIST;
	int fd = tsc_open_checked(service->proc, open_at(service, call->path, O_PATH | O_NOFOLLOW), list, O_RDONLY);
	if (fd < 0)
		return reply(op, -fd, 0, false);
	bool going = true;
	long got;
	do {
		got = list ? sys_getdents(fd, reply_data(), TSC_FILE_CHUNK) : sys_read(fd, reply_data(), TSC_FILE_CHUNK);
		going = reply(op, got < 0 ? (int)-got : 0, got > 0 ? (uint32_t)got : 0, got > 0);
	} while (going && got > 0);
	sys_close(fd);
	return going;
}

static bool answer_readlink(const struct tsc_file_service *service, const struct tsc_file_call *call)
{
	int fd = open_at(service, call->path, O_PATH | O_NOFOLLOW);
	long got = fd < 0 ? fd : sys_readlinkat(fd, "", reply_data(), 4096);
	if (fd >= 0)
		sys_close(fd);
	return reply(TSC_FILE_READLINK, got < 0 ? (int)-got : 0, got > 0 ? (uint32_t)got : 0, false);
}

static int make_directory_at(int parent, const char *name, const struct tsc_file_call *call)
{
	int result = sys_mkdirat(parent, name, 0700);
	if (result == -EEXIST) {
		int there = tsc_resolve(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
		if (there >= 0)
			sys_close(there);
		return there < 0 ? -EEXIST : 0;
	}
	if (result < 0)
		return result;
	int made = sys_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (made < 0)
		return made;
	result = tsc_set_attributes(made, call->head);
	sys_close(made);
	return result;
}

static int replace_with_symlink(int parent, const char *name, const struct tsc_file_call *call)
{
	int result = sys_unlinkat(parent, name, 0);
	if (result < 0 && result != -ENOENT)
		return result;
	result = sys_symlinkat(call->data, parent, name);
	return result < 0 ? result : sys_fchownat(parent, name, call->head->uid, call->head->gid, AT_SYMLINK_NOFOLLOW);
}

static int replace_with_link(const struct tsc_file_service *service, int parent, const char *name,
			     const struct tsc_file_call *call)
{
	char first[256], draft[32];
	int from = tsc_open_directory_of(service->root, call->data, false, first);
	if (from < 0)
		return from;
	int result = tsc_name_draft(draft);
	if (result == 0)
		result = sys_linkat(from, first, parent, draft);
	sys_close(from);
	if (result < 0)
		return result;
	result = sys_renameat(parent, draft, parent, name);
	/* Two names of one file are not renamed over each other, and both stay. */
	sys_unlinkat(parent, draft, 0);
	return result;
}

static int open_name(const struct tsc_file_service *service, int parent, const char *name, bool directory)
{
	int probe = sys_openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	return tsc_open_checked(service->proc, probe, directory, O_RDONLY);
}

static int set_attributes_at(const struct tsc_file_service *service, int parent, const char *name,
			     const struct tsc_file_call *call)
{
	int fd = open_name(service, parent, name, true);
	if (fd == -ENOTDIR)
		fd = open_name(service, parent, name, false);
	if (fd < 0)
		return fd;
	int result = tsc_set_attributes(fd, call->head);
	sys_close(fd);
	return result;
}

/* The ops that change one name in a directory. */
static int change(struct tsc_file_service *service, const struct tsc_file_call *call)
{
	char name[256];
	int parent = tsc_open_directory_of(service->root, call->path, call->head->flags & TSC_FILE_PARENTS, name);
	if (parent < 0)
		return parent == -ENOENT && call->head->op == TSC_FILE_REMOVE ? 0 : parent;
	int result = tsc_check_writable_kind(parent);
	if (result == 0) {
		if (call->head->op == TSC_FILE_MKDIR)
			result = make_directory_at(parent, name, call);
		else if (call->head->op == TSC_FILE_SYMLINK)
			result = replace_with_symlink(parent, name, call);
		else if (call->head->op == TSC_FILE_LINK)
			result = replace_with_link(service, parent, name, call);
		else if (call->head->op == TSC_FILE_REMOVE)
			result = tsc_remove_tree(parent, name, 0);
		else
			result = set_attributes_at(service, parent, name, call);
	}
	sys_close(parent);
	return result;
}

static bool answer(struct tsc_file_service *service, const struct tsc_file_call *call)
{
	uint16_t op = call->head->op;
	int result;
	switch ((enum tsc_file_op)op) {
	case TSC_FILE_STAT:
		return answer_stat(service, call);
	case TSC_FILE_LIST:
	case TSC_FILE_READ:
		return answer_stream(service, call);
	case TSC_FILE_READLINK:
		return answer_readlink(service, call);
	case TSC_FILE_WRITE:
		result = tsc_begin_file(service, call);
		return reply(op, result < 0 ? -result : 0, 0, false);
	case TSC_FILE_DATA:
		/* Answered by COMMIT alone, so that data can be sent without waiting: the first failure is kept. */
		result = tsc_add_file_data(service, call);
		if (result < 0 && service->draft.error == 0)
			service->draft.error = result;
		return true;
	case TSC_FILE_COMMIT:
		result = service->draft.error < 0 ? service->draft.error : tsc_commit_file(service);
		return reply(op, result < 0 ? -result : 0, 0, false);
	case TSC_FILE_MKDIR:
	case TSC_FILE_SYMLINK:
	case TSC_FILE_REMOVE:
	case TSC_FILE_SETATTR:
	case TSC_FILE_LINK:
		result = change(service, call);
		return reply(op, result < 0 ? -result : 0, 0, false);
	}
	return reply(op, ENOSYS, 0, false);
}

/* One request into the buffer, path and data NUL-terminated. false at the end of stdin or when it is no request. */
static bool read_request(struct tsc_file_call *call)
{
	static char path[4096 + 1];
	const struct tsc_file_request *head = (const void *)request_bytes;
	if (!read_all(request_bytes, sizeof *head))
		return false;
	size_t rest = head->size - sizeof *head;
	if (head->size < sizeof *head || head->size > REQUEST_ROOM || head->path_length > rest || head->path_length > 4096)
		return false;
	if (!read_all(request_bytes + sizeof *head, rest))
		return false;
	request_bytes[head->size] = 0;
	memcpy(path, request_bytes + sizeof *head, head->path_length);
	path[head->path_length] = 0;
	*call = (struct tsc_file_call){
		.head = head,
		.path = path,
		.data = request_bytes + sizeof *head + head->path_length,
		.data_size = (uint32_t)(rest - head->path_length),
	};
	return true;
}

static int give_up_capabilities(void)
{
	struct __user_cap_data_struct set[2] = {{.effective = FILE_CAPS, .permitted = FILE_CAPS}, {0}};
	return sys_capset(set);
}

/* The container's mount namespace, entered through a pidfd whose process is certainly the one that was meant. */
static int join(const char *pid_text, const char *start_text)
{
	uint64_t pid, start;
	const char *rest;
	if (!tsc_parse_number(pid_text, &pid, &rest) || !tsc_parse_number(start_text, &start, &rest) || pid > INT32_MAX)
		return -EINVAL;
	int pidfd = tsc_open_container((int)pid, start);
	if (pidfd < 0)
		return pidfd;
	int result = sys_setns(pidfd, CLONE_NEWNS);
	sys_close(pidfd);
	return result;
}

/*
 * The root of a container that does not run, mounted where nobody else sees it. LOWER... lie one after the other in memory,
 * each with its NUL, as execve(2) has put them there: that is how the op of the setup program has them, too.
 */
static int mount_layers(int argc, char **argv, int *root)
{
	const char *first = argv[5], *last = argv[argc - 1];
	struct tsc_op op = {
		.string = {first, argv[3], argv[4]},
		.length = {(uint32_t)(last + strlen(last) + 1 - first), (uint32_t)strlen(argv[3]), (uint32_t)strlen(argv[4])},
	};
	struct tsc_setup setup = {.state_dir = -1, .root = -1};
	int result = sys_unshare(CLONE_NEWNS);
	if (result == 0)
		result = sys_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	if (result == 0)
		result = setup.state_dir = sys_open(argv[2], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (result < 0)
		return result;
	result = tsc_mount_overlay(&setup, &op);
	sys_close(setup.state_dir);
	*root = setup.root;
	return result;
}

static int enter_running(char **argv, int *root)
{
	int result = join(argv[2], argv[3]);
	if (result == 0)
		result = *root = sys_open("/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return result;
}

int tsc_serve_files(int argc, char **argv)
{
	struct tsc_file_service service = {.root = -1, .proc = -1, .draft = {.fd = -1, .parent = -1}};
	struct tsc_file_call call;
	bool layers = tsc_same_text(argv[1], "layers");
	if (layers ? argc < 6 : argc != 4)
		return 2;
	int result = layers ? mount_layers(argc, argv, &service.root) : enter_running(argv, &service.root);
	struct tsc_setup place = {.proc = -1};
	if (result >= 0)
		result = tsc_open_private_proc(&place);
	service.proc = place.proc;
	if (result >= 0)
		result = give_up_capabilities();
	/* The greeting: whether the container could be joined. */
	if (!reply(0, result < 0 ? -result : 0, 0, false) || result < 0)
		return 1;
	sys_umask(0);
	while (read_request(&call))
		if (!answer(&service, &call))
			break;
	tsc_drop_draft(&service.draft);
	return 0;
}
