/* The same cases with user/lib: by the spawn call on Selene, by clone and exec elsewhere. */
#include "../lib/spawn.c"
#include "../lib/spawn_actions.c"
#include "../lib/spawn_clone.c"
#include "posix-spawn.h"

int main(int argc, char **argv)
{
	return spawn_main(argc, argv);
}
