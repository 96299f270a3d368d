/*
 * `tsc-shim files PID START`: the files of a running container, as its own mount namespace shows them, over stdin and
 * stdout. `tsc-shim layers PLACE UPPER WORK LOWER...`: those of one that does not run, its root without what is mounted in
 * it; only to be read when UPPER and WORK are empty. They serve `cp`, `export` and the sync of watch mode;
 * src/runtime/linux/files/protocol.ts is the same table.
 *
 * Nothing of the container is executed or trusted: the process joins only the mount namespace, so that every symbolic
 * link ends inside (CVE-2018-15664), follows no link in a last component, refuses procfs, sysfs and cgroupfs for changes,
 * and keeps no capability beyond those that file ownership needs.
 *
 *   request  struct tsc_file_request · path (absolute, no NUL) · data
 *   reply    struct tsc_file_reply · data
 *
 * Requests are answered in order; READ and LIST with several replies, the last of which has `more` = 0.
 */
#ifndef TSC_FILES_PROTOCOL_H
#define TSC_FILES_PROTOCOL_H

#include <stdint.h>

#define TSC_FILE_CHUNK 65536u /* most data in one request or reply */

enum tsc_file_op {
	TSC_FILE_STAT = 1,    /* → struct tsc_file_stat; flags TSC_FILE_FOLLOW */
	TSC_FILE_LIST = 2,    /* → struct linux_dirent64[] as getdents64(2) gives them */
	TSC_FILE_READ = 3,    /* → the bytes of a regular file */
	TSC_FILE_READLINK = 4,
	TSC_FILE_WRITE = 5,   /* begins a regular file beside its place: mode, uid, gid, mtime */
	TSC_FILE_DATA = 6,    /* data for the file begun; no path; not answered: the first failure is COMMIT's */
	TSC_FILE_COMMIT = 7,  /* the file takes its place in one rename; no path */
	TSC_FILE_MKDIR = 8,   /* mode, uid, gid; an existing directory is fine; flags TSC_FILE_PARENTS */
	TSC_FILE_SYMLINK = 9, /* data = what it says; takes the place of a file or link */
	TSC_FILE_REMOVE = 10, /* whatever is there, with all below it; nothing there is fine */
	TSC_FILE_SETATTR = 11, /* mode, uid, gid, mtime of a file or directory, not of a link's target */
	TSC_FILE_LINK = 12,    /* data = the absolute path of a file that is to have this name as well; takes the place of a file */
};

enum tsc_file_flag {
	TSC_FILE_FOLLOW = 1,   /* a symbolic link in the last component is followed, inside the container */
	TSC_FILE_PARENTS = 2,  /* missing parents are made, 0755 root */
	TSC_FILE_KEEP = 4,     /* WRITE: owner and mode of the file that is there are kept */
};

struct tsc_file_request {
	uint32_t size; /* of all */
	uint16_t op;
	uint16_t path_length;
	uint32_t flags;
	uint32_t mode; /* permission bits */
	uint32_t uid;
	uint32_t gid;
	uint64_t mtime_ns; /* 0: as it comes */
};
_Static_assert(sizeof(struct tsc_file_request) == 32, "request layout");

struct tsc_file_reply {
	uint32_t size; /* of all */
	int32_t error; /* errno, 0 = done */
	uint16_t op;
	uint16_t more;
	uint32_t pad;
};
_Static_assert(sizeof(struct tsc_file_reply) == 16, "reply layout");

struct tsc_file_stat {
	uint32_t mode; /* with the type */
	uint32_t uid;
	uint32_t gid;
	uint32_t links;
	uint64_t size;
	uint64_t mtime_ns;
	uint64_t inode;
	uint32_t device_major, device_minor; /* of the filesystem */
	uint32_t rdev_major, rdev_minor;     /* of a device node */
};
_Static_assert(sizeof(struct tsc_file_stat) == 56, "stat layout");

#endif
