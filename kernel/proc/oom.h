#pragma once
/*
 * A page fault found no memory: end the process that holds most (design 6), and wait a little for
 * its pages. 0: try again; -EINTR: the current thread is to end itself. Sleeps; no locks held but
 * those that user copies may hold.
 */
int oom_kill(void);
