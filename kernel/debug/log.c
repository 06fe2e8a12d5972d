/*
 * The log: a ring of formatted records, "<level>[ssss.uuuuuu] text\n" each. Positions are counted
 * in bytes since boot, so a reader notices when what it was about to read is gone.
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

enum { RING_SIZE = 64 * 1024, LINE_MAX = 400, TEXT_MAX = 360 };

static struct {
	struct spinlock lock;	      /* RANK_LOG, interrupts off */
	u64 end;		      /* [lock] bytes ever written */
	struct log_console *consoles; /* [lock] */
	bool news;		      /* [atomic] records that log_notify was not told of */
	char ring[RING_SIZE];	      /* [lock] */
} log = { .lock = SPINLOCK_INIT(RANK_LOG) };

static int console_level = LOG_DEBUG; /* messages below it are shown */
void (*log_notify)(void);

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
static void add_record(int level, u64 now, const char *text, size_t size)
{
	const u64 ns_per_second = 1000000000;
	char line[LINE_MAX];
	int prefix, length;

	prefix = scnprintf(line, sizeof(line), "<%d>", level);
	length = scnprintf(line, sizeof(line), "<%d>[%4lu.%06lu] %.*s", level,
			   (unsigned long)(now / ns_per_second),
			   (unsigned long)(now % ns_per_second / 1000), (int)size, text);
	length = MIN(length, LINE_MAX - 2);
	line[length++] = '\n';
	ring_add(line, length);
	if (level < READ_ONCE(console_level))
		show(line + prefix, length - prefix);
}

void log_write(enum log_level level, const char *format, ...)
{
	char text[TEXT_MAX];
	const char *line = text, *end;
	unsigned long state;
	va_list arguments;
	u64 now = time_now();

	va_start(arguments, format);
	vscnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	state = spin_lock_irqsave(&log.lock);
	do {
		end = strchr(line, '\n');
		if (!end)
			end = line + strlen(line);
		add_record(level, now, line, end - line);
		line = end + 1;
	} while (*end && *line);
	spin_unlock_irqrestore(&log.lock, state);
	WRITE_ONCE(log.news, true);
}

void log_deliver(void)
{
	void (*notify)(void) = READ_ONCE(log_notify);

	if (likely(!READ_ONCE(log.news)) || !notify)
		return;
	WRITE_ONCE(log.news, false);
	memory_barrier();
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

u64 log_start(void)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	u64 start = first_record(0);

	spin_unlock_irqrestore(&log.lock, state);
	return start;
}

size_t log_read(u64 *sequence, char *buffer, size_t size)
{
	unsigned long state = spin_lock_irqsave(&log.lock);
	u64 from = first_record(*sequence);
	size_t count = MIN(log.end - from, (u64)size);

	for (size_t i = 0; i < count; i++)
		buffer[i] = ring_at(from + i);
	spin_unlock_irqrestore(&log.lock, state);
	*sequence = from + count;
	return count;
}
