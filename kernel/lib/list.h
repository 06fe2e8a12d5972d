#pragma once
/*
 * A doubly linked ring. The same type is the head of a list and the link inside each entry. A head,
 * and an entry that list_empty() is asked about, must have been set up by list_init(). The caller's
 * lock guards every call.
 */
#include <lib/types.h>

struct list_node {
	struct list_node *next, *previous;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

static inline void list_init(struct list_node *node)
{
	node->next = node;
	node->previous = node;
}

/* For a head: no entries. For a link: not on a list (after list_init or list_remove_init). */
static inline bool list_empty(const struct list_node *head)
{
	return READ_ONCE(head->next) == head;
}

/* @node is on no list. It comes just before @position, which may be a head (then it is last). */
static inline void list_add_before(struct list_node *node, struct list_node *position)
{
	struct list_node *previous = position->previous;

	node->next = position;
	node->previous = previous;
	previous->next = node;
	position->previous = node;
}

static inline void list_add_after(struct list_node *node, struct list_node *position)
{
	list_add_before(node, position->next);
}

static inline void list_add_head(struct list_node *head, struct list_node *node)
{
	list_add_after(node, head);
}

static inline void list_add_tail(struct list_node *head, struct list_node *node)
{
	list_add_before(node, head);
}

/* @node's own links become NULL, so that its use by mistake shows. */
static inline void list_remove(struct list_node *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	node->next = NULL;
	node->previous = NULL;
}

/* As list_remove(), and list_empty(node) holds afterwards. Harmless when it held before. */
static inline void list_remove_init(struct list_node *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	list_init(node);
}

/* @replacement, on no list, takes the place of @node, whose links become NULL. */
static inline void list_replace(struct list_node *node, struct list_node *replacement)
{
	list_add_before(replacement, node);
	list_remove(node);
}

/* All entries of @from, in order, to the end of @head; @from is empty afterwards. */
static inline void list_splice_tail(struct list_node *head, struct list_node *from)
{
	if (list_empty(from))
		return;
	from->next->previous = head->previous;
	head->previous->next = from->next;
	from->previous->next = head;
	head->previous = from->previous;
	list_init(from);
}

/* Takes time: counts. */
static inline size_t list_length(const struct list_node *head)
{
	size_t length = 0;

	for (const struct list_node *node = head->next; node != head; node = node->next)
		length++;
	return length;
}

#define list_entry(node, type, member) container_of(node, type, member)

/* The list is not empty. */
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->previous, type, member)
/* NULL when the list is empty. */
#define list_first_entry_or_null(head, type, member)                                               \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
/* The neighbours of an entry; @entry is not the last, or not the first. */
#define list_next_entry(entry, member) list_entry((entry)->member.next, typeof(*(entry)), member)
#define list_previous_entry(entry, member)                                                         \
	list_entry((entry)->member.previous, typeof(*(entry)), member)

/* @entry: a variable of the caller; it means nothing after the loop has run to its end. */
#define list_for_each_entry(entry, head, member)                                                   \
	for (entry = list_first_entry(head, typeof(*(entry)), member); &(entry)->member != (head); \
	     entry = list_next_entry(entry, member))

#define list_for_each_entry_reverse(entry, head, member)                                           \
	for (entry = list_last_entry(head, typeof(*(entry)), member); &(entry)->member != (head);  \
	     entry = list_previous_entry(entry, member))

/* The body may remove or free @entry, but no other one; @following is a second variable. */
#define list_for_each_entry_safe(entry, following, head, member)                                   \
	for (entry = list_first_entry(head, typeof(*(entry)), member),                             \
	    following = list_next_entry(entry, member);                                            \
	     &(entry)->member != (head);                                                           \
	     entry = following, following = list_next_entry(entry, member))
