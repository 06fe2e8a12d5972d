// sources: fs/fat/[a-hj-z]*.c fs/fat/inode.c fs/vnode_table.c fs/mount_option.c kernel/lib/radix.c kernel/lib/strlcpy.c kernel/lib/parse.c
// flags: -Iarch/host/include -Wno-unused-function
/* FAT against a model, on images of mkfs.vfat, judged by fsck.vfat after each round. */
#include <fs/fat/fat.h>

#include "fs_calls.h"
#include "fs_model.h"

static const char *const image = "build/host/fat.img";

static bool make_image(const char *format, unsigned kilobytes)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "rm -f %s; mkfs.vfat -C %s %s %u >build/host/mkfs.log 2>&1", image, format, image,
		 kilobytes);
	if (system(command)) {
		printf("skipped: %s\n", format);
		return false;
	}
	port_disk_load(image);
	return true;
}

static bool judge(const char *what)
{
	char command[256];

	port_disk_save(image);
	snprintf(command, sizeof(command), "fsck.vfat -n %s >build/host/fsck.log 2>&1", image);
	if (!system(command))
		return true;
	CHECK_FAIL("%s: fsck.vfat:", what);
	return system("head -20 build/host/fsck.log") > 1000;
}

static void run_format(const char *format, unsigned kilobytes)
{
	model_reset();
	model_links = model_symlinks = false;
	port_errors = 0;
	if (!make_image(format, kilobytes))
		return;
	for (unsigned round = 0; round < 6; round++) {
		int error = port_mount("vfat", 0);

		EXPECT(error, 0);
		if (error)
			return;
		model_check();
		model_run(400);
		model_check();
		port_unmount();
		EXPECT(port_errors, 0);
		if (!judge(format))
			return;
	}
}

static void fat12(void)
{
	run_format("-F 12", 2880);
}

static void fat12_large_sectors(void)
{
	run_format("-F 12 -S 2048", 8000);
}

static void fat16(void)
{
	run_format("-F 16", 32000);
}

static void fat16_small_clusters(void)
{
	run_format("-F 16 -s 1", 8000);
}

static void fat32(void)
{
	run_format("-F 32", 48000);
}

static void fat32_one_table(void)
{
	run_format("-F 32 -s 1 -f 1", 40000);
}

/* Names with other letters, of all lengths, in any case. */
static void names(void)
{
	static const char *const good[] = {
		"README.TXT",
		"lower.txt",
		"Mixed Case.Text",
		"a.b.c.d",
		"\xc3\xa4rger.txt",
		"\xe6\x97\xa5\xe6\x9c\xac",
		"\xf0\x9f\x98\x80.png",
		".hidden",
		"no-extension-but-long",
		"x",
		"twelve chars",
		"thirteen chars",
		"UPPER.lower",
	};
	char path[300], data[100];

	if (!make_image("-F 32", 40000))
		return;
	EXPECT(port_mount("vfat", 0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT(call_create(good[i], S_IFREG | 0644), 0);
		EXPECT(call_write(good[i], 0, good[i], strlen(good[i])), strlen(good[i]));
	}
	EXPECT(call_create("readme.txt", S_IFREG | 0644), -EEXIST);
	EXPECT(call_create("\xc3\x84RGER.TXT", S_IFREG | 0644), -EEXIST);
	EXPECT(call_create("a:b", S_IFREG | 0644), -EINVAL);
	EXPECT(call_create("a*", S_IFREG | 0644), -EINVAL);
	EXPECT(call_create("\xff\xfe", S_IFREG | 0644), -EINVAL);
	memset(path, 'n', 256);
	path[255] = '\0';
	EXPECT(call_create(path, S_IFREG | 0644), 0);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "the same beginning %u.txt", i);
		EXPECT(call_create(path, S_IFREG | 0644), 0);
	}
	port_unmount();
	EXPECT(port_mount("vfat", 0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		EXPECT(call_read(good[i], 0, data, sizeof(data)), strlen(good[i]));
	EXPECT(call_list("", 5, NULL, NULL), ARRAY_SIZE(good) + 31 + 2);
	port_unmount();
	judge("names");
}

int main(int count, char **arguments)
{
	fat_register();
	check_random_seed();
	port_quiet = count > 1;
	RUN(fat12);
	RUN(fat12_large_sectors);
	RUN(fat16);
	RUN(fat16_small_clusters);
	RUN(fat32);
	RUN(fat32_one_table);
	RUN(names);
	return CHECK_RESULT;
}
