#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define AUDIT "/proc/selene/audit"

enum { EXIT_CANNOT_START = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* The job while it runs: our ends of its pipes are the read ends of its outputs. */
struct running {
	int channel;
	pid_t job, feeder;
	int status; /* wait status of the job */
	bool ended;
	struct pollfd outputs[2];
};

static struct frame output_frame;

static void child_signal(int sig)
{
	(void)sig; /* its only use is to end ppoll() */
}

/* In the job's process; an error goes to the pipe @failure, which an exec closes. */
static void job_start(const struct job *job, int standard[3], int failure)
{
	sigset_t none;
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(standard[fd], fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (chdir(job->cwd) == 0) {
		environ = job->env;
		execvp(job->argv[0], job->argv);
	}
	int error = errno;
	write_all(failure, &error, sizeof(error));
	_exit(EXIT_NOT_FOUND);
}

/* In the feeder's process: standard input, from the channel into the job's pipe. */
static void feeder_run(int channel, int input)
{
	static struct frame frame;
	signal(SIGPIPE, SIG_IGN);
	while (frame_receive(channel, &frame) == 0) {
		if (frame.header.type == FRAME_STDIN_END) {
			close(input);
			input = -1;
		} else if (frame.header.type == FRAME_STDIN && input >= 0 &&
			   write_all(input, frame.payload, frame.header.length) < 0) {
			/* The job takes no more: what still comes is dropped, so that nobody blocks. */
			close(input);
			input = -1;
		}
	}
	_exit(0);
}

static pid_t feeder_start(struct running *running, int input)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	close(running->outputs[0].fd);
	close(running->outputs[1].fd);
	feeder_run(running->channel, input);
	_exit(0);
}

static bool pipes_make(int pipes[4][2])
{
	for (int i = 0; i < 4; i++) {
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return false;
	}
	return true;
}

static void failure_send(int channel, const char *what, int error)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	frame_send_bytes(channel, FRAME_FAILURE, text, length);
}

static void exit_send(int channel, uint32_t code)
{
	frame_send_bytes(channel, FRAME_EXIT, &code, sizeof(code));
}

/* Start the job and the feeder; 0, or the exit code to send after the failure frame. */
static int running_start(struct running *running, const struct job *job)
{
	int pipes[4][2], error;
	if (!pipes_make(pipes)) {
		failure_send(running->channel, "pipe", errno);
		return EXIT_CANNOT_START;
	}
	running->job = fork();
	if (running->job == 0)
		job_start(job, (int[]){ pipes[0][0], pipes[1][1], pipes[2][1] }, pipes[3][1]);
	error = errno;
	close(pipes[0][0]);
	for (int i = 1; i < 4; i++)
		close(pipes[i][1]);
	if (running->job < 0) {
		failure_send(running->channel, "fork", error);
		return EXIT_CANNOT_START;
	}
	for (int i = 0; i < 2; i++)
		running->outputs[i] = (struct pollfd){ .fd = pipes[i + 1][0], .events = POLLIN };
	ssize_t failed;
	do {
		failed = read(pipes[3][0], &error, sizeof(error));
	} while (failed < 0 && errno == EINTR);
	close(pipes[3][0]);
	if (failed == sizeof(error)) {
		close(pipes[0][1]);
		close(pipes[1][0]);
		close(pipes[2][0]);
		failure_send(running->channel, job->argv[0], error);
		return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	}
	running->feeder = feeder_start(running, pipes[0][1]);
	if (running->feeder < 0)
		init_say("init: the job gets no input: fork: %s", strerror(errno));
	close(pipes[0][1]);
	return 0;
}

/* Send what one read of an output gives; false at its end (or when a drained pipe is empty). */
static bool output_forward(struct running *running, int which)
{
	struct frame *frame = &output_frame;
	ssize_t size = read(running->outputs[which].fd, frame->payload, FRAME_PAYLOAD_MAX);
	if (size < 0 && errno == EINTR)
		return true;
	if (size <= 0)
		return false;
	frame_send(running->channel, frame, which ? FRAME_STDERR : FRAME_STDOUT, size);
	return true;
}

static void children_reap(struct running *running)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == running->job) {
			running->status = status;
			running->ended = true;
		}
	}
}

/* Forward both outputs until the job's first process has ended. SIGCHLD is blocked but in ppoll. */
static void outputs_forward(struct running *running)
{
	sigset_t none;
	sigemptyset(&none);
	for (;;) {
		children_reap(running);
		if (running->ended)
			return;
		if (ppoll(running->outputs, 2, NULL, &none) < 0)
			continue;
		for (int i = 0; i < 2; i++) {
			struct pollfd *output = &running->outputs[i];
			if (output->fd < 0 || !output->revents || output_forward(running, i))
				continue;
			close(output->fd);
			output->fd = -1;
		}
	}
}

/* What the job left in its pipes; a process that it left behind may hold them open. */
static void outputs_drain(struct running *running)
{
	for (int i = 0; i < 2; i++) {
		if (running->outputs[i].fd < 0)
			continue;
		fcntl(running->outputs[i].fd, F_SETFL, O_NONBLOCK);
		while (output_forward(running, i))
			;
		close(running->outputs[i].fd);
	}
}

/* The kernel's audit of its pages: after the job, and behind "before the job:" what it was before. */
static void report_send(int channel, const char *before)
{
	size_t size;
	char *after = file_read(AUDIT, &size), *both;
	if (after && before && asprintf(&both, "%s\nbefore the job:\n%s", after, before) > 0) {
		frame_send_bytes(channel, FRAME_REPORT, both, strlen(both));
		free(both);
	}
	free(after);
}

/*
 * The report before the job. What init itself touches for the first time while a job runs would look
 * like pages that the job lost: so it does it all once before.
 */
static char *report_before(void)
{
	static char *const nothing[] = { "init", "--nothing", NULL };
	static char *const environment[] = { NULL };
	if (access(AUDIT, R_OK) != 0)
		return NULL;
	frame_buffers_touch();
	memset(&output_frame, 1, sizeof(output_frame));
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			execve("/proc/self/exe", nothing, environment);
			_exit(EXIT_NOT_FOUND);
		}
		free(file_read(AUDIT, NULL));
		processes_end();
	}
	/* The second text has the place of the report after the job. */
	char *before = file_read(AUDIT, NULL);
	free(file_read(AUDIT, NULL));
	free(before);
	failure_send(-1, "nothing", ENOENT);
	return file_read(AUDIT, NULL);
}

static uint32_t exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool job_run(const struct job *job)
{
	struct running running = { .feeder = -1 };
	struct sigaction action = { .sa_handler = child_signal };
	struct utsname name = { 0 };
	sigset_t child;

	running.channel = channel_open(job->serial);
	if (running.channel < 0) {
		init_say("init: no channel to the host for the job");
		return false;
	}
	uname(&name);
	frame_send_bytes(running.channel, FRAME_HELLO, name.release, strlen(name.release));
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	char *before = report_before();
	uint32_t code = running_start(&running, job);
	if (code == 0) {
		outputs_forward(&running);
		outputs_drain(&running);
		code = exit_code(running.status);
	}
	processes_end();
	report_send(running.channel, before);
	free(before);
	exit_send(running.channel, code);
	tcdrain(running.channel); /* the serial port's bytes go out before the power does */
	return true;
}
