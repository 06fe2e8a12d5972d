/*
 * What Selene's own discovery makes of a device tree: `describe TREE BOOT_HART RAM_START` prints it line by line.
 * The code of the kernel is linked as it is; only what it would do to the machine is caught here.
 */
#include "../../arch/riscv/discover.h"
#include <arch/mmu.h>
#include <arch/time.h>
#include <boot/discover.h>
#include <boot/memory.h>
#include <debug/log.h>
#include <dev/device.h>
#include <dev/sd/sd.h>
#include <dev/sd/sdhci.h>
#include <dev/serial.h>
#include <mm/slab.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERNEL_OFFSET = 2 << 20, KERNEL_SIZE = 1 << 20 };
enum { HARTS_MAX = 8, TREE_MAX = 1 << 20, REGISTERS_MAX = 1 << 16 };

static struct fdt tree;

/* What drivers allocate at boot they keep for ever. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* ---- what drivers call ---- */

const struct fdt *boot_fdt(void)
{
	return &tree;
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list arguments;

	printf("log: ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

/* Registers that hold zeros. The process is short: they are never freed. */
void *mmu_map_device(paddr_t address, size_t size)
{
	return calloc(1, size < REGISTERS_MAX ? size : REGISTERS_MAX);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *data)
{
	free(data);
}

static const char *stdout_node(const struct fdt_node *node)
{
	int chosen = fdt_node_by_path(node->fdt, "/chosen");
	const char *path = fdt_string(node->fdt, chosen, "stdout-path");

	return path && fdt_node_by_path(node->fdt, path) == node->offset ? " console" : "";
}

int serial_register(struct serial_port *port, const struct fdt_node *node, const char *prefix,
		    u32 major, u32 minor, int line)
{
	printf("serial: %s %s line %d shift %u width %u%s\n",
	       fdt_node_name(node->fdt, node->offset), prefix, line, port->shift, port->width,
	       stdout_node(node));
	return 0;
}

int sd_host_register(struct sd_host *host, const struct fdt_node *node)
{
	printf("sd: %s lines %u up to %u kHz%s\n", host->name, host->lines_max,
	       host->clock_max / 1000, host->spi ? ", SPI" : "");
	return 0;
}

int sdhci_register(volatile u8 *registers, const char *name, const struct fdt_node *node)
{
	printf("sd: %s, standard registers\n", name);
	return 0;
}

/* Only transfers would need these. */
void sd_pause(u64 ns)
{
	abort();
}

void *sd_next_data(struct sd_command *command, u32 size)
{
	abort();
}

u64 time_now(void)
{
	return 0;
}

/* ---- the description ---- */

/* With the kernel where booti puts it in a bank that starts at @ram. */
static void describe_memory(paddr_t ram)
{
	const paddr_t kernel = ram + KERNEL_OFFSET;
	static struct boot_memory memory;
	char message[256] = "";

	memory.kernel_start = kernel;
	memory.kernel_end = kernel + KERNEL_SIZE;
	if (boot_memory_read_tree(&memory, &tree, (paddr_t)128 << 30, message, sizeof(message)))
		printf("memory: %s\n", message);
	for (unsigned i = 0; i < memory.bank_count; i++)
		printf("bank: %llx-%llx\n", (unsigned long long)memory.banks[i].start,
		       (unsigned long long)memory.banks[i].end);
	for (unsigned i = 0; i < memory.reserved_count; i++)
		printf("reserved: %llx-%llx\n", (unsigned long long)memory.reserved[i].start,
		       (unsigned long long)memory.reserved[i].end);
}

static void describe_harts(u64 boot)
{
	struct hart_description harts[HARTS_MAX];
	unsigned count = harts_describe(&tree, boot, harts, HARTS_MAX);
	int contexts[HARTS_MAX], plic = plic_find(&tree);
	u64 frequency = 0, address = 0;
	u32 common = ~0u, lines = 0;

	timebase_describe(&tree, &harts[0], &frequency);
	printf("timebase: %llu\n", (unsigned long long)frequency);
	if (plic >= 0) {
		plic_contexts(&tree, plic, harts, count, contexts);
		fdt_reg(&tree, plic, 0, &address, NULL);
		fdt_u32(&tree, plic, "riscv,ndev", &lines);
		printf("plic: %llx lines %u\n", (unsigned long long)address, lines);
	}
	for (unsigned i = 0; i < count; i++) {
		common &= harts[i].letters;
		printf("hart: %llu context %d%s\n", (unsigned long long)harts[i].id,
		       plic >= 0 ? contexts[i] : -1, harts[i].features & HART_SSTC ? " sstc" : "");
	}
	printf("isa: ");
	for (unsigned letter = 0; letter < 26; letter++) {
		if (common >> letter & 1)
			printf("%c", 'a' + letter);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	static _Alignas(8) char blob[TREE_MAX];
	FILE *stream = argc == 4 ? fopen(argv[1], "rb") : NULL;
	const char *cause = "", *model;
	size_t size;

	if (!stream) {
		fprintf(stderr, "usage: describe TREE BOOT_HART RAM_START\n");
		return 2;
	}
	size = fread(blob, 1, sizeof(blob), stream);
	fclose(stream);
	if (fdt_check(&tree, blob, size, &cause)) {
		fprintf(stderr, "%s: %s\n", argv[1], cause);
		return 1;
	}
	model = fdt_string(&tree, fdt_root(&tree), "model");
	printf("model: %s\n", model ? model : "");
	describe_harts(strtoull(argv[2], NULL, 0));
	describe_memory(strtoull(argv[3], NULL, 0));
	device_probe_all(1);
	device_probe_all(0);
	return 0;
}
