/* System V shared memory: shmget(2), shmat(2), shmctl(2). */
#include "check.h"
#include <sys/shm.h>

#ifndef SHM_DEST
#define SHM_DEST 01000
#endif

static int segment(size_t size)
{
	return shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
}

static void attach_in_child(void *id)
{
	char *p = shmat(*(int *)id, NULL, 0);
	CHECK(p != (void *)-1);
	CHECK_STR(p, "parent");
	strcpy(p + PAGE, "child");
	CHECK_OK(shmdt(p));
	CHECK_ERRNO(shmdt(p), EINVAL);
}

static void test_attach(void)
{
	struct shmid_ds info;
	int id = segment(2 * PAGE);
	REQUIRE(id >= 0);
	char *p = shmat(id, NULL, 0);
	REQUIRE(p != (void *)-1);
	strcpy(p, "parent");
	CHECK_EQ(run_child(attach_in_child, &id), 0);
	CHECK_STR(p + PAGE, "child");
	CHECK_OK(shmctl(id, IPC_STAT, &info));
	CHECK_EQ(info.shm_nattch, 1);
	CHECK_EQ(info.shm_segsz, 2 * PAGE);
	CHECK_EQ(info.shm_cpid, getpid());
	CHECK_EQ(info.shm_perm.mode & 0777, 0600);
	CHECK_RANGE(info.shm_ctime, time(NULL) - 5, time(NULL));
	CHECK_OK(shmdt(p));
	CHECK_OK(shmctl(id, IPC_STAT, &info));
	CHECK_EQ(info.shm_nattch, 0);
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK_ERRNO(shmctl(id, IPC_STAT, &info), EINVAL);
	CHECK_ERRNO(shmat(id, NULL, 0), EINVAL);
}

/* Removed while attached: it stays until the last detach, a fork counts as another attachment. */
static void test_remove(void)
{
	struct shmid_ds info;
	int id = segment(PAGE);
	char *p = shmat(id, NULL, 0);
	REQUIRE(id >= 0 && p != (void *)-1);
	strcpy(p, "kept");
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK_OK(shmctl(id, IPC_STAT, &info));
	CHECK_EQ(info.shm_perm.mode & SHM_DEST, SHM_DEST);
	pid_t pid = fork_child();
	if (pid == 0) {
		sleep_ms(50);
		CHECK_STR(p, "kept");
		child_exit();
	}
	CHECK_OK(shmctl(id, IPC_STAT, &info));
	CHECK_EQ(info.shm_nattch, 2);
	char *q = shmat(id, NULL, SHM_RDONLY);
	CHECK(q != (void *)-1);
	CHECK_STR(q, "kept");
	CHECK_OK(shmdt(q));
	CHECK_OK(shmdt(p));
	CHECK_EQ(wait_status(pid), 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &info), EINVAL);
}

static void test_keys(void)
{
	key_t key = 0x53454c00 | (getpid() & 0xff);
	int id = shmget(key, 100, IPC_CREAT | IPC_EXCL | 0666);
	REQUIRE(id >= 0);
	CHECK_EQ(shmget(key, 100, 0), id);
	CHECK_EQ(shmget(key, 0, 0), id);
	CHECK_EQ(shmget(key, 100, IPC_CREAT), id);
	CHECK_ERRNO(shmget(key, 100, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERRNO(shmget(key, 101, 0), EINVAL);
	CHECK_ERRNO(shmget(key + 0x1000, 100, 0), ENOENT);
	CHECK_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK_ERRNO(shmget(key, 100, 0), ENOENT);
}

static void test_address(void)
{
	int id = segment(2 * PAGE);
	char *room = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(id >= 0 && room != MAP_FAILED);
	CHECK_ERRNO(shmat(id, room, 0), EINVAL); /* taken */
	CHECK_ERRNO(shmat(id, room + 1, SHM_REMAP), EINVAL);
	CHECK(shmat(id, room + 1, SHM_REMAP | SHM_RND) == room);
	strcpy(room, "remapped");
	CHECK(shmat(id, room + 4 * PAGE, SHM_REMAP) == room + 4 * PAGE);
	CHECK_STR(room + 4 * PAGE, "remapped");
	/* Cut in two: shmdt takes both pieces. */
	CHECK_OK(shmdt(room + 4 * PAGE));
	CHECK_OK(munmap(room, PAGE));
	struct shmid_ds info;
	CHECK_OK(shmctl(id, IPC_STAT, &info));
	CHECK_EQ(info.shm_nattch, 1);
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK_OK(shmdt(room));
	CHECK_ERRNO(shmctl(id, IPC_STAT, &info), EINVAL);
	munmap(room, 8 * PAGE);
}

static void read_only(void *id)
{
	char *p = shmat(*(int *)id, NULL, SHM_RDONLY);
	CHECK(p != (void *)-1);
	CHECK_ERRNO(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	/* Another user, whom the mode lets read. */
	CHECK_OK(setgid(1000));
	CHECK_OK(setuid(1000));
	CHECK(shmat(*(int *)id, NULL, SHM_RDONLY) != (void *)-1);
	CHECK_ERRNO(shmat(*(int *)id, NULL, 0), EACCES);
	CHECK_ERRNO(shmctl(*(int *)id, IPC_RMID, NULL), EPERM);
	struct shmid_ds info;
	CHECK_OK(shmctl(*(int *)id, IPC_STAT, &info));
	CHECK_ERRNO(shmctl(*(int *)id, IPC_SET, &info), EPERM);
}

static void test_permissions(void)
{
	struct shmid_ds info;
	int id = shmget(IPC_PRIVATE, PAGE, 0644);
	REQUIRE(id >= 0);
	CHECK_EQ(run_child(read_only, &id), 0);
	CHECK_OK(shmctl(id, IPC_STAT, &info));
	info.shm_perm.mode = 0600;
	info.shm_perm.uid = 1000;
	CHECK_OK(shmctl(id, IPC_SET, &info));
	CHECK_OK(shmctl(id, IPC_STAT, &info));
	CHECK_EQ(info.shm_perm.mode & 0777, 0600);
	CHECK_EQ(info.shm_perm.uid, 1000);
	CHECK_EQ(info.shm_perm.cuid, 0);
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
}

static void test_proc(void)
{
	char text[8192], line[64];
	int id = segment(3 * PAGE);
	REQUIRE(id >= 0);
	REQUIRE(file_read("/proc/sysvipc/shm", text, sizeof(text)) > 0);
	snprintf(line, sizeof(line), "%10d %10d  %4o %21lu", 0, id, 0600, 3 * PAGE);
	CHECK(strstr(text, line) != NULL);
	struct shm_info info;
	CHECK(shmctl(0, SHM_INFO, (struct shmid_ds *)&info) >= 0);
	CHECK(info.used_ids >= 1 && info.shm_tot >= 3);
	struct shminfo limits;
	CHECK(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) >= 0);
	CHECK_EQ(limits.shmmin, 1);
	CHECK_EQ(limits.shmmni, 4096);
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK_ERRNO(shmctl(id, 99, NULL), EINVAL);
	CHECK_ERRNO(shmctl(-1, IPC_STAT, (void *)text), EINVAL);
}

static const struct check_case cases[] = {
	{ "attach", test_attach },   { "remove", test_remove },		  { "keys", test_keys },
	{ "address", test_address }, { "permissions", test_permissions }, { "proc", test_proc },
};

CHECK_MAIN(cases)
