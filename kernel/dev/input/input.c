/* Input devices: their state, what becomes of an event, and keys that repeat. */
#include <arch/time.h>
#include <debug/log.h>
#include <dev/input/input.h>
#include <dev/random.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { REPEAT_DELAY_MS = 250, REPEAT_PERIOD_MS = 33, KEY_RELEASED = 0, KEY_PRESSED, KEY_REPEATED };
#define NS_PER_MS 1000000ull

static struct spinlock devices_lock = SPINLOCK_INIT(RANK_WAIT);
static struct input_device *devices[INPUT_DEVICES_MAX]; /* [devices_lock] to write; never removed */
static struct input_listener *listeners;		/* [atomic] only ever grows */

static void set_bit(u64 *map, u32 bit, bool on)
{
	u64 mask = (u64)1 << bit % 64;

	map[bit / 64] = on ? map[bit / 64] | mask : map[bit / 64] & ~mask;
}

/* [lock] A key that is down already, or up, is no news; nor is an axis that stays. */
static bool take_key(struct input_device *device, u32 code, s32 value)
{
	if (code >= KEY_COUNT || !input_bit(device->keys, code))
		return false;
	if (value == KEY_REPEATED)
		return input_bit(device->keys_down, code);
	if (input_bit(device->keys_down, code) == (value != 0))
		return false;
	set_bit(device->keys_down, code, value);
	if (!input_bit(device->types, EV_REP))
		return true;
	if (value) {
		device->repeat_key = code;
		if (device->repeat_delay)
			timer_start(&device->repeat, time_now() + device->repeat_delay * NS_PER_MS);
	} else if (device->repeat_key == code) {
		device->repeat_key = 0;
	}
	return true;
}

static bool take_absolute(struct input_device *device, u32 code, s32 value)
{
	if (code >= ABS_COUNT || !input_bit(device->absolute, code) ||
	    device->axes[code].value == value)
		return false;
	device->axes[code].value = value;
	return true;
}

static bool take_led(struct input_device *device, u32 code, s32 value)
{
	if (code >= LED_COUNT || !input_bit(device->leds, code) ||
	    input_bit(device->leds_on, code) == (value != 0))
		return false;
	set_bit(device->leds_on, code, value);
	if (device->set_led)
		device->set_led(device, code, value);
	return true;
}

static bool take_switch(struct input_device *device, u32 code, s32 value)
{
	if (code >= SW_COUNT || !input_bit(device->switches, code) ||
	    input_bit(device->switches_on, code) == (value != 0))
		return false;
	set_bit(device->switches_on, code, value);
	return true;
}

/* [lock] Note the event in the state; false: the device cannot do that, or it changes nothing. */
static bool take_event(struct input_device *device, u32 type, u32 code, s32 value)
{
	switch (type) {
	case EV_SYN:
		return code == SYN_REPORT;
	case EV_KEY:
		return take_key(device, code, value);
	case EV_REL:
		return code < REL_COUNT && input_bit(device->relative, code) && value;
	case EV_ABS:
		return take_absolute(device, code, value);
	case EV_MSC:
		return code < MSC_COUNT && input_bit(device->miscellaneous, code);
	case EV_LED:
		return take_led(device, code, value);
	case EV_SW:
		return take_switch(device, code, value);
	}
	return false;
}

void input_inject(struct input_device *device, u32 type, u32 code, s32 value)
{
	unsigned long irq = spin_lock_irqsave(&device->lock);
	bool news = take_event(device, type, code, value), grabbed;

	if (news)
		evdev_pass_locked(device, type, code, value);
	grabbed = device->grabbed;
	spin_unlock(&device->lock);
	if (news && type == EV_SYN)
		wait_wake_all(&device->wait);
	if (news && !grabbed)
		for (struct input_listener *listener = read_acquire(&listeners); listener;
		     listener = listener->next)
			listener->event(device, type, code, value);
	irq_restore(irq);
}

void input_event(struct input_device *device, u32 type, u32 code, s32 value)
{
	u64 moment[2] = { time_now(), (u64)type << 48 ^ (u64)code << 32 ^ (u32)value };

	if (type != EV_SYN)
		random_add(moment, sizeof(moment));
	input_inject(device, type, code, value);
}

static void repeat_handler(struct timer *timer)
{
	struct input_device *device = container_of(timer, struct input_device, repeat);
	unsigned long irq = spin_lock_irqsave(&device->lock);
	u32 key = device->repeat_key;

	if (key && device->repeat_period)
		timer_start(timer, time_now() + device->repeat_period * NS_PER_MS);
	spin_unlock_irqrestore(&device->lock, irq);
	if (!key)
		return;
	input_inject(device, EV_KEY, key, KEY_REPEATED);
	input_inject(device, EV_SYN, SYN_REPORT, 0);
}

void input_set_led(u32 code, bool on)
{
	for (unsigned i = 0; i < INPUT_DEVICES_MAX && input_get(i); i++)
		input_inject(input_get(i), EV_LED, code, on);
}

void input_listen(struct input_listener *listener)
{
	listener->next = read_acquire(&listeners);
	while (!atomic_replace_value(&listeners, &listener->next, listener))
		;
}

struct input_device *input_get(unsigned index)
{
	return index < INPUT_DEVICES_MAX ? read_acquire(&devices[index]) : NULL;
}

static int take_index(struct input_device *device)
{
	int error = -ENOSPC;

	spin_lock(&devices_lock);
	for (unsigned i = 0; error && i < INPUT_DEVICES_MAX; i++) {
		if (devices[i])
			continue;
		device->index = i;
		store_release(&devices[i], device);
		error = 0;
	}
	spin_unlock(&devices_lock);
	return error;
}

int input_register(struct input_device *device)
{
	int error;

	spin_init(&device->lock, RANK_WAIT);
	wait_queue_init(&device->wait);
	list_init(&device->clients);
	timer_init(&device->repeat, repeat_handler);
	set_bit(device->types, EV_SYN, true);
	device->repeat_delay = REPEAT_DELAY_MS;
	device->repeat_period = REPEAT_PERIOD_MS;
	error = take_index(device);
	if (!error)
		error = evdev_create(device);
	if (!error)
		log_info("input: event%u is %s\n", device->index, device->name);
	return error;
}
