#pragma once
/* Once, before the base is saved. */
void trace_make(void);
/* A counterexample for people: each step with its CPU, what it does, and where in the code. */
void trace_start(void);
/* Thread @thread is about to do step @number, and has done it. */
void trace_before(unsigned number, unsigned thread, unsigned option);
void trace_after(unsigned thread);
void trace_end(void);
