/* The same cases with user/lib: by the spawn call on Selene, by clone and exec elsewhere. */
#include "../lib/spawn.c"
#include "../lib/spawn_actions.c"
#include "../lib/spawn_clone.c"
#include "../lib/spawn_pidfd.c"
#include "posix-spawn.h"

static void test_pidfd(void)
{
	char *argv[] = { "posix-spawn", "--exit", "6", NULL };
	siginfo_t info = { 0 };
	int fd = -7, error;
	CHECK_EQ(pidfd_spawn(&fd, "/no/such", NULL, NULL, argv, spawn_environment), ENOENT);
	CHECK_EQ(fd, -7);
	error = pidfd_spawn(&fd, self, NULL, NULL, argv, spawn_environment);
	if (error == ENOSYS)
		SKIP("no pidfd_open");
	CHECK_EQ(error, 0);
	CHECK_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	CHECK_EQ(info.si_status, 6);
	close(fd);
	argv[0] = "sh", argv[1] = "-c", argv[2] = "exit 8";
	CHECK_EQ(pidfd_spawnp(&fd, "/bin/sh", NULL, NULL, argv, spawn_environment), 0);
	CHECK_OK(waitid(P_PIDFD, fd, &info, WEXITED));
	CHECK_EQ(info.si_status, 8);
	close(fd);
}

int main(int argc, char **argv)
{
	return spawn_main_with(argc, argv, "pidfd", test_pidfd);
}
