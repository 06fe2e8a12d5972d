/* System V message queues: msgget(2), msgop(2), msgctl(2), /proc/sysvipc/msg. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif

struct message {
	long type;
	char data[64];
};

static int queue_make(void)
{
	return CHECK_OK(msgget(IPC_PRIVATE, 0600));
}

static void queue_end(int id)
{
	CHECK_OK(msgctl(id, IPC_RMID, NULL));
}

static int sends(int id, long type, const char *text, int flags)
{
	struct message message = { .type = type };
	strcpy(message.data, text);
	return msgsnd(id, &message, strlen(text), flags);
}

static void receives(int id, long type, int flags, long expected_type, const char *expected)
{
	struct message message = { .type = -1 };
	CHECK_EQ(msgrcv(id, &message, sizeof(message.data), type, flags | IPC_NOWAIT),
		 strlen(expected));
	CHECK_EQ(message.type, expected_type);
	CHECK_STR(message.data, expected);
}

static void test_types(void)
{
	struct message message;
	int id = queue_make();
	CHECK_OK(sends(id, 5, "five", 0));
	CHECK_OK(sends(id, 2, "two", 0));
	CHECK_OK(sends(id, 9, "nine", 0));
	CHECK_OK(sends(id, 2, "again", 0));
	CHECK_OK(sends(id, 7, "", 0));
	receives(id, 9, 0, 9, "nine");
	receives(id, -6, 0, 2, "two");
	receives(id, -6, 0, 2, "again");
	receives(id, 5, MSG_EXCEPT, 7, "");
	CHECK_ERRNO(msgrcv(id, &message, 64, 9, IPC_NOWAIT), ENOMSG);
	CHECK_ERRNO(msgrcv(id, &message, 64, -4, IPC_NOWAIT), ENOMSG);
	CHECK_ERRNO(msgrcv(id, &message, 64, 5, IPC_NOWAIT | MSG_EXCEPT), ENOMSG);
	receives(id, 0, 0, 5, "five");
	CHECK_ERRNO(msgrcv(id, &message, 64, 0, IPC_NOWAIT), ENOMSG);
	queue_end(id);
}

static void test_size(void)
{
	struct message message = { 0 };
	static struct {
		long type;
		char data[8193];
	} large = { .type = 1 };
	int id = queue_make();
	CHECK_OK(sends(id, 1, "0123456789", 0));
	CHECK_ERRNO(msgrcv(id, &message, 4, 0, IPC_NOWAIT), E2BIG);
	CHECK_EQ(msgrcv(id, &message, 4, 0, IPC_NOWAIT | MSG_NOERROR), 4);
	CHECK_EQ(strncmp(message.data, "0123", 4), 0);
	CHECK_ERRNO(msgrcv(id, &message, 4, 0, IPC_NOWAIT), ENOMSG); /* the rest is gone */
	CHECK_ERRNO(msgsnd(id, &large, 8193, 0), EINVAL);
	CHECK_OK(msgsnd(id, &large, 8192, 0));
	CHECK_OK(msgsnd(id, &large, 8192, 0));
	CHECK_ERRNO(sends(id, 1, "x", IPC_NOWAIT), EAGAIN);
	CHECK_OK(sends(id, 1, "", IPC_NOWAIT)); /* no byte more */
	CHECK_EQ(msgrcv(id, &large, 8192, 0, 0), 8192);
	CHECK_OK(sends(id, 1, "x", IPC_NOWAIT));
	queue_end(id);
}

static void test_copy(void)
{
	struct message message;
	int id = queue_make();
	CHECK_OK(sends(id, 5, "zero", 0));
	CHECK_OK(sends(id, 6, "one", 0));
	receives(id, 1, MSG_COPY, 6, "one");
	receives(id, 0, MSG_COPY, 5, "zero");
	CHECK_ERRNO(msgrcv(id, &message, 64, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERRNO(msgrcv(id, &message, 64, 0, MSG_COPY), EINVAL);
	CHECK_ERRNO(msgrcv(id, &message, 64, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	receives(id, 0, 0, 5, "zero");
	queue_end(id);
}

static void test_errors(void)
{
	struct message message = { .type = 0 };
	int key = 0x5e1f0000 + getpid();
	int id = CHECK_OK(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
	CHECK_ERRNO(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_EQ(msgget(key, 0), id);
	CHECK_ERRNO(msgget(key + 1, 0), ENOENT);
	CHECK_ERRNO(msgsnd(id, &message, 1, 0), EINVAL); /* type 0 */
	CHECK_ERRNO(msgsnd(-1, &message, 1, 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, (void *)8, 1, 0), EFAULT);
	CHECK_ERRNO(msgrcv(-1, &message, 1, 0, 0), EINVAL);
	CHECK_ERRNO(msgrcv(id, &message, -1, 0, 0), EINVAL);
	CHECK_ERRNO(msgctl(id, 77, NULL), EINVAL);
	CHECK_ERRNO(msgctl(id, IPC_STAT, (void *)8), EFAULT);
	CHECK_ERRNO(msgctl(id, IPC_SET, (void *)8), EFAULT);
	CHECK_OK(sends(id, 1, "lost", 0));
	CHECK_ERRNO(msgrcv(id, (void *)8, 64, 0, 0), EFAULT);
	CHECK_ERRNO(msgrcv(id, &message, 64, 0, IPC_NOWAIT), ENOMSG);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_ERRNO(msgget(key, 0600), EACCES);
		CHECK_EQ(msgget(key, 0), id);
		CHECK_ERRNO(sends(id, 1, "x", 0), EACCES);
		CHECK_ERRNO(msgrcv(id, &message, 64, 0, IPC_NOWAIT), EACCES);
		struct msqid_ds status;
		CHECK_ERRNO(msgctl(id, IPC_STAT, &status), EACCES);
		CHECK_ERRNO(msgctl(id, IPC_RMID, NULL), EPERM);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	queue_end(id);
	CHECK_ERRNO(msgctl(id, IPC_RMID, NULL), EINVAL);
	CHECK_ERRNO(sends(id, 1, "x", 0), EINVAL);
}

static void test_status(void)
{
	struct msqid_ds status;
	struct msginfo info;
	int id = queue_make();
	CHECK_OK(msgctl(id, IPC_STAT, &status));
	CHECK_EQ(status.msg_qnum, 0);
	CHECK_EQ(status.msg_qbytes, 16384);
	CHECK_EQ(status.msg_stime, 0);
	CHECK_EQ(status.msg_perm.mode & 0777, 0600);
	CHECK_OK(sends(id, 1, "abc", 0));
	CHECK_OK(sends(id, 1, "defg", 0));
	receives(id, 0, 0, 1, "abc");
	CHECK_OK(msgctl(id, IPC_STAT, &status));
	CHECK_EQ(status.msg_qnum, 1);
	CHECK_EQ(status.__msg_cbytes, 4);
	CHECK_EQ(status.msg_lspid, getpid());
	CHECK_EQ(status.msg_lrpid, getpid());
	CHECK(status.msg_stime > 0 && status.msg_rtime > 0 && status.msg_ctime > 0);
	status.msg_qbytes = 4;
	status.msg_perm.mode = 0644;
	CHECK_OK(msgctl(id, IPC_SET, &status));
	CHECK_ERRNO(sends(id, 1, "x", IPC_NOWAIT), EAGAIN);
	CHECK_OK(msgctl(id, IPC_STAT, &status));
	CHECK_EQ(status.msg_perm.mode & 0777, 0644);
	CHECK_EQ(status.msg_qbytes, 4);
	int last = CHECK_OK(msgctl(0, IPC_INFO, (void *)&info));
	CHECK_EQ(info.msgmax, 8192);
	CHECK_EQ(info.msgmnb, 16384);
	CHECK_EQ(info.msgmni, 32000);
	CHECK_EQ(msgctl(0, MSG_INFO, (void *)&info), last);
	CHECK(info.msgpool >= 1 && info.msgmap >= 1 && info.msgtql >= 4);
	bool found = false;
	for (int i = 0; i <= last; i++)
		found = found || msgctl(i, MSG_STAT_ANY, &status) == id;
	CHECK(found);
	queue_end(id);
}

static void test_proc(void)
{
	static char text[1 << 16];
	char wanted[64];
	int id = queue_make();
	CHECK_OK(sends(id, 1, "hello", 0));
	REQUIRE(file_read("/proc/sysvipc/msg", text, sizeof(text)) > 0);
	CHECK(!strncmp(text, "       key      msqid perms      cbytes       qnum lspid lrpid   uid",
		       67));
	snprintf(wanted, sizeof(wanted), "%10d %10d  %4o  %10d %10d %5d %5d", 0, id, 0600, 5, 1,
		 getpid(), 0);
	CHECK(strstr(text, wanted) != NULL);
	queue_end(id);
}

static void ignore(int sig)
{
	(void)sig;
}

static void test_waiting(void)
{
	struct message message;
	int id = queue_make();
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		CHECK_OK(sends(id, 3, "other", 0));
		sleep_ms(30);
		CHECK_OK(sends(id, 4, "mine", 0));
		child_exit();
	}
	CHECK_EQ(msgrcv(id, &message, 64, 4, 0), 4);
	CHECK_EQ(wait_status(pid), 0);
	receives(id, 0, 0, 3, "other");
	struct msqid_ds status;
	CHECK_OK(msgctl(id, IPC_STAT, &status));
	status.msg_qbytes = 4;
	CHECK_OK(msgctl(id, IPC_SET, &status));
	CHECK_OK(sends(id, 1, "full", 0));
	pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		receives(id, 0, 0, 1, "full");
		child_exit();
	}
	CHECK_OK(sends(id, 1, "more", 0));
	CHECK_EQ(wait_status(pid), 0);
	signal_set(SIGUSR1, ignore, SA_RESTART); /* which does not matter */
	pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(sends(id, 1, "x", 0), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	pid = signal_after(SIGUSR1, 30);
	CHECK_ERRNO(msgrcv(id, &message, 64, 9, 0), EINTR);
	CHECK_EQ(wait_status(pid), 0);
	pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		queue_end(id);
		child_exit();
	}
	CHECK_ERRNO(msgrcv(id, &message, 64, 9, 0), EIDRM);
	CHECK_EQ(wait_status(pid), 0);
}

enum { SENDERS = 3, EACH = 300 };

/* Each type's messages come in order, to whom they are for. */
static void test_many(void)
{
	int id = queue_make();
	pid_t pids[2 * SENDERS];
	for (int i = 0; i < 2 * SENDERS; i++) {
		pids[i] = fork_child();
		if (pids[i] != 0)
			continue;
		struct {
			long type;
			int number;
			char rest[96];
		} message = { .type = i % SENDERS + 1 };
		for (int n = 0; n < EACH; n++) {
			message.number = n;
			if (i < SENDERS) {
				CHECK_OK(msgsnd(id, &message, 100, 0));
			} else {
				CHECK_EQ(msgrcv(id, &message, 100, message.type, 0), 100);
				CHECK_EQ(message.number, n);
			}
		}
		child_exit();
	}
	for (int i = 0; i < 2 * SENDERS; i++)
		CHECK_EQ(wait_status(pids[i]), 0);
	queue_end(id);
}

static const struct check_case cases[] = {
	{ "types", test_types },     { "size", test_size },	{ "copy", test_copy },
	{ "errors", test_errors },   { "status", test_status }, { "proc", test_proc },
	{ "waiting", test_waiting }, { "many", test_many },
};

CHECK_MAIN(cases)
