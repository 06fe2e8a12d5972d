#pragma once
/* wait4(2), waitid(2): Linux's constants. */
enum { P_ALL, P_PID, P_PGID, P_PIDFD };
enum {
	WNOHANG = 1,
	WUNTRACED = 2,
	WSTOPPED = 2,
	WEXITED = 4,
	WCONTINUED = 8,
	WNOWAIT = 0x01000000,
	__WNOTHREAD = 0x20000000,
	__WALL = 0x40000000,
};
#define __WCLONE 0x80000000u
