/*
 * Says on stdout which programs and maps of eBPF the kernel has: one line each, kind, id and name. Nothing without the right.
 * With the directory of a cgroup: how many device programs are attached to it.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int next_id(enum bpf_cmd command, uint32_t *id)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.start_id = *id;
	if (bpf(command, &attributes))
		return 0;
	*id = attributes.next_id;
	return 1;
}

static int open_by_id(enum bpf_cmd command, uint32_t id)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.prog_id = id; /* the same place as map_id */
	return bpf(command, &attributes);
}

static void name_of(int fd, int is_map, char name[BPF_OBJ_NAME_LEN + 1])
{
	union {
		struct bpf_prog_info program;
		struct bpf_map_info map;
	} info;
	union bpf_attr attributes;
	memset(&info, 0, sizeof info);
	memset(&attributes, 0, sizeof attributes);
	attributes.info.bpf_fd = (uint32_t)fd;
	attributes.info.info_len = is_map ? sizeof info.map : sizeof info.program;
	attributes.info.info = (uintptr_t)&info;
	name[BPF_OBJ_NAME_LEN] = '\0';
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes))
		strcpy(name, "?");
	else
		memcpy(name, is_map ? info.map.name : info.program.name, BPF_OBJ_NAME_LEN);
}

static void list(const char *kind, enum bpf_cmd next, enum bpf_cmd open)
{
	char name[BPF_OBJ_NAME_LEN + 1];
	for (uint32_t id = 0; next_id(next, &id);) {
		int fd = open_by_id(open, id);
		if (fd < 0)
			continue; /* it has just gone */
		name_of(fd, open == BPF_MAP_GET_FD_BY_ID, name);
		printf("%s %u %s\n", kind, id, name);
		close(fd);
	}
}

static int count_device_programs(const char *cgroup)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.query.target_fd = (uint32_t)open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	attributes.query.attach_type = BPF_CGROUP_DEVICE;
	if (bpf(BPF_PROG_QUERY, &attributes)) {
		perror(cgroup);
		return 1;
	}
	printf("%u\n", attributes.query.prog_cnt);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return count_device_programs(argv[1]);
	list("program", BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID);
	list("map", BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID);
	return 0;
}
