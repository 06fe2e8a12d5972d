/*
 * Stress: every system call of the kernel's table, with arguments drawn by their kinds, from
 * unprivileged children and their threads. They may fail, block or die; afterwards everything works
 * as before and the kernel's audit is clean. callgrammar [-t WATCHDOG] [SEED [SECONDS]]
 */
#include "call_count.h"
#include "call_hints.h"
#include "health.h"
#include <grp.h>
#include <pthread.h>

#define AUDIT "/proc/selene/audit"

enum {
	CHILDREN = 4,
	CALLS = 600,	    /* of each thread */
	ROUND_MS = 1500,    /* then the children are killed */
	END_MS = 20000,	    /* later than that the end of a killed child is a hang */
	FIRST_USER = 20001, /* each child is a user of its own, so that kill(-1) ends it alone */
	SELENE_SYS_spawn = 0x5e1e,
};

/* The kinds of the table, by the names that it has for them. */
enum kind {
	ARG_NONE,
	ARG_INT,
	ARG_UNSIGNED,
	ARG_HEX,
	ARG_FD,
	ARG_DIRFD,
	ARG_PATH,
	ARG_STRING,
	ARG_BUFFER_IN,
	ARG_BUFFER_OUT,
	ARG_POINTER,
	ARG_SIZE,
	ARG_FLAGS,
	ARG_MODE,
	ARG_SIGNAL,
	ARG_PID,
	ARG_OFFSET,
};

struct call {
	int number;
	const char *name;
	unsigned char kinds[6];
};

#define SYSCALL(number, name, handler, status, ...) { (number), #name, { __VA_ARGS__ } },
static const struct call calls[] = {
#include <abi/table.h>
};

static long seconds = 6;

static long integer_draw(uint64_t *random)
{
	static const long plain[] = {
		0,	 1,	   2,	     3,	       7,	 8,	   16,	    64,	   100,
		4095,	 4096,	   4097,     65536,    -1,	 -2,	   -100,    -4096, INT_MAX,
		INT_MIN, LONG_MAX, LONG_MIN, 1L << 31, 1L << 32, 1L << 40, 1000000,
	};
	switch (below(random, 3)) {
	case 0:
		return plain[below(random, ARRAY_SIZE(plain))];
	case 1:
		return below(random, 24);
	default:
		return things.ids[below(random, ARRAY_SIZE(things.ids))];
	}
}

static long size_draw(uint64_t *random)
{
	static const long plain[] = { 0,    8,	  8,	16,    24,    64,      128,
				      4095, 4096, 4097, 8192,  65536, 1 << 20, LONG_MAX,
				      -1,   -8,	  256,	12288, 1,     1L << 40 };
	return below(random, 4) ? plain[below(random, ARRAY_SIZE(plain))]
				: (long)below(random, 5000);
}

static long descriptor_draw(uint64_t *random)
{
	long bad = below(random, 2) ? -1 : integer_draw(random);
	return below(random, 16) ? (long)below(random, FDS) : bad;
}

static long bad_pointer_draw(uint64_t *random)
{
	switch (below(random, 4)) {
	case 0:
		return 0;
	case 1:
		return (long)things.edge + (long)below(random, 64) - 32;
	case 2:
		return (long)(~0UL << 38) + (long)below(random, 1UL << 38);
	default:
		return (long)random_next(random);
	}
}

/* Memory to read or write: the area, what was mapped by earlier calls, or none. */
static long memory_draw(uint64_t *random)
{
	uint64_t draw = below(random, 16);
	if (draw == 0)
		return bad_pointer_draw(random);
	if (draw < 4)
		return things.mappings[below(random, ARRAY_SIZE(things.mappings))];
	return (long)(draw < 6 ? things.area + below(random, AREA_PAGES) * PAGE
			       : somewhere(random));
}

static long path_draw(uint64_t *random)
{
	uint64_t draw = below(random, 16);
	if (draw == 0)
		return bad_pointer_draw(random);
	if (draw == 1)
		return (long)things.long_name + (long)below(random, NAME_MOST);
	if (draw == 2) /* it ends where the memory ends, or does not end */
		return (long)memcpy(things.edge - 5, below(random, 2) ? "file" : "files", 5);
	return (long)names[below(random, ARRAY_SIZE(names))];
}

/* A filled record in the area; at times its end is where the memory ends, or after that. */
static long record_draw(record_fill *fill, uint64_t *random)
{
	union record record;
	unsigned char *place = somewhere(random);
	uint64_t draw = below(random, 16);
	if (draw == 0)
		return bad_pointer_draw(random);
	fill(&record, random);
	if (draw == 1)
		place = things.edge - below(random, sizeof(record));
	size_t room = (size_t)(things.edge - place);
	memcpy(place, &record, room < sizeof(record) ? room : sizeof(record));
	return (long)place;
}

static long signal_draw(uint64_t *random)
{
	static const long plain[] = {
		0, SIGUSR1, SIGCHLD, SIGURG, SIGWINCH, SIGCONT, 34, 64, 65, -1
	};
	if (below(random, 16))
		return plain[below(random, ARRAY_SIZE(plain))];
	return below(random, 66);
}

static long process_draw(uint64_t *random)
{
	switch (below(random, 8)) {
	case 0:
		return 0;
	case 1:
		return getppid();
	case 2:
		return integer_draw(random);
	case 3:
		return syscall(SYS_gettid);
	case 4:
		return getpid();
	default:
		return things.pids[below(random, ARRAY_SIZE(things.pids))];
	}
}

static long flags_draw(uint64_t *random)
{
	long flags = 0;
	for (uint64_t i = below(random, 3); i > 0; i--)
		flags |= 1L << below(random, 32);
	return flags;
}

/* By the kind alone. */
static long kind_draw(enum kind kind, uint64_t *random)
{
	static record_fill *const fills[] = {
		fill_words, fill_numbers, fill_time,	   fill_vector, fill_address, fill_events,
		fill_polls, fill_message, fill_semaphores, fill_event,	fill_info,    fill_pointers,
	};
	switch (kind) {
	case ARG_FD:
		return descriptor_draw(random);
	case ARG_DIRFD:
		return below(random, 3) ? AT_FDCWD : descriptor_draw(random);
	case ARG_PATH:
	case ARG_STRING:
		return path_draw(random);
	case ARG_BUFFER_IN:
	case ARG_BUFFER_OUT:
		return memory_draw(random);
	case ARG_POINTER:
		if (below(random, 4) == 0)
			return memory_draw(random);
		if (below(random, 4) == 0)
			return 0;
		return record_draw(fills[below(random, ARRAY_SIZE(fills))], random);
	case ARG_SIZE:
		return size_draw(random);
	case ARG_FLAGS:
		return flags_draw(random);
	case ARG_MODE:
		return below(random, 8) ? 0700 | (long)below(random, 0100) : flags_draw(random);
	case ARG_SIGNAL:
		return signal_draw(random);
	case ARG_PID:
		return process_draw(random);
	case ARG_OFFSET:
		return below(random, 4) ? (long)below(random, 70000) : integer_draw(random);
	default:
		return integer_draw(random);
	}
}

static const struct hint *hint_find(int number, int argument)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].call == number && hints[i].argument == argument)
			return &hints[i];
	}
	return NULL;
}

static long hint_draw(const struct hint *hint, uint64_t *random)
{
	long bits = 0;
	switch (hint->how) {
	case HINT_ONE:
		return hint->words[below(random, hint->count)];
	case HINT_BITS:
		for (uint64_t i = below(random, 4); i > 0; i--)
			bits |= hint->words[below(random, hint->count)];
		return bits;
	default:
		return record_draw(hint->fill, random);
	}
}

/* Objects that outlive processes have few names, so that their number stays bounded. */
static void objects_bound(int number, long *args, uint64_t *random)
{
	static const long keys[] = { IPC_KEYS };
	if (number == SYS_mq_open || number == SYS_mq_unlink)
		args[0] = (long)queue_names[below(random, ARRAY_SIZE(queue_names))];
	if (number != SYS_shmget && number != SYS_semget && number != SYS_msgget)
		return;
	args[0] = keys[below(random, ARRAY_SIZE(keys))];
	args[1] &= 0x1ffff;
}

/*
 * syscall(2), but for what clone starts on another stack, which ends at once: the stack is memory that random
 * calls write to, so that nothing it does would mean anything (nor would its counts).
 */
static long call_raw(long number, const long *args)
{
	register long a0 __asm__("a0") = args[0];
	register long a1 __asm__("a1") = args[1];
	register long a2 __asm__("a2") = args[2];
	register long a3 __asm__("a3") = args[3];
	register long a4 __asm__("a4") = args[4];
	register long a5 __asm__("a5") = args[5];
	register long a7 __asm__("a7") = number;
	long stack;
	__asm__ volatile("mv	%[stack], sp\n"
			 "ecall\n"
			 "beq	sp, %[stack], 1f\n"
			 "li	a0, 0\n"
			 "li	a7, %[exit]\n"
			 "ecall\n"
			 "1:"
			 : "+r"(a0), "+r"(a7), [stack] "=&r"(stack)
			 : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), [exit] "i"(SYS_exit)
			 : "memory");
	return (unsigned long)a0 > -4096UL ? -1 : a0;
}

/* What ends the process or makes it another one comes seldom. */
static bool is_rare(int number)
{
	return number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn ||
	       number == SYS_execve || number == SYS_execveat || number == SYS_munmap ||
	       number == SYS_clone || number == SYS_clone3 || number == SELENE_SYS_spawn;
}

static void result_keep(int number, long result)
{
	if (result < 0)
		return;
	if (number == SYS_mmap || number == SYS_mremap || number == SYS_shmat)
		things.mappings[things.mapping_next++ % ARRAY_SIZE(things.mappings)] = result;
	else if (number == SYS_clone || number == SYS_clone3 || number == SELENE_SYS_spawn)
		things.pids[things.pid_next++ % ARRAY_SIZE(things.pids)] = result;
	else if (number == SYS_shmget || number == SYS_semget || number == SYS_msgget ||
		 number == SYS_timer_create || number == SYS_inotify_add_watch)
		things.ids[things.id_next++ % ARRAY_SIZE(things.ids)] = result;
}

static void call_make(uint64_t *random)
{
	size_t index = below(random, ARRAY_SIZE(calls));
	const struct call *call = &calls[index];
	long args[6];
	if (is_rare(call->number) && below(random, 12))
		return;
	for (int i = 0; i < 6; i++) {
		const struct hint *hint = hint_find(call->number, i);
		args[i] = hint && below(random, 10) ? hint_draw(hint, random)
						    : kind_draw(call->kinds[i], random);
	}
	objects_bound(call->number, args, random);
	count_call(index, COUNT_MADE);
	long result = call_raw(call->number, args);
	if (result != -1)
		count_call(index, COUNT_SUCCEEDED);
	result_keep(call->number, result);
}

static void *thread_run(void *argument)
{
	uint64_t random = (uintptr_t)argument;
	for (int i = 0; i < CALLS; i++)
		call_make(&random);
	return NULL;
}

static void signal_ignore(int sig)
{
	(void)sig;
}

/* What a child may take of the machine, and signals that end what blocks. */
static void child_confine(int user)
{
	static const struct {
		int resource;
		rlim_t limit;
	} limits[] = {
		{ RLIMIT_AS, 256 << 20 }, { RLIMIT_FSIZE, 1 << 20 }, { RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, 160 },	  { RLIMIT_NPROC, 8 },
	};
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (sig != SIGSEGV && sig != SIGBUS && sig != SIGILL && sig != SIGFPE)
			signal_set(sig, signal_ignore, 0);
	}
	setsid();
	file_write("/proc/self/oom_score_adj", "1000", 4);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit limit = { limits[i].limit, limits[i].limit };
		setrlimit(limits[i].resource, &limit);
	}
	setgroups(0, NULL);
	if (setgid(user) < 0 || setuid(user) < 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void child_run(int user, uint64_t random)
{
	pthread_t other;
	child_confine(user);
	descriptors_place();
	for (size_t i = 0; i < ARRAY_SIZE(things.pids); i++)
		things.pids[i] = getpid();
	for (size_t i = 0; i < ARRAY_SIZE(things.mappings); i++)
		things.mappings[i] = (long)things.area;
	if (below(&random, 2))
		pthread_create(&other, NULL, thread_run, (void *)(uintptr_t)random_next(&random));
	thread_run((void *)(uintptr_t)random_next(&random));
	_exit(0);
}

/* End all processes of a child's user. */
static void user_sweep(int user)
{
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(setuid(user) == 0 && (kill(-1, SIGKILL) == 0 || errno == ESRCH) ? 0 : 1);
	CHECK_EQ(wait_status(pid), 0);
}

/* Wait for the end of `left` children, or of all there are; false when the time is over. */
static bool children_wait(int left, int milliseconds)
{
	int status;
	for (int64_t end = now_ms() + milliseconds; left > 0 && now_ms() < end;) {
		pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
		if (pid < 0)
			return true;
		if (pid > 0 && (WIFEXITED(status) || WIFSIGNALED(status)))
			left--;
		else if (pid == 0)
			sleep_ms(2);
	}
	return left == 0;
}

static void ipc_remove(void)
{
	static const long keys[] = { IPC_KEYS };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		shmctl(shmget(keys[i], 0, 0), IPC_RMID, NULL);
		semctl(semget(keys[i], 0, 0), 0, IPC_RMID);
		msgctl(msgget(keys[i], 0), IPC_RMID, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(queue_names); i++)
		syscall(SYS_mq_unlink, queue_names[i]);
}

static bool round_run(uint64_t *random)
{
	for (int i = 0; i < CHILDREN; i++) {
		uint64_t stream = random_next(random);
		pid_t pid = fork_child();
		if (pid == 0)
			child_run(FIRST_USER + i, stream);
		if (!CHECK(pid > 0))
			return false;
	}
	children_wait(CHILDREN, ROUND_MS);
	for (int i = 0; i < CHILDREN; i++)
		user_sweep(FIRST_USER + i);
	bool ended = CHECK(children_wait(INT_MAX, END_MS));
	counts_fold();
	ipc_remove();
	return ended;
}

static void play_prepare(void)
{
	directory_empty(open("play", O_RDONLY | O_DIRECTORY));
	if (chdir("play") == 0) {
		names_make();
		CHECK_OK(chdir(".."));
	}
}

/* Rounds until the time is over; a line a minute. */
static bool rounds_run(uint64_t *random, long milliseconds)
{
	int64_t start = now_ms(), line = start + 60000;
	for (long rounds = 0; now_ms() < start + milliseconds; rounds++) {
		if (rounds % 8 == 0)
			play_prepare();
		if (!CHECK_OK(chdir("play")) && !round_run(random))
			return false;
		if (!CHECK(chdir("..") == 0))
			return false;
		if (now_ms() < line)
			continue;
		line += 60000;
		check_print("# %ld s, %ld rounds, %ld calls, %ld succeeded",
			    (now_ms() - start) / 1000, rounds, count_total(COUNT_MADE),
			    count_total(COUNT_SUCCEEDED));
	}
	return true;
}

static long report_value(const char *report, const char *name)
{
	const char *found = strstr(report, name);
	return found ? atol(found + strlen(name)) : -1;
}

/* The audit (Selene only) is clean; what lived before lives, nothing else. */
static void audit_check(const char *before)
{
	static const char *const values[] = { "spaces", "mappings", "processes", "threads" };
	static char after[16384];
	if (!before[0] || !CHECK(file_read(AUDIT, after, sizeof(after)) > 0))
		return;
	CHECK(!strncmp(after, "audit: clean", 12));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		check_equal(report_value(after, values[i]), report_value(before, values[i]),
			    values[i], __LINE__);
}

static void never_print(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (call_counts[COUNT_SUCCEEDED][i] == 0)
			check_print("# %s: %ld calls, none succeeded", calls[i].name,
				    call_counts[COUNT_MADE][i]);
	}
}

static void test_random(void)
{
	static char before[16384];
	uint64_t random = random_start(4);
	if (getuid() != 0)
		SKIP("needs root");
	check_timeout = seconds + 60 > check_timeout ? seconds + 60 : check_timeout;
	alarm(check_timeout);
	REQUIRE(counts_make(ARRAY_SIZE(calls)));
	REQUIRE(memory_make() && scratch_enter());
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	umask(0);
	CHECK_OK(mkdir("play", 0777));
	CHECK_OK(chmod(".", 0755));
	REQUIRE(rounds_run(&random, 100));
	file_read(AUDIT, before, sizeof(before));
	rounds_run(&random, seconds * 1000);
	if (seconds > 30) {
		check_print("# %ld calls, %ld succeeded; counts that calls wrote over: %ld",
			    count_total(COUNT_MADE), count_total(COUNT_SUCCEEDED), counts_spoiled);
		never_print();
	}
	health_check();
	audit_check(before);
}

static const struct check_case cases[] = { { "random", test_random } };

int main(int argc, char **argv)
{
	if (argc > 2 && argv[argc - 2][0] != '-') {
		seconds = atol(argv[argc - 1]);
		argc--;
	}
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
