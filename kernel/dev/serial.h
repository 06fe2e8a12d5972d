#pragma once
/* Serial lines: what UART drivers share. A driver supplies five small functions on its registers. */
#include <debug/log.h>
#include <dev/tty.h>
#include <lib/fdt.h>
#include <sched/lock.h>

struct serial_port;

struct serial_operations {
	/* Room for one more byte now? Then put() may be called. The port is locked in all of these. */
	bool (*can_put)(struct serial_port *port);
	void (*put)(struct serial_port *port, u8 byte);
	int (*get)(struct serial_port *port); /* the next byte, or -EAGAIN */
	/* Interrupt when there is room to send again; receive interrupts are always on. */
	void (*notify_room)(struct serial_port *port, bool on);
	/* Acknowledge what an interrupt needs beyond reading. Optional. */
	void (*acknowledge)(struct serial_port *port);
};

enum { SERIAL_QUEUE = 4096 };

struct serial_port {
	volatile u8 *registers; /* [const] */
	u32 shift, width;	/* [const] register spacing as a power of two; bytes per access */
	const struct serial_operations *operations; /* [const] */
	struct spinlock lock;			    /* RANK_CONSOLE, interrupts off */
	u8 queue[SERIAL_QUEUE];			    /* [lock] ring: output waiting */
	u32 head, tail;				    /* [lock] free-running */
	bool waiting;				    /* [lock] notify_room is on */
	bool starved;				    /* [lock] a writer found the queue full */
	bool busy;				    /* [lock] output waited when we last looked */
	struct terminal *terminal;		    /* [const after registration] */
	struct log_console console;
};

/*
 * Make /dev/@prefix<n> of @port: n is the number of its `serial<n>` alias, else the next free one. The node of
 * /chosen/stdout-path (or console=) becomes the console. @line < 0: no interrupt, input is polled.
 */
int serial_register(struct serial_port *port, const struct fdt_node *node, const char *prefix,
		    u32 major, u32 minor, int line);
