#pragma once
/* The names of sethostname(2) and setdomainname(2), with a NUL at the end. Any context. */
enum { HOST_NAME_SIZE = 65 };
enum host_name { HOST_NAME, HOST_DOMAIN, HOST_NAME_COUNT };
void host_name_get(enum host_name which, char name[HOST_NAME_SIZE]);
void host_name_set(enum host_name which, const char name[HOST_NAME_SIZE]);
