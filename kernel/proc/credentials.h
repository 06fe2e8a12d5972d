#pragma once
/*
 * User and group ids, capabilities: credentials(7), capabilities(7). Of the process, not of each
 * thread: C libraries set those of all threads anyway.
 */
#include <proc/process.h>

enum capability {
	CAP_CHOWN,
	CAP_DAC_OVERRIDE,
	CAP_DAC_READ_SEARCH,
	CAP_FOWNER,
	CAP_FSETID,
	CAP_KILL,
	CAP_SETGID,
	CAP_SETUID,
	CAP_SETPCAP,
	CAP_LINUX_IMMUTABLE,
	CAP_NET_BIND_SERVICE,
	CAP_NET_BROADCAST,
	CAP_NET_ADMIN,
	CAP_NET_RAW,
	CAP_IPC_LOCK,
	CAP_IPC_OWNER,
	CAP_SYS_MODULE,
	CAP_SYS_RAWIO,
	CAP_SYS_CHROOT,
	CAP_SYS_PTRACE,
	CAP_SYS_PACCT,
	CAP_SYS_ADMIN,
	CAP_SYS_BOOT,
	CAP_SYS_NICE,
	CAP_SYS_RESOURCE,
	CAP_SYS_TIME,
	CAP_SYS_TTY_CONFIG,
	CAP_CHECKPOINT_RESTORE = 40,
	CAP_LAST = 40,
};
#define CAP_ALL	     ((1ull << (CAP_LAST + 1)) - 1)
#define ID_UNCHANGED ((u32)-1)

/* Has the current process @capability in its effective set? */
bool credentials_capable(enum capability capability);
/*
 * ptrace(2), "Ptrace access mode checking", PTRACE_MODE_ATTACH_REALCREDS: may the current process
 * look into @target and change it?
 */
bool credentials_may_trace(struct process *target);
/* All ids 0, all capabilities. */
void credentials_init_root(struct credentials *credentials);

/* setuid(2) and its family; ID_UNCHANGED where the call has −1. 0, -EPERM, -EINVAL. */
int credentials_set_uid(u32 uid);
int credentials_set_reuid(u32 uid, u32 euid);
int credentials_set_resuid(u32 uid, u32 euid, u32 suid);
int credentials_set_gid(u32 gid);
int credentials_set_regid(u32 gid, u32 egid);
int credentials_set_resgid(u32 gid, u32 egid, u32 sgid);
/* setfsuid(2), setfsgid(2): the former id, whether or not it was changed. */
u32 credentials_set_fsuid(u32 uid);
u32 credentials_set_fsgid(u32 gid);
/* setgroups(2) from user memory: @count ≤ NGROUPS_MAX (-EINVAL); -EPERM, -EFAULT, -ENOMEM. */
enum { NGROUPS_MAX = 65536 };
int credentials_set_groups(u32 count, vaddr_t groups);
/* The supplementary groups of @from for @process, which nobody sees yet: 0 or -ENOMEM. */
int credentials_copy_groups(struct process *process, const struct credentials *from);
void credentials_free_groups(struct process *process);
/* capset(2): 0 or -EPERM. */
int credentials_set_capabilities(u64 effective, u64 permitted, u64 inheritable);

/*
 * What execve(2) makes of @old: @set_uid, @set_gid are the file's owner where its set-id bits
 * count, else ID_UNCHANGED. True: the program runs with rights that its caller lacks (AT_SECURE).
 */
bool credentials_for_exec(const struct credentials *old, u32 set_uid, u32 set_gid,
			  struct credentials *new);
