/* The system as a whole: names, memory, load, limits, random numbers, messages, power. */
#include <abi/handler.h>
#include <arch/machine.h>
#include <arch/thread.h>
#include <arch/time.h>
#include <arch/user.h>
#include <boot/version.h>
#include <debug/log.h>
#include <dev/random.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/host_name.h>
#include <proc/limits.h>
#include <proc/rusage.h>
#include <sched/cpu.h>

enum { NAME_SIZE = HOST_NAME_SIZE, NS_PER_SECOND = 1000000000 };

struct names { /* struct new_utsname */
	char system[NAME_SIZE], node[NAME_SIZE], release[NAME_SIZE], version[NAME_SIZE],
		machine[NAME_SIZE], domain[NAME_SIZE];
};

SYSCALL_1(sys_uname, address)
{
	struct names names = { .system = "Linux",
			       .release = "6.12.0-selene",
			       .version = "#1 Selene " SELENE_VERSION " SMP" };

	strlcpy(names.machine, cpu_machine_name, sizeof(names.machine));
	host_name_get(HOST_NAME, names.node);
	host_name_get(HOST_DOMAIN, names.domain);
	return copy_out(address, &names, sizeof(names)) ? -EFAULT : 0;
}

static long set_name(enum host_name which, vaddr_t from, s32 size)
{
	char new[NAME_SIZE] = { 0 };

	if (!credentials_capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (size < 0 || size >= NAME_SIZE)
		return -EINVAL;
	if (copy_in(new, from, (size_t)size))
		return -EFAULT;
	host_name_set(which, new);
	return 0;
}

SYSCALL_2(sys_sethostname, name, size)
{
	return set_name(HOST_NAME, name, (s32)size);
}

SYSCALL_2(sys_setdomainname, name, size)
{
	return set_name(HOST_DOMAIN, name, (s32)size);
}

struct system_info { /* struct sysinfo */
	s64 uptime;
	u64 loads[3], total, free, shared, buffers, swap_total, swap_free;
	u16 processes, padding;
	u64 high_total, high_free;
	u32 unit;
};
static_assert(sizeof(struct system_info) == 112, "sysinfo(2)");

SYSCALL_1(sys_sysinfo, address)
{
	struct frame_statistics memory;
	struct system_info info = { .unit = 1 };
	u32 load[3];

	frame_statistics(&memory);
	sched_load(load);
	for (unsigned i = 0; i < 3; i++)
		info.loads[i] = load[i];
	info.uptime = (s64)(time_now() / NS_PER_SECOND);
	info.total = memory.total * PAGE_SIZE;
	info.free = memory.free * PAGE_SIZE;
	info.processes = (u16)MIN(thread_count(), (u64)UINT16_MAX);
	return copy_out(address, &info, sizeof(info)) ? -EFAULT : 0;
}

static long change_limit(s32 pid, unsigned resource, vaddr_t new_address, vaddr_t old_address)
{
	struct resource_limit new, old;
	struct process *process;
	int error;

	if (new_address && copy_in(&new, new_address, sizeof(new)))
		return -EFAULT;
	process = process_find(pid ? pid : process_current()->id->number);
	if (!process)
		return -ESRCH;
	if (process != process_current() &&
	    process->credentials.uid != credentials_current()->uid &&
	    !credentials_capable(CAP_SYS_RESOURCE))
		error = -EPERM;
	else
		error = limits_change(process, resource, new_address ? &new : NULL, &old);
	process_put(process);
	if (!error && old_address && copy_out(old_address, &old, sizeof(old)))
		error = -EFAULT;
	return error;
}

SYSCALL_4(sys_prlimit64, pid, resource, new_address, old_address)
{
	return change_limit((s32)pid, (unsigned)resource, new_address, old_address);
}

SYSCALL_2(sys_getrlimit, resource, address)
{
	struct resource_limit old;
	int error = limits_change(process_current(), (unsigned)resource, NULL, &old);

	if (error)
		return error;
	return copy_out(address, &old, sizeof(old)) ? -EFAULT : 0;
}

SYSCALL_2(sys_setrlimit, resource, address)
{
	struct resource_limit new;

	if (copy_in(&new, address, sizeof(new)))
		return -EFAULT;
	return limits_change(process_current(), (unsigned)resource, &new, NULL);
}

SYSCALL_2(sys_getrusage, who, address)
{
	struct resource_usage usage;
	int error = rusage_current((int)who, &usage);

	if (error)
		return error;
	return copy_out(address, &usage, sizeof(usage)) ? -EFAULT : 0;
}

/* An execution domain is remembered, as of the flags only ADDR_NO_RANDOMIZE changes anything. */
SYSCALL_1(sys_personality, persona)
{
	const u32 query = 0xffffffff;
	struct process *process = process_current();
	u32 old = process->personality;

	if ((u32)persona != query)
		process->personality = (u32)persona;
	return old;
}

enum {
	GRND_NONBLOCK = 1,
	GRND_RANDOM = 2,
	GRND_INSECURE = 4,
	RANDOM_BLOCK = 256,
	RANDOM_MAX = 1 << 25
};
#define RANDOM_RETRY (10ul * 1000 * 1000) /* ns */

static int wait_for_random(unsigned long flags)
{
	while (!random_is_ready() && !(flags & GRND_INSECURE)) {
		if (flags & GRND_NONBLOCK)
			return -EAGAIN;
		if (thread_sleep_ns(RANDOM_RETRY, WAIT_INTERRUPTIBLE))
			return -ERESTARTSYS;
	}
	return 0;
}

SYSCALL_3(sys_getrandom, address, size_argument, flags)
{
	u8 block[RANDOM_BLOCK];
	size_t size = MIN(size_argument, (unsigned long)RANDOM_MAX), done = 0;
	int error;

	if (flags & ~(unsigned long)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	error = wait_for_random(flags);
	if (error)
		return error;
	while (done < size) {
		size_t part = MIN(size - done, sizeof(block)), failed;

		random_bytes(block, part);
		failed = copy_out_partial(address + done, block, part);
		done += part - failed;
		if (failed)
			return done ? (long)done : -EFAULT;
		if (signal_pending())
			break;
		schedule_if_needed();
	}
	memset(block, 0, sizeof(block));
	return (long)done;
}

/* reboot(2): two magic numbers keep a stray call from doing harm. */
enum {
	REBOOT_MAGIC2 = 0x28121969,
	REBOOT_MAGIC2A = 0x05121996,
	REBOOT_MAGIC2B = 0x16041998,
	REBOOT_MAGIC2C = 0x20112000
};
#define REBOOT_MAGIC1	 0xfee1deadu
#define REBOOT_RESTART	 0x01234567u
#define REBOOT_RESTART2	 0xa1b2c3d4u
#define REBOOT_HALT	 0xcdef0123u
#define REBOOT_POWER_OFF 0x4321fedcu
#define REBOOT_CAD_OFF	 0u

SYSCALL_4(sys_reboot, magic1, magic2, command, argument)
{
	u32 second = (u32)magic2;

	if (!credentials_capable(CAP_SYS_BOOT))
		return -EPERM;
	if ((u32)magic1 != REBOOT_MAGIC1 || (second != REBOOT_MAGIC2 && second != REBOOT_MAGIC2A &&
					     second != REBOOT_MAGIC2B && second != REBOOT_MAGIC2C))
		return -EINVAL;
	switch ((u32)command) {
	case REBOOT_RESTART:
	case REBOOT_RESTART2:
		log_info("restarting");
		machine_power(POWER_RESTART);
	case REBOOT_HALT:
	case REBOOT_POWER_OFF:
		log_info("power off");
		machine_power(POWER_OFF);
	case REBOOT_CAD_OFF:
		/* No key restarts the machine anyhow. */
		return 0;
	default:
		return -EINVAL;
	}
}
