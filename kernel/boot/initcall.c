#include <boot/initcall.h>
#include <debug/log.h>
#include <debug/panic.h>

/* The linker script defines these around each section. */
#define SECTION_BOUNDS(name)                                                                       \
	extern initcall_function *const __start_##name[], *const __stop_##name[]
SECTION_BOUNDS(initcalls_core);
SECTION_BOUNDS(initcalls_fs);
SECTION_BOUNDS(initcalls_device);

void initcalls_run(enum initcall_level level)
{
	static const struct {
		initcall_function *const *start, *const *stop;
	} levels[] = {
		[INITCALL_LEVEL_CORE] = { __start_initcalls_core, __stop_initcalls_core },
		[INITCALL_LEVEL_FS] = { __start_initcalls_fs, __stop_initcalls_fs },
		[INITCALL_LEVEL_DEVICE] = { __start_initcalls_device, __stop_initcalls_device },
	};

	for (initcall_function *const *call = levels[level].start; call < levels[level].stop;
	     call++) {
		int error = (*call)();
		size_t offset;
		const char *name;

		if (!error)
			continue;
		name = symbol_lookup((vaddr_t)*call, &offset);
		log_error("start-up function %s failed: error %d", name ? name : "?", -error);
	}
}
