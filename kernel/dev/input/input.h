#pragma once
/*
 * Input devices: keyboards, mice, tablets. A driver describes one and reports events in Linux's
 * codes (linux/input-event-codes.h); they go to the files of /dev/input/eventN and, unless one of
 * those has grabbed the device, to the listeners: the keyboard of the text consoles and
 * /dev/input/mice.
 *
 * Locks: device->lock (WAIT, interrupts off) guards the state and its clients' rings.
 */
#include <lib/list.h>
#include <lib/types.h>
#include <sched/lock.h>
#include <sched/timer.h>
#include <sched/wait.h>

enum { /* linux/input-event-codes.h */
       EV_SYN,
       EV_KEY,
       EV_REL,
       EV_ABS,
       EV_MSC,
       EV_SW,
       EV_LED = 0x11,
       EV_SND,
       EV_REP = 0x14,
       EV_FF,
       EV_COUNT = 0x20,

       SYN_REPORT = 0,
       SYN_DROPPED = 3,
       KEY_COUNT = 0x300,
       REL_COUNT = 0x10,
       ABS_COUNT = 0x40,
       MSC_COUNT = 0x08,
       SW_COUNT = 0x11,
       LED_COUNT = 0x10,
       SND_COUNT = 0x08,
       FF_COUNT = 0x80,
       PROP_COUNT = 0x20,

       REL_X = 0,
       REL_Y = 1,
       REL_WHEEL = 8,
       ABS_X = 0,
       ABS_Y = 1,
       BTN_LEFT = 0x110,
       BTN_RIGHT = 0x111,
       BTN_MIDDLE = 0x112,
};

enum { INPUT_DEVICES_MAX = 32 };

struct input_id {
	u16 bus, vendor, product, version;
};

struct input_axis { /* struct input_absinfo */
	s32 value, minimum, maximum, fuzz, flat, resolution;
};

struct input_device {
	char name[128], physical[32], unique[64]; /* [const] */
	struct input_id id;			  /* [const] */
	u64 properties[1], types[1];		  /* [const] bitmaps, as the following */
	u64 keys[KEY_COUNT / 64], relative[1], absolute[1], miscellaneous[1], switches[1];
	u64 leds[1], sounds[1];
	/* Light or put out a LED; interrupts off, the device is locked. Optional. */
	void (*set_led)(struct input_device *device, u32 code, bool on);
	void *private; /* [const] the driver's */

	unsigned index; /* [const after registration] of /dev/input/eventN */
	struct spinlock lock;
	struct input_axis axes[ABS_COUNT]; /* [lock] limits: the driver's, before registration */
	u64 keys_down[KEY_COUNT / 64], leds_on[1]; /* [lock] */
	u64 switches_on[1], sounds_on[1];	   /* [lock] */
	u32 repeat_delay, repeat_period;	   /* [lock] milliseconds */
	u32 repeat_key;				   /* [lock] 0: none */
	struct timer repeat;
	struct list_node clients;     /* [lock] struct evdev_client.link */
	struct evdev_client *grabbed; /* [lock] */
	struct wait_queue wait;
};

/* Who hears all devices. Called with interrupts off, no lock held. */
struct input_listener {
	void (*event)(struct input_device *device, u32 type, u32 code, s32 value);
	struct input_listener *next;
};
/* For good; boot time. */
void input_listen(struct input_listener *listener);

/* It is there from now on, for good. -ENOSPC, -ENOMEM. May sleep. */
int input_register(struct input_device *device);
/* Something happened, in Linux's codes; what the device cannot do is ignored. Any context. */
void input_event(struct input_device *device, u32 type, u32 code, s32 value);
/* The same from a file that writes events. */
void input_inject(struct input_device *device, u32 type, u32 code, s32 value);
/* Change a LED of every device that has it (the console's Caps Lock). Any context. */
void input_set_led(u32 code, bool on);
struct input_device *input_get(unsigned index);

static inline bool input_bit(const u64 *map, u32 bit)
{
	return map[bit / 64] >> bit % 64 & 1;
}

/* evdev.c: the node of a new device; and an event for its clients, the device locked. */
int evdev_create(struct input_device *device);
void evdev_pass_locked(struct input_device *device, u32 type, u32 code, s32 value);
