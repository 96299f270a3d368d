/*
 * A service on a string: connects to the test's socket and does as it is told, one command a line, each answered by a line.
 *
 *   puppet SOCKET NAME
 *
 * says "hello NAME PID" and then obeys
 *   out HEX · err HEX      write these bytes to stdout, stderr
 *   flood STREAM BYTES     write BYTES of numbered 16-byte lines to stream 1 or 2
 *   exit CODE · raise SIG  end
 *   ignore SIG · catch SIG a caught signal is reported as "signal SIG"
 *   hog MIB                allocate and touch memory
 *   fork N                 N children that sleep
 *   bomb                   fork without end
 *   churn N                N children that each fork their successor and end, without end
 *   spin                   burn a core for ever, in a child
 *   leave                  a child in its own session that keeps stdout open
 *   notify HEX             one datagram to NOTIFY_SOCKET, as sd_notify(3) sends it
 *   write PATH HEX · read PATH · list PATH
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int string_fd = -1;

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

/* A line is whole: a signal that is caught in the middle of an answer speaks after it. */
static void say(const char *text)
{
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (write_all(string_fd, text, strlen(text)) != 0 || write_all(string_fd, "\n", 1) != 0)
		_exit(99);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void answer(int failed)
{
	say(failed ? strerror(errno) : "ok");
}

static void on_signal(int number)
{
	char text[32];
	snprintf(text, sizeof text, "signal %d", number);
	say(text);
}

static size_t unhex(const char *hex, char *into)
{
	size_t length = 0;
	unsigned byte;
	while (sscanf(hex, "%2x", &byte) == 1) {
		into[length++] = (char)byte;
		hex += 2;
	}
	return length;
}

static int write_hex(int fd, const char *hex)
{
	char *bytes = malloc(strlen(hex) / 2 + 1);
	int result = write_all(fd, bytes, unhex(hex, bytes));
	free(bytes);
	return result;
}

static int flood(int fd, long long bytes)
{
	static char block[4096 * 16 + 1];
	long long line = 0;
	while (bytes > 0) {
		size_t used = 0;
		while (used + 16 <= sizeof block - 1 && (long long)used < bytes)
			used += (size_t)snprintf(block + used, 17, "%015lld\n", line++);
		if ((long long)used > bytes)
			used = (size_t)bytes;
		if (write_all(fd, block, used) != 0)
			return -1;
		bytes -= (long long)used;
	}
	return 0;
}

static int hog(long mebibytes)
{
	for (long i = 0; i < mebibytes; i++) {
		char *piece = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (piece == MAP_FAILED)
			return -1;
		memset(piece, (int)i | 1, 1 << 20);
	}
	return 0;
}

static int fork_sleepers(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return -1;
		if (pid == 0)
			for (;;)
				pause();
	}
	return 0;
}

static void spin(void)
{
	if (fork() == 0)
		for (volatile unsigned long i = 0;; i++)
			;
}

static void leave(void)
{
	if (fork() == 0) {
		setsid();
		for (;;)
			pause();
	}
}

static void bomb(void)
{
	for (;;)
		if (fork() == 0)
			usleep(1);
}

/* Whoever is listed is gone before it can be killed by its number. */
static void churn(int count)
{
	for (int i = 0; i < count; i++) {
		if (fork() != 0)
			continue;
		setsid();
		for (;;)
			if (fork() > 0)
				_exit(0);
	}
}

static void read_file(const char *path)
{
	static char text[65536], hex[sizeof text * 2 + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n < 0) {
		answer(1);
	} else {
		for (ssize_t i = 0; i < n; i++)
			snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
		hex[2 * n] = 0;
		say(hex);
	}
	if (fd >= 0)
		close(fd);
}

static void list(const char *path)
{
	static char names[65536];
	DIR *directory = opendir(path);
	if (!directory) {
		answer(1);
		return;
	}
	names[0] = 0;
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (strlen(names) + strlen(entry->d_name) + 2 > sizeof names)
			break;
		strcat(names, entry->d_name);
		strcat(names, " ");
	}
	closedir(directory);
	say(names);
}

static int write_file(const char *path, const char *hex)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	int result = write_hex(fd, hex);
	close(fd);
	return result;
}

static int notify(const char *hex)
{
	const char *path = getenv("NOTIFY_SOCKET");
	char bytes[4096];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (!path) {
		errno = ENOTCONN;
		return -1;
	}
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t sent = fd < 0 ? -1 : sendto(fd, bytes, unhex(hex, bytes), MSG_NOSIGNAL, (struct sockaddr *)&address,
					    sizeof address);
	if (fd >= 0)
		close(fd);
	return sent < 0 ? -1 : 0;
}

static void obey(char *line)
{
	char *word = strtok(line, " "), *first = strtok(NULL, " "), *second = strtok(NULL, " ");
	if (!word)
		return;
	if (!first)
		first = "";
	if (!second)
		second = "";
	if (!strcmp(word, "out"))
		answer(write_hex(1, first));
	else if (!strcmp(word, "err"))
		answer(write_hex(2, first));
	else if (!strcmp(word, "flood"))
		answer(flood(atoi(first), atoll(second)));
	else if (!strcmp(word, "exit"))
		exit(atoi(first));
	else if (!strcmp(word, "raise"))
		raise(atoi(first));
	else if (!strcmp(word, "ignore"))
		answer(signal(atoi(first), SIG_IGN) == SIG_ERR);
	else if (!strcmp(word, "catch"))
		answer(signal(atoi(first), on_signal) == SIG_ERR);
	else if (!strcmp(word, "hog"))
		answer(hog(atol(first)));
	else if (!strcmp(word, "fork"))
		answer(fork_sleepers(atoi(first)));
	else if (!strcmp(word, "bomb"))
		bomb();
	else if (!strcmp(word, "churn"))
		churn(atoi(first)), answer(0);
	else if (!strcmp(word, "spin"))
		spin(), answer(0);
	else if (!strcmp(word, "leave"))
		leave(), answer(0);
	else if (!strcmp(word, "notify"))
		answer(notify(first));
	else if (!strcmp(word, "write"))
		answer(write_file(first, second));
	else if (!strcmp(word, "read"))
		read_file(first);
	else if (!strcmp(word, "list"))
		list(first);
	else
		say("unknown command");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 98;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
	string_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (string_fd < 0 || connect(string_fd, (struct sockaddr *)&address, sizeof address) != 0) {
		fprintf(stderr, "puppet: cannot reach %s: %s\n", argv[1], strerror(errno));
		return 97;
	}
	char hello[256];
	snprintf(hello, sizeof hello, "hello %s %d", argv[2], (int)getpid());
	say(hello);

	FILE *commands = fdopen(dup(string_fd), "r");
	char *line = NULL;
	size_t size = 0;
	/* The test that held the string is gone: so are we, unless we were told to be stubborn (ignored signals do not count). */
	for (ssize_t n; (n = getline(&line, &size, commands)) > 0;) {
		line[n - 1] = 0;
		obey(line);
	}
	return 96;
}
