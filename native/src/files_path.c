/* Paths of the file service: every look-up starts at the container's root and ends below it. */
#include "files.h"
#include "shim.h"

#include <linux/magic.h>

#define MAX_DEPTH 200u

int tsc_check_writable_kind(int directory)
{
	struct tsc_statfs stat;
	int result = sys_fstatfs(directory, &stat);
	if (result < 0)
		return result;
	if (stat.type == PROC_SUPER_MAGIC || stat.type == SYSFS_MAGIC || stat.type == CGROUP_SUPER_MAGIC ||
	    stat.type == CGROUP2_SUPER_MAGIC)
		return -EPERM;
	return 0;
}

int tsc_open_checked(int proc, int probe, bool directory, int flags)
{
	struct statx found;
	int result = probe < 0 ? probe : sys_statx(probe, "", AT_EMPTY_PATH, STATX_TYPE, &found);
	if (result == 0 && (found.stx_mode & 0170000) != (directory ? 0040000 : 0100000))
		result = directory ? -ENOTDIR : -EINVAL;
	if (result == 0)
		result = tsc_open_again(proc, probe, flags);
	if (probe >= 0)
		sys_close(probe);
	return result;
}

int tsc_open_directory_of(int root, const char *path, bool make, char name[256])
{
	char prefix[TSC_STACK_PATH];
	struct tsc_text text = tsc_start_text(prefix, sizeof prefix);
	if (!tsc_is_plain_path(path))
		return -EINVAL;
	if (make)
		return tsc_open_parent(root, path, TSC_RESOLVE_INSIDE, name);
	int size = tsc_next_name(&path, name);
	for (;;) {
		char next[256];
		int more = size <= 0 ? -1 : tsc_next_name(&path, next);
		if (more < 0 || text.cut)
			return -EINVAL;
		tsc_add_text(&text, "/");
		if (more == 0)
			return tsc_resolve(root, prefix, O_PATH | O_DIRECTORY, TSC_RESOLVE_INSIDE);
		tsc_add_text(&text, name);
		memcpy(name, next, sizeof next);
	}
}

struct dirent64 {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

static int remove_below(int directory, unsigned depth)
{
	_Alignas(8) char buffer[2048];
	for (;;) {
		long got = sys_getdents(directory, buffer, sizeof buffer);
		if (got <= 0)
			return (int)got;
		bool removed = false;
		for (long at = 0; at < got;) {
			const struct dirent64 *entry = (const void *)(buffer + at);
			at += entry->size;
			if (tsc_same_text(entry->name, ".") || tsc_same_text(entry->name, ".."))
				continue;
			int result = tsc_remove_tree(directory, entry->name, depth);
			if (result < 0)
				return result;
			removed = true;
		}
		/* What was removed shifts the rest on some filesystems: start again until nothing is left to remove. */
		if (removed && SYS3(__NR_lseek, directory, 0, 0) < 0)
			return -EIO;
	}
}

int tsc_remove_tree(int parent, const char *name, unsigned depth)
{
	int result = sys_unlinkat(parent, name, 0);
	if (result == 0 || result == -ENOENT)
		return 0;
	if (result != -EISDIR && result != -EPERM)
		return result;
	if (depth >= MAX_DEPTH)
		return -ELOOP;
	int directory = tsc_resolve(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
	if (directory < 0)
		return directory == -ENOTDIR ? result : directory;
	result = remove_below(directory, depth + 1);
	sys_close(directory);
	return result < 0 ? result : sys_unlinkat(parent, name, AT_REMOVEDIR);
}
