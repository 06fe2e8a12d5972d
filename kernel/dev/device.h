#pragma once
/*
 * Drivers are leaves: one DRIVER() entry with its `compatible` strings and a probe function. The core
 * walks the device tree and calls probe for each enabled node that matches, in table order.
 */
#include <lib/fdt.h>
#include <lib/types.h>

struct driver {
	const char *name;
	const char *const *compatible;		   /* NULL-terminated */
	int (*probe)(const struct fdt_node *node); /* 0, -ENODEV: not this one, or an error */
	int early; /* 1: consoles and interrupt parents, before the others */
};
#define DRIVER(symbol)                                                                             \
	static const struct driver symbol;                                                         \
	static const struct driver *const __attribute__((used, section("drivers")))                \
	symbol##_entry = &symbol;                                                                  \
	static const struct driver symbol

/* Probe all drivers with .early == @early against the tree. */
void device_probe_all(int early);
/* Map `reg` entry @index; NULL on error (logged). */
void *device_map(const struct fdt_node *node, unsigned index, size_t *size);
/* Interrupt line of entry @index of the node, or -ENOENT. */
int device_interrupt(const struct fdt_node *node, unsigned index);
