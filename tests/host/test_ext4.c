// sources: fs/ext4/[a-hj-z]*.c fs/ext4/in[dlo]*.c kernel/lib/crc32c.c kernel/lib/bitmap.c kernel/lib/radix.c kernel/lib/rbtree.c
// sources: fs/vnode_table.c fs/mount_option.c kernel/lib/sort.c kernel/lib/strlcpy.c kernel/lib/parse.c
// flags: -Iarch/host/include -Wno-unused-function
/* ext4 against a model, on images of mke2fs with many features, judged by e2fsck after each round. */
#include <fs/ext4/ext4.h>

#include "fs_calls.h"
#include "fs_model.h"

static const char *const formats[] = {
	"-t ext4 -b 4096",
	"-t ext4 -b 1024",
	"-t ext4 -b 2048 -I 128",
	"-t ext4 -b 1024 -O ^extents,^64bit,^metadata_csum,uninit_bg",
	"-t ext4 -b 4096 -O ^has_journal",
	"-t ext4 -b 1024 -O ^flex_bg,^64bit -g 1024 -N 512",
	"-t ext4 -b 4096 -O metadata_csum_seed,orphan_file,large_dir",
	"-t ext4 -b 1024 -O meta_bg,^resize_inode",
	"-t ext4 -b 1024 -O ^dir_index,^dir_nlink,^huge_file",
	"-t ext3 -b 1024",
	"-t ext2 -b 1024",
	"-t ext2 -b 4096 -I 128 -r 0",
};

static void run_format(const char *format)
{
	const char *image = "build/host/ext4.img";
	char command[512];

	snprintf(
		command, sizeof(command),
		"rm -f %s; mke2fs -q -F -E lazy_itable_init=1,root_owner=0:0 %s %s 24M >build/host/mke2fs.log 2>&1",
		image, format, image);
	if (system(command)) {
		printf("skipped: %s\n", format);
		return;
	}
	port_disk_load(image);
	model_reset();
	port_errors = 0;
	for (unsigned round = 0; round < 6; round++) {
		int error = port_mount("ext4", 0);

		EXPECT(error, 0);
		if (error)
			return;
		model_check();
		model_run(400);
		model_check();
		port_unmount();
		port_disk_save(image);
		EXPECT(port_errors, 0);
		snprintf(command, sizeof(command), "e2fsck -fn %s >build/host/e2fsck.log 2>&1",
			 image);
		if (system(command)) {
			CHECK_FAIL("%s: round %u: e2fsck:", format, round);
			if (system("head -20 build/host/e2fsck.log"))
				return;
			return;
		}
	}
	model_reset();
}

#define FORMAT(n)                                                                                  \
	static void format_##n(void)                                                               \
	{                                                                                          \
		run_format(formats[n]);                                                            \
	}
FORMAT(0)
FORMAT(1)
FORMAT(2)
FORMAT(3)
FORMAT(4)
FORMAT(5)
FORMAT(6)
FORMAT(7)
FORMAT(8)
FORMAT(9)
FORMAT(10)
FORMAT(11)

int main(int count, char **arguments)
{
	ext4_register();
	check_random_seed();
	port_quiet = count > 1;
	RUN(format_0);
	RUN(format_1);
	RUN(format_2);
	RUN(format_3);
	RUN(format_4);
	RUN(format_5);
	RUN(format_6);
	RUN(format_7);
	RUN(format_8);
	RUN(format_9);
	RUN(format_10);
	RUN(format_11);
	return CHECK_RESULT;
}
