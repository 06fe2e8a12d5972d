/* ppoll(2) and pselect6(2). */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/time.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { ENTRIES_FEW = 8, ENTRIES_MORE = 64, FDS_FEW = 16, SELECT_WORDS_FEW = 4 };

struct poll_fd { /* struct pollfd */
	s32 fd;
	s16 events, returned;
};

/* A place in a file's queue. The file is held as long. */
struct poll_entry {
	struct waiter waiter;
};
struct poll_block {
	struct poll_block *next;
	unsigned used;
	struct poll_entry entries[ENTRIES_MORE];
};
struct poller {
	struct poll_table table; /* first pass: joins queues */
	unsigned used;
	struct poll_entry few[ENTRIES_FEW];
	struct poll_block *blocks; /* the newest first */
	struct waiter *any;	   /* one of them, to sleep on */
	int error;
};

static struct poll_entry *entry_next(struct poller *poller)
{
	struct poll_block *block = poller->blocks;

	if (poller->used < ENTRIES_FEW)
		return &poller->few[poller->used++];
	if (!block || block->used == ENTRIES_MORE) {
		block = kmalloc(sizeof(*block));
		if (!block) {
			poller->error = -ENOMEM;
			return NULL;
		}
		block->next = poller->blocks;
		block->used = 0;
		poller->blocks = block;
	}
	return &block->entries[block->used++];
}

static void poller_join(struct poll_table *table, struct file *file, struct wait_queue *queue)
{
	struct poller *poller = container_of(table, struct poller, table);
	struct poll_entry *entry = entry_next(poller);

	if (!entry)
		return;
	wait_begin(queue, &entry->waiter);
	entry->waiter.events = table->events;
	poller->any = &entry->waiter;
}

static void poller_init(struct poller *poller)
{
	poller->table.join = poller_join;
	poller->used = 0;
	poller->blocks = NULL;
	poller->any = NULL;
	poller->error = 0;
}

static void poller_end(struct poller *poller)
{
	for (unsigned i = 0; i < poller->used; i++)
		wait_end(&poller->few[i].waiter);
	while (poller->blocks) {
		struct poll_block *block = poller->blocks;

		for (unsigned i = 0; i < block->used; i++)
			wait_end(&block->entries[i].waiter);
		poller->blocks = block->next;
		kfree(block);
	}
}

/* 0, -ETIMEDOUT or -EINTR. */
static int poller_sleep(struct poller *poller, u64 deadline)
{
	return poller->any ? wait_sleep(poller->any, deadline, WAIT_INTERRUPTIBLE)
			   : thread_block(deadline, WAIT_INTERRUPTIBLE);
}

/* Each file once per request, held for the whole call. */
struct poll_request {
	struct file_hold hold;
	s32 fd;
	u32 wanted, ready;
};

/* How many are ready; joins the queues with @table until one is. */
static unsigned check_all(struct poll_request *requests, unsigned count, struct poll_table *table)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < count; i++) {
		struct poll_request *request = &requests[i];

		if (request->fd < 0)
			continue;
		if (!request->hold.file) {
			request->ready = POLLNVAL;
		} else {
			if (table)
				table->events = request->wanted;
			request->ready = file_poll(request->hold.file, table) & request->wanted;
		}
		if (request->ready) {
			ready++;
			table = NULL;
		}
	}
	return ready;
}

/* The common core: the number of requests that are ready, 0 at the deadline, or -errno. */
static long poll_wait_for(struct poll_request *requests, unsigned count, u64 deadline)
{
	struct poller poller;
	unsigned ready;
	int error = 0;

	poller_init(&poller);
	ready = check_all(requests, count, deadline ? &poller.table : NULL);
	while (!ready && !error) {
		if (poller.error)
			error = poller.error;
		else if (!deadline)
			error = -ETIMEDOUT;
		else
			error = poller_sleep(&poller, deadline);
		/* The last look counts, whatever ended the sleep. */
		if (deadline)
			ready = check_all(requests, count, NULL);
	}
	poller_end(&poller);
	if (ready)
		return ready;
	return error == -ETIMEDOUT ? 0 : error;
}

static struct poll_request *requests_alloc(struct poll_request *few, u64 count)
{
	return count <= FDS_FEW ? few : kmalloc(count * sizeof(*few));
}

static void requests_free(struct poll_request *requests, unsigned count, struct poll_request *few)
{
	for (unsigned i = 0; i < count; i++)
		if (requests[i].hold.file)
			file_release(requests[i].hold);
	if (requests != few)
		kfree(requests);
}

/* 0 is the time for one look; no address: for ever. */
static int deadline_in(vaddr_t address, u64 *deadline)
{
	u64 ns, now = time_now();
	int error;

	*deadline = WAIT_FOREVER;
	if (!address)
		return 0;
	error = time_spec_in(address, &ns);
	if (error)
		return error;
	if (!ns)
		*deadline = 0;
	else if (ns < WAIT_FOREVER - now)
		*deadline = now + ns;
	return 0;
}

/* What is left goes back to the program; a call that was interrupted can start again with that. */
static long finish(long result, vaddr_t address, u64 deadline)
{
	u64 now = time_now();
	int error = 0;

	if (address && deadline != WAIT_FOREVER)
		error = time_spec_out(address, deadline > now ? deadline - now : 0);
	signal_mask_end(result == -EINTR);
	if (result != -EINTR)
		return result;
	return error ? -EINTR : -ERESTARTNOHAND;
}

static __force_inline void request_make(struct poll_request *request, s32 fd, u32 wanted,
					const struct file_holder *holder)
{
	request->hold = fd >= 0 ? file_hold_by(holder, fd) : (struct file_hold){ NULL, false };
	request->fd = fd;
	request->wanted = wanted;
	request->ready = 0;
}

static long poll_user(vaddr_t address, u64 count, u64 deadline)
{
	struct poll_request few[FDS_FEW], *requests = requests_alloc(few, count);
	const struct file_holder holder = file_holder();
	struct poll_fd fds[FDS_FEW];
	unsigned made = 0;
	long result = 0;

	if (!requests)
		return -ENOMEM;
	for (; made < count && !result; made++) {
		const struct poll_fd *fd = &fds[made % FDS_FEW];

		if (fd == fds && copy_in(fds, address + made * sizeof(*fds),
					 MIN(count - made, (u64)FDS_FEW) * sizeof(*fds))) {
			result = -EFAULT;
			break;
		}
		request_make(&requests[made], fd->fd, (u16)fd->events | POLLERR | POLLHUP, &holder);
	}
	if (!result)
		result = poll_wait_for(requests, made, deadline);
	for (unsigned i = 0; i < made && result >= 0; i++) {
		vaddr_t returned = address + i * sizeof(*fds) + offsetof(struct poll_fd, returned);

		if (user_store16(returned, (u16)requests[i].ready))
			result = -EFAULT;
	}
	requests_free(requests, made, few);
	return result;
}

SYSCALL_5(sys_ppoll, fds, count, timeout, mask, mask_size)
{
	u64 deadline;
	long result;

	result = deadline_in(timeout, &deadline);
	if (result)
		return result;
	if ((u32)count > process_limit(RLIMIT_NOFILE))
		return -EINVAL;
	result = signal_mask_begin(mask, mask_size);
	if (result)
		return result;
	return finish(poll_user(fds, (u32)count, deadline), timeout, deadline);
}

/* select(2): three sets of bits, which have the same length. */
enum { SET_READ, SET_WRITE, SET_EXCEPT, SETS };
static const u32 set_events[SETS] = {
	[SET_READ] = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
	[SET_WRITE] = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
	[SET_EXCEPT] = POLLPRI,
};

struct select_sets {
	u64 *words[SETS]; /* in one block; NULL: not given */
	vaddr_t from[SETS];
	unsigned bits;
	u64 few[SETS * SELECT_WORDS_FEW];
};

static int sets_in(struct select_sets *sets, unsigned bits)
{
	size_t words = BITMAP_WORDS(bits);
	u64 *block = sets->few;

	sets->bits = bits;
	if (words > SELECT_WORDS_FEW)
		block = kmalloc(SETS * words * sizeof(u64));
	if (!block)
		return -ENOMEM;
	for (unsigned set = 0; set < SETS; set++) {
		sets->words[set] = block + set * words;
		memset(sets->words[set], 0, words * sizeof(u64));
		if (sets->from[set] &&
		    copy_in(sets->words[set], sets->from[set], words * sizeof(u64))) {
			if (block != sets->few)
				kfree(block);
			return -EFAULT;
		}
	}
	return 0;
}

static void sets_free(struct select_sets *sets)
{
	if (sets->words[0] != sets->few)
		kfree(sets->words[0]);
}

static u32 wanted_events(const struct select_sets *sets, unsigned fd)
{
	u32 events = 0;

	for (unsigned set = 0; set < SETS; set++)
		if (bitmap_test(sets->words[set], fd))
			events |= set_events[set];
	return events;
}

static unsigned count_wanted(const struct select_sets *sets)
{
	unsigned count = 0;

	for (unsigned fd = 0; fd < sets->bits; fd++)
		count += wanted_events(sets, fd) != 0;
	return count;
}

/* Set the bits of what is ready: how many. */
static long sets_out(struct select_sets *sets, const struct poll_request *requests, unsigned count)
{
	size_t size = BITMAP_WORDS(sets->bits) * sizeof(u64);
	unsigned at = 0, bits = 0;

	for (unsigned fd = 0; fd < sets->bits && at < count; fd++) {
		u32 ready;

		if (requests[at].fd != (s32)fd)
			continue;
		ready = requests[at++].ready;
		for (unsigned set = 0; set < SETS; set++) {
			if (!bitmap_test(sets->words[set], fd))
				continue;
			if (ready & set_events[set])
				bits++;
			else
				bitmap_clear(sets->words[set], fd);
		}
	}
	for (unsigned set = 0; set < SETS; set++)
		if (sets->from[set] && copy_out(sets->from[set], sets->words[set], size))
			return -EFAULT;
	return bits;
}

static long select_sets_wait(struct select_sets *sets, u64 deadline)
{
	const struct file_holder holder = file_holder();
	unsigned count = count_wanted(sets), made = 0;
	struct poll_request few[FDS_FEW], *requests = requests_alloc(few, count);
	long result = 0;

	if (!requests)
		return -ENOMEM;
	for (unsigned fd = 0; fd < sets->bits && !result; fd++) {
		u32 wanted = wanted_events(sets, fd);

		if (!wanted)
			continue;
		request_make(&requests[made], fd, wanted, &holder);
		if (!requests[made++].hold.file)
			result = -EBADF;
	}
	if (!result)
		result = poll_wait_for(requests, made, deadline);
	if (result >= 0)
		result = sets_out(sets, requests, made);
	requests_free(requests, made, few);
	return result;
}

static long select_user(s32 count, struct select_sets *sets, u64 deadline)
{
	long result;

	if (count < 0)
		return -EINVAL;
	/* Linux looks no further than its table either. */
	result = sets_in(sets, MIN((unsigned)count, file_table_size(process_current()->files)));
	if (result)
		return result;
	result = select_sets_wait(sets, deadline);
	sets_free(sets);
	return result;
}

SYSCALL_6(sys_pselect6, count, readable, writable, exceptional, timeout, mask_address)
{
	struct select_sets sets = { .from = { readable, writable, exceptional } };
	struct {
		u64 mask, size;
	} mask = { 0 };
	u64 deadline;
	long result = deadline_in(timeout, &deadline);

	if (result)
		return result;
	if (mask_address && copy_in(&mask, mask_address, sizeof(mask)))
		return -EFAULT;
	result = signal_mask_begin(mask.mask, mask.size);
	if (result)
		return result;
	return finish(select_user((s32)count, &sets, deadline), timeout, deadline);
}
