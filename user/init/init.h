#pragma once
/*
 * Selene's process 1. With a job in /.job it runs that one program and carries its standard files
 * to the host as frames over a byte channel; without, it gives the console a login shell. Either
 * way it powers the machine off at the end. It is an ordinary Linux program and also runs on Linux.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* user/programs/pages.c: what this program is under the name `pages`. */
int pages_main(int argc, char **argv);

/* ---- main.c ---- */

/* One line on the console. */
__attribute__((format(printf, 1, 2))) void init_say(const char *format, ...);
/* End all other processes and wait for them. */
void processes_end(void);
/* Write what is pending and power off; the last resort is to sleep for ever. */
__attribute__((noreturn)) void power_off(void);

/* ---- mounts.c ---- */

/* /proc, /sys, /dev, /dev/pts, as far as the kernel has them; the host name. */
void mounts_make(void);

/* ---- root.c ---- */

/*
 * With root= on the command line: mount that device (rootfstype=, rootwait, rw) and make it the root of all
 * that follows. Where it cannot be, say so and stay.
 */
void root_change(void);

/* ---- file.c ---- */

/* A whole small file, NUL-ended; *size without the NUL (size may be NULL). NULL when unreadable. */
char *file_read(const char *path, size_t *size);
/* All of the buffer, however often write() takes a part; 0 or -1 with errno. */
int write_all(int fd, const void *data, size_t size);

/* ---- shell.c ---- */

/* A login shell on the console, until it ends. @winsize: "rows cols" or NULL. */
void shell_run(const char *winsize);

/* ---- job.c ---- */

struct job {
	char **argv, **env;
	char *cwd;
	bool serial; /* the channel is the second serial port */
};

/* Run the job to its end and report it over the channel; false: no channel. */
bool job_run(const struct job *job);

/* ---- modules.c ---- */

/* Load the kernel modules of a list of paths, one a line, in order (Linux only). */
void modules_load(const char *list);

/* ---- channel.c: the frames between init and scripts/run ---- */

enum frame_type {
	FRAME_STDIN = 1, /* host to guest */
	FRAME_STDIN_END = 2,
	FRAME_STDOUT = 17, /* guest to host */
	FRAME_STDERR = 18,
	FRAME_EXIT = 19,    /* u32: 0..255, or 128 + signal */
	FRAME_REPORT = 20,  /* /proc/selene/audit */
	FRAME_HELLO = 21,   /* the kernel's release */
	FRAME_FAILURE = 22, /* why the job could not start */
};

enum { FRAME_PAYLOAD_MAX = 65536 };

struct frame_header {
	uint8_t type, zero[3];
	uint32_t length; /* little endian, as this machine is */
};

/* A frame with its payload in place, so that one write() sends it. */
struct frame {
	struct frame_header header;
	char payload[FRAME_PAYLOAD_MAX];
};

/* Open the channel, waiting for its device to appear; a descriptor or -1. */
int channel_open(bool serial);
/* Send frame->payload[0..length). 0 or -1. */
int frame_send(int channel, struct frame *frame, enum frame_type type, size_t length);
/* The same with bytes from elsewhere, cut to FRAME_PAYLOAD_MAX. */
int frame_send_bytes(int channel, enum frame_type type, const void *data, size_t length);
/* Touch the pages that frame_send_bytes() will use. */
void frame_buffers_touch(void);
/* Receive one frame; 0, or -1 at the end of the channel or when it is not a frame. */
int frame_receive(int channel, struct frame *frame);
