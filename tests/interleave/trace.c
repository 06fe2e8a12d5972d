#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

enum { LINES = 20000, TEXT = 160 };

struct line {
	char text[TEXT];
	const void *place;
	const pte_t *entry;
};
static struct trace {
	struct line lines[LINES];
	unsigned count;
} * trace;

void trace_start(void)
{
	trace->count = 0;
}

/* "space 0 page 1" for an entry of a page that scenarios use. */
static void name_entry(char *text, const pte_t *entry)
{
	for (unsigned i = 0; i < SPACES; i++) {
		vaddr_t at = BASE;
		pte_t *first = machine.spaces[i].space ? mmu_find(&machine.spaces[i].space->mmu,
								  &at, BASE + PAGES * PAGE_SIZE)
						       : NULL;

		if (first && entry >= first && entry < first + PAGES) {
			sprintf(text, "space %u page %u", i, (unsigned)(entry - first));
			return;
		}
	}
	strcpy(text, "a space being made or unmade");
}

static void name_lock(char *text, const void *lock)
{
	strcpy(text, "a lock");
	for (unsigned i = 0; i < SPACES; i++) {
		if (machine.spaces[i].space && lock == &machine.spaces[i].space->lock)
			sprintf(text, "space %u's lock", i);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (machine.objects[i] && lock == &machine.objects[i]->lock)
			sprintf(text, "object %u's lock", i);
	}
}

static void name_access(char *text, unsigned thread, vaddr_t address, unsigned option)
{
	unsigned page = (address - BASE) / PAGE_SIZE;
	vaddr_t at;

	sprintf(text, "user access to page %u: not in the TLB", page);
	for (unsigned i = 0; i < host_tlb_used(thread); i++) {
		pte_t entry = host_tlb_entry(thread, i, &at);

		if (pte_empty(entry) || at != ALIGN_DOWN(address, PAGE_SIZE))
			continue;
		sprintf(text, "user access to page %u: the TLB's %sentry, frame %lx %s%s", page,
			host_tlb_stale(thread, address) ? "old " : "",
			(unsigned long)pte_frame(entry), pte_prot(entry) & W ? "rw" : "r",
			option ? ", is dropped" : "");
	}
}

static void name_step(char *text, const struct machine_thread *thread, unsigned number,
		      unsigned option)
{
	char name[80];

	switch (thread->kind) {
	case HOST_ENTRY_READ:
		name_entry(name, thread->object);
		sprintf(text, "reads the entry of %s", name);
		return;
	case HOST_ENTRY_WRITE:
		name_entry(name, thread->object);
		sprintf(text, "writes the entry of %s", name);
		return;
	case HOST_FLUSH:
		sprintf(text, "shoots down CPU %u", (unsigned)(uintptr_t)thread->object);
		return;
	case HOST_ACCESS:
		name_access(text, number, (vaddr_t)thread->object, option);
		return;
	case STEP_LOCK:
		strcpy(text, "takes a page table's lock");
		return;
	case STEP_MUTEX:
		name_lock(name, thread->object);
		sprintf(text, "takes %s", name);
		return;
	case STEP_ATOMIC:
		strcpy(text, "an atomic operation");
		if (frame_of_data(host_ram))
			sprintf(text, "the count of frame %lx",
				(unsigned long)(((uintptr_t)thread->object -
						 (uintptr_t)frame_banks[0].frames) /
						sizeof(struct frame)));
		return;
	case STEP_COPY:
		sprintf(text, "copies frame %lx",
			(unsigned long)frame_number(frame_of_data(thread->object)));
		return;
	default:
		strcpy(text, thread->kind == HOST_SWITCH  ? "changes its space"
			     : thread->kind == STEP_START ? "starts"
			     : thread->kind == STEP_BLOCK ? "wakes up"
			     : thread->kind == STEP_WAIT  ? "goes on: what it waited for is there"
							  : "tries again");
	}
}

void trace_before(unsigned number, unsigned cpu, unsigned option)
{
	const struct machine_thread *thread = &machine.threads[cpu];
	struct line *line = &trace->lines[trace->count++ % LINES];
	char what[TEXT], call[40];

	name_step(what, thread, cpu, option);
	sprintf(call, "%s(%u)", thread->doing ? thread->doing : "-", thread->doing_page);
	snprintf(line->text, TEXT, "%4u  CPU %u  %-16s %s", number, cpu, call, what);
	line->place = thread->place;
	line->entry = thread->kind == HOST_ENTRY_WRITE ? thread->object : NULL;
}

void trace_after(unsigned cpu)
{
	static const char *const states[] = { "borrowed", "owned", "shared", "cow" };
	struct line *line = &trace->lines[(trace->count - 1) % LINES];
	size_t length = strlen(line->text);

	if (!line->entry)
		return;
	if (pte_empty(*line->entry))
		snprintf(line->text + length, TEXT - length, ": empty");
	else
		snprintf(line->text + length, TEXT - length, ": frame %lx %s %s",
			 (unsigned long)pte_frame(*line->entry), states[pte_state(*line->entry)],
			 pte_prot(*line->entry) & W ? "rw"
			 : pte_prot(*line->entry)   ? "r"
						    : "not present");
}

/* "function, file:line" of each place, by addr2line; the innermost that is no header's. */
static FILE *places_open(void)
{
	char *command = malloc(200 + trace->count * 20);
	size_t length = sprintf(command, "addr2line -e /proc/%d/exe -fsip", getpid());
	FILE *stream;

	for (unsigned i = 0; i < trace->count; i++)
		length += sprintf(command + length, " %lx",
				  (unsigned long)trace->lines[i].place
					  ? (unsigned long)trace->lines[i].place - 1
					  : 0);
	strcpy(command + length, " 2>/dev/null");
	stream = popen(command, "r");
	free(command);
	return stream;
}

/* The next place: lines "f at file:line", continued by " (inlined by) f at file:line". */
static bool place_read(FILE *stream, char *place)
{
	char line[300];
	int next;
	bool good = false;

	place[0] = 0;
	while (stream && fgets(line, sizeof(line), stream)) {
		char *text = line, *at;

		line[strcspn(line, "\n")] = 0;
		if (!strncmp(text, " (inlined by) ", 14))
			text += 14;
		good = true;
		at = strstr(text, " at ");
		if (at && !place[0] && !strstr(at, ".h:") && strncmp(text, "??", 2))
			snprintf(place, 100, "%.*s, %s", (int)(at - text), text, at + 4);
		next = getc(stream);
		if (next != EOF)
			ungetc(next, stream);
		if (next != ' ')
			break;
	}
	return good;
}

void trace_end(void)
{
	FILE *places = places_open();
	char place[100];

	for (unsigned i = 0; i < trace->count; i++) {
		place_read(places, place);
		printf("  %-90s %s%s%s\n", trace->lines[i].text, place[0] ? "[" : "", place,
		       place[0] ? "]" : "");
	}
	if (places)
		pclose(places);
}

void trace_make(void)
{
	trace = calloc(1, sizeof(*trace));
}
