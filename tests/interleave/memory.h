#pragma once
/*
 * What scenarios are written in: accesses of user mode and system calls, each checked against a
 * memory that is an array of bytes. Pages are numbered from 0 at address BASE; only the first byte
 * of each is used, and values are 0 … 31. What may be read is a set of values: several only while
 * a call that changes the page is on its way, or a fork whose moment is not yet known.
 */
#include "machine.h"

#define BASE ((vaddr_t)0x40000000)
enum { R = PAGE_READ, W = PAGE_WRITE, X = PAGE_EXEC, RW = R | W };

static inline vaddr_t address_of(unsigned page)
{
	return BASE + page * (vaddr_t)PAGE_SIZE;
}

/* ---- set-up, before the threads run (no steps) ---- */
/* A fresh space in machine.spaces[@number], on CPUs 0 … @cpus - 1, which run it. */
void make_space(unsigned number, unsigned cpus);
/* Anonymous private memory. */
void map_private(unsigned number, unsigned page, unsigned count, unsigned prot);
/* A stack of one page that may grow down to page @grows_to. */
void map_stack(unsigned number, unsigned page, unsigned grows_to);
/* Memory object @object of @pages pages; page n is full of 10 + n. */
void make_object(unsigned object, unsigned pages);
void make_object_with(unsigned object, unsigned pages, const struct object_operations *operations);
void map_object(unsigned number, unsigned page, unsigned count, unsigned prot, bool shared,
		unsigned object);
/* Space @child becomes the child of @parent, which has run until then; on CPU @cpu. */
void make_child(unsigned child, unsigned parent, unsigned cpu);
/* On CPU @cpu in its space: so that its TLB has the page. */
void store_on(unsigned cpu, unsigned page, u8 value);
void load_on(unsigned cpu, unsigned page);
/* Thread @number, on the CPU of that number, will run @run in space @space and then leave it. */
void thread_on(unsigned number, void (*run)(void), unsigned space);
/* The same, but it enters the space only when it starts. */
void thread_joining(unsigned number, void (*run)(void), unsigned space);
/* The same, and only once fork_to() has made the space. */
void child_thread(unsigned number, void (*run)(void), unsigned space);

/* ---- in threads ---- */
void store(unsigned page, u8 value);
/* Or not, as the page's rights say: true when it could. */
bool try_store(unsigned page, u8 value);
u8 load(unsigned page);
bool try_load(unsigned page);
/* The child is thread @child, see child_thread(); it runs as soon as the kernel has published it. */
void fork_to(unsigned child);
int try_fork_to(unsigned child);
/* The child @space has no thread. */
void fork_alone(unsigned space);
void unmap(unsigned page);
/* mmap(MAP_FIXED) of fresh memory over a page. */
void map_over(unsigned page);
void protect(unsigned page, unsigned prot);
/* mremap: the private page @from goes to @to, which is not mapped. */
void move(unsigned from, unsigned to);
/* The same, but @from stays and reads as zeros. */
void move_keeping(unsigned from, unsigned to);
/* madvise(MADV_DONTNEED) of private anonymous memory. */
void drop_page(unsigned page);
/* As process_vm_readv(2) from space @number. */
void foreign_read(unsigned number, unsigned page);
/* The object's pages from @pages on go. */
void truncate_object(unsigned object, unsigned pages);
/* It grows again; the file has other contents now. */
void extend_object(unsigned object, unsigned pages);
/* As move(), for a shared page of an object. */
void move_object_page(unsigned from, unsigned to);
/* An instruction is fetched from the page. */
void fetch(unsigned page);
/* The frame that an entry shows, at set-up; and a device that writes to it, a page of space 0. */
struct frame *frame_shown(unsigned space, unsigned page);
void device_write(struct frame *frame, unsigned page, u8 value);
/* As a debugger: into space @number. */
void forced_write(unsigned number, unsigned page, u8 value);
/* Leave the space; the last thread of it takes it down. Threads do so at their end. */
void leave_space(void);
/* execve: others have left; a new space with one page of @value takes the old one's place. */
void exec_to(unsigned space, u8 value);
/* Any other call: its name, for the trace; and a page of an object that it writes. */
void call(const char *name);
/* "1 or 7", for messages. */
const char *values_text(u32 values);
void object_value(unsigned object, unsigned page, u8 value);
void signal_flag(unsigned flag);
void wait_for(unsigned flag);

/* ---- at the end ---- */
/* All spaces show what they should, nothing is lost; the machine is empty afterwards. */
void memory_finish(void);
/* Between steps: no TLB and no entry shows a frame that is free. */
void memory_check(void);
/* Frames and objects in use before the set-up. */
void memory_begin(void);
