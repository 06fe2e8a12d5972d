#pragma once
/* Signals from one program to others: who may, and to whom. */
#include <proc/signal.h>

/*
 * kill(2): @info's signo (0: check only) to @pid as there: a process, the own group (0), all (−1),
 * a group (< −1). -ESRCH, -EPERM, -EAGAIN.
 */
int kill_processes(s32 pid, const struct signal_info *info);
/* tgkill(2): to thread @tid, of process @pid unless that is 0. The same errors. */
int kill_thread(s32 pid, s32 tid, const struct signal_info *info);
