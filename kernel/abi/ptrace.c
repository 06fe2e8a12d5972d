/* ptrace(2): the requests. */
#include <abi/handler.h>
#include <arch/thread.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/kill.h>
#include <proc/ptrace.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

enum {
	PTRACE_TRACEME = 0,
	PTRACE_PEEKTEXT = 1,
	PTRACE_PEEKDATA = 2,
	PTRACE_POKETEXT = 4,
	PTRACE_POKEDATA = 5,
	PTRACE_CONT = 7,
	PTRACE_KILL = 8,
	PTRACE_ATTACH = 16,
	PTRACE_DETACH = 17,
	PTRACE_SYSCALL = 24,
	PTRACE_SETOPTIONS = 0x4200,
	PTRACE_GETEVENTMSG = 0x4201,
	PTRACE_GETSIGINFO = 0x4202,
	PTRACE_SETSIGINFO = 0x4203,
	PTRACE_GETREGSET = 0x4204,
	PTRACE_SETREGSET = 0x4205,
	PTRACE_SEIZE = 0x4206,
	PTRACE_INTERRUPT = 0x4207,
	PTRACE_LISTEN = 0x4208,
	PTRACE_PEEKSIGINFO = 0x4209,
	PTRACE_GETSIGMASK = 0x420a,
	PTRACE_SETSIGMASK = 0x420b,
	PTRACE_GET_SYSCALL_INFO = 0x420e,
	PTRACE_GET_RSEQ_CONFIGURATION = 0x420f,
	PEEK_SHARED = 1, /* of PTRACE_PEEKSIGINFO: what is pending for the whole process */
	SIGINFO_SIZE = 128,
};

struct request {
	struct thread *thread;
	unsigned long number, address, data;
};

/* A word of the tracee's memory, whatever the protection of a private page. */
static long move_word(const struct request *request)
{
	bool write = request->number >= PTRACE_POKETEXT;
	struct space *space = process_space(request->thread->process);
	unsigned long word = request->data;
	ssize_t done;

	if (!space)
		return -EIO;
	if (write)
		done = space_write(space, request->address, &word, sizeof(word), true);
	else
		done = space_read_forced(space, request->address, &word, sizeof(word));
	space_put(space);
	if (done != sizeof(word))
		return -EIO;
	return write ? 0 : copy_out(request->data, &word, sizeof(word));
}

static long resume(const struct request *request, struct tracee *tracee)
{
	int signo = (int)request->data;

	if (request->data > SIGNAL_MAX)
		return -EIO;
	if (request->number == PTRACE_DETACH)
		trace_detach_locked(tracee, signo);
	else
		trace_resume_locked(tracee, signo, request->number == PTRACE_SYSCALL);
	return 0;
}

static long set_options(const struct request *request, struct tracee *tracee)
{
	if (request->data & ~(unsigned long)TRACE_OPTIONS)
		return -EINVAL;
	tracee->options = (u32)request->data;
	return 0;
}

/* What is decided under the tree lock. */
static long control(const struct request *request, struct tracee *tracee)
{
	switch (request->number) {
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_DETACH:
		return resume(request, tracee);
	case PTRACE_SETOPTIONS:
		return set_options(request, tracee);
	case PTRACE_LISTEN:
		return trace_listen_locked(tracee);
	case PTRACE_INTERRUPT:
		return trace_interrupt_locked(tracee);
	}
	return -EIO;
}

struct call_info { /* struct ptrace_syscall_info */
	u8 operation;
	u8 padding[3];
	u32 architecture;
	u64 pc, stack;
	union {
		struct {
			u64 number, arguments[6];
		} entry;
		struct {
			s64 result;
			u8 is_error;
		} leave;
	};
};

static size_t call_info_fill(const struct tracee *tracee, struct thread *thread,
			     struct call_info *info)
{
	const struct trap_frame *frame = thread_trap_frame(thread);

	*info = (struct call_info){ .architecture = cpu_audit_architecture,
				    .pc = trap_pc(frame),
				    .stack = trap_stack(frame) };
	if (tracee->stop == TRACE_STOP_ENTER) {
		info->operation = 1;
		info->entry.number = (u64)trap_syscall_number(frame);
		for (unsigned i = 0; i < 6; i++)
			info->entry.arguments[i] = trap_argument(frame, i);
		return offsetof(struct call_info, entry) + sizeof(info->entry);
	}
	if (tracee->stop == TRACE_STOP_LEAVE) {
		info->operation = 2;
		info->leave.result = trap_result(frame);
		info->leave.is_error = info->leave.result < 0 && info->leave.result >= -4095;
		return offsetof(struct call_info, leave.is_error) + 1;
	}
	return offsetof(struct call_info, entry);
}

/* What a request tells: gathered under the tree lock, copied out without it. */
static long tell(const struct request *request, struct tracee *tracee, unsigned long state)
{
	struct call_info call;
	struct signal_info info = tracee->info;
	u64 value = tracee->message;
	bool with_info = tracee->with_info;
	size_t size = call_info_fill(tracee, request->thread, &call);

	if (request->number == PTRACE_GETSIGMASK)
		value = tracee->user->blocked;
	tree_unlock(state);
	switch (request->number) {
	case PTRACE_GETSIGINFO:
		return with_info ? signal_info_out(request->data, &info) : -EINVAL;
	case PTRACE_GET_SYSCALL_INFO:
		if (copy_out(request->data, &call, MIN(size, request->address)))
			return -EFAULT;
		return (long)size;
	case PTRACE_GETSIGMASK:
		if (request->address != sizeof(value))
			return -EINVAL;
		break;
	}
	return copy_out(request->data, &value, sizeof(value));
}

static long set_mask(const struct request *request, u64 mask)
{
	struct process *process = request->thread->process;
	unsigned long state;
	struct tracee *tracee = trace_hold(request->thread, true, &state);

	if (!tracee)
		return -ESRCH;
	spin_lock(&process->actions->lock);
	tracee->user->blocked = mask & ~SIGNALS_UNBLOCKABLE;
	thread_add_work(request->thread, WORK_SIGNAL);
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	return 0;
}

static long set_info(const struct request *request, const struct signal_info *info)
{
	unsigned long state;
	struct tracee *tracee = trace_hold(request->thread, true, &state);
	long result = -ESRCH;

	if (!tracee)
		return result;
	result = tracee->with_info ? 0 : -EINVAL;
	if (!result)
		tracee->info = *info;
	tree_unlock(state);
	return result;
}

static long set(const struct request *request)
{
	struct signal_info info;
	u64 mask;
	int error;

	if (request->number == PTRACE_SETSIGMASK) {
		if (request->address != sizeof(mask))
			return -EINVAL;
		return copy_in(&mask, request->data, sizeof(mask)) ? -EFAULT
								   : set_mask(request, mask);
	}
	error = signal_info_in(&info, request->data);
	return error ? error : set_info(request, &info);
}

/* @vector: struct iovec of the tracer. */
static long get_registers(const struct request *request, u64 vector[2], unsigned long state)
{
	u64 registers[REGISTER_SET_MAX];
	size_t size = thread_registers_get(request->thread, (unsigned)request->address, registers);

	tree_unlock(state);
	if (!size || vector[1] % sizeof(u64))
		return -EINVAL;
	vector[1] = MIN(vector[1], size);
	if (copy_out(vector[0], registers, vector[1]))
		return -EFAULT;
	return copy_out(request->data + sizeof(u64), &vector[1], sizeof(u64));
}

static long set_registers(const struct request *request, u64 vector[2])
{
	u64 registers[REGISTER_SET_MAX], unused[REGISTER_SET_MAX];
	unsigned note = (unsigned)request->address;
	unsigned long state;
	size_t size;

	if (!trace_hold(request->thread, true, &state))
		return -ESRCH;
	size = thread_registers_get(request->thread, note, unused);
	tree_unlock(state);
	if (!size || vector[1] % sizeof(u64))
		return -EINVAL;
	vector[1] = MIN(vector[1], size);
	if (copy_in(registers, vector[0], vector[1]))
		return -EFAULT;
	if (!trace_hold(request->thread, true, &state))
		return -ESRCH;
	thread_registers_set(request->thread, note, registers, vector[1]);
	tree_unlock(state);
	return copy_out(request->data + sizeof(u64), &vector[1], sizeof(u64));
}

static long move_registers(const struct request *request)
{
	unsigned long state;
	u64 vector[2];

	if (copy_in(vector, request->data, sizeof(vector)))
		return -EFAULT;
	if (request->number == PTRACE_SETREGSET)
		return set_registers(request, vector);
	if (!trace_hold(request->thread, true, &state))
		return -ESRCH;
	return get_registers(request, vector, state);
}

/* The @offset-th signal that waits for the tracee: 1, 0: there are not so many, -ESRCH. */
static int peek_signal(const struct request *request, u64 offset, bool shared,
		       struct signal_info *info)
{
	struct process *process = request->thread->process;
	struct pending_signal *pending;
	struct signal_queue *queue;
	unsigned long state;
	struct tracee *tracee = trace_hold(request->thread, true, &state);
	int found = 0;

	if (!tracee)
		return -ESRCH;
	queue = shared ? &process->pending : &tracee->user->pending;
	spin_lock(&process->actions->lock);
	list_for_each_entry(pending, &queue->entries, link) {
		if (!offset--) {
			*info = pending->info;
			found = 1;
			break;
		}
	}
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	return found;
}

static long peek_signals(const struct request *request)
{
	struct { /* struct ptrace_peeksiginfo_args */
		u64 offset;
		u32 flags;
		s32 count;
	} wanted;
	struct signal_info info;
	long done = 0;
	int result = 0;

	if (copy_in(&wanted, request->address, sizeof(wanted)))
		return -EFAULT;
	if (wanted.flags & ~(u32)PEEK_SHARED || wanted.count < 0)
		return -EINVAL;
	while (done < wanted.count && !signal_pending()) {
		result = peek_signal(request, wanted.offset + (u64)done, wanted.flags & PEEK_SHARED,
				     &info);
		if (result > 0 && signal_info_out(request->data + (u64)done * SIGINFO_SIZE, &info))
			result = -EFAULT;
		if (result <= 0)
			break;
		done++;
	}
	return done ? done : MIN(result, 0);
}

static long tell_rseq(const struct request *request)
{
	struct { /* struct ptrace_rseq_configuration */
		u64 area;
		u32 size, signature, flags, padding;
	} rseq = { 0 };
	unsigned long state;
	struct tracee *tracee = trace_hold(request->thread, true, &state);

	if (!tracee)
		return -ESRCH;
	rseq.area = tracee->user->rseq;
	rseq.size = tracee->user->rseq_size;
	rseq.signature = tracee->user->rseq_signature;
	tree_unlock(state);
	if (copy_out(request->data, &rseq, MIN(sizeof(rseq), request->address)))
		return -EFAULT;
	return sizeof(rseq);
}

static long kill_tracee(const struct request *request)
{
	struct signal_info info = signal_info_user(SIGKILL, SI_USER);
	unsigned long state;

	if (!trace_hold(request->thread, false, &state))
		return -ESRCH;
	signal_send_in_tree_locked(request->thread->process, request->thread->user, &info, false);
	tree_unlock(state);
	return 0;
}

/* Requests of tracees that are stopped, but for KILL and INTERRUPT. */
static long handle(const struct request *request)
{
	unsigned long state;
	struct tracee *tracee;
	long result;

	if (request->number == PTRACE_KILL)
		return kill_tracee(request);
	if (request->number == PTRACE_PEEKSIGINFO)
		return peek_signals(request);
	if (request->number == PTRACE_GET_RSEQ_CONFIGURATION)
		return tell_rseq(request);
	tracee = trace_hold(request->thread, request->number != PTRACE_INTERRUPT, &state);
	if (!tracee)
		return -ESRCH;
	switch (request->number) {
	case PTRACE_GETEVENTMSG:
	case PTRACE_GETSIGINFO:
	case PTRACE_GETSIGMASK:
	case PTRACE_GET_SYSCALL_INFO:
		return tell(request, tracee, state);
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		tree_unlock(state);
		return move_word(request);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		tree_unlock(state);
		return move_registers(request);
	case PTRACE_SETSIGINFO:
	case PTRACE_SETSIGMASK:
		tree_unlock(state);
		return set(request);
	}
	result = control(request, tracee);
	tree_unlock(state);
	return result;
}

static long attach(const struct request *request)
{
	bool seize = request->number == PTRACE_SEIZE;

	if (seize && (request->address || request->data & ~(unsigned long)TRACE_OPTIONS))
		return -EIO;
	return trace_attach(request->thread, seize, seize ? (u32)request->data : 0);
}

SYSCALL_4(sys_ptrace, number, pid, address, data)
{
	struct request request = { .number = number, .address = address, .data = data };
	long result;

	if (number == PTRACE_TRACEME)
		return trace_me();
	request.thread = thread_find((s32)pid);
	if (!request.thread)
		return -ESRCH;
	if (number == PTRACE_ATTACH || number == PTRACE_SEIZE)
		result = attach(&request);
	else
		result = handle(&request);
	trace_collect();
	thread_put(request.thread);
	return result;
}
