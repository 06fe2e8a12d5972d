#pragma once
/* What the handlers of sockets share. */
#include <fs/file.h>

struct socket_name;

/* The socket @fd names; *@error: 0, or -EBADF, -ENOTSOCK and nothing is held. */
struct file_hold socket_hold(unsigned long fd, long *error);
/* struct sockaddr of @size bytes from a program: 0, -EINVAL, -EFAULT. */
long socket_name_in(struct socket_name *name, vaddr_t from, s32 size);
/* To a program, as much as fits; the size at @size_address is read first. 0, -EINVAL, -EFAULT. */
long socket_name_out(const struct socket_name *name, vaddr_t to, vaddr_t size_address);
