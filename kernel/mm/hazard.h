#pragma once
/*
 * The rules that keep page ownership right on several CPUs. In a kernel BROKEN(rule) is the constant
 * false, and costs nothing. The search through all interleavings (tests/interleave) is built with
 * SELENE_BREAK: it breaks one rule at a time and must find what goes wrong; README.md there has
 * the rules with their consequences.
 */
enum mm_rule {
	RULE_NONE,
	/* Copy-on-write: the table at the top of mm-hazards. */
	RULE_FAULT_LOCKS_SPACE,	  /* a fault holds the space's lock, against fork */
	RULE_FORK_FLUSHES_ALL,	  /* fork shoots down every CPU of the parent, not only its own */
	RULE_CHILD_AFTER_FLUSH,	  /* the child starts only after the shootdown */
	RULE_FORK_FLUSH_LOCKED,	  /* the parent stays locked until the shootdown is complete */
	RULE_DROP_AFTER_FLUSH,	  /* a replaced frame is dropped only after the shootdown */
	RULE_REPLACE_FLUSHES_ALL, /* replacing flushes every CPU, not only the faulting one */
	RULE_BREAK_BEFORE_MAKE,	  /* clear, shoot down, then install */
	RULE_COUNT_BEFORE_ENTRY,  /* fork: count + 1 before the entries; harmless to break */
	RULE_CLAIM_LAST,	  /* the last holder takes over; harmless to break: only waste */
	/* The numbered ones below it; the number comes first. */
	RULE_2_CACHE_COUNTS,	    /* the index counts its pages, so private mappings copy them */
	RULE_2_TRUNCATE_ZAPS,	    /* truncate takes the entries away, then drops the pages */
	RULE_2_TRUNCATE_KEEPS_OWN,  /* but leaves private copies */
	RULE_2_FAULT_LOCKS_OBJECT,  /* a fault keeps the object locked until its entry is set */
	RULE_2_FORK_LOCKS_OBJECT,   /* fork, from the mapping on the list to its last entry */
	RULE_2_MOVE_LOCKS_OBJECT,   /* mremap, while entries are nowhere */
	RULE_2_REPLACE_COUNTS,	    /* a replaced frame is held, as truncate may drop the entry's */
	RULE_2_CLEAR_TAIL,	    /* the tail of the last page reads as zeros */
	RULE_3_ZERO_PAGE,	    /* the zero page is never writable */
	RULE_4_FORCED_COPIES,	    /* a forced write breaks copy-on-write first */
	RULE_5_PINNED_COPIED,	    /* fork copies a page that a device writes */
	RULE_6_FUTEX_KEY,	    /* a futex is never known by its frame */
	RULE_7_CPU_SET,		    /* the CPU joins the set before it runs the space */
	RULE_8_UNMAP_FLUSHES,	    /* unmap and truncate free only after the shootdown */
	RULE_8_EXIT_SWITCHES,	    /* exit leaves the space before it is taken down */
	RULE_9_SPURIOUS_FLUSH,	    /* a fault that the entry does not explain flushes locally */
	RULE_10_SYNC_ICACHE,	    /* a filled page is synchronised before it is executable */
	RULE_11_DIRTY_WITH_W,	    /* a shared page is dirty from the moment that it is writable */
	RULE_12_FORK_BY_STATE,	    /* fork tests the state, never W */
	RULE_13_TABLES_START_EMPTY, /* no page table is byte-copied from the parent */
	/* What the other calls rely on. */
	RULE_PROTECT_FLUSH_LOCKED, /* mprotect keeps the space locked until the shootdown */
	RULE_PROTECT_LOCKS_OBJECT, /* and waits for those who take rights away for the object */
	RULE_WRITE_BACK_PROTECTS,  /* a page that is written back is writable nowhere */
	RULE_REPLACE_CHECKS,	   /* a replacement is installed only where nothing changed */
	RULE_REPLACING_WAITS,	   /* whoever meets an entry being replaced gives way */
	RULES
};

#ifdef SELENE_BREAK
extern enum mm_rule broken_rule;
#define BROKEN(rule) (broken_rule == (rule))
#else
#define BROKEN(rule) false
#endif
