/* Who the process is: user and group ids, capabilities. */
#include <abi/handler.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/credentials.h>

SYSCALL_0(sys_getuid)
{
	return credentials_current()->uid;
}

SYSCALL_0(sys_geteuid)
{
	return credentials_current()->euid;
}

SYSCALL_0(sys_getgid)
{
	return credentials_current()->gid;
}

SYSCALL_0(sys_getegid)
{
	return credentials_current()->egid;
}

SYSCALL_1(sys_setuid, uid)
{
	return credentials_set_uid((u32)uid);
}

SYSCALL_1(sys_setgid, gid)
{
	return credentials_set_gid((u32)gid);
}

SYSCALL_2(sys_setreuid, uid, euid)
{
	return credentials_set_reuid((u32)uid, (u32)euid);
}

SYSCALL_2(sys_setregid, gid, egid)
{
	return credentials_set_regid((u32)gid, (u32)egid);
}

SYSCALL_3(sys_setresuid, uid, euid, suid)
{
	return credentials_set_resuid((u32)uid, (u32)euid, (u32)suid);
}

SYSCALL_3(sys_setresgid, gid, egid, sgid)
{
	return credentials_set_resgid((u32)gid, (u32)egid, (u32)sgid);
}

SYSCALL_1(sys_setfsuid, uid)
{
	return credentials_set_fsuid((u32)uid);
}

SYSCALL_1(sys_setfsgid, gid)
{
	return credentials_set_fsgid((u32)gid);
}

static long three_out(vaddr_t a, vaddr_t b, vaddr_t c, u32 first, u32 second, u32 third)
{
	if (copy_out(a, &first, sizeof(first)) || copy_out(b, &second, sizeof(second)) ||
	    copy_out(c, &third, sizeof(third)))
		return -EFAULT;
	return 0;
}

SYSCALL_3(sys_getresuid, uid, euid, suid)
{
	const struct credentials *own = credentials_current();

	return three_out(uid, euid, suid, own->uid, own->euid, own->suid);
}

SYSCALL_3(sys_getresgid, gid, egid, sgid)
{
	const struct credentials *own = credentials_current();

	return three_out(gid, egid, sgid, own->gid, own->egid, own->sgid);
}

SYSCALL_2(sys_getgroups, size_argument, list)
{
	const struct credentials *own = credentials_current();
	int size = (int)size_argument;

	if (size < 0 || (size && (u32)size < own->group_count))
		return -EINVAL;
	if (size && copy_out(list, own->groups, own->group_count * sizeof(own->groups[0])))
		return -EFAULT;
	return own->group_count;
}

SYSCALL_2(sys_setgroups, count, list)
{
	return credentials_set_groups((u32)count, list);
}

/* capget(2): the versions differ in how many words of 32 bits each set has. */
enum { CAPABILITY_V1 = 0x19980330, CAPABILITY_V2 = 0x20071026, CAPABILITY_V3 = 0x20080522 };

struct capability_header {
	u32 version;
	s32 pid;
};
struct capability_words {
	u32 effective, permitted, inheritable;
};

/* Words per set, or -EINVAL after telling the caller which version is known. */
static int capability_header_in(vaddr_t from, struct capability_header *header)
{
	const u32 known = CAPABILITY_V3;

	if (copy_in(header, from, sizeof(*header)))
		return -EFAULT;
	if (header->version == CAPABILITY_V1)
		return 1;
	if (header->version == CAPABILITY_V2 || header->version == CAPABILITY_V3)
		return 2;
	return copy_out(from, &known, sizeof(known)) ? -EFAULT : -EINVAL;
}

SYSCALL_2(sys_capget, user_header, data)
{
	struct capability_words words[2];
	struct capability_header header;
	struct process *process;
	int count = capability_header_in(user_header, &header);

	if (count == -EINVAL && !data)
		return 0;
	if (count < 0)
		return count;
	if (header.pid < 0)
		return -EINVAL;
	process = process_find(header.pid ? header.pid : process_current()->id->number);
	if (!process)
		return -ESRCH;
	for (int i = 0; i < count; i++) {
		const struct credentials *credentials = &process->credentials;

		words[i].effective = (u32)(credentials->capabilities_effective >> 32 * i);
		words[i].permitted = (u32)(credentials->capabilities_permitted >> 32 * i);
		words[i].inheritable = (u32)(credentials->capabilities_inheritable >> 32 * i);
	}
	process_put(process);
	if (data && copy_out(data, words, (size_t)count * sizeof(words[0])))
		return -EFAULT;
	return 0;
}

SYSCALL_2(sys_capset, user_header, data)
{
	struct capability_words words[2] = { { 0 } };
	struct capability_header header;
	int count = capability_header_in(user_header, &header);

	if (count < 0)
		return count;
	if (header.pid && header.pid != process_current()->id->number)
		return -EPERM;
	if (copy_in(words, data, (size_t)count * sizeof(words[0])))
		return -EFAULT;
	return credentials_set_capabilities((u64)words[1].effective << 32 | words[0].effective,
					    (u64)words[1].permitted << 32 | words[0].permitted,
					    (u64)words[1].inheritable << 32 | words[0].inheritable);
}
