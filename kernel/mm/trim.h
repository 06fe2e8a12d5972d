#pragma once
/* Giving back all that the kernel keeps for later, so that the frames in use can be compared. */

/*
 * On each CPU in turn: the CPU's own lists of frames, objects and kernel stacks, then what all share.
 * For the audit: it moves the calling thread from CPU to CPU. Sleeps; no locks held.
 */
void memory_trim(void);
