/* The generator behind getrandom(2), /dev/urandom and the kernel's own needs. */
#include <arch/time.h>
#include <boot/initcall.h>
#include <boot/memory.h>
#include <dev/random.h>
#include <lib/fdt.h>
#include <lib/random.h>
#include <sched/lock.h>

enum { SEED_MINIMUM = 32 };

static struct spinlock lock = SPINLOCK_INIT(RANK_CONSOLE); /* interrupts off */
static struct random_state state;			   /* [lock] */
static u64 added;					   /* [lock] bytes mixed in so far */
static bool ready;					   /* [lock] to set; never cleared */

void random_bytes(void *to, size_t size)
{
	u64 now = time_now();
	unsigned long irq = spin_lock_irqsave(&lock);

	random_stir(&state, now);
	random_generate(&state, to, size);
	spin_unlock_irqrestore(&lock, irq);
}

void random_add(const void *data, size_t size)
{
	u64 now = time_now();
	unsigned long irq = spin_lock_irqsave(&lock);

	random_mix(&state, &now, sizeof(now));
	random_mix(&state, data, size);
	added += size;
	if (added >= 16 * SEED_MINIMUM)
		WRITE_ONCE(ready, true);
	spin_unlock_irqrestore(&lock, irq);
}

void random_seed(const void *data, size_t size, bool trusted)
{
	random_add(data, size);
	if (trusted && size >= SEED_MINIMUM)
		WRITE_ONCE(ready, true);
}

bool random_is_ready(void)
{
	return READ_ONCE(ready);
}

/*
 * The boot loader's rng-seed (Linux binding chosen.txt). Without one, what little differs between boots
 * has to do: the machine runs on, as Linux does after its own wait.
 */
static int random_start(void)
{
	struct fdt tree;
	u32 size = 0;
	const void *seed = NULL;
	u64 now = time_now();

	if (!fdt_check(&tree, boot_device_tree(), fdt_blob_size(boot_device_tree()), NULL))
		seed = fdt_property(&tree, fdt_node_by_path(&tree, "/chosen"), "rng-seed", &size);
	if (seed)
		random_seed(seed, size, true);
	for (unsigned i = 0; i < 64; i++) {
		now += time_now();
		random_add(&now, sizeof(now));
	}
	return 0;
}
INITCALL_CORE(random_start);
