/*
 * A QEMU plugin for scripts/profile: how often each guest instruction ran, as lines
 * `ADDRESS TIMES` in the file that SELENE_PROFILE names. Only what it needs of QEMU's plugin
 * interface is declared here, since Debian has no package of the header.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void translated(uint64_t id, struct qemu_plugin_tb *block);
typedef void executed(unsigned cpu, void *data);
typedef void ended(uint64_t id, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated *callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, executed *callback,
						 int flags, void *data);
extern void qemu_plugin_register_atexit_cb(uint64_t id, ended *callback, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;

/* A translated block; a block that a trap leaves early counts whole. */
struct block {
	struct block *next;
	uint64_t times;
	size_t size;
	uint64_t addresses[];
};

static struct block *blocks;

static void block_executed(unsigned cpu, void *data)
{
	struct block *block = data;

	(void)cpu;
	block->times++;
}

static void block_translated(uint64_t id, struct qemu_plugin_tb *translation)
{
	size_t size = qemu_plugin_tb_n_insns(translation);
	struct block *block = calloc(1, sizeof(*block) + size * sizeof(block->addresses[0]));

	(void)id;
	if (!block)
		abort();
	block->size = size;
	for (size_t i = 0; i < size; i++)
		block->addresses[i] =
			qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(translation, i));
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(translation, block_executed, 0, block);
}

static void write_all(uint64_t id, void *data)
{
	FILE *file = fopen(getenv("SELENE_PROFILE"), "w");

	(void)id, (void)data;
	if (!file)
		return;
	for (const struct block *block = blocks; block; block = block->next)
		for (size_t i = 0; block->times && i < block->size; i++)
			fprintf(file, "%" PRIx64 " %" PRIu64 "\n", block->addresses[i],
				block->times);
	fclose(file);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, write_all, NULL);
	return 0;
}
