#pragma once
/*
 * SD host controllers after the SD Association's standard (SD Host Controller Simplified Specification
 * 3.00). Where the registers lie is the business of a few lines of driver: sdhci_pci.c, sdhci_cadence.c.
 */
#include <lib/types.h>

struct fdt_node;
struct sd_host;

/*
 * A controller whose registers are at @registers; @node (NULL: none) names it and its limits. Resets it
 * and registers the host. -ENOMEM, -EIO: it does not come out of reset. May sleep.
 */
int sdhci_register(volatile u8 *registers, const char *name, const struct fdt_node *node);
