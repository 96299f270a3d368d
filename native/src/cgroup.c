/* cgroups: directories, attaching, the device program, OOM counters, removal. */
#include "shim.h"
#include "sys_admin.h"

#include <linux/bpf.h>
#include <linux/inotify.h>

int tsc_make_directories(const char *path, unsigned mode)
{
	char prefix[TSC_STACK_PATH], name[256];
	struct tsc_text text = tsc_start_text(prefix, sizeof prefix);
	if (!tsc_is_plain_path(path))
		return -EINVAL;
	int error = sys_mkdirat(AT_FDCWD, path, mode);
	if (error == -EEXIST)
		return 1;
	if (error != -ENOENT)
		return error;
	error = 0;
	while (!error && tsc_next_name(&path, name) > 0) {
		tsc_add_text(&text, "/");
		tsc_add_text(&text, name);
		error = text.cut ? -ENAMETOOLONG : sys_mkdirat(AT_FDCWD, prefix, *path ? mode | 0111 : mode);
		error = error == -EEXIST ? 0 : error;
	}
	return error;
}

/* 256 zeroed bytes: kernels from 6.17 on write back beyond the size some callers pass. */
union bpf_call {
	union bpf_attr attr;
	uint8_t room[256];
};

static bool has_device_program(int cgroup)
{
	union bpf_call query;
	memset(&query, 0, sizeof query);
	query.attr.query.target_fd = (uint32_t)cgroup;
	query.attr.query.attach_type = BPF_CGROUP_DEVICE;
	/* Where that cannot be asked, one more is better than none. */
	return sys_bpf(BPF_PROG_QUERY, &query, sizeof query.attr) == 0 && query.attr.query.prog_cnt > 0;
}

int tsc_attach_device_program(int cgroup, const struct tsc_op *op, bool may_have_it)
{
	union bpf_call load, attach;
	static const char license[] = ""; /* a device program needs no helper that asks for one */
	memset(&load, 0, sizeof load);
	memset(&attach, 0, sizeof attach);
	if (cgroup < 0 || op->length[0] == 0 || op->length[0] % sizeof(struct bpf_insn) != 0)
		return -EINVAL;
	if (may_have_it && has_device_program(cgroup))
		return 0;
	load.attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.attr.insn_cnt = op->length[0] / (uint32_t)sizeof(struct bpf_insn);
	load.attr.insns = (uintptr_t)op->string[0];
	load.attr.license = (uintptr_t)license;
	int program = sys_bpf(BPF_PROG_LOAD, &load, sizeof load.attr);
	if (program < 0)
		return program;
	attach.attr.target_fd = (uint32_t)cgroup;
	attach.attr.attach_bpf_fd = (uint32_t)program;
	attach.attr.attach_type = BPF_CGROUP_DEVICE;
	attach.attr.attach_flags = BPF_F_ALLOW_MULTI;
	int error = sys_bpf(BPF_PROG_ATTACH, &attach, sizeof attach.attr);
	sys_close(program);
	return error;
}

/* v1: an eventfd that is told of the cgroup by "eventfd memory.oom_control" in cgroup.event_control beside it. */
static int watch_v1(const char *path, int counter, int *event)
{
	char control[TSC_STACK_PATH], line[32];
	struct tsc_text text = tsc_start_text(control, sizeof control);
	size_t cut = strlen(path);
	while (cut > 0 && path[cut - 1] != '/')
		cut--;
	tsc_add_bytes(&text, path, cut);
	tsc_add_text(&text, "cgroup.event_control");
	*event = sys_eventfd(O_CLOEXEC | O_NONBLOCK);
	if (*event < 0)
		return *event;
	struct tsc_text value = tsc_start_text(line, sizeof line);
	tsc_add_number(&value, *event);
	tsc_add_text(&value, " ");
	tsc_add_number(&value, counter);
	return tsc_write_file(AT_FDCWD, control, line, value.size);
}

int tsc_watch_oom(const char *path, unsigned version, int *event, int *counter)
{
	*counter = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (*counter < 0)
		return *counter;
	if (version == 1) {
		/* Refused on real-time kernels; the counter is read at the end in any case. */
		if (watch_v1(path, *counter, event) != 0)
			tsc_close(event);
		return 0;
	}
	*event = sys_inotify(O_CLOEXEC | O_NONBLOCK);
	int error = *event < 0 ? *event : sys_inotify_add(*event, path, IN_MODIFY);
	return error < 0 ? error : 0;
}

uint64_t tsc_count_oom(int counter)
{
	char text[1024];
	uint64_t kills = 0;
	long size = counter < 0 ? 0 : sys_pread(counter, text, sizeof text - 1, 0);
	if (size <= 0)
		return 0;
	text[size] = 0;
	tsc_find_field(text, "oom_kill", &kills);
	return kills;
}

static int remove_one(int dir, const char *name, unsigned depth);

struct entry { /* struct linux_dirent64 */
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[1];
};

/* Directories of the cgroup's own children (a container with a writable cgroup may make some). */
static void remove_children(int dir, unsigned depth)
{
	_Alignas(8) char buffer[2048];
	long got;
	while ((got = sys_getdents(dir, buffer, sizeof buffer)) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *entry = (const void *)(buffer + at);
			at += entry->size;
			if (entry->type == 4 && !tsc_same_text(entry->name, ".") && !tsc_same_text(entry->name, ".."))
				remove_one(dir, entry->name, depth + 1);
		}
	}
}

static int remove_one(int dir, const char *name, unsigned depth)
{
	int error = sys_unlinkat(dir, name, AT_REMOVEDIR);
	if ((error != -EBUSY && error != -ENOTEMPTY) || depth >= 32)
		return error;
	int inside = sys_openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (inside >= 0) {
		remove_children(inside, depth);
		sys_close(inside);
	}
	return sys_unlinkat(dir, name, AT_REMOVEDIR);
}

int tsc_remove_cgroup(const char *path, bool parent)
{
	int error = -EBUSY;
	if (parent) {
		/* Shared by a project: it goes with its last member, and whether that is us is for the kernel to say. */
		error = sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
		return error == -ENOENT || error == -EBUSY || error == -ENOTEMPTY ? 0 : error;
	}
	/* The last task has been waited for, but the kernel lets go of it a moment later. About two seconds in all. */
	for (unsigned ms = 1; error == -EBUSY && ms <= 1024; ms *= 2) {
		if (ms > 1)
			sys_sleep_ms(ms);
		error = remove_one(AT_FDCWD, path, 0);
	}
	return error == -ENOENT ? 0 : error;
}
