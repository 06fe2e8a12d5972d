/* posix_spawn(3), posix_spawnp(3) of the C library: clone with CLONE_VM and CLONE_VFORK. */
#include "posix-spawn.h"

int main(int argc, char **argv)
{
	return spawn_main_with(argc, argv, NULL, NULL);
}
