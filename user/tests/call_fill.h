#pragma once
/* Structures that calls read (callgrammar.c), mostly sensible ones. Each fills `record`. */
#include "call_things.h"

union record {
	uint64_t words[32];
	struct timespec times[4];
	struct timeval values[4];
	struct iovec vectors[8];
	struct sockaddr_un address;
	struct epoll_event events[8];
	struct pollfd polls[8];
	struct msghdr message;
	struct open_how how;
	struct flock lock;
	struct sembuf operations[8];
	struct sigevent event;
	siginfo_t info;
	struct sigaction action;
	stack_t stack;
	char *pointers[8];
	int numbers[32];
	unsigned char bytes[256];
};

typedef void record_fill(union record *record, uint64_t *random);

CHECK_HELPER uint64_t below(uint64_t *random, uint64_t limit)
{
	return (random_next(random) >> 16) % limit;
}

CHECK_HELPER unsigned char *somewhere(uint64_t *random)
{
	return things.area + below(random, AREA_PAGES * PAGE / 8) * 8;
}

CHECK_HELPER void fill_words(union record *record, uint64_t *random)
{
	for (size_t i = 0; i < ARRAY_SIZE(record->words); i++)
		record->words[i] = below(random, 1UL << below(random, 20));
}

CHECK_HELPER void fill_numbers(union record *record, uint64_t *random)
{
	for (size_t i = 0; i < ARRAY_SIZE(record->numbers); i++)
		record->numbers[i] = (int)below(random, 64) - 2;
}

/* Mostly short: seconds 0, at most 2 ms. */
CHECK_HELPER void fill_time(union record *record, uint64_t *random)
{
	for (size_t i = 0; i < ARRAY_SIZE(record->times); i++) {
		record->times[i].tv_sec = below(random, 16) ? 0 : (long)below(random, 3) - 1;
		record->times[i].tv_nsec = below(random, 32) ? (long)below(random, 2000000)
							     : (long)random_next(random);
	}
}

CHECK_HELPER void fill_vector(union record *record, uint64_t *random)
{
	for (size_t i = 0; i < ARRAY_SIZE(record->vectors); i++) {
		record->vectors[i].iov_base = below(random, 16) ? somewhere(random)
								: things.edge - 8;
		record->vectors[i].iov_len = below(random, 1UL << below(random, 15));
	}
}

CHECK_HELPER void fill_address(union record *record, uint64_t *random)
{
	memset(record, 0, sizeof(*record));
	record->address.sun_family = below(random, 8) ? AF_UNIX : below(random, 20);
	if (below(random, 2))
		strcpy(record->address.sun_path, below(random, 2) ? "socket" : "new");
	else
		record->address.sun_path[1] = 'a' + below(random, 4);
}

CHECK_HELPER void fill_events(union record *record, uint64_t *random)
{
	static const uint32_t flags[] = { EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLRDHUP };
	for (size_t i = 0; i < ARRAY_SIZE(record->events); i++) {
		record->events[i].events = below(random, 32);
		if (below(random, 2))
			record->events[i].events |= flags[below(random, ARRAY_SIZE(flags))];
		record->events[i].data.u64 = random_next(random);
	}
}

CHECK_HELPER void fill_polls(union record *record, uint64_t *random)
{
	for (size_t i = 0; i < ARRAY_SIZE(record->polls); i++) {
		record->polls[i].fd = (int)below(random, FDS) - 1;
		record->polls[i].events = below(random, 64);
	}
}

/* One or two pieces, a name at times, and descriptors at times. */
CHECK_HELPER void fill_message(union record *record, uint64_t *random)
{
	unsigned char *pieces = things.area + 64, *control = things.area + 256;
	struct iovec *vectors = (struct iovec *)pieces;
	struct cmsghdr *header = (struct cmsghdr *)control;
	int count = below(random, 5);
	memset(record, 0, sizeof(*record));
	vectors[0] = vectors[1] = (struct iovec){ somewhere(random), below(random, 3000) };
	record->message.msg_iov = vectors;
	record->message.msg_iovlen = below(random, 3);
	if (below(random, 2))
		return;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	header->cmsg_level = below(random, 16) ? SOL_SOCKET : 0;
	header->cmsg_type = 1 + below(random, 3);
	for (int i = 0; i < count; i++)
		((int *)CMSG_DATA(header))[i] = below(random, FDS);
	record->message.msg_control = control;
	record->message.msg_controllen = CMSG_SPACE(count * sizeof(int)) + below(random, 2) * 8;
}

CHECK_HELPER void fill_how(union record *record, uint64_t *random)
{
	memset(record, 0, sizeof(*record));
	record->how.flags = below(random, 2) ? O_RDWR : 1UL << below(random, 24);
	record->how.mode = below(random, 4) ? 0 : 0600;
	record->how.resolve = below(random, 2) ? 0 : below(random, 64);
}

CHECK_HELPER void fill_lock(union record *record, uint64_t *random)
{
	memset(record, 0, sizeof(*record));
	record->lock.l_type = below(random, 4);
	record->lock.l_whence = below(random, 3);
	record->lock.l_start = (long)below(random, 100) - 5;
	record->lock.l_len = (long)below(random, 100) - 5;
}

CHECK_HELPER void fill_semaphores(union record *record, uint64_t *random)
{
	for (size_t i = 0; i < ARRAY_SIZE(record->operations); i++) {
		record->operations[i].sem_num = below(random, 5);
		record->operations[i].sem_op = (int)below(random, 7) - 3;
		record->operations[i].sem_flg = below(random, 4) ? IPC_NOWAIT : SEM_UNDO;
	}
}

CHECK_HELPER void fill_event(union record *record, uint64_t *random)
{
	memset(record, 0, sizeof(*record));
	record->event.sigev_notify = below(random, 8) ? SIGEV_SIGNAL : below(random, 6);
	record->event.sigev_signo = 32 + below(random, 36);
}

CHECK_HELPER void fill_info(union record *record, uint64_t *random)
{
	memset(record, 0, sizeof(*record));
	record->info.si_code = below(random, 2) ? SI_QUEUE : -(int)below(random, 100);
	record->info.si_value.sival_int = below(random, 1000);
}

CHECK_HELPER void fill_stack(union record *record, uint64_t *random)
{
	record->stack.ss_sp = somewhere(random);
	record->stack.ss_flags = below(random, 4) ? 0 : SS_DISABLE;
	record->stack.ss_size = 1024UL << below(random, 6);
}

CHECK_HELPER void fill_pointers(union record *record, uint64_t *random)
{
	size_t count = below(random, ARRAY_SIZE(record->pointers));
	memset(record, 0, sizeof(*record));
	for (size_t i = 0; i < count; i++)
		record->pointers[i] = (char *)names[below(random, ARRAY_SIZE(names))];
}

/* clone_args: what it starts lives on in this program, as after fork. */
CHECK_HELPER void fill_clone(union record *record, uint64_t *random)
{
	memset(record, 0, sizeof(*record));
	record->words[0] = below(random, 4) ? 0 : 1UL << below(random, 40);
	record->words[1] = record->words[2] = record->words[3] = (uint64_t)somewhere(random);
	record->words[4] = below(random, 4) ? SIGCHLD : below(random, 70);
}
