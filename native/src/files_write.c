/* Files are written beside their place and renamed into it: whoever reads sees the old one or the new one, whole. */
#include "files.h"
#include "text.h"

#include <linux/stat.h>

static int set_times(int fd, uint64_t mtime_ns)
{
	if (mtime_ns == 0)
		return 0;
	struct __kernel_timespec times[2] = {
		{0, 0x3ffffffe /* UTIME_OMIT: access time stays */},
		{(long long)(mtime_ns / 1000000000u), (long long)(mtime_ns % 1000000000u)},
	};
	return (int)SYS4(__NR_utimensat, fd, 0, times, 0);
}

int tsc_set_attributes(int fd, const struct tsc_file_request *head)
{
	/* Owner before mode: a change of owner clears the set-id bits. */
	int result = sys_fchown(fd, head->uid, head->gid);
	if (result == 0)
		result = sys_fchmod(fd, head->mode & 07777);
	return result < 0 ? result : set_times(fd, head->mtime_ns);
}

void tsc_drop_draft(struct tsc_file_draft *draft)
{
	if (draft->fd < 0)
		return;
	sys_unlinkat(draft->parent, draft->draft_name, 0);
	sys_close(draft->fd);
	sys_close(draft->parent);
	draft->fd = draft->parent = -1;
}

int tsc_name_draft(char name[32])
{
	uint32_t random = 0;
	if (SYS3(__NR_getrandom, &random, sizeof random, 0) != sizeof random)
		return -EIO;
	struct tsc_text text = tsc_start_text(name, 32);
	tsc_add_text(&text, ".tscompose-");
	tsc_add_number(&text, random);
	return 0;
}

int tsc_begin_file(struct tsc_file_service *service, const struct tsc_file_call *call)
{
	struct tsc_file_draft *draft = &service->draft;
	tsc_drop_draft(draft);
	draft->error = 0;
	draft->parent = tsc_open_directory_of(service->root, call->path, call->head->flags & TSC_FILE_PARENTS, draft->name);
	if (draft->parent < 0)
		return draft->parent;
	struct tsc_file_request head = *call->head;
	struct statx old;
	int there = sys_statx(draft->parent, draft->name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &old);
	int result = tsc_check_writable_kind(draft->parent);
	if (result == 0 && there == 0 && (old.stx_mode & 0170000) == 0040000)
		result = -EISDIR;
	if (there == 0 && (old.stx_mode & 0170000) == 0100000 && head.flags & TSC_FILE_KEEP) {
		head.uid = old.stx_uid;
		head.gid = old.stx_gid;
	}
	if (result == 0)
		result = tsc_name_draft(draft->draft_name);
	if (result == 0)
		result = draft->fd =
			sys_openat(draft->parent, draft->draft_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (result < 0) {
		sys_close(draft->parent);
		draft->fd = draft->parent = -1;
		return result;
	}
	draft->mtime_ns = head.mtime_ns;
	head.mtime_ns = 0;
	result = tsc_set_attributes(draft->fd, &head);
	if (result < 0)
		tsc_drop_draft(draft);
	return result;
}

int tsc_add_file_data(struct tsc_file_service *service, const struct tsc_file_call *call)
{
	struct tsc_file_draft *draft = &service->draft;
	if (draft->fd < 0)
		return -EBADF;
	for (uint32_t done = 0; done < call->data_size;) {
		long put = sys_write(draft->fd, call->data + done, call->data_size - done);
		if (put < 0) {
			tsc_drop_draft(draft);
			return (int)put;
		}
		done += (uint32_t)put;
	}
	return 0;
}

/* A single file that is bind-mounted cannot be renamed over (EBUSY): its content is replaced instead. */
static int overwrite(const struct tsc_file_service *service)
{
	const struct tsc_file_draft *draft = &service->draft;
	int probe = sys_openat(draft->parent, draft->name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	int to = tsc_open_checked(service->proc, probe, false, O_WRONLY | O_TRUNC);
	if (to < 0)
		return to;
	int from = sys_openat(draft->parent, draft->draft_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	long moved = from;
	while (from >= 0 && (moved = sys_sendfile(to, from, 1u << 30)) > 0)
		;
	if (from >= 0)
		sys_close(from);
	sys_close(to);
	return moved < 0 ? (int)moved : 0;
}

int tsc_commit_file(struct tsc_file_service *service)
{
	struct tsc_file_draft *draft = &service->draft;
	if (draft->fd < 0)
		return -EBADF;
	int result = set_times(draft->fd, draft->mtime_ns);
	if (result == 0)
		result = sys_renameat(draft->parent, draft->draft_name, draft->parent, draft->name);
	if (result == 0) {
		sys_close(draft->fd);
		sys_close(draft->parent);
		draft->fd = draft->parent = -1;
		return 0;
	}
	if (result == -EBUSY)
		result = overwrite(service);
	tsc_drop_draft(draft);
	return result;
}
