/* Clocks and sleeping: clock_gettime(2), clock_nanosleep(2), times(2). */
#include <abi/handler.h>
#include <arch/time.h>
#include <arch/user.h>
#include <fs/timerfd.h>
#include <lib/errno.h>
#include <proc/clock.h>
#include <proc/credentials.h>
#include <proc/process.h>
#include <sched/timer.h>
#include <sched/wait.h>

enum { NS_PER_SECOND = 1000000000, NS_PER_MICROSECOND = 1000, NS_PER_CLOCK_TICK = 10000000 };
#define NS_MAX ((u64)INT64_MAX)

int time_spec_in(vaddr_t address, u64 *ns)
{
	struct time_spec time;

	if (copy_in(&time, address, sizeof(time)))
		return -EFAULT;
	if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= NS_PER_SECOND)
		return -EINVAL;
	/* 292 years are for ever. */
	if ((u64)time.seconds >= NS_MAX / NS_PER_SECOND)
		*ns = NS_MAX;
	else
		*ns = (u64)time.seconds * NS_PER_SECOND + (u64)time.nanoseconds;
	return 0;
}

int time_spec_out(vaddr_t address, u64 ns)
{
	struct time_spec time = {
		.seconds = (s64)(ns / NS_PER_SECOND),
		.nanoseconds = (s64)(ns % NS_PER_SECOND),
	};

	return copy_out(address, &time, sizeof(time));
}

SYSCALL_2(sys_clock_gettime, clock, address)
{
	u64 ns;
	int error = clock_read((int)clock, &ns);

	return error ? error : time_spec_out(address, ns);
}

SYSCALL_2(sys_clock_getres, clock, address)
{
	u64 ns;
	int error = clock_read((int)clock, &ns);

	return error || !address ? error : time_spec_out(address, 1);
}

static void step_realtime(s64 step)
{
	time_set_realtime((s64)clock_realtime() + step);
	timerfd_clock_set(step);
}

static int set_realtime(u64 ns)
{
	if (!credentials_capable(CAP_SYS_TIME))
		return -EPERM;
	step_realtime((s64)ns - (s64)clock_realtime());
	return 0;
}

SYSCALL_2(sys_clock_settime, clock, address)
{
	u64 ns;
	int error;

	if ((int)clock != CLOCK_REALTIME)
		return -EINVAL;
	error = time_spec_in(address, &ns);
	return error ? error : set_realtime(ns);
}

struct clock_state { /* struct timex */
	u32 modes, padding;
	s64 offset, frequency, max_error, estimated_error;
	s32 status, padding2;
	s64 constant, precision, tolerance, seconds, fraction, tick, pps[2];
	s32 pps_shift, padding3;
	s64 pps_counts[5];
	s32 tai, unused[11];
};
static_assert(sizeof(struct clock_state) == 208, "struct timex");
enum { /* adjtimex(2) */
       ADJ_SETOFFSET = 0x100,
       ADJ_NANO = 0x2000,
       STA_UNSYNC = 0x40,
       STA_NANO = 0x2000,
       TIME_ERROR = 5,
       ERROR_MAX = 16000000,
       TOLERANCE = 500 << 16, /* 2^-16 ppm */
};

/* By as much as the state's time says. */
static int apply_offset(const struct clock_state *state)
{
	s64 unit = state->modes & ADJ_NANO ? 1 : NS_PER_MICROSECOND;

	if (state->fraction < 0 || state->fraction >= NS_PER_SECOND / unit ||
	    state->seconds > INT32_MAX || state->seconds < INT32_MIN)
		return -EINVAL;
	step_realtime(state->seconds * NS_PER_SECOND + state->fraction * unit);
	return 0;
}

/* Nobody disciplines the clock: it can be stepped, and is not synchronized to anything. */
static long adjust(vaddr_t address)
{
	struct clock_state asked, state = { .max_error = ERROR_MAX,
					    .estimated_error = ERROR_MAX,
					    .status = STA_UNSYNC,
					    .constant = 2,
					    .precision = 1,
					    .tolerance = TOLERANCE,
					    .tick = NS_PER_CLOCK_TICK / NS_PER_MICROSECOND };
	int error = 0;
	u64 now;

	if (copy_in(&asked, address, sizeof(asked)))
		return -EFAULT;
	if (asked.modes && !credentials_capable(CAP_SYS_TIME))
		return -EPERM;
	if (asked.modes & ~(u32)(ADJ_SETOFFSET | ADJ_NANO))
		return -EINVAL;
	if (asked.modes & ADJ_SETOFFSET)
		error = apply_offset(&asked);
	if (error)
		return error;
	now = clock_realtime();
	state.modes = asked.modes;
	state.seconds = (s64)(now / NS_PER_SECOND);
	state.fraction = (s64)(now % NS_PER_SECOND);
	if (asked.modes & ADJ_NANO)
		state.status |= STA_NANO;
	else
		state.fraction /= NS_PER_MICROSECOND;
	return copy_out(address, &state, sizeof(state)) ? -EFAULT : TIME_ERROR;
}

SYSCALL_1(sys_adjtimex, state)
{
	return adjust(state);
}

SYSCALL_2(sys_clock_adjtime, clock, state)
{
	u64 now;
	int error = clock_read((int)clock, &now);

	if (error)
		return error;
	return (int)clock == CLOCK_REALTIME ? adjust(state) : -EOPNOTSUPP;
}

/* struct timeval and the obsolete struct timezone. */
SYSCALL_2(sys_gettimeofday, time, zone)
{
	const u64 utc = 0;
	u64 now = clock_realtime();
	struct time_spec value = {
		.seconds = (s64)(now / NS_PER_SECOND),
		.nanoseconds = (s64)(now % NS_PER_SECOND / NS_PER_MICROSECOND),
	};

	if (time && copy_out(time, &value, sizeof(value)))
		return -EFAULT;
	return zone && copy_out(zone, &utc, sizeof(utc)) ? -EFAULT : 0;
}

SYSCALL_2(sys_settimeofday, time, zone)
{
	struct time_spec value;
	u64 ignored;

	if (zone && copy_in(&ignored, zone, sizeof(ignored)))
		return -EFAULT;
	if (!time)
		return credentials_capable(CAP_SYS_TIME) ? 0 : -EPERM;
	if (copy_in(&value, time, sizeof(value)))
		return -EFAULT;
	if (value.seconds < 0 || (u64)value.seconds >= NS_MAX / NS_PER_SECOND ||
	    value.nanoseconds < 0 || value.nanoseconds >= NS_PER_SECOND / NS_PER_MICROSECOND)
		return -EINVAL;
	return set_realtime((u64)value.seconds * NS_PER_SECOND +
			    (u64)value.nanoseconds * NS_PER_MICROSECOND);
}

/* Until @deadline of time_now(). The caller of a relative sleep is told what is left of it. */
static long sleep_until(u64 deadline, vaddr_t remainder, bool absolute)
{
	struct user_thread *user = thread_current()->user;
	u64 now;
	int error;

	do {
		error = thread_block(deadline, WAIT_INTERRUPTIBLE);
	} while (!error && time_now() < deadline);
	if (error != -EINTR)
		return 0;
	if (absolute)
		return -ERESTARTNOHAND;
	now = time_now();
	if (now >= deadline)
		return 0;
	if (remainder && time_spec_out(remainder, deadline - now))
		return -EFAULT;
	user->restart_deadline = deadline;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_relative(u64 ns, vaddr_t remainder)
{
	struct user_thread *user = thread_current()->user;
	u64 deadline = user->restart_deadline;

	/* Interrupted before, and no handler ran: the same sleep goes on. */
	user->restart_deadline = 0;
	if (!deadline)
		deadline = time_now() + ns;
	return sleep_until(deadline, remainder, false);
}

SYSCALL_2(sys_nanosleep, request, remainder)
{
	u64 ns;
	int error = time_spec_in(request, &ns);

	return error ? error : sleep_relative(ns, remainder);
}

/* Until @which reads @target, or for ever where whom it measures is gone: then *left stays as it was. */
static int wait_for_cpu_clock(const struct cpu_clock *which, u64 target, u64 *left)
{
	unsigned threads;
	u64 now;
	int error = 0;

	for (;;) {
		bool alive = cpu_clock_read(which, &now, &threads);

		if (error == -EINTR || (alive && now >= target)) {
			if (alive)
				*left = now < target ? target - now : 0;
			return error == -EINTR ? error : 0;
		}
		error = thread_block(alive ? time_now() + cpu_clock_patience(now, target, threads)
					   : WAIT_FOREVER,
				     WAIT_INTERRUPTIBLE);
	}
}

/* restart_deadline is a time of the clock here. */
static long sleep_on_cpu_clock(int clock, u64 ns, bool absolute, vaddr_t remainder)
{
	struct user_thread *user = thread_current()->user;
	struct cpu_clock which;
	unsigned threads;
	u64 left = ns, target = user->restart_deadline;
	int error = cpu_clock_get(clock, &which);

	user->restart_deadline = 0;
	if (error)
		return error;
	if (which.is_thread && which.id == user->id) {
		cpu_clock_put(&which);
		return -EINVAL;
	}
	if (absolute)
		target = ns;
	else if (!target && cpu_clock_read(&which, &target, &threads))
		target += MIN(ns, NS_MAX);
	error = wait_for_cpu_clock(&which, target, &left);
	cpu_clock_put(&which);
	if (!error || !left)
		return 0;
	if (absolute)
		return -ERESTARTNOHAND;
	if (remainder && time_spec_out(remainder, left))
		return -EFAULT;
	user->restart_deadline = target;
	return -ERESTART_RESTARTBLOCK;
}

SYSCALL_4(sys_clock_nanosleep, clock_argument, flags, request, remainder)
{
	int clock = (int)clock_argument;
	s64 offset = 0;
	u64 ns, unused;
	int error;

	if (clock == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	if (clock == CLOCK_REALTIME || clock == CLOCK_TAI)
		offset = time_realtime_offset();
	else if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && !clock_is_cpu(clock))
		return clock_read(clock, &unused) ? -EINVAL : -EOPNOTSUPP;
	error = time_spec_in(request, &ns);
	if (error)
		return error;
	if (clock_is_cpu(clock))
		return sleep_on_cpu_clock(clock, ns, flags & TIMER_ABSTIME, remainder);
	if (!(flags & TIMER_ABSTIME))
		return sleep_relative(ns, remainder);
	/* A time before the machine started is over. */
	if (offset > 0 && ns <= (u64)offset)
		return 0;
	return sleep_until(ns - (u64)offset, 0, true);
}

/* The time-outs of restarted calls are in their own handlers; there is nothing else to restart. */
SYSCALL_0(sys_restart_syscall)
{
	return -EINTR;
}

SYSCALL_1(sys_times, address)
{
	struct process *process = process_current();
	u64 user, system;
	s64 ticks[4];

	process_times(process, &user, &system);
	ticks[0] = (s64)(user / NS_PER_CLOCK_TICK);
	ticks[1] = (s64)(system / NS_PER_CLOCK_TICK);
	ticks[2] = (s64)(process->children_user / NS_PER_CLOCK_TICK);
	ticks[3] = (s64)(process->children_system / NS_PER_CLOCK_TICK);
	if (address && copy_out(address, ticks, sizeof(ticks)))
		return -EFAULT;
	return (long)(time_now() / NS_PER_CLOCK_TICK);
}
