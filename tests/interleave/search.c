/*
 * Depth first, with every state visited once. A run that gives the CPU away although its thread could
 * go on uses up one preemption; with a limit to them, a state counts as visited only if it was reached
 * with as few.
 */
#include "search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"
#include "state.h"
#include "trace.h"

enum { DEPTH_MAX = 20000, CHOICES_MAX = 2 * THREADS, COST_BITS = 4 };

struct choice {
	u8 thread, option, cost;
};

struct node {
	struct state state;
	struct choice choices[CHOICES_MAX];
	u8 count, next;
	u8 cost;   /* preemptions so far */
	u32 depth; /* steps before it */
};

static struct search {
	const struct scenario *scenario;
	struct search_limits limits;
	struct search_result result;
	struct node *nodes;
	unsigned top; /* nodes in use */
	struct choice path[DEPTH_MAX];
	unsigned depth;
	int last; /* thread of the last step */
	u64 *visited;
	u64 visited_size, visited_used;
	struct timespec started;
	bool logging;
} * it;

static double seconds_since(const struct timespec *started)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec - started->tv_sec + (now.tv_nsec - started->tv_nsec) / 1e9;
}

static void visited_grow(void)
{
	u64 *old = it->visited, old_size = it->visited_size;

	it->visited_size = old_size ? old_size * 4 : 1 << 16;
	it->visited = calloc(it->visited_size, sizeof(u64));
	if (!it->visited)
		abort();
	for (u64 i = 0; i < old_size; i++) {
		u64 at = old[i] >> COST_BITS;

		if (!old[i])
			continue;
		while (it->visited[at & (it->visited_size - 1)])
			at++;
		it->visited[at & (it->visited_size - 1)] = old[i];
	}
	free(old);
}

/* True: new, or cheaper than before. */
static bool visit(u64 hash, unsigned cost)
{
	u64 key = hash >> COST_BITS, at = key, *slot;

	if (it->visited_used * 4 >= it->visited_size * 3)
		visited_grow();
	for (;; at++) {
		slot = &it->visited[at & (it->visited_size - 1)];
		if (!*slot || *slot >> COST_BITS == key)
			break;
	}
	if (*slot && (*slot & ((1 << COST_BITS) - 1)) <= cost + 1)
		return false;
	if (!*slot) {
		it->visited_used++;
		it->result.states++;
	}
	*slot = key << COST_BITS | (cost + 1);
	return true;
}

/* All ways to go on from here, the present thread's first. */
static unsigned choices_of(struct choice *choices, unsigned cost)
{
	unsigned count = 0, mine = it->last >= 0 ? machine_options(it->last) : 0;
	bool yields = mine && machine.threads[it->last].kind == STEP_YIELD;

	for (unsigned i = 0; i <= THREADS; i++) {
		unsigned thread = i ? i - 1 : (unsigned)it->last, options;
		unsigned price = i && mine && !yields && it->limits.preemptions >= 0;

		if ((i && (int)thread == it->last) || (!i && it->last < 0))
			continue;
		if (price && cost + price > (unsigned)it->limits.preemptions)
			continue;
		options = machine_options(thread);
		for (unsigned option = 0; option < options; option++)
			choices[count++] = (struct choice){ thread, option, price };
	}
	return count;
}

/* Those who have yielded and see nobody else move get one more chance each, but not for ever. */
static bool wake_yielded(void)
{
	bool any = false;

	for (unsigned i = 0; i < THREADS; i++) {
		struct machine_thread *thread = &machine.threads[i];

		if (thread->body && thread->stuck &&
		    (thread->kind == STEP_YIELD || thread->kind == HOST_RELAX)) {
			thread->stuck = false;
			any = true;
		}
	}
	return any && ++machine.spins < 4;
}

static void check_stuck(void)
{
	char text[200];
	size_t length = 0;
	bool live = false;

	text[0] = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		const struct machine_thread *thread = &machine.threads[i];

		if (!thread->body || thread->dormant || thread->kind == STEP_DONE)
			continue;
		live |= thread->kind == STEP_YIELD || thread->kind == HOST_RELAX;
		length += snprintf(text + length, sizeof(text) - length, "%s CPU %u in %s(%u)",
				   length ? "," : "", i, thread->doing ? thread->doing : "?",
				   thread->doing_page);
	}
	violation("%s:%s", live ? "nobody gets on (livelock)" : "deadlock", text);
}

static void at_end(void)
{
	if (it->scenario->check_end)
		it->scenario->check_end();
	memory_finish();
}

/* A violation: the path leads to it. */
static void found(void)
{
	it->result.found = true;
	it->result.length = it->depth;
}

static bool take(struct choice choice)
{
	bool good;

	if (it->depth == DEPTH_MAX)
		abort();
	it->path[it->depth++] = choice;
	it->result.steps++;
	if (it->logging)
		trace_before(it->depth, choice.thread, choice.option);
	if ((int)choice.thread != it->last)
		machine.spins = 0;
	it->last = choice.thread;
	good = machine_step(choice.thread, choice.option);
	if (it->logging)
		trace_after(choice.thread);
	if (good)
		state_settle();
	return good && machine_guard(memory_check);
}

/*
 * Go on from the present state as long as there is one way only or a new state; push a node where there
 * are several. False: a violation.
 */
static bool advance(unsigned cost)
{
	for (;;) {
		struct node *node = &it->nodes[it->top];
		unsigned count;

		node->count = choices_of(node->choices, cost);
		if (!node->count && wake_yielded())
			node->count = choices_of(node->choices, cost);
		count = node->count;
		if (!count) {
			it->result.runs++;
			return machine_guard(machine_finished() ? at_end : check_stuck);
		}
		if (count > 1) {
			node->state = state_save();
			/* Who ran last decides what costs a preemption. */
			if (!visit(node->state.hash +
					   (it->limits.preemptions < 0
						    ? 0
						    : (it->last + 2) * 0x9e3779b97f4a7c15),
				   it->limits.preemptions < 0 ? 0 : cost)) {
				free(node->state.data);
				return true;
			}
			node->next = 1;
			node->cost = cost;
			node->depth = it->depth;
			it->top++;
		}
		cost += node->choices[0].cost;
		if (!take(node->choices[0]))
			return false;
	}
}

/* The next way that was not gone, or false: all were. */
static bool backtrack(struct choice *choice, unsigned *cost)
{
	while (it->top) {
		struct node *node = &it->nodes[it->top - 1];

		if (node->next < node->count) {
			state_restore(&node->state);
			it->depth = node->depth;
			it->last = it->depth ? it->path[it->depth - 1].thread : -1;
			*choice = node->choices[node->next++];
			*cost = node->cost + choice->cost;
			return true;
		}
		free(node->state.data);
		it->top--;
	}
	return false;
}

static bool within_limits(void)
{
	return it->result.states < it->limits.states &&
	       ((it->result.steps & 255) || seconds_since(&it->started) < it->limits.seconds);
}

static void run(void)
{
	struct choice choice;
	unsigned cost;

	if (!advance(0)) {
		found();
		return;
	}
	while (backtrack(&choice, &cost)) {
		if (!within_limits())
			return;
		if (!take(choice) || !advance(cost)) {
			found();
			return;
		}
	}
	it->result.complete = true;
}

void search_make(void)
{
	it = calloc(1, sizeof(*it));
	it->nodes = calloc(DEPTH_MAX, sizeof(*it->nodes));
}

struct search_result search(const struct scenario *scenario, const struct search_limits *limits)
{
	it->scenario = scenario;
	it->limits = *limits;
	it->result = (struct search_result){ 0 };
	free(it->visited);
	it->visited = NULL;
	it->visited_size = it->visited_used = 0;
	visited_grow();
	it->top = it->depth = 0;
	it->last = -1;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &it->started);
	state_reset();
	*machine_fine = scenario->fine;
	run();
	while (it->top)
		free(it->nodes[--it->top].state.data);
	it->result.seconds = seconds_since(&it->started);
	return it->result;
}

void search_print_trace(void)
{
	unsigned length = it->depth;

	state_reset();
	it->last = -1;
	it->depth = 0;
	it->logging = true;
	trace_start();
	for (unsigned i = 0; i < length; i++) {
		if (!machine_options(it->path[i].thread))
			wake_yielded();
		if (!take(it->path[i]))
			break;
	}
	it->logging = false;
	trace_end();
}
