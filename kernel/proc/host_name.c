#include <lib/string.h>
#include <proc/host_name.h>
#include <sched/lock.h>

static struct spinlock names_lock = SPINLOCK_INIT(RANK_PROCESS);
static char names[HOST_NAME_COUNT][HOST_NAME_SIZE] = { "selene", "(none)" }; /* [names_lock] */

void host_name_get(enum host_name which, char name[HOST_NAME_SIZE])
{
	spin_lock(&names_lock);
	memcpy(name, names[which], HOST_NAME_SIZE);
	spin_unlock(&names_lock);
}

void host_name_set(enum host_name which, const char name[HOST_NAME_SIZE])
{
	spin_lock(&names_lock);
	memcpy(names[which], name, HOST_NAME_SIZE);
	spin_unlock(&names_lock);
}
