/* cgroups on a host with v1 hierarchies, beside cgroup2 or without any. */
#include "floor.h"

static char hierarchy[MAX_HIERARCHIES][512]; /* our own cgroup in each v1 hierarchy */
int hierarchies;
char unified[512];

int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* The mount point of a hierarchy by its controller: the conventional place, made sure by looking for cgroup.procs. */
void find_cgroups(void)
{
	FILE *own = fopen("/proc/self/cgroup", "r");
	char line[1024];
	must(own != NULL, "/proc/self/cgroup");
	while (fgets(line, sizeof line, own)) {
		char *controllers = strchr(line, ':') + 1, *path = strchr(controllers, ':');
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		char probe[600], place[512];
		if (!strncmp(controllers, "name=", 5))
			controllers += 5;
		if (!*controllers) {
			snprintf(place, sizeof place, "/sys/fs/cgroup/unified%s", path);
			if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) != 0)
				snprintf(place, sizeof place, "/sys/fs/cgroup%s", path);
		} else {
			snprintf(place, sizeof place, "/sys/fs/cgroup/%s%s", controllers, path);
		}
		snprintf(probe, sizeof probe, "%s/cgroup.procs", place);
		if (access(probe, F_OK) != 0)
			continue;
		strcpy(*controllers ? hierarchy[hierarchies++] : unified, place);
	}
	fclose(own);
	must(unified[0] != 0, "cgroup2");
}

const struct limit limits[LIMITS] = {
	{ "/cpu/", "cpu", { { "cpu.cfs_period_us", "100000" }, { "cpu.cfs_quota_us", "50000" } } },
	{ "/memory/", "memory",
	  { { "memory.limit_in_bytes", "134217728" }, { "memory.memsw.limit_in_bytes", "268435456" } } },
	{ "/pids/", "pids", { { "pids.max", "100" } } },
	{ "/devices/", NULL,
	  { { "devices.deny", "a" },
	    { "devices.allow", "c *:* m" },
	    { "devices.allow", "b *:* m" },
	    { "devices.allow", "c 1:3 rwm" },
	    { "devices.allow", "c 1:5 rwm" },
	    { "devices.allow", "c 1:7 rwm" },
	    { "devices.allow", "c 1:8 rwm" },
	    { "devices.allow", "c 1:9 rwm" },
	    { "devices.allow", "c 5:0 rwm" },
	    { "devices.allow", "c 5:1 rwm" },
	    { "devices.allow", "c 5:2 rwm" },
	    { "devices.allow", "c 136:* rwm" },
	    { "devices.allow", "c 10:200 rwm" } } },
};
const char *place_of(const char *controller)
{
	for (int i = 0; i < hierarchies; i++) {
		char padded[520];
		snprintf(padded, sizeof padded, "%s/", hierarchy[i]);
		if (strstr(padded, controller))
			return hierarchy[i];
	}
	return NULL;
}

void cgroup_path(char *into, size_t size, const char *place, int number)
{
	snprintf(into, size, "%s/floor-%d-%d", place, (int)getpgrp(), number);
}
