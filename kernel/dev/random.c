/* The generator behind getrandom(2), /dev/urandom and the kernel's own needs. */
#include <arch/time.h>
#include <boot/initcall.h>
#include <boot/memory.h>
#include <dev/random.h>
#include <lib/fdt.h>
#include <lib/random.h>
#include <lib/string.h>
#include <sched/lock.h>

enum {
	SEED_MINIMUM = 32,
	/* What four blocks of the key stream leave beside the next key. */
	POOL_SIZE = 4 * CHACHA20_BLOCK - RANDOM_SEED_SIZE,
	SMALL_REQUEST = 64,
};

static struct spinlock lock = SPINLOCK_INIT(RANK_CONSOLE); /* interrupts off */
static struct random_state state;			   /* [lock] */
static u64 added;					   /* [lock] bytes mixed in so far */
static bool ready;					   /* [lock] to set; never cleared */

/*
 * Output for small requests, made in advance: one of 16 bytes costs a quarter of a request to the
 * generator. The key that made it is gone, and what is handed out is erased here.
 */
static u8 pool[POOL_SIZE]; /* [lock] */
static size_t pool_left;   /* [lock] bytes at its beginning that nobody has seen */

static void take_from_pool_locked(void *to, size_t size)
{
	if (pool_left < size) {
		random_stir(&state, time_now());
		random_generate(&state, pool, sizeof(pool));
		pool_left = sizeof(pool);
	}
	pool_left -= size;
	memcpy(to, pool + pool_left, size);
	memset(pool + pool_left, 0, size);
}

void random_bytes(void *to, size_t size)
{
	unsigned long irq = spin_lock_irqsave(&lock);

	if (size <= SMALL_REQUEST) {
		take_from_pool_locked(to, size);
	} else {
		random_stir(&state, time_now());
		random_generate(&state, to, size);
	}
	spin_unlock_irqrestore(&lock, irq);
}

void random_add(const void *data, size_t size)
{
	u64 now = time_now();
	unsigned long irq = spin_lock_irqsave(&lock);

	random_mix(&state, &now, sizeof(now));
	random_mix(&state, data, size);
	/* What comes out from here on depends on @data. */
	memset(pool, 0, sizeof(pool));
	pool_left = 0;
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
