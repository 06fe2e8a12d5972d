/* /proc/sysvipc: sysvipc(7). */
#include <fs/procfs/procfs.h>
#include <proc/message_queue.h>
#include <proc/semaphore.h>
#include <proc/shared_memory.h>

enum { MODE_SHOWN = 03777, INDEX_MASK = 0x7fff };

static void show_shm(struct text *text, const struct proc_subject *subject)
{
	struct shm_status status;
	u64 resident;
	s32 id;

	text_format(text,
		    "%10s %10s %4s %21s %5s %5s %5s %5s %5s %5s %5s %10s %10s %10s %21s %21s\n",
		    "key", "shmid", "perms", "size", "cpid", "lpid", "nattch", "uid", "gid", "cuid",
		    "cgid", "atime", "dtime", "ctime", "rss", "swap");
	for (u32 index = 0; shm_next(index, &id, &status, &resident);
	     index = (u32)(id & INDEX_MASK) + 1) {
		const struct ipc_permission *who = &status.permission;

		text_format(text,
			    "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu "
			    "%21lu %21lu\n",
			    who->key, id, who->mode & MODE_SHOWN, (unsigned long)status.size,
			    status.creator_pid, status.last_pid, (unsigned long)status.attached,
			    who->uid, who->gid, who->creator_uid, who->creator_gid,
			    (unsigned long)status.attach_time, (unsigned long)status.detach_time,
			    (unsigned long)status.change_time, (unsigned long)resident * PAGE_SIZE,
			    0ul);
	}
}

static void show_sem(struct text *text, const struct proc_subject *subject)
{
	struct sem_status status;
	s32 id;

	text_format(text, "%10s %10s %4s %10s %5s %5s %5s %5s %10s %10s\n", "key", "semid", "perms",
		    "nsems", "uid", "gid", "cuid", "cgid", "otime", "ctime");
	for (u32 index = 0; sem_next(index, &id, &status); index = (u32)(id & INDEX_MASK) + 1) {
		const struct ipc_permission *who = &status.permission;

		text_format(text, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10lu %10lu\n", who->key,
			    id, who->mode & MODE_SHOWN, (unsigned long)status.count, who->uid,
			    who->gid, who->creator_uid, who->creator_gid,
			    (unsigned long)status.operation_time,
			    (unsigned long)status.change_time);
	}
}

static void show_msg(struct text *text, const struct proc_subject *subject)
{
	struct msg_status status;
	s32 id;

	text_format(text, "%10s %10s %4s  %10s %10s %5s %5s %5s %5s %5s %5s %10s %10s %10s\n",
		    "key", "msqid", "perms", "cbytes", "qnum", "lspid", "lrpid", "uid", "gid",
		    "cuid", "cgid", "stime", "rtime", "ctime");
	for (u32 index = 0; msg_next(index, &id, &status); index = (u32)(id & INDEX_MASK) + 1) {
		const struct ipc_permission *who = &status.permission;

		text_format(text, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u ", who->key,
			    id, who->mode & MODE_SHOWN, (unsigned long)status.bytes,
			    (unsigned long)status.count, status.send_pid, status.receive_pid,
			    who->uid, who->gid, who->creator_uid, who->creator_gid);
		text_format(text, "%10lu %10lu %10lu\n", (unsigned long)status.send_time,
			    (unsigned long)status.receive_time, (unsigned long)status.change_time);
	}
}

const struct proc_entry proc_sysvipc_entries[] = {
	{ .name = "msg", .mode = S_IFREG | 0444, .show = show_msg },
	{ .name = "shm", .mode = S_IFREG | 0444, .show = show_shm },
	{ .name = "sem", .mode = S_IFREG | 0444, .show = show_sem },
	{ 0 },
};
