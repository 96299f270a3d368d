/* NETLINK: requests that were made elsewhere go to the kernel, and its answers are read. What they mean is not known here. */
#include "monitor.h"
#include "sys_admin.h"

#include <linux/netlink.h>

static char words[sizeof((struct tsc_report *)0)->text];

/* What the kernel says of a refusal: in attributes behind the head of the request, which is all that it repeats of it. */
static void read_words(const struct nlmsghdr *answer)
{
	const uint8_t *bytes = (const uint8_t *)answer;
	size_t at = sizeof *answer + sizeof(struct nlmsgerr);
	struct nlattr head;
	while ((answer->nlmsg_flags & NLM_F_ACK_TLVS) && at + sizeof head <= answer->nlmsg_len) {
		memcpy(&head, bytes + at, sizeof head);
		if (head.nla_len < sizeof head || head.nla_len > answer->nlmsg_len - at)
			return;
		if (head.nla_type == NLMSGERR_ATTR_MSG) {
			struct tsc_text text = tsc_start_text(words, sizeof words);
			tsc_add_bytes(&text, (const char *)bytes + at + sizeof head, head.nla_len - sizeof head);
			return;
		}
		at += NLMSG_ALIGN(head.nla_len);
	}
}

/* The first refusal in a datagram of answers, which it counts. */
static int read_answers(const uint8_t *bytes, size_t size, uint32_t *count)
{
	struct nlmsghdr head;
	struct nlmsgerr answer;
	int first = 0;
	for (size_t at = 0; at + sizeof head <= size; at += NLMSG_ALIGN(head.nlmsg_len)) {
		memcpy(&head, bytes + at, sizeof head);
		if (head.nlmsg_len < sizeof head || head.nlmsg_len > size - at)
			return -EPROTO;
		if (head.nlmsg_type != NLMSG_ERROR || head.nlmsg_len < sizeof head + sizeof answer)
			continue;
		memcpy(&answer, bytes + at + sizeof head, sizeof answer);
		++*count;
		if (!answer.error || first)
			continue;
		first = answer.error;
		read_words((const struct nlmsghdr *)(const void *)(bytes + at));
	}
	return first;
}

static int hear_answers(int fd, uint32_t wanted)
{
	_Alignas(8) uint8_t bytes[8192];
	uint32_t count = 0;
	int first = 0;
	while (count < wanted && !first) {
		long size = sys_recv(fd, bytes, sizeof bytes, 0);
		if (size == -EINTR)
			continue;
		first = size <= 0 ? (size ? (int)size : -EPROTO) : read_answers(bytes, (size_t)size, &count);
	}
	return first;
}

static uint32_t count_requests(const char *bytes, size_t size)
{
	uint32_t count = 0, length;
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= size; at += NLMSG_ALIGN(length)) {
		memcpy(&length, bytes + at, sizeof length);
		if (length < sizeof(struct nlmsghdr) || length > size - at)
			return 0;
		count++;
	}
	return count;
}

/* A socket is one of the namespace it was made in, wherever its owner goes. */
static int open_socket(const char *namespace, int own)
{
	const int on = 1;
	int there = namespace[0] ? sys_open(namespace, O_RDONLY | O_CLOEXEC, 0) : -1;
	if (namespace[0] && there < 0)
		return there;
	int fd = there < 0 ? 0 : sys_setns(there, CLONE_NEWNET);
	if (!fd)
		fd = sys_socket_of(TSC_AF_NETLINK, TSC_SOCK_RAW | TSC_SOCK_CLOEXEC, NETLINK_ROUTE);
	int error = there < 0 ? 0 : sys_setns(own, CLONE_NEWNET);
	tsc_close(&there);
	if (fd >= 0 && error) {
		sys_close(fd);
		return error;
	}
	if (fd < 0)
		return fd;
	sys_setsockopt(fd, TSC_SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	sys_setsockopt(fd, TSC_SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	return fd;
}

int tsc_ask_kernel(const struct tsc_op *op, const char **subject)
{
	size_t size = op->length[1], gap = op->number[0];
	uint32_t wanted = count_requests(op->string[1], size);
	if (!wanted || (gap && gap + sizeof(int) > size))
		return size ? -EINVAL : 0;
	int own = sys_open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
	if (own < 0)
		return own;
	int fd = open_socket(op->string[0], own);
	if (fd >= 0) {
		size_t filled = gap ? sizeof own : 0;
		struct tsc_iovec parts[3] = {{op->string[1], gap},
					     {&own, filled},
					     {op->string[1] + gap + filled, size - gap - filled}};
		struct tsc_msghdr message = {.vector = parts, .vector_length = 3};
		words[0] = 0;
		long sent = sys_sendmsg(fd, &message, 0);
		int error = sent < 0 ? (int)sent : hear_answers(fd, wanted);
		sys_close(fd);
		fd = error;
		*subject = words[0] ? words : *subject;
	}
	sys_close(own);
	return fd;
}
