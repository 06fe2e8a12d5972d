/*
 * fw_cfg over MMIO: data at 0, selector at 8, the address of a DMA request at 16, all big endian.
 * Only the DMA interface can write files, so without it there is nothing for us here.
 */
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/mmu.h>
#include <arch/time.h>
#include <debug/log.h>
#include <dev/display/fw_cfg.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { DATA = 0, SELECTOR = 8, DMA_HIGH = 16, DMA_LOW = 20 };
enum { KEY_SIGNATURE = 0, KEY_FEATURES = 1, KEY_DIRECTORY = 0x19 };
enum { FEATURE_DMA = 2 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SELECT = 8, DMA_WRITE = 16 };
enum { FILES_MAX = 1024, NAME_SIZE = 56 };
#define DMA_TIMEOUT_NS 1000000000ull

struct dma_request {
	u32 control, length; /* big endian */
	u64 address;
};

struct directory_entry {
	u32 size;
	u16 selector, reserved;
	char name[NAME_SIZE];
};

static volatile u8 *registers; /* [const after probe] */

static void select_key(u16 key)
{
	io_write16(registers + SELECTOR, __builtin_bswap16(key));
}

static void read_bytes(void *to, size_t size)
{
	for (u8 *at = to; size--; at++)
		*at = io_read8(registers + DATA);
}

static int dma_run(struct dma_request *request)
{
	u64 address = direct_unmap(request), deadline = time_now() + DMA_TIMEOUT_NS;
	u32 control;

	dma_sync_for_device(request, sizeof(*request));
	memory_barrier();
	io_write32(registers + DMA_HIGH, __builtin_bswap32(address >> 32));
	io_write32(registers + DMA_LOW, __builtin_bswap32((u32)address));
	do {
		dma_sync_for_cpu(request, sizeof(*request));
		memory_barrier();
		control = __builtin_bswap32(READ_ONCE(request->control));
		if (control & DMA_ERROR)
			return -EIO;
	} while (control && time_now() < deadline);
	return control ? -EIO : 0;
}

int fw_cfg_write(const struct fw_cfg_file *file, const void *data, u32 size)
{
	/*
	 * From the heap: the device wants a physical address, which a stack in its window has not.
	 */
	struct dma_request *request = kmalloc(sizeof(*request) + size);
	u8 *copy = (u8 *)(request + 1);
	int error;

	if (!request)
		return -ENOMEM;
	memcpy(copy, data, size);
	dma_sync_for_device(copy, size);
	request->control = __builtin_bswap32((u32)file->selector << 16 | DMA_SELECT | DMA_WRITE);
	request->length = __builtin_bswap32(size);
	request->address = __builtin_bswap64(direct_unmap(copy));
	error = dma_run(request);
	kfree(request);
	return error;
}

static bool find_file(const char *name, struct fw_cfg_file *file)
{
	struct directory_entry entry;
	u32 count;

	select_key(KEY_DIRECTORY);
	read_bytes(&count, sizeof(count));
	for (count = MIN(__builtin_bswap32(count), (u32)FILES_MAX); count--;) {
		read_bytes(&entry, sizeof(entry));
		entry.name[NAME_SIZE - 1] = '\0';
		if (!string_equal(entry.name, name))
			continue;
		file->size = __builtin_bswap32(entry.size);
		file->selector = __builtin_bswap16(entry.selector);
		return true;
	}
	return false;
}

static int fw_cfg_probe(const struct fdt_node *node)
{
	struct fw_cfg_file file;
	char signature[4];
	u32 features;
	size_t size;

	registers = device_map(node, 0, &size);
	if (!registers)
		return -ENOMEM;
	select_key(KEY_SIGNATURE);
	read_bytes(signature, sizeof(signature));
	if (memcmp(signature, "QEMU", sizeof(signature)))
		return -ENODEV;
	select_key(KEY_FEATURES);
	read_bytes(&features, sizeof(features));
	if (!find_file(ramfb_handler.name, &file))
		return 0;
	if (size >= DMA_LOW + 4 && features & FEATURE_DMA)
		return ramfb_handler.found(&file);
	log_warning(
		"ramfb: fw_cfg has no DMA here, so no such display; use a newer QEMU, or virtio-gpu\n");
	return 0;
}

static const char *const compatible[] = { "qemu,fw-cfg-mmio", NULL };

DRIVER(fw_cfg_driver) = {
	.name = "fw_cfg",
	.compatible = compatible,
	.probe = fw_cfg_probe,
};
