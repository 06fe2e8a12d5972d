#pragma once
/* Does everything still work, after a stress? Pipes, processes and files (needs scratch_enter()). */
#include "check.h"

CHECK_HELPER void health_check(void)
{
	char text[64];
	int ends[2];
	CHECK_OK(pipe(ends));
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(write(ends[1], "well", 4) == 4 ? 0 : 1);
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(read(ends[0], text, sizeof(text)), 4);
	close(ends[0]), close(ends[1]);
	CHECK(file_write("health", "abc", 3));
	CHECK_EQ(file_read("health", text, sizeof(text)), 3);
	CHECK_OK(unlink("health"));
}
