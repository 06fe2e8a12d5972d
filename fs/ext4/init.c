#include <boot/initcall.h>
#include <fs/ext4/ext4.h>

static int ext4_start(void)
{
	ext4_register();
	return 0;
}
INITCALL_FS(ext4_start);
