/*
 * The log: a ring of formatted records, "<priority>[ssss.uuuuuu] text\n" each. Positions are
 * counted in bytes since boot, so a reader notices when what it was about to read is gone.
 */
#include <arch/machine.h>
#include <arch/time.h>
#include <boot/command_line.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <sched/lock.h>
#include <sched/wait.h>

enum { RING_SIZE = LOG_RING_SIZE, LINE_MAX = LOG_TEXT_MAX + 40, LEVELS = 8 };

static struct {
	struct spinlock lock;	      /* RANK_LOG, interrupts off */
	u64 end;		      /* [lock] bytes ever written */
	u64 records;		      /* [lock] ever written */
	u64 lost;		      /* [lock] ends of records that were overwritten */
	struct log_cursor cleared;    /* [lock] */
	struct log_console *consoles; /* [lock] */
	bool news;		      /* [atomic] records that log_notify was not told of */
	char ring[RING_SIZE];	      /* [lock] */
} log = { .lock = SPINLOCK_INIT(RANK_LOG) };

static int console_level = LOG_DEBUG; /* messages below it are shown */
void (*log_notify)(void);
struct wait_queue log_wait = WAIT_QUEUE_INIT(log_wait);

void log_set_console_level(int level)
{
	WRITE_ONCE(console_level, level);
}

static int set_quiet(const char *value)
{
	if (value)
		return -EINVAL;
	log_set_console_level(LOG_WARNING);
	return 0;
}
COMMAND_LINE("quiet", set_quiet);

static int set_debug(const char *value)
{
	if (value)
		return -EINVAL;
	log_set_console_level(LOG_DEBUG + 1);
	return 0;
}
COMMAND_LINE("debug", set_debug);

static int set_loglevel(const char *value)
{
	const char *end;
	u64 level;

	if (!value || parse_u64(value, &end, 10, &level) || *end || level > LOG_DEBUG + 1)
		return -EINVAL;
	log_set_console_level((int)level);
	return 0;
}
COMMAND_LINE("loglevel", set_loglevel);

/* [lock] */
static void ring_add(const char *data, size_t size)
{
	size_t at = log.end % RING_SIZE, first = MIN(size, RING_SIZE - at);

	for (u64 old = log.end; old >= RING_SIZE && old < log.end + size; old++)
		log.lost += log.ring[old % RING_SIZE] == '\n';
	memcpy(log.ring + at, data, first);
	memcpy(log.ring, data + first, size - first);
	log.end += size;
}

/* [lock] */
static void show(const char *data, size_t size)
{
	struct log_console *console = log.consoles;

	if (!console)
		firmware_write(data, size);
	for (; console; console = console->next)
		console->write(console, data, size);
}

/* [lock] One line of text, without its line end. */
static void add_record(unsigned priority, u64 now, const char *text, size_t size)
{
	const u64 ns_per_second = 1000000000;
	char line[LINE_MAX];
	int prefix, length;

	prefix = scnprintf(line, sizeof(line), "<%u>", priority);
	length = scnprintf(line, sizeof(line), "<%u>[%4lu.%06lu] %.*s", priority,
			   (unsigned long)(now / ns_per_second),
			   (unsigned long)(now % ns_per_second / 1000), (int)size, text);
	length = MIN(length, LINE_MAX - 2);
	line[length++] = '\n';
	ring_add(line, length);
	log.records++;
	if ((int)(priority % LEVELS) < READ_ONCE(console_level))
		show(line + prefix, length - prefix);
}

void log_write_priority(unsigned priority, const char *text)
{
	const char *line = text, *end;
	u64 now = time_now();
	unsigned long state = spin_lock_irqsave(&log.lock);

	do {
		end = strchr(line, '\n');
		if (!end)
			end = line + strlen(line);
		add_record(priority, now, line, MIN((size_t)(end - line), (size_t)LOG_TEXT_MAX));
		line = end + 1;
	} while (*end && *line);
	spin_unlock_irqrestore(&log.lock, state);
	WRITE_ONCE(log.news, true);
}

void log_write(enum log_level level, const char *format, ...)
{
	char text[LOG_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_write_priority(level, text);
}

void log_deliver(void)
{
	void (*notify)(void) = READ_ONCE(log_notify);

	if (likely(!READ_ONCE(log.news)))
		return;
	WRITE_ONCE(log.news, false);
	memory_barrier();
	if (wait_queue_active(&log_wait))
		wait_wake_all(&log_wait);
	if (notify)
		notify();
}

void log_console_register(struct log_console *console)
{
	unsigned long state = spin_lock_irqsave(&log.lock);

	console->next = log.consoles;
	log.consoles = console;
	spin_unlock_irqrestore(&log.lock, state);
}

/* Consoles are never taken away, and a new one comes in front: the chain may be walked unlocked. */
void log_console_for_each(bool (*visit)(struct log_console *console, void *context), void *context)
{
	struct log_console *console = read_acquire(&log.consoles);

	while (console && visit(console, context))
		console = console->next;
}

u64 log_end(void)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	u64 end = log.end;

	spin_unlock_irqrestore(&log.lock, state);
	return end;
}

static char ring_at(u64 position)
{
	return log.ring[position % RING_SIZE];
}

/* [lock] The first whole record at or after @position. */
static u64 first_record(u64 position)
{
	u64 start = log.end > RING_SIZE ? log.end - RING_SIZE : 0;

	if (position >= start)
		return MIN(position, log.end);
	while (start < log.end && ring_at(start) != '\n')
		start++;
	return MIN(start + 1, log.end);
}

/* [lock] Where @cursor really is. */
static struct log_cursor cursor_valid(struct log_cursor cursor)
{
	u64 first = first_record(0);

	return cursor.position >= first ? cursor
					: (struct log_cursor){ first, first ? log.lost + 1 : 0 };
}

struct log_cursor log_first(void)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	struct log_cursor first = cursor_valid((struct log_cursor){ 0 });

	spin_unlock_irqrestore(&log.lock, state);
	return first;
}

struct log_cursor log_last(void)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	struct log_cursor last = { log.end, log.records };

	spin_unlock_irqrestore(&log.lock, state);
	return last;
}

void log_clear(void)
{
	unsigned long state = spin_lock_irqsave(&log.lock);

	log.cleared = (struct log_cursor){ log.end, log.records };
	spin_unlock_irqrestore(&log.lock, state);
}

struct log_cursor log_cleared(void)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	struct log_cursor cleared = cursor_valid(log.cleared);

	spin_unlock_irqrestore(&log.lock, state);
	return cleared;
}

u64 log_unread(u64 position)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	u64 unread = log.end - first_record(position);

	spin_unlock_irqrestore(&log.lock, state);
	return unread;
}

/* [lock] The digits at *@at, which moves behind them and the one character that follows. */
static u64 ring_number(u64 *at)
{
	u64 number = 0;

	while (ring_at(*at) == ' ')
		++*at;
	for (char c; (c = ring_at((*at)++)) >= '0' && c <= '9';)
		number = number * 10 + (u64)(c - '0');
	return number;
}

/* [lock] The record at @at, which is whole: where the next one begins. */
static u64 ring_record(u64 at, struct log_record *record)
{
	at++; /* '<' */
	record->priority = (unsigned)ring_number(&at);
	at++; /* '[' */
	record->microseconds = ring_number(&at) * 1000000;
	record->microseconds += ring_number(&at);
	at++; /* ' ' */
	for (record->size = 0; ring_at(at) != '\n'; at++) {
		if (record->size < sizeof(record->text))
			record->text[record->size++] = ring_at(at);
	}
	return at + 1;
}

int log_read_record(struct log_cursor *cursor, struct log_record *record)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	struct log_cursor valid = cursor_valid(*cursor);
	int result = 0;

	if (valid.number != cursor->number) {
		*cursor = valid;
		result = -EPIPE;
	} else if (cursor->position < log.end) {
		record->number = cursor->number++;
		cursor->position = ring_record(cursor->position, record);
		result = 1;
	}
	spin_unlock_irqrestore(&log.lock, state);
	return result;
}

size_t log_read(u64 *position, char *buffer, size_t size)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	u64 from = first_record(*position);
	size_t count = MIN(log.end - from, (u64)size);

	for (size_t i = 0; i < count; i++)
		buffer[i] = ring_at(from + i);
	spin_unlock_irqrestore(&log.lock, state);
	*position = from + count;
	return count;
}
