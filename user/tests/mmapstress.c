/*
 * Stress: threads map, unmap, protect, drop and touch memory of their own while others fork. Each
 * thread knows what every page of its window must hold and what its protection is.
 */
#include "fault.h"
#include <pthread.h>

enum { THREADS = 4, WINDOW = 64, SECONDS = 5 };

struct window {
	unsigned char *base;
	unsigned char value[WINDOW]; /* what the page holds */
	signed char prot[WINDOW];    /* −1: not mapped */
	uint64_t random;
	long steps;
};

static volatile int stop;
static unsigned char *shared; /* one page per thread, MAP_SHARED */

static __thread sigjmp_buf jump;
static __thread volatile sig_atomic_t expecting;

static void on_fault(int sig)
{
	if (!expecting) {
		signal_set(sig, SIG_DFL, 0);
		return;
	}
	siglongjmp(jump, 1);
}

/* 0 … 255, or −1 when it faulted. */
static int touch(volatile unsigned char *p, bool write, unsigned char value)
{
	int result = -1;
	if (sigsetjmp(jump, 1) == 0) {
		expecting = 1;
		if (write)
			*p = value;
		result = *p;
	}
	expecting = 0;
	return result;
}

static void window_touch(struct window *w, int page)
{
	unsigned char *p = w->base + page * PAGE + random_next(&w->random) % PAGE / 2 * 2;
	unsigned char value = random_next(&w->random);
	bool write = value & 1;
	int prot = w->prot[page];
	p = w->base + page * PAGE;
	int came = touch(p, write, value);
	bool allowed = prot > 0 && (!write || (prot & PROT_WRITE));
	if (allowed && write)
		w->value[page] = value;
	CHECK_EQ(came, allowed ? w->value[page] : -1);
}

static void window_map(struct window *w, int first, int count)
{
	int prot = random_next(&w->random) % 3 ? PROT_READ | PROT_WRITE : PROT_READ;
	void *at = w->base + first * PAGE;
	CHECK(mmap(at, count * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
	memset(w->value + first, 0, count);
	memset(w->prot + first, prot, count);
}

static void window_unmap(struct window *w, int first, int count)
{
	CHECK_OK(munmap(w->base + first * PAGE, count * PAGE));
	memset(w->prot + first, -1, count);
}

static void window_protect(struct window *w, int first, int count)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	int prot = prots[random_next(&w->random) % 3];
	bool hole = memchr(w->prot + first, -1, count) != NULL;
	long result = mprotect(w->base + first * PAGE, count * PAGE, prot);
	CHECK_EQ(result, hole ? -1 : 0);
	for (int i = first; i < first + count; i++) {
		if (w->prot[i] == -1)
			break; /* it stops at the first hole */
		w->prot[i] = prot;
	}
}

static void window_drop(struct window *w, int first, int count)
{
	madvise(w->base + first * PAGE, count * PAGE, MADV_DONTNEED);
	memset(w->value + first, 0, count);
}

static bool window_holds(struct window *w)
{
	for (int i = 0; i < WINDOW; i++) {
		if (w->prot[i] > 0 && touch(w->base + i * PAGE, false, 0) != w->value[i])
			return false;
	}
	return true;
}

static void window_fork(struct window *w)
{
	pid_t pid = fork_child();
	if (pid == 0) {
		if (!window_holds(w))
			_exit(1);
		for (int i = 0; i < 20; i++)
			window_touch(w, random_next(&w->random) % WINDOW);
		shared[0]++;
		child_exit();
	}
	CHECK(pid > 0);
	for (int i = 0; i < 20; i++)
		window_touch(w, random_next(&w->random) % WINDOW);
	CHECK_EQ(wait_status(pid), 0);
}

static void window_step(struct window *w)
{
	int first = random_next(&w->random) % WINDOW;
	int count = 1 + random_next(&w->random) % (WINDOW - first);
	switch (random_next(&w->random) % 16) {
	case 0:
		window_map(w, first, count);
		break;
	case 1:
		window_unmap(w, first, count > 8 ? 8 : count);
		break;
	case 2:
	case 3:
		window_protect(w, first, count);
		break;
	case 4:
		window_drop(w, first, count);
		break;
	case 5:
		if (random_next(&w->random) % 4 == 0)
			window_fork(w);
		break;
	default:
		window_touch(w, first);
	}
}

static void *thread_run(void *argument)
{
	struct window *w = argument;
	while (!stop && !check_failures) {
		window_step(w);
		w->steps++;
	}
	CHECK(window_holds(w));
	return NULL;
}

static void test_windows(void)
{
	static struct window windows[THREADS];
	pthread_t threads[THREADS];
	stop = 0;
	signal_set(SIGSEGV, on_fault, SA_NODEFER);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)shared != MAP_FAILED);
	for (int i = 0; i < THREADS; i++) {
		struct window *w = &windows[i];
		/* One page more on both sides, so that no other mapping comes next to it. */
		w->base = mmap(NULL, (WINDOW + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
		REQUIRE((void *)w->base != MAP_FAILED);
		w->base += PAGE;
		w->random = random_start(i);
		memset(w->prot, PROT_NONE, WINDOW);
		window_map(w, 0, WINDOW);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, thread_run, &windows[i]), 0);
	sleep_ms(SECONDS * 1000);
	stop = 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		CHECK(windows[i].steps > 50);
		munmap(windows[i].base - PAGE, (WINDOW + 2) * PAGE);
	}
	munmap(shared, PAGE);
	signal_set(SIGSEGV, SIG_DFL, 0);
}

/* A page is replaced under readers: they see the old or the new contents, never another's. */
static unsigned char *volatile slot;

static void *reader_run(void *argument)
{
	long bad = 0;
	while (!stop) {
		int came = touch(slot, false, 0);
		bad += came != -1 && came != 0 && came != 0xc3;
	}
	return argument = (void *)bad;
}

static void *recycler_run(void *argument)
{
	while (!stop) { /* pages full of 0x99 come and go */
		unsigned char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 0x99, 8 * PAGE);
		munmap(p, 8 * PAGE);
	}
	return argument;
}

static void test_replace(void)
{
	pthread_t threads[5];
	void *bad;
	stop = 0;
	signal_set(SIGSEGV, on_fault, SA_NODEFER);
	slot = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, reader_run, NULL);
	for (int i = 3; i < 5; i++)
		pthread_create(&threads[i], NULL, recycler_run, NULL);
	for (int64_t end = now_ms() + 2500; now_ms() < end;) {
		*slot = 0xc3;
		if (mmap(slot, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != slot)
			break;
		*slot = 0xc3;
		madvise(slot, PAGE, MADV_DONTNEED);
	}
	stop = 1;
	for (int i = 0; i < 5; i++) {
		pthread_join(threads[i], &bad);
		if (i < 3)
			CHECK_EQ((long)bad, 0);
	}
	munmap(slot, PAGE);
	signal_set(SIGSEGV, SIG_DFL, 0);
}

static const struct check_case cases[] = {
	{ "windows", test_windows },
	{ "replace", test_replace },
};

CHECK_MAIN(cases)
