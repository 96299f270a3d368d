/* The file service of a container; see ../files-protocol.h. */
#ifndef TSC_FILES_H
#define TSC_FILES_H

#include "../files-protocol.h"
#include "sys_admin.h"

/* One request, its strings NUL-terminated in place. */
struct tsc_file_call {
	const struct tsc_file_request *head;
	const char *path;
	const char *data;
	uint32_t data_size;
};

/* A file that is being written: it gets its name when it is whole. */
struct tsc_file_draft {
	int fd;     /* -1: none */
	int parent; /* directory it lies in */
	int error;  /* first failure since WRITE */
	uint64_t mtime_ns;
	char draft_name[32];
	char name[256];
};

struct tsc_file_service {
	int root; /* O_PATH fd of the container's root */
	int proc; /* a procfs that nobody else can reach */
	struct tsc_file_draft draft;
};

/*
 * Command `files`: argv[2] is the pid of the container's PID 1, argv[3] its start time. Command `layers`: argv[2] is a
 * directory of ours, argv[3] the upper of one that does not run, argv[4] its work directory, then its lowers, top first.
 * Returns the exit code.
 */
int tsc_serve_files(int argc, char **argv);

/* Directory and last component of an absolute path; the directory may be made. Returns an O_PATH fd or -errno. */
int tsc_open_directory_of(int root, const char *path, bool make, char name[256]);
/* -EPERM when `directory` lies on a filesystem whose files are knobs of the kernel. */
int tsc_check_writable_kind(int directory);
/*
 * Opens a regular file, or a directory if `directory`: anything else is -EINVAL or -ENOTDIR and is never opened, as a FIFO
 * could block and a device could act, also when it is put there between the look and the opening.
 */
int tsc_open_checked(int proc, int probe, bool directory, int flags);
int tsc_remove_tree(int parent, const char *name, unsigned depth);

/* A name that nothing has yet; -EIO without random numbers. */
int tsc_name_draft(char name[32]);
int tsc_begin_file(struct tsc_file_service *service, const struct tsc_file_call *call);
int tsc_add_file_data(struct tsc_file_service *service, const struct tsc_file_call *call);
int tsc_commit_file(struct tsc_file_service *service);
void tsc_drop_draft(struct tsc_file_draft *draft);
int tsc_set_attributes(int fd, const struct tsc_file_request *head);

#endif
