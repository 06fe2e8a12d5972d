/* Text consoles: ioctl_console(2) on /dev/tty1 to tty4 with its errors, switching, VT_PROCESS. */
#include "check.h"
#include <linux/kd.h>
#include <linux/keyboard.h>
#include <linux/vt.h>
#include <sys/ioctl.h>
#include <termios.h>

static int consoles[5] = { -1, -1, -1, -1, -1 };

static bool have_consoles(void)
{
	for (int i = 1; i <= 4; i++) {
		char name[16];
		snprintf(name, sizeof(name), "/dev/tty%d", i);
		if (consoles[i] < 0)
			consoles[i] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (consoles[i] < 0)
			return false;
	}
	return access("/dev/fb0", F_OK) == 0;
}

#define NEED_CONSOLES()                                                                            \
	do {                                                                                       \
		if (!have_consoles())                                                              \
			SKIP("no text consoles");                                                  \
	} while (0)

static int active(void)
{
	struct vt_stat state = { 0 };
	CHECK_EQ(ioctl(consoles[1], VT_GETSTATE, &state), 0);
	return state.v_active;
}

static void test_information(void)
{
	NEED_CONSOLES();
	struct winsize size = { 0 };
	char type = 0;
	int mode = -1, number = 0;
	struct vt_stat state = { 0 };
	CHECK_EQ(ioctl(consoles[1], KDGKBTYPE, &type), 0);
	CHECK_EQ(type, KB_101);
	CHECK_EQ(ioctl(consoles[1], KDGETMODE, &mode), 0);
	CHECK_EQ(mode, KD_TEXT);
	CHECK_EQ(ioctl(consoles[1], KDGKBMODE, &mode), 0);
	CHECK_EQ(mode, K_UNICODE);
	CHECK_EQ(ioctl(consoles[1], TIOCGWINSZ, &size), 0);
	CHECK_RANGE(size.ws_row, 10, 500);
	CHECK_RANGE(size.ws_col, 20, 1024);
	CHECK_EQ(ioctl(consoles[1], VT_GETSTATE, &state), 0);
	CHECK_EQ(state.v_state & 0x1e, 0x1e);
	CHECK_EQ(ioctl(consoles[1], VT_OPENQRY, &number), 0);
	CHECK_ERRNO(ioctl(consoles[1], KDGETMODE, (void *)8), EFAULT);
	CHECK_ERRNO(ioctl(consoles[1], VT_GETSTATE, (void *)8), EFAULT);
	CHECK_ERRNO(ioctl(consoles[1], KDSETMODE, 77), EINVAL);
	CHECK_ERRNO(ioctl(consoles[1], KDSKBMODE, 77), EINVAL);
	CHECK_ERRNO(ioctl(consoles[1], VT_ACTIVATE, 99), ENXIO);
	CHECK_ERRNO(ioctl(consoles[1], VT_WAITACTIVE, 99), ENXIO);
	CHECK_ERRNO(ioctl(consoles[1], 0x4bff, 0), ENOTTY);
}

static void test_switch(void)
{
	NEED_CONSOLES();
	CHECK_EQ(ioctl(consoles[1], VT_ACTIVATE, 3), 0);
	CHECK_EQ(ioctl(consoles[1], VT_WAITACTIVE, 3), 0);
	CHECK_EQ(active(), 3);
	int tty0 = CHECK_OK(open("/dev/tty0", O_RDWR | O_NOCTTY));
	CHECK_EQ(ioctl(tty0, VT_ACTIVATE, 1), 0);
	CHECK_EQ(ioctl(tty0, VT_WAITACTIVE, 1), 0);
	CHECK_EQ(active(), 1);
	close(tty0);
}

static volatile int released, acquired;

static void on_release(int sig)
{
	(void)sig;
	released++;
}

static void on_acquire(int sig)
{
	(void)sig;
	acquired++;
}

static void test_process_control(void)
{
	NEED_CONSOLES();
	struct vt_mode mode = { .mode = VT_PROCESS, .relsig = SIGUSR1, .acqsig = SIGUSR2 }, back;
	signal_set(SIGUSR1, on_release, SA_RESTART);
	signal_set(SIGUSR2, on_acquire, SA_RESTART);
	released = acquired = 0;
	CHECK_EQ(ioctl(consoles[1], VT_SETMODE, &mode), 0);
	CHECK_EQ(ioctl(consoles[1], VT_GETMODE, &back), 0);
	CHECK_EQ(back.mode, VT_PROCESS);
	CHECK_EQ(back.relsig, SIGUSR1);
	CHECK_ERRNO(ioctl(consoles[1], VT_RELDISP, 1), EINVAL); /* nobody asked */
	CHECK_EQ(ioctl(consoles[1], VT_ACTIVATE, 2), 0);
	CHECK(wait_for_value(&released, 1));
	CHECK_EQ(active(), 1);
	CHECK_EQ(ioctl(consoles[1], VT_RELDISP, 0), 0); /* no */
	sleep_ms(60);
	CHECK_EQ(active(), 1);
	CHECK_EQ(ioctl(consoles[1], VT_ACTIVATE, 2), 0);
	CHECK(wait_for_value(&released, 2));
	CHECK_EQ(ioctl(consoles[1], VT_RELDISP, 1), 0);
	CHECK_EQ(ioctl(consoles[1], VT_WAITACTIVE, 2), 0);
	CHECK_EQ(ioctl(consoles[1], VT_ACTIVATE, 1), 0);
	CHECK_EQ(ioctl(consoles[1], VT_WAITACTIVE, 1), 0);
	CHECK(wait_for_value(&acquired, 1));
	mode.mode = VT_AUTO;
	CHECK_EQ(ioctl(consoles[1], VT_SETMODE, &mode), 0);
	mode.mode = 9;
	CHECK_ERRNO(ioctl(consoles[1], VT_SETMODE, &mode), EINVAL);
	CHECK_ERRNO(ioctl(consoles[1], VT_SETMODE, (void *)8), EFAULT);
}

/* Whoever asked to be asked is dead: the console goes all the same. */
static void test_dead_holder(void)
{
	NEED_CONSOLES();
	pid_t pid = fork_child();
	if (pid == 0) {
		struct vt_mode mode = { .mode = VT_PROCESS, .relsig = SIGUSR1, .acqsig = SIGUSR2 };
		CHECK_EQ(ioctl(consoles[1], VT_SETMODE, &mode), 0);
		CHECK_EQ(ioctl(consoles[1], KDSETMODE, KD_GRAPHICS), 0);
		raise(SIGKILL);
	}
	wait_status(pid);
	CHECK_EQ(ioctl(consoles[1], VT_ACTIVATE, 4), 0);
	CHECK_EQ(ioctl(consoles[1], VT_WAITACTIVE, 4), 0);
	CHECK_EQ(ioctl(consoles[1], VT_ACTIVATE, 1), 0);
	CHECK_EQ(ioctl(consoles[1], VT_WAITACTIVE, 1), 0);
}

/* With the framebuffer's last file the modes go, on Selene. */
static void test_modes_end(void)
{
	NEED_CONSOLES();
	int mode = -1;
	if (access("/proc/selene", F_OK) < 0)
		SKIP("Linux leaves the mode behind");
	pid_t pid = fork_child();
	if (pid == 0) {
		int fb = CHECK_OK(open("/dev/fb0", O_RDWR));
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fb, 0);
		CHECK_EQ(ioctl(consoles[1], KDSETMODE, KD_GRAPHICS), 0);
		CHECK_EQ(ioctl(consoles[1], KDSKBMODE, K_MEDIUMRAW), 0);
		raise(SIGKILL);
	}
	wait_status(pid);
	CHECK_EQ(ioctl(consoles[1], KDGETMODE, &mode), 0);
	CHECK_EQ(mode, KD_TEXT);
	CHECK_EQ(ioctl(consoles[1], KDGKBMODE, &mode), 0);
	CHECK_EQ(mode, K_UNICODE);
}

static void test_keymap(void)
{
	NEED_CONSOLES();
	struct kbentry entry = { .kb_table = K_NORMTAB, .kb_index = 30 };
	CHECK_EQ(ioctl(consoles[1], KDGKBENT, &entry), 0);
	CHECK_EQ(KTYP(entry.kb_value), KT_LETTER);
	CHECK_EQ(KVAL(entry.kb_value), 'a');
	entry.kb_value = K(KT_LATIN, 'q');
	CHECK_EQ(ioctl(consoles[1], KDSKBENT, &entry), 0);
	entry.kb_value = 0;
	CHECK_EQ(ioctl(consoles[1], KDGKBENT, &entry), 0);
	CHECK_EQ(KVAL(entry.kb_value), 'q');
	entry.kb_value = K(KT_LETTER, 'a');
	CHECK_EQ(ioctl(consoles[1], KDSKBENT, &entry), 0);
	CHECK_ERRNO(ioctl(consoles[1], KDGKBENT, (void *)8), EFAULT);
}

/* Questions of a program are answered into its input. */
static void test_answers(void)
{
	NEED_CONSOLES();
	struct termios before, raw;
	char text[64] = "";
	CHECK_EQ(tcgetattr(consoles[2], &before), 0);
	raw = before;
	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 1, raw.c_cc[VTIME] = 0;
	CHECK_EQ(tcsetattr(consoles[2], TCSANOW, &raw), 0);
	CHECK_EQ(write(consoles[2], "\033c\033[3;7H\033[6n", 12), 12);
	size_t size = 0;
	while (size < 6 && size < sizeof(text) - 1) {
		ssize_t got = read(consoles[2], text + size, sizeof(text) - 1 - size);
		if (!CHECK(got > 0))
			break;
		size += got;
	}
	CHECK_STR(text, "\033[3;7R");
	CHECK_EQ(write(consoles[2], "\033c", 2), 2);
	CHECK_EQ(tcsetattr(consoles[2], TCSANOW, &before), 0);
}

static const struct check_case cases[] = {
	{ "information", test_information },
	{ "switch", test_switch },
	{ "process-control", test_process_control },
	{ "dead-holder", test_dead_holder },
	{ "modes-end", test_modes_end },
	{ "keymap", test_keymap },
	{ "answers", test_answers },
};

CHECK_MAIN(cases)
