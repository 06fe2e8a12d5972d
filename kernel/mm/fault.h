#pragma once
/* A fault on its way: what fault.c and fault_object.c share. The space is locked. */
#include <arch/mmu.h>
#include <mm/mapping.h>

struct fault {
	struct space *space;
	struct mapping *mapping;
	vaddr_t address; /* of the page */
	enum fault_access access;
	bool force;	  /* the space is held exclusively */
	bool stack_grown; /* the reason to try again */
	pte_t *entry;
	struct memory_object *dirtied; /* tell it that its pages from dirty_index on became dirty */
	u64 dirty_index, dirty_count;
};

/* What the entry becomes: @frame in @state, with W where the mapping allows it and @dirty says so. */
static inline pte_t fault_entry_make(const struct fault *fault, u64 frame, enum page_state state,
				     bool dirty)
{
	return pte_make(frame, mapping_entry_prot(fault->mapping, frame, state, dirty), state);
}

/* A fresh OWNED frame for the fault's entry, which held @expected; @frame is consumed. 0 or -EAGAIN. */
int fault_install_owned(struct fault *fault, pte_t expected, struct frame *frame);
/* The entry is empty and the mapping shows an object. Takes the object's lock, may sleep; 0 or -errno. */
int fault_object(struct fault *fault);
/* A shared page of a file on a disk that has to be marked dirty before its entry gains W. [table] */
bool fault_must_mark(const struct fault *fault, pte_t pte);
/* Marks it, and gives the entry, which was @pte, its W. Takes the object's lock, may sleep. */
int fault_dirty_shared(struct fault *fault, pte_t pte);
/* [table] The SHARED entry of @frame is about to gain W. */
void fault_mark_dirty(struct fault *fault, struct frame *frame);
