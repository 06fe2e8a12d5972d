/* /proc/sysrq-trigger: for when nothing else helps. Linux's letters, as far as there is something to do. */
#include <arch/machine.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <fs/path.h>
#include <fs/procfs/procfs.h>
#include <lib/errno.h>

int proc_store_sysrq(const struct proc_subject *subject, const char *value)
{
	switch (value[0]) {
	case 'b':
		log_info("sysrq: restarting, without writing anything back");
		machine_power(POWER_RESTART);
	case 'c':
		panic("sysrq: a crash was asked for");
	case 'o':
		log_info("sysrq: power off, without writing anything back");
		machine_power(POWER_OFF);
	case 's':
		return file_systems_sync();
	default:
		log_info("sysrq: b restarts, c crashes, o powers off, s syncs");
		return 0;
	}
}
