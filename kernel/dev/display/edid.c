#include <dev/display/edid.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { BLOCK = 128, TIMING = 54 };

int edid_size(const u8 *edid, size_t size, u32 *width, u32 *height)
{
	static const u8 header[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	const u8 *timing = edid + TIMING;
	u8 sum = 0;

	if (size < BLOCK || memcmp(edid, header, sizeof(header)))
		return -EINVAL;
	for (unsigned i = 0; i < BLOCK; i++)
		sum += edid[i];
	/* A pixel clock of 0 makes it a text descriptor. */
	if (sum || !(timing[0] | timing[1]))
		return -EINVAL;
	*width = timing[2] | (timing[4] & 0xf0u) << 4;
	*height = timing[5] | (timing[7] & 0xf0u) << 4;
	return 0;
}
