/*
 * Which interpreter a program wants. The kernel's ENOENT for a program that exists means that this file is missing, which
 * is the most common surprise of a foreign root file system; a message that does not name it costs an hour.
 */
#include "shim.h"

#include <linux/elf.h>

static const char *read_script(char *head, size_t size)
{
	char *at = head + 2;
	while (at < head + size && (*at == ' ' || *at == '\t'))
		at++;
	char *end = at;
	while (end < head + size && *end > ' ')
		end++;
	*end = 0;
	return at;
}

static const char *read_elf(int fd, const char *head, size_t size, char out[256])
{
	Elf64_Ehdr elf;
	if (size < sizeof elf)
		return NULL;
	memcpy(&elf, head, sizeof elf);
	if (head[EI_CLASS] != ELFCLASS64 || elf.e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	for (unsigned i = 0; i < elf.e_phnum && i < 64; i++) {
		Elf64_Phdr part;
		if (sys_pread(fd, &part, sizeof part, elf.e_phoff + i * sizeof part) != (long)sizeof part)
			return NULL;
		if (part.p_type != PT_INTERP)
			continue;
		size_t length = part.p_filesz < 255 ? part.p_filesz : 255;
		long got = sys_pread(fd, out, length, part.p_offset);
		out[got > 0 ? got : 0] = 0;
		return out;
	}
	return NULL;
}

bool tsc_find_interpreter(const char *path, char out[256])
{
	char head[257] = "";
	const char *found = NULL;
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return false;
	long size = sys_read(fd, head, sizeof head - 1);
	if (size > 2 && head[0] == '#' && head[1] == '!')
		found = read_script(head, (size_t)size);
	else if (size > 4 && memcmp(head, ELFMAG, SELFMAG) == 0)
		found = read_elf(fd, head, (size_t)size, out);
	sys_close(fd);
	if (!found || !*found)
		return false;
	memmove(out, found, strlen(found) + 1);
	return true;
}
