/* /proc/sys: what programs ask of the kernel's settings. Most say what is so and cannot be changed. */
#include <boot/version.h>
#include <dev/random.h>
#include <fs/mqueue/mqueue.h>
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/host_name.h>
#include <proc/message_queue.h>
#include <proc/process.h>
#include <proc/semaphore.h>
#include <proc/shared_memory.h>

enum { PID_MAX = 32768, THREADS_MAX = 32768, GROUPS_MAX = 65536, LAST_CAPABILITY = 40 };

static void show_os_release(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "6.12.0-selene\n");
}

static void show_os_type(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "Linux\n");
}

static void show_sys_version(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "#1 Selene %s SMP\n", SELENE_VERSION);
}

static void show_pid_max(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%d\n", PID_MAX);
}

static void show_threads_max(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%d\n", THREADS_MAX);
}

static void show_overcommit(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "0\n");
}

static void show_pipe_max(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "1048576\n");
}

static void show_file_max(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%ld\n", (long)(~0ul >> 1));
}

static void format_uuid(struct text *text, u8 uuid[16])
{
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* version 4, random (RFC 9562) */
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++)
		text_format(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			    uuid[i]);
	text_format(text, "\n");
}

static void show_uuid(struct text *text, const struct proc_subject *subject)
{
	u8 uuid[16];

	random_bytes(uuid, sizeof(uuid));
	format_uuid(text, uuid);
}

static void show_boot_id(struct text *text, const struct proc_subject *subject)
{
	static u8 uuid[16];
	static bool made;

	if (!made) {
		random_bytes(uuid, sizeof(uuid));
		made = true;
	}
	format_uuid(text, uuid);
}

static void show_host_name(struct text *text, const struct proc_subject *subject)
{
	char name[HOST_NAME_SIZE];

	host_name_get(HOST_NAME, name);
	text_format(text, "%s\n", name);
}

static void show_domain_name(struct text *text, const struct proc_subject *subject)
{
	char name[HOST_NAME_SIZE];

	host_name_get(HOST_DOMAIN, name);
	text_format(text, "%s\n", name);
}

static int store_name(enum host_name which, const char *value)
{
	char name[HOST_NAME_SIZE] = { 0 };

	if (!credentials_are_root(credentials_current()))
		return -EPERM;
	strlcpy(name, value, sizeof(name));
	if (strchr(name, '\n'))
		*strchr(name, '\n') = '\0';
	host_name_set(which, name);
	return 0;
}

static int store_host_name(const struct proc_subject *subject, const char *value)
{
	return store_name(HOST_NAME, value);
}

static int store_domain_name(const struct proc_subject *subject, const char *value)
{
	return store_name(HOST_DOMAIN, value);
}

static void show_core_pattern(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "core\n");
}

static void show_printk(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "7\t4\t1\t7\n");
}

static void show_file_count(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "0\t0\t%ld\n", (long)(~0ul >> 1));
}

/* Settings that are numbers and stay as they are. */
#define CONSTANT(name_, value_)                                                                    \
	static void show_##name_(struct text *text, const struct proc_subject *subject)            \
	{                                                                                          \
		text_format(text, "%ld\n", (long)(value_));                                        \
	}
CONSTANT(zero, 0)
CONSTANT(groups_max, GROUPS_MAX)
CONSTANT(last_capability, LAST_CAPABILITY)
CONSTANT(randomize, 2)
CONSTANT(overflow_id, 65534)
CONSTANT(map_count, 65530)
CONSTANT(swappiness, 60)
CONSTANT(overcommit_ratio, 50)
CONSTANT(min_address, 65536)
CONSTANT(nr_open, 1048576)
CONSTANT(lease_time, 45)
CONSTANT(pool_size, 256)
CONSTANT(watches, 8192)
CONSTANT(instances, 128)
CONSTANT(events, 16384)
CONSTANT(backlog, 4096)
CONSTANT(queue_length, 512)

#define READ_ONLY(name_, show_)                                                                    \
	{                                                                                          \
		.name = name_, .mode = S_IFREG | 0444, .show = show_                               \
	}
#define DIRECTORY(name_, children_)                                                                \
	{                                                                                          \
		.name = name_, .mode = S_IFDIR | 0555, .children = children_                       \
	}

static const struct proc_entry random_entries[] = {
	READ_ONLY("uuid", show_uuid),
	READ_ONLY("boot_id", show_boot_id),
	READ_ONLY("poolsize", show_pool_size),
	READ_ONLY("entropy_avail", show_pool_size),
	{ 0 },
};
CONSTANT(message_size, MSG_SIZE_MAX)
CONSTANT(message_bytes, MSG_BYTES_MAX)
CONSTANT(message_queues, MSG_QUEUES_MAX)
CONSTANT(shared_segments, SHM_SEGMENTS_MAX)
CONSTANT(shared_size, SHM_SIZE_MAX)

static void show_semaphores(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "%d\t%d\t%d\t%d\n", SEM_SET_MAX, SEM_SET_MAX * IPC_ENTRIES_MAX,
		    SEM_OPS_MAX, IPC_ENTRIES_MAX);
}

static const struct proc_entry kernel_entries[] = {
	READ_ONLY("osrelease", show_os_release),
	READ_ONLY("ostype", show_os_type),
	READ_ONLY("version", show_sys_version),
	READ_ONLY("pid_max", show_pid_max),
	READ_ONLY("threads-max", show_threads_max),
	READ_ONLY("ngroups_max", show_groups_max),
	READ_ONLY("cap_last_cap", show_last_capability),
	READ_ONLY("randomize_va_space", show_randomize),
	READ_ONLY("core_pattern", show_core_pattern),
	READ_ONLY("core_uses_pid", show_zero),
	READ_ONLY("printk", show_printk),
	READ_ONLY("dmesg_restrict", show_zero),
	READ_ONLY("kptr_restrict", show_zero),
	READ_ONLY("panic", show_zero),
	READ_ONLY("msgmax", show_message_size),
	READ_ONLY("msgmnb", show_message_bytes),
	READ_ONLY("msgmni", show_message_queues),
	READ_ONLY("sem", show_semaphores),
	READ_ONLY("shmall", show_shared_size),
	READ_ONLY("shmmax", show_shared_size),
	READ_ONLY("shmmni", show_shared_segments),
	READ_ONLY("tainted", show_zero),
	READ_ONLY("overflowuid", show_overflow_id),
	READ_ONLY("overflowgid", show_overflow_id),
	{ .name = "hostname",
	  .mode = S_IFREG | 0644,
	  .show = show_host_name,
	  .store = store_host_name },
	{ .name = "domainname",
	  .mode = S_IFREG | 0644,
	  .show = show_domain_name,
	  .store = store_domain_name },
	DIRECTORY("random", random_entries),
	{ 0 },
};
static const struct proc_entry vm_entries[] = {
	READ_ONLY("overcommit_memory", show_overcommit),
	READ_ONLY("overcommit_ratio", show_overcommit_ratio),
	READ_ONLY("max_map_count", show_map_count),
	READ_ONLY("mmap_min_addr", show_min_address),
	READ_ONLY("swappiness", show_swappiness),
	READ_ONLY("panic_on_oom", show_zero),
	{ 0 },
};
static const struct proc_entry inotify_entries[] = {
	READ_ONLY("max_user_watches", show_watches),
	READ_ONLY("max_user_instances", show_instances),
	READ_ONLY("max_queued_events", show_events),
	{ 0 },
};
CONSTANT(mqueue_queues, MQUEUE_QUEUES_MAX)
CONSTANT(mqueue_messages, MQUEUE_MESSAGES_MAX)
CONSTANT(mqueue_size, MQUEUE_SIZE_MAX)
CONSTANT(mqueue_messages_default, MQUEUE_MESSAGES_DEFAULT)
CONSTANT(mqueue_size_default, MQUEUE_SIZE_DEFAULT)
static const struct proc_entry mqueue_entries[] = {
	READ_ONLY("queues_max", show_mqueue_queues),
	READ_ONLY("msg_max", show_mqueue_messages),
	READ_ONLY("msgsize_max", show_mqueue_size),
	READ_ONLY("msg_default", show_mqueue_messages_default),
	READ_ONLY("msgsize_default", show_mqueue_size_default),
	{ 0 },
};
static const struct proc_entry sys_fs_entries[] = {
	READ_ONLY("pipe-max-size", show_pipe_max),
	READ_ONLY("file-max", show_file_max),
	READ_ONLY("file-nr", show_file_count),
	READ_ONLY("nr_open", show_nr_open),
	READ_ONLY("suid_dumpable", show_zero),
	READ_ONLY("protected_hardlinks", show_zero),
	READ_ONLY("protected_symlinks", show_zero),
	READ_ONLY("lease-break-time", show_lease_time),
	DIRECTORY("inotify", inotify_entries),
	DIRECTORY("mqueue", mqueue_entries),
	{ 0 },
};
static const struct proc_entry core_entries[] = {
	READ_ONLY("somaxconn", show_backlog),
	{ 0 },
};
static const struct proc_entry unix_entries[] = {
	READ_ONLY("max_dgram_qlen", show_queue_length),
	{ 0 },
};
static const struct proc_entry net_entries[] = {
	DIRECTORY("core", core_entries),
	DIRECTORY("unix", unix_entries),
	{ 0 },
};
const struct proc_entry proc_sys_entries[] = {
	DIRECTORY("fs", sys_fs_entries),
	DIRECTORY("kernel", kernel_entries),
	DIRECTORY("net", net_entries),
	DIRECTORY("vm", vm_entries),
	{ 0 },
};
