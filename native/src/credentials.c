/* User, groups, capabilities, system call filter: in the one order in which each step is still allowed. */
#include "shim.h"
#include "sys_admin.h"

#include <linux/prctl.h>
#include <linux/seccomp.h>

struct filter_program { /* struct sock_fprog */
	uint16_t length;
	const void *instructions;
};

uint64_t tsc_own_capabilities(void)
{
	struct __user_cap_data_struct own[2];
	return sys_capget(own) ? 0 : own[0].permitted | (uint64_t)own[1].permitted << 32;
}

int tsc_seal_syscalls(const struct tsc_op *seccomp)
{
	if (seccomp->length[0] % 8 != 0 || seccomp->length[0] / 8 > 4096 || seccomp->length[0] == 0)
		return -EINVAL;
	struct filter_program program = {(uint16_t)(seccomp->length[0] / 8), seccomp->string[0]};
	int error = sys_seccomp(SECCOMP_SET_MODE_FILTER, seccomp->number[0], &program);
	/* The flags only make it faster (SPEC_ALLOW); a kernel that does not know them still takes the filter. */
	if (error == -EINVAL && seccomp->number[0] != 0)
		error = sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
	return error;
}

static int drop_bounding(uint64_t keep)
{
	for (unsigned capability = 0; capability < 64; capability++) {
		if (keep >> capability & 1)
			continue;
		int error = sys_prctl(PR_CAPBSET_DROP, capability, 0, 0);
		if (error == -EINVAL)
			return 0; /* beyond the kernel's last one */
		/* Without SETPCAP nothing can be dropped; harmless exactly when it is not in the set anyway. */
		if (error && sys_prctl(PR_CAPBSET_READ, capability, 0, 0) == 1)
			return error;
	}
	return 0;
}

static int change_user(const struct tsc_op *user)
{
	/* Groups first: after setresuid we may not. */
	int error = user->length[0] % 4 != 0 ? -EINVAL : sys_setgroups(user->length[0] / 4, user->string[0]);
	if (!error)
		error = user->number[1] > UINT32_MAX - 1 ? -EINVAL : sys_setresgid((uint32_t)user->number[1]);
	if (!error)
		error = user->number[0] > UINT32_MAX - 1 ? -EINVAL : sys_setresuid((uint32_t)user->number[0]);
	return error;
}

static int set_capabilities(const struct tsc_op *caps, uint64_t own)
{
	uint64_t permitted = caps->number[1] & own;
	/* Exactly what was asked, which is nothing by default: CVE-2022-24769 and its four siblings. */
	uint64_t inheritable = caps->number[2] & permitted;
	struct __user_cap_data_struct set[2];
	for (unsigned half = 0; half < 2; half++) {
		set[half].permitted = set[half].effective = (uint32_t)(permitted >> 32 * half);
		set[half].inheritable = (uint32_t)(inheritable >> 32 * half);
	}
	int error = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0);
	if (!error)
		error = sys_capset(set);
	for (unsigned capability = 0; !error && capability < 64; capability++)
		if (caps->number[3] & permitted & inheritable & 1ull << capability)
			error = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0);
	return error;
}

int tsc_take_identity(const struct tsc_identity *identity, uint32_t *op)
{
	uint64_t own = tsc_own_capabilities();
	int error = 0;
	if (identity->no_new_privs) {
		*op = identity->no_new_privs_op;
		error = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	}
	if (!error && identity->has_caps) {
		*op = identity->caps.index;
		error = drop_bounding(identity->caps.number[0]);
	}
	/* Without no_new_privs a filter needs CAP_SYS_ADMIN, which is about to go; with it the filter comes last. */
	if (!error && identity->has_seccomp && !identity->no_new_privs) {
		*op = identity->seccomp.index;
		error = tsc_seal_syscalls(&identity->seccomp);
	}
	if (!error && identity->has_user) {
		*op = identity->user.index;
		error = sys_prctl(PR_SET_KEEPCAPS, identity->has_caps, 0, 0);
		if (!error)
			error = change_user(&identity->user);
		if (!error)
			error = sys_prctl(PR_SET_KEEPCAPS, 0, 0, 0);
	}
	if (!error && identity->has_caps) {
		*op = identity->caps.index;
		error = set_capabilities(&identity->caps, own);
	}
	return error;
}
