/* Built with the kernel's headers. */
#include "unpack.h"
#include <lib/errno.h>
#include <lib/inflate.h>
#include <lib/string.h>

void *malloc(size_t size);
void free(void *data);

struct output {
	u8 *at;
	size_t left;
};

static int sink(void *context, const void *data, size_t size)
{
	struct output *output = context;

	if (size > output->left)
		return -ENOSPC;
	memcpy(output->at, data, size);
	output->at += size;
	output->left -= size;
	return 0;
}

bool unpack_deflate(const void *packed, size_t packed_size, void *output, size_t size)
{
	struct output target = { output, size };
	struct inflate *state = malloc(sizeof(*state));
	int error;

	if (!state)
		return false;
	error = inflate_raw(state, packed, packed_size, sink, &target, NULL);
	free(state);
	return !error && !target.left;
}
