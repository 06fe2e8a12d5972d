#pragma once
/*
 * Out of memory: somebody ends, so that the others can go on (design 6). What weighs most is chosen: a
 * process, or, where many small ones have the memory, their process group at once: so ends a fork
 * bomb, whose members would replace each other.
 */
#include <lib/types.h>

/*
 * An allocation failed that must not. Chooses who ends, unless memory has come back or somebody is
 * on the way out, and waits a little. 0: try again; -EINTR: the current thread is to end itself;
 * -ENOMEM: nobody is left who could. Sleeps; no locks held but those that user copies may hold.
 */
int oom_kill(void);
/*
 * For calls that Linux does not let fail for want of a page: after @result, of fork, spawn or exec,
 * true when it was -ENOMEM for lack of memory, and has a chance now. As oom_kill().
 */
bool oom_try_again(s64 result);
