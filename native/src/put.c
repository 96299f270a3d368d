/* PUT: small files on the host. Readers see the old one or the new one, never half of it. */
#include "shim.h"

int tsc_put_file(const struct tsc_op *op)
{
	char draft[TSC_STACK_PATH];
	struct tsc_text text = tsc_start_text(draft, sizeof draft);
	unsigned mode = (unsigned)op->number[0] & 07777;
	tsc_add_text(&text, op->string[0]);
	tsc_add_text(&text, ".new");
	if (text.cut || !tsc_is_plain_path(op->string[0]))
		return -EINVAL;
	int fd = sys_open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return fd;
	int error = tsc_write_all(fd, op->string[1], op->length[1]);
	sys_close(fd);
	if (!error)
		error = sys_renameat(AT_FDCWD, draft, AT_FDCWD, op->string[0]);
	if (error)
		sys_unlinkat(AT_FDCWD, draft, 0);
	return error;
}
