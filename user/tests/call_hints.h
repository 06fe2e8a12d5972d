#pragma once
/*
 * What the table's kinds of arguments do not say (callgrammar.c): the words that a call knows, the
 * descriptors that it is for, and the structure that it reads.
 */
#include "call_fill.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/xattr.h>

enum hint_how {
	HINT_ONE,  /* one of the words */
	HINT_BITS, /* none, one or some of the words */
	HINT_FILL, /* a pointer to a record */
};

struct hint {
	short call;
	unsigned char argument, how, count;
	const long *words;
	record_fill *fill;
};

#define WORDS(how, call, index, ...)                                                               \
	{                                                                                          \
		SYS_##call, (index), (how), sizeof((const long[]){ __VA_ARGS__ }) / sizeof(long),  \
			(const long[]){ __VA_ARGS__ }, NULL                                        \
	}
#define ONE(call, index, ...)  WORDS(HINT_ONE, call, index, __VA_ARGS__)
#define BITS(call, index, ...) WORDS(HINT_BITS, call, index, __VA_ARGS__)
#define FILL(call, index, fill)                                                                    \
	{                                                                                          \
		SYS_##call, (index), HINT_FILL, 0, NULL, (fill)                                    \
	}
#define STREAMS	      FD_STREAM, FD_STREAM_PEER, FD_DATAGRAM, FD_DATAGRAM_PEER, FD_PACKET
#define PIPES	      FD_PIPE_READ, FD_PIPE_WRITE, FD_FILE, FD_MEMORY, FD_STREAM
#define PROTECTION    PROT_READ, PROT_WRITE, PROT_EXEC
#define MESSAGE_FLAGS MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_NOSIGNAL, MSG_OOB
#define IPC_KEYS      0x5e1e0001, 0x5e1e0002, 0x5e1e0003
#define RESOURCES     0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15
#define CLOCKS	      0, 1, 2, 3, 4, 5, 6, 7, -2, -6

/* clang-format off */
static const struct hint hints[] = {
	ONE(epoll_ctl, 0, FD_EPOLL, FD_EPOLL_OUTER), ONE(epoll_ctl, 1, 1, 2, 3),
	FILL(epoll_ctl, 3, fill_events),
	ONE(epoll_pwait, 0, FD_EPOLL, FD_EPOLL_OUTER), ONE(epoll_pwait, 2, 1, 8, 0, -1),
	ONE(epoll_pwait, 3, 0, 1, 5, -1), ONE(epoll_pwait, 5, 8),
	ONE(epoll_pwait2, 0, FD_EPOLL, FD_EPOLL_OUTER), ONE(epoll_pwait2, 2, 1, 8),
	FILL(epoll_pwait2, 3, fill_time), ONE(epoll_pwait2, 5, 8),
	BITS(eventfd2, 1, EFD_SEMAPHORE, EFD_NONBLOCK, EFD_CLOEXEC),
	BITS(epoll_create1, 0, EPOLL_CLOEXEC), BITS(inotify_init1, 0, IN_NONBLOCK, IN_CLOEXEC),
	ONE(inotify_add_watch, 0, FD_INOTIFY), BITS(inotify_add_watch, 2, IN_ALL_EVENTS, IN_ONLYDIR,
		IN_MASK_ADD, IN_ONESHOT, IN_MODIFY, IN_MASK_CREATE, IN_EXCL_UNLINK),
	ONE(inotify_rm_watch, 0, FD_INOTIFY), ONE(inotify_rm_watch, 1, 1, 2, 3, 4, 5),
	ONE(dup3, 1, 50, 51, 52, 53, 54, 55, 100), BITS(dup3, 2, O_CLOEXEC),
	ONE(fcntl, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17, 36, 37, 38, 1024, 1025, 1026,
		1030, 1031, 1032, 1033, 1034, 1035, 1036, 1037, 1038),
	FILL(fcntl, 2, fill_lock),
	ONE(ioctl, 1, 0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5409, 0x540b, 0x540e, 0x540f, 0x5410,
		0x5411, 0x5412, 0x5413, 0x5414, 0x541b, 0x5420, 0x5421, 0x5422, 0x5423, 0x5424, 0x5429,
		0x5450, 0x5451, 0x5452, 0x5460, 0x80045430, 0x40045431, 0x5441, 0x4600, 0x4601, 0x4602,
		0x4606, 0x4611, 0x80084502, 0x80404506, 0x40044590, 0x80086601, 0x40086602, 0xc020660b,
		0x40049409, 0xc0185879, 0x1260, 0x1268, 0x80081272, 0x8912, 0x8913, 0x8915, 0xb701),
	FILL(ioctl, 2, fill_words),
	BITS(flock, 1, 1, 2, 4, 8), BITS(mknodat, 2, S_IFIFO, S_IFREG, S_IFCHR, S_IFSOCK, 0600),
	BITS(unlinkat, 2, AT_REMOVEDIR), BITS(linkat, 4, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH),
	BITS(fallocate, 1, 1, 2, 8, 16, 32, 64), ONE(fallocate, 2, 0, 4096, 100, 65536),
	ONE(fallocate, 3, 4096, 1, 65536, 8192), ONE(lseek, 2, 0, 1, 2, 3, 4),
	BITS(openat, 2, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECTORY,
		O_NOFOLLOW, O_CLOEXEC, O_PATH, O_TMPFILE, O_DSYNC, O_NOATIME, O_NOCTTY),
	FILL(openat2, 2, fill_how), ONE(openat2, 3, 24), BITS(pipe2, 1, O_NONBLOCK, O_CLOEXEC, O_DIRECT),
	BITS(newfstatat, 3, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH), ONE(statx, 3, 0x7ff, 0xfff, 0xffff),
	BITS(statx, 2, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x2000), FILL(utimensat, 2, fill_time),
	BITS(utimensat, 3, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH), BITS(faccessat2, 3, AT_EACCESS, 0x1000),
	FILL(readv, 1, fill_vector), ONE(readv, 2, 1, 2, 8), FILL(writev, 1, fill_vector),
	ONE(writev, 2, 1, 2, 8), FILL(preadv, 1, fill_vector), ONE(preadv, 2, 1, 8),
	FILL(pwritev, 1, fill_vector), ONE(pwritev, 2, 1, 8), FILL(preadv2, 1, fill_vector),
	ONE(preadv2, 2, 1, 8), BITS(preadv2, 5, 1, 2, 4, 8, 16, 32), FILL(pwritev2, 1, fill_vector),
	ONE(pwritev2, 2, 1, 8), BITS(pwritev2, 5, 1, 2, 4, 8, 16, 32),
	FILL(vmsplice, 1, fill_vector), ONE(vmsplice, 2, 1, 2, 8), BITS(vmsplice, 3, 1, 2, 4, 8),
	ONE(vmsplice, 0, FD_PIPE_READ, FD_PIPE_WRITE), ONE(splice, 0, PIPES), ONE(splice, 2, PIPES),
	BITS(splice, 5, 1, 2, 4, 8), ONE(splice, 1, 0), ONE(splice, 3, 0), ONE(tee, 0, FD_PIPE_READ),
	ONE(tee, 1, FD_PIPE_WRITE), BITS(tee, 3, 1, 2, 4, 8), ONE(sendfile, 1, FD_FILE, FD_MEMORY),
	ONE(sendfile, 0, PIPES), ONE(sendfile, 2, 0), ONE(copy_file_range, 5, 0),
	ONE(copy_file_range, 0, FD_FILE, FD_MEMORY), ONE(copy_file_range, 2, FD_FILE, FD_UNNAMED),
	ONE(pselect6, 0, 10, 40, 64, 100), FILL(pselect6, 4, fill_time), FILL(ppoll, 0, fill_polls),
	ONE(ppoll, 1, 1, 3, 8), FILL(ppoll, 2, fill_time), ONE(ppoll, 4, 8),
	ONE(signalfd4, 0, -1, FD_SIGNAL), ONE(signalfd4, 2, 8), BITS(signalfd4, 3, 0x800, 0x80000),
	ONE(timerfd_create, 0, CLOCKS), BITS(timerfd_create, 1, 0x800, 0x80000),
	ONE(timerfd_settime, 0, FD_TIMER), BITS(timerfd_settime, 1, 1, 2),
	FILL(timerfd_settime, 2, fill_time), ONE(timerfd_gettime, 0, FD_TIMER),
	BITS(memfd_create, 1, 1, 2, 8, 16), BITS(close_range, 2, 2, 4), ONE(close_range, 0, 50, 60),
	BITS(renameat2, 4, 1, 2, 4), ONE(sync_file_range, 0, FD_FILE), BITS(sync_file_range, 3, 1, 2, 4),
	BITS(setxattr, 4, XATTR_CREATE, XATTR_REPLACE), ONE(fadvise64, 3, 0, 1, 2, 3, 4, 5),
	BITS(mount, 3, MS_BIND, MS_REC, MS_RDONLY, MS_REMOUNT, MS_PRIVATE), BITS(umount2, 1, 1, 2, 4, 8),
	ONE(waitid, 0, 0, 1, 2, 3), BITS(waitid, 3, 1, 2, 4, 8, 0x1000000), FILL(nanosleep, 0, fill_time),
	BITS(wait4, 2, 1, 2, 8, 0x20000000, 0x40000000), ONE(getitimer, 0, 0, 1, 2),
	ONE(setitimer, 0, 1, 2, 0), FILL(setitimer, 1, fill_time), ONE(timer_create, 0, CLOCKS),
	FILL(timer_create, 1, fill_event), ONE(timer_settime, 1, 0, 1), FILL(timer_settime, 2, fill_time),
	ONE(timer_settime, 0, 0, 1, 2, 3), ONE(timer_gettime, 0, 0, 1, 2, 3), ONE(timer_delete, 0, 0, 1, 2),
	ONE(clock_gettime, 0, CLOCKS), ONE(clock_getres, 0, CLOCKS), ONE(clock_nanosleep, 0, CLOCKS),
	ONE(clock_nanosleep, 1, 0, 1), FILL(clock_nanosleep, 2, fill_time),
	ONE(futex, 1, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 128, 129, 131, 132, 133, 137, 138, 256 | 9),
	FILL(futex, 3, fill_time), ONE(futex, 2, 0, 1, 2, 100), FILL(futex_waitv, 0, fill_words),
	FILL(futex_waitv, 3, fill_time), ONE(set_robust_list, 1, 24), ONE(syslog, 0, 2, 3, 6, 8, 9, 10),
	ONE(ptrace, 0, PTRACE_TRACEME, 1, 2, 4, 5, 7, 8, 16, 17, 24, 0x4200, 0x4201, 0x4202, 0x4203,
		0x4204, 0x4205, 0x4206, 0x4207, 0x4208, 0x4209, 0x420a, 0x420b, 0x420e),
	FILL(sched_setaffinity, 2, fill_words), ONE(sched_setaffinity, 1, 8, 16, 128),
	ONE(sched_setscheduler, 1, 0, 1, 2, 3, 5, 6), FILL(sched_setscheduler, 2, fill_numbers),
	FILL(sched_setattr, 1, fill_words), FILL(rt_sigsuspend, 0, fill_words), ONE(rt_sigsuspend, 1, 8),
	FILL(sigaltstack, 0, fill_stack), ONE(rt_sigaction, 3, 8), ONE(rt_sigprocmask, 0, 0, 1, 2),
	FILL(rt_sigprocmask, 1, fill_words), ONE(rt_sigprocmask, 3, 8), ONE(rt_sigpending, 1, 8),
	FILL(rt_sigtimedwait, 0, fill_words), FILL(rt_sigtimedwait, 2, fill_time),
	ONE(rt_sigtimedwait, 3, 8), FILL(rt_sigqueueinfo, 2, fill_info),
	FILL(rt_tgsigqueueinfo, 3, fill_info), ONE(setpriority, 0, 0, 1, 2),
	ONE(getpriority, 0, 0, 1, 2), ONE(getrlimit, 0, RESOURCES), ONE(prlimit64, 1, RESOURCES),
	FILL(prlimit64, 2, fill_words), ONE(getrusage, 0, 0, 1, -1),
	ONE(prctl, 0, 1, 2, 3, 4, 7, 8, 15, 16, 21, 22, 23, 24, 29, 30, 33, 35, 36, 37, 38, 39, 40, 41,
		42, 47, 0x59616d61, 0x53564d41),
	BITS(msgget, 1, IPC_CREAT, IPC_EXCL, 0600, 0666), ONE(msgctl, 1, 0, 1, 2, 3, 11, 12, 13),
	FILL(msgsnd, 1, fill_words), ONE(msgsnd, 2, 1, 8, 100), BITS(msgsnd, 3, IPC_NOWAIT),
	ONE(msgrcv, 2, 8, 100, 1000), BITS(msgrcv, 4, IPC_NOWAIT, MSG_NOERROR, MSG_EXCEPT),
	ONE(semget, 1, 1, 4, 5), BITS(semget, 2, IPC_CREAT, IPC_EXCL, 0600, 0666),
	ONE(semctl, 2, 0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20),
	FILL(semtimedop, 1, fill_semaphores), ONE(semtimedop, 2, 1, 2, 8), FILL(semtimedop, 3, fill_time),
	FILL(semop, 1, fill_semaphores), ONE(semop, 2, 1, 2), ONE(shmget, 1, 1, 4096, 65536),
	BITS(shmget, 2, IPC_CREAT, IPC_EXCL, 0600, 0666), ONE(shmctl, 1, 0, 1, 2, 3, 11, 12, 13, 14, 15),
	ONE(shmat, 1, 0), BITS(shmat, 2, SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC),
	BITS(mq_open, 1, O_CREAT, O_EXCL, O_RDWR, O_WRONLY, O_NONBLOCK), ONE(mq_open, 3, 0),
	ONE(mq_timedsend, 0, FD_QUEUE), ONE(mq_timedsend, 2, 1, 8, 100), ONE(mq_timedsend, 3, 0, 1, 9),
	FILL(mq_timedsend, 4, fill_time), ONE(mq_timedreceive, 0, FD_QUEUE),
	ONE(mq_timedreceive, 2, 8192, 16384), FILL(mq_timedreceive, 4, fill_time),
	ONE(mq_notify, 0, FD_QUEUE), FILL(mq_notify, 1, fill_event), ONE(mq_getsetattr, 0, FD_QUEUE),
	ONE(socket, 0, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET),
	BITS(socket, 1, 1, 2, 5, SOCK_NONBLOCK, SOCK_CLOEXEC), ONE(socket, 2, 0, 6, 17, 1),
	ONE(socketpair, 0, AF_UNIX), ONE(socketpair, 1, 1, 2, 5, 1 | SOCK_NONBLOCK),
	ONE(socketpair, 2, 0), FILL(bind, 1, fill_address), ONE(bind, 2, 2, 16, 110, 9, 5),
	ONE(bind, 0, STREAMS, FD_INTERNET), ONE(listen, 0, STREAMS, FD_LISTEN), ONE(listen, 1, 0, 1, 100),
	ONE(accept, 0, FD_LISTEN), ONE(accept4, 0, FD_LISTEN), BITS(accept4, 3, 0x800, 0x80000),
	FILL(connect, 1, fill_address), ONE(connect, 2, 9, 110, 5, 2), ONE(connect, 0, STREAMS),
	ONE(getsockname, 0, STREAMS, FD_LISTEN), ONE(getpeername, 0, STREAMS), ONE(sendto, 0, STREAMS),
	FILL(getsockname, 2, fill_numbers), FILL(getpeername, 2, fill_numbers),
	BITS(sendto, 3, MESSAGE_FLAGS), ONE(recvfrom, 0, STREAMS), BITS(recvfrom, 3, MESSAGE_FLAGS),
	ONE(setsockopt, 0, STREAMS, FD_LISTEN, FD_INTERNET), ONE(setsockopt, 1, SOL_SOCKET),
	ONE(setsockopt, 2, 2, 7, 8, 9, 13, 16, 18, 20, 21, 29, 32, 33, 34, 35, 42, 42, 76), ONE(setsockopt, 4, 4, 8, 16),
	FILL(setsockopt, 3, fill_numbers), ONE(getsockopt, 0, STREAMS), ONE(getsockopt, 1, SOL_SOCKET),
	ONE(getsockopt, 2, 2, 3, 4, 7, 8, 9, 13, 16, 17, 18, 20, 28, 29, 30, 31, 38, 39, 42, 57, 76, 77),
	FILL(getsockopt, 4, fill_numbers), ONE(shutdown, 0, STREAMS, FD_LISTEN), ONE(shutdown, 1, 0, 1, 2),
	ONE(sendmsg, 0, STREAMS), FILL(sendmsg, 1, fill_message), BITS(sendmsg, 2, MESSAGE_FLAGS),
	ONE(recvmsg, 0, STREAMS), FILL(recvmsg, 1, fill_message), BITS(recvmsg, 2, MESSAGE_FLAGS),
	ONE(recvmmsg, 0, STREAMS), FILL(recvmmsg, 1, fill_message), ONE(recvmmsg, 2, 1, 2),
	FILL(recvmmsg, 4, fill_time), ONE(sendmmsg, 0, STREAMS), FILL(sendmmsg, 1, fill_message),
	ONE(sendmmsg, 2, 1, 2), ONE(mremap, 3, 0, 1, 1, 3, 5), BITS(msync, 2, 1, 2, 4),
	BITS(mmap, 2, PROTECTION), BITS(mprotect, 2, PROTECTION), ONE(mmap, 0, 0), ONE(mmap, 5, 0, 4096),
	ONE(mmap, 3, 1, 2, 0x22, 0x22, 0x21, 0x8022, 0x4022, 0x2022, 3, 0x100022, 0x122),
	ONE(mmap, 4, FD_FILE, FD_MEMORY, FD_UNNAMED, FD_FIRST_NAMED, -1), BITS(mlockall, 0, 1, 2, 4),
	ONE(madvise, 2, 0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25),
	BITS(clone, 0, CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_VFORK, CLONE_THREAD,
		CLONE_PARENT, CLONE_SYSVSEM, CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID, CLONE_PIDFD,
		SIGCHLD, CLONE_CHILD_SETTID, CLONE_NEWNS, CLONE_PTRACE), ONE(clone, 1, 0),
	FILL(clone3, 0, fill_clone), ONE(clone3, 1, 64, 80, 88), FILL(execve, 1, fill_pointers),
	FILL(execve, 2, fill_pointers), FILL(execveat, 2, fill_pointers),
	FILL(execveat, 3, fill_pointers), BITS(execveat, 4, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW),
	FILL(process_vm_readv, 1, fill_vector), ONE(process_vm_readv, 2, 1, 4),
	FILL(process_vm_readv, 3, fill_vector), ONE(process_vm_readv, 4, 1, 4), ONE(process_vm_readv, 5, 0),
	FILL(process_vm_writev, 1, fill_vector), ONE(process_vm_writev, 2, 1, 4),
	FILL(process_vm_writev, 3, fill_vector), ONE(process_vm_writev, 4, 1, 4),
	ONE(process_vm_writev, 5, 0), BITS(getrandom, 2, 1, 2, 4), ONE(membarrier, 0, 0, 1, 8, 16, 64),
	ONE(membarrier, 1, 0), ONE(pidfd_send_signal, 0, FD_PROCESS), ONE(pidfd_open, 1, 0, 0x800),
	ONE(pidfd_getfd, 0, FD_PROCESS), ONE(pidfd_getfd, 2, 0), BITS(unshare, 0, CLONE_FS, CLONE_FILES,
		CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_SYSVSEM),
};
/* clang-format on */
