#pragma once
/* signalfd(2): pending signals that are read as a file. */
#include <lib/types.h>

struct file;

/* A file for the signals of @set. O_NONBLOCK in @flags. ERR_PTR(-ENOMEM, -ENFILE). */
struct file *signalfd_create(u64 set, u32 flags);
bool signalfd_is(const struct file *file);
/* Let it be for the signals of @set from now on; readers that wait look again. */
void signalfd_set(struct file *file, u64 set);
