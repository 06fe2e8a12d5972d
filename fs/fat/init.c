#include <boot/initcall.h>
#include <fs/fat/fat.h>

static int fat_start(void)
{
	fat_register();
	return 0;
}
INITCALL_FS(fat_start);
