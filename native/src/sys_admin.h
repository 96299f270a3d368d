/* Raw system calls that change what a process may do or see: namespaces, mounts, credentials, limits. */
#ifndef TSC_SYS_ADMIN_H
#define TSC_SYS_ADMIN_H

#include <linux/capability.h>
#include <linux/mount.h>

#define MNT_DETACH 2 /* not in the exported headers */

#include "sys.h"

static inline int sys_unshare(uint64_t flags) { return (int)SYS1(__NR_unshare, flags); }
static inline int sys_setns(int fd, uint64_t flags) { return (int)SYS2(__NR_setns, fd, flags); }
static inline int sys_mount(const char *source, const char *target, const char *type, uint64_t flags, const void *data)
{
	return (int)SYS5(__NR_mount, source, target, type, flags, data);
}
static inline int sys_umount(const char *target, int flags) { return (int)SYS2(__NR_umount2, target, flags); }
static inline int sys_pivot_root(const char *root, const char *old)
{
	return (int)SYS2(__NR_pivot_root, root, old);
}
static inline int sys_fsopen(const char *type) { return (int)SYS2(__NR_fsopen, type, FSOPEN_CLOEXEC); }
static inline int sys_fsconfig(int fd, unsigned command, const char *key, const void *value, int extra)
{
	return (int)SYS5(__NR_fsconfig, fd, command, key, value, extra);
}
static inline int sys_fsmount(int fd, uint64_t attributes)
{
	return (int)SYS3(__NR_fsmount, fd, FSMOUNT_CLOEXEC, attributes);
}
static inline int sys_open_tree(int dir, const char *path, unsigned flags)
{
	return (int)SYS3(__NR_open_tree, dir, path, flags);
}
/* Both ends by fd: neither is looked up again, so nobody can swap one in between. */
static inline int sys_move_mount(int mount, int target)
{
	return (int)SYS5(__NR_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
static inline int sys_mount_setattr(int fd, unsigned flags, const struct mount_attr *attributes)
{
	return (int)SYS5(__NR_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attributes, sizeof *attributes);
}
struct tsc_statfs {
	int64_t type;
	int64_t rest[14];
};
static inline int sys_fstatfs(int fd, struct tsc_statfs *out) { return (int)SYS2(__NR_fstatfs, fd, out); }

static inline int sys_sethostname(const char *name, size_t size) { return (int)SYS2(__NR_sethostname, name, size); }
static inline int sys_setdomainname(const char *name, size_t size)
{
	return (int)SYS2(__NR_setdomainname, name, size);
}
static inline int sys_setgroups(size_t count, const void *groups) { return (int)SYS2(__NR_setgroups, count, groups); }
static inline int sys_setresgid(uint32_t gid) { return (int)SYS3(__NR_setresgid, gid, gid, gid); }
static inline int sys_setresuid(uint32_t uid) { return (int)SYS3(__NR_setresuid, uid, uid, uid); }
static inline int sys_capget(struct __user_cap_data_struct out[2])
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	return (int)SYS2(__NR_capget, &header, out);
}
static inline int sys_capset(const struct __user_cap_data_struct set[2])
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	return (int)SYS2(__NR_capset, &header, set);
}
static inline int sys_seccomp(unsigned operation, uint64_t flags, const void *program)
{
	return (int)SYS3(__NR_seccomp, operation, flags, program);
}
static inline int sys_prlimit(int pid, unsigned resource, const struct tsc_rlimit *set, struct tsc_rlimit *old)
{
	return (int)SYS4(__NR_prlimit64, pid, resource, set, old);
}
static inline int sys_join_keyring(void) { return (int)SYS2(__NR_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0); }
static inline int sys_bpf(int command, const void *attributes, unsigned size)
{
	return (int)SYS3(__NR_bpf, command, attributes, size);
}
#endif
