#pragma once
/*
 * The kernel's random numbers: a ChaCha20 generator, seeded from the device tree's rng-seed and from the
 * time of interrupts. Any context.
 */
#include <lib/types.h>

void random_bytes(void *to, size_t size);
/* Mix @size bytes of unpredictable data in. */
void random_add(const void *data, size_t size);
/* At boot: @trusted says that @data alone is enough for a good generator. */
void random_seed(const void *data, size_t size, bool trusted);
/* Enough was mixed in for getrandom(2) without GRND_INSECURE. */
bool random_is_ready(void);
