/*
 * All scenarios with all rules kept, which must find nothing, then each rule broken, which must be
 * found. Each search is a process of its own.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "rules.h"
#include "scenarios.h"
#include "state.h"
#include "trace.h"

enum { JOBS_MAX = 16, BOUND_MAX = 4, PREEMPTIONS_MAX = 12 };

static struct options {
	bool complete, trace, table;
	unsigned jobs;
	int preemptions; /* -1: any number */
	double seconds;	 /* per search */
	const char *scenario, *rule;
} options = { .jobs = 2, .preemptions = 2, .seconds = 10 };

/* Exit status of a child whose search found nothing, and did not come to its end. */
enum { STOPPED = 10 };

static unsigned passed, failed, stopped;

/* ---- one search, in a child ---- */

static const struct scenario *the_scenario;

static void set_up(void)
{
	memory_begin();
	the_scenario->set_up();
	/* CPUs without a thread run nothing, as those whose thread enters its space by itself. */
	for (unsigned cpu = 0; cpu < THREADS; cpu++) {
		host_run_on(cpu);
		if (host_space() && (!machine.threads[cpu].body || machine.threads[cpu].child))
			mmu_switch(NULL);
	}
}

static const struct scenario *scenario_find(const char *name, size_t length)
{
	for (const struct scenario *s = NULL; (s = scenario_next(s));) {
		if (strlen(s->name) == length && !strncmp(s->name, name, length))
			return s;
	}
	fprintf(stderr, "no scenario %.*s\n", (int)length, name);
	exit(2);
}

static struct search_result result_of(const struct scenario *scenario, int preemptions)
{
	struct search_limits limits = { preemptions, options.seconds, ~0ull };

	return search(scenario, &limits);
}

static bool prepare(const struct scenario *scenario)
{
	the_scenario = scenario;
	machine_boot();
	if (!machine_guard(set_up)) {
		printf("not ok %s: set-up: %s\n", scenario->name, violation_text());
		return false;
	}
	state_set_base();
	return true;
}

static void print_counterexample(const struct scenario *scenario)
{
	printf("    %s\n", violation_text());
	search_print_trace();
	printf("    again: tests/interleave/run --scenario %s --trace\n", scenario->name);
}

/*
 * The widest search that fits into the time: all interleavings, or else with as many preemptions per run
 * as can be done to the end. *@bound: how many, or -1. One more preemption costs several times as much:
 * what would not be done in time is not begun.
 */
static struct search_result search_widely(const struct scenario *scenario, int *bound)
{
	struct search_result widest = result_of(scenario, -1), result;
	int next = options.preemptions;

	*bound = -1;
	if (widest.complete || widest.found)
		return widest;
	for (result = result_of(scenario, next); !result.complete && !result.found && next;)
		result = result_of(scenario, --next);
	while (result.complete || result.found) {
		widest = result;
		*bound = next++;
		if (result.found || next > PREEMPTIONS_MAX || result.seconds * 3 > options.seconds)
			break;
		result = result_of(scenario, next);
	}
	return widest;
}

static void print_result(const struct scenario *scenario, const struct search_result *result,
			 int bound)
{
	const char *line = options.table
				   ? "%s%s | %lu | %lu | %lu | %.1f | %s |\n"
				   : "%s %-24s %9lu states %10lu steps %8lu runs %7.1f s  (%s)\n";
	const char *word = result->found ? "not ok" : "ok";
	char extent[60] = "every interleaving";

	if (bound >= 0)
		snprintf(extent, sizeof(extent), "up to %d preemptions", bound);
	if (!result->complete && !result->found)
		strcpy(extent, "stopped for time");
	printf(line, options.table && !result->found ? "| " : word, scenario->name,
	       (unsigned long)result->states, (unsigned long)result->steps,
	       (unsigned long)result->runs, result->seconds, extent);
}

static int run_scenario(const struct scenario *scenario)
{
	int bound = options.preemptions;
	struct search_result result;

	if (!prepare(scenario))
		return 1;
	if (options.complete)
		result = search_widely(scenario, &bound);
	else
		result = result_of(scenario, bound);
	print_result(scenario, &result, bound);
	if (!result.found)
		return result.complete && bound < 0 ? 0 : STOPPED;
	/* Again with as few preemptions as will do: easier to read. */
	for (bound = 0; bound < BOUND_MAX; bound++) {
		if (result_of(scenario, bound).found)
			break;
	}
	if (bound == BOUND_MAX)
		result_of(scenario, -1);
	print_counterexample(scenario);
	return 1;
}

/* One scenario with the rule broken; true: found. */
static bool try_rule(const struct rule *rule, const struct scenario *scenario,
		     struct search_result *total, int *bound)
{
	const int bounds[] = { 0, 1, 2, 3, -1 };
	unsigned count = rule->harmless && !options.complete ? 3 : 5;

	for (unsigned i = 0; i < count; i++) {
		struct search_result result = result_of(scenario, bounds[i]);

		total->states += result.states;
		total->steps += result.steps;
		total->seconds += result.seconds;
		total->length = result.length;
		*bound = bounds[i];
		if (result.found)
			return true;
	}
	return false;
}

/* The scenario that is to show it: exit status 0: it does; 3: it does not. */
static int run_rule(const struct rule *rule, const struct scenario *scenario)
{
	struct search_result total = { 0 };
	int bound = 0;
	bool found;

	if (!prepare(scenario))
		return 1;
	found = try_rule(rule, scenario, &total, &bound);
	if (found && !rule->harmless) {
		printf("ok broken %-21s found: %u steps, %d preemptions, in %s after %lu states: %s\n",
		       rule->name, total.length, bound, scenario->name, (unsigned long)total.states,
		       violation_text());
	} else if (found) {
		printf("not ok broken %s: found in %s, and should be harmless: %s\n", rule->name,
		       scenario->name, violation_text());
	} else if (rule->harmless) {
		printf("ok broken %-21s harmless: nothing in %lu states of %s\n", rule->name,
		       (unsigned long)total.states, scenario->name);
	}
	if (found && (options.trace || rule->harmless))
		print_counterexample(scenario);
	return found != rule->harmless ? 0 : found ? 1 : 3;
}

static int run_rule_scenarios(const struct rule *rule)
{
	const char *name = rule->scenarios;
	int status = 3;

	for (; *name && (status == 3 || (rule->harmless && !status)); name += strspn(name, " ")) {
		size_t length = strcspn(name, " ");
		pid_t child;
		int wait_status = 0;

		fflush(stdout);
		child = fork();
		if (!child) {
			broken_rule = rule->rule;
			status = run_rule(rule, scenario_find(name, length));
			fflush(stdout);
			_exit(status);
		}
		if (child < 0 || waitpid(child, &wait_status, 0) < 0)
			return 1;
		status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1;
		if (!WIFEXITED(wait_status))
			printf("not ok broken %s: the search crashed\n", rule->name);
		name += length;
	}
	if (status == 3)
		printf("not ok broken %s: NOT FOUND in %s\n", rule->name, rule->scenarios);
	return status;
}

/* ---- many of them ---- */

struct job {
	pid_t pid;
	FILE *output;
};
static struct job jobs[JOBS_MAX];
static unsigned first_job, job_count;

/* The oldest job's output, in order. */
static void finish_job(void)
{
	struct job *job = &jobs[first_job % JOBS_MAX];
	char buffer[4096];
	size_t size;
	int status = 1;

	waitpid(job->pid, &status, 0);
	rewind(job->output);
	while ((size = fread(buffer, 1, sizeof(buffer), job->output)))
		fwrite(buffer, 1, size, stdout);
	fclose(job->output);
	if (WIFEXITED(status) && WEXITSTATUS(status) == STOPPED) {
		stopped++;
		status = 0;
	}
	if (WIFSIGNALED(status))
		printf("not ok: a search died of signal %d\n", WTERMSIG(status));
	fflush(stdout);
	if (status)
		failed++;
	else
		passed++;
	first_job++;
	job_count--;
}

static void start_job(const struct scenario *scenario, const struct rule *rule)
{
	struct job *job;

	if (job_count == options.jobs)
		finish_job();
	job = &jobs[(first_job + job_count++) % JOBS_MAX];
	job->output = tmpfile();
	if (!job->output)
		abort();
	fflush(stdout);
	job->pid = fork();
	if (job->pid)
		return;
	dup2(fileno(job->output), 1);
	exit(rule ? run_rule_scenarios(rule) : run_scenario(scenario));
}

static bool matches(const char *wanted, const char *name)
{
	return !wanted || !fnmatch(wanted, name, 0);
}

/* For a name that none has. */
static void print_names(void)
{
	fputs("interleave: no such scenario or rule; there are", stderr);
	for (const struct scenario *s = NULL; !options.rule && (s = scenario_next(s));)
		fprintf(stderr, " %s", s->name);
	for (const struct rule *rule = rules; options.rule && rule->name; rule++)
		fprintf(stderr, " %s", rule->name);
	fputs("\n", stderr);
}

static int usage(void)
{
	fputs("usage: tests/interleave/run [--complete] [--table] [--preemptions N] [--seconds N]\n"
	      "           [--jobs N] [--trace] [--scenario NAME] [--rule NAME]    (* may stand in a NAME)\n",
	      stderr);
	return 2;
}

static bool parse(int count, char **words)
{
	for (int i = 1; i < count; i++) {
		const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;

		if (!strcmp(word, "--complete"))
			options.complete = true;
		else if (!strcmp(word, "--trace"))
			options.trace = true;
		else if (!strcmp(word, "--table"))
			options.table = true;
		else if (!value)
			return false;
		else if (!strcmp(word, "--preemptions"))
			options.preemptions = atoi(words[++i]);
		else if (!strcmp(word, "--seconds"))
			options.seconds = atof(words[++i]);
		else if (!strcmp(word, "--jobs"))
			options.jobs = MAX(1, MIN(JOBS_MAX, atoi(words[++i])));
		else if (!strcmp(word, "--scenario"))
			options.scenario = words[++i];
		else if (!strcmp(word, "--rule"))
			options.rule = words[++i];
		else
			return false;
	}
	return true;
}

static const char table_head[] =
	"States: different ones in which more than one thread could go on. Where not every interleaving\n"
	"was searched, the figures are those of the widest search that came to its end.\n\n"
	"| scenario | states | steps | runs that ended | CPU, s | searched to the end |\n"
	"|---|--:|--:|--:|--:|---|";

static void print_sum(void)
{
	if (options.table)
		printf("\n%u scenarios: %u in every interleaving, %u up to a number of preemptions, with "
		       "%.0f s of CPU time for each search.\n",
		       passed + failed, passed + failed - stopped, stopped, options.seconds);
	else
		printf("%u passed, %u failed\n", passed, failed);
}

int main(int count, char **words)
{
	if (!parse(count, words))
		return usage();
	if (options.table)
		puts(table_head);
	search_make();
	trace_make();
	for (const struct scenario *s = NULL; (s = scenario_next(s));) {
		if (!options.rule && matches(options.scenario, s->name))
			start_job(s, NULL);
	}
	for (const struct rule *rule = rules; rule->name && !options.scenario && !options.table;
	     rule++) {
		if (matches(options.rule, rule->name))
			start_job(NULL, rule);
	}
	while (job_count)
		finish_job();
	if (!passed && !failed)
		print_names();
	print_sum();
	return failed || !passed;
}
