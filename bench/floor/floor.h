/* What the parts of the floor share. */
#pragma once

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HIERARCHIES 16

/* Where all is made. */
extern const char *directory;
/* In a container: where a byte says that it did not get as far as its exec. */
extern int failures;
void must(int ok, const char *what);

/* cgroups.c. Only hierarchies that carry a limit get a directory, as tscompose does it. */
extern int hierarchies;
extern char unified[512]; /* our own cgroup2 */
extern const struct limit {
	const char *controller, *name; /* name: shown to the container */
	const char *writes[16][2];
} limits[];
#define LIMITS 4
int put(const char *path, const char *text);
void find_cgroups(void);
const char *place_of(const char *controller);
void cgroup_path(char *into, size_t size, const char *place, int number);

/* root.c */
extern const char *const bound[3]; /* files of its own that are bound over those in /etc */
void set_up_root(int number);
