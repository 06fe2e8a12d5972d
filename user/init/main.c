#include "init.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOB "/.job/"

void init_say(const char *format, ...)
{
	char line[512];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length] = '\n';
	write_all(STDERR_FILENO, line, length + 1);
}

void processes_end(void)
{
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	init_say("init: power off: %s", strerror(errno));
	for (;;)
		pause();
}

/* NUL-ended strings one after the other, as an argument vector. */
static char **strings_split(char *text, size_t size)
{
	size_t count = 0;
	for (size_t i = 0; i < size; i++)
		count += text[i] == 0;
	char **strings = calloc(count + 1, sizeof(*strings));
	for (size_t i = 0; strings && i < count; i++) {
		strings[i] = text;
		text += strlen(text) + 1;
	}
	return strings;
}

/* The job's environment also says when init started, for benchmarks. */
static char **environment_with(char **env, struct timespec started)
{
	size_t count = 0;
	char *entry;
	while (env && env[count])
		count++;
	char **larger = calloc(count + 2, sizeof(*larger));
	if (!larger || asprintf(&entry, "INIT_STARTED_NS=%lld",
				started.tv_sec * 1000000000ll + started.tv_nsec) < 0)
		return env;
	for (size_t i = 0; i < count; i++)
		larger[i] = env[i];
	larger[count] = entry;
	return larger;
}

/* The job that the host put into the root; false when there is none (the environment may be). */
static bool job_read(struct job *job)
{
	size_t size, env_size;
	char *argv = file_read(JOB "argv", &size);
	char *env = file_read(JOB "env", &env_size);
	job->env = strings_split(env, env ? env_size : 0);
	if (!argv || !size)
		return false;
	job->argv = strings_split(argv, size);
	job->cwd = file_read(JOB "cwd", NULL);
	if (!job->cwd)
		job->cwd = "/";
	char *channel = file_read(JOB "channel", NULL);
	job->serial = channel && !strcmp(channel, "serial");
	free(channel);
	return job->argv && job->argv[0] && job->env;
}

static void job_files_remove(void)
{
	struct dirent *entry;
	DIR *files = opendir(JOB);
	while (files && (entry = readdir(files)))
		unlinkat(dirfd(files), entry->d_name, 0);
	if (files)
		closedir(files);
	rmdir(JOB);
}

int main(int argc, char **argv)
{
	struct job job = { 0 };
	struct timespec started;

	if (!strcmp(basename(argv[0]), "pages"))
		return pages_main(argc, argv);
	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &started);
	if (getpid() != 1) {
		init_say("init: only as process 1");
		return 1;
	}
	mounts_make();
	char *modules = file_read(JOB "modules", NULL);
	if (modules)
		modules_load(modules);
	char *winsize = file_read(JOB "winsize", NULL);
	bool with_job = job_read(&job);
	job_files_remove();
	root_change();
	job.env = environment_with(job.env, started);
	if (with_job) {
		job_run(&job);
	} else {
		if (job.env)
			environ = job.env;
		shell_run(winsize);
	}
	processes_end();
	power_off();
}
