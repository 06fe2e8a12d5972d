/*
 * A segment is a memory object. The table holds one count of it until IPC_RMID; from then on only
 * mappings do, and the last of them takes the segment out of the table.
 */
#include <lib/err.h>
#include <lib/printf.h>
#include <mm/detach.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/credentials.h>
#include <proc/process.h>
#include <proc/shared_memory.h>

struct segment {
	struct ipc_entry entry;
	struct memory_object object;
	u64 size;				   /* [const] bytes, as asked for */
	s64 attach_time, detach_time, change_time; /* [ipc] */
	s32 creator_pid, last_pid;		   /* [ipc] */
	char name[32];				   /* [const] as /proc/PID/maps shows it */
};

static struct ipc_table segments = { .entries = LIST_INIT(segments.entries),
				     .max = SHM_SEGMENTS_MAX };
static SLAB_CACHE(segment_cache, struct segment);

static struct segment *segment_of(struct ipc_entry *entry)
{
	return IS_ERR_OR_NULL(entry) ? (struct segment *)entry
				     : container_of(entry, struct segment, entry);
}

static void segment_release(struct memory_object *object)
{
	struct segment *segment = container_of(object, struct segment, object);

	mutex_lock(&ipc_lock);
	ipc_remove(&segments, &segment->entry);
	mutex_unlock(&ipc_lock);
	object_destroy_pages(object);
	slab_free(&segment_cache, segment);
}

static const struct object_operations segment_operations = { .release = segment_release };

static struct segment *segment_make(s32 key, u64 size)
{
	struct segment *segment;

	if (!size || size > SHM_SIZE_MAX)
		return ERR_PTR(-EINVAL);
	segment = slab_alloc_zeroed(&segment_cache);
	if (!segment)
		return ERR_PTR(-ENOMEM);
	object_init(&segment->object, &segment_operations, ALIGN_UP(size, PAGE_SIZE));
	segment->size = size;
	segment->creator_pid = process_current()->id->number;
	segment->change_time = ipc_time();
	snprintf(segment->name, sizeof(segment->name), "/SYSV%08x (deleted)", (u32)key);
	return segment;
}

s64 shm_get(s32 key, u64 size, u32 flags)
{
	struct segment *segment;
	s64 result;

	mutex_lock(&ipc_lock);
	segment = segment_of(ipc_lookup(&segments, key, flags));
	if (!segment) {
		segment = segment_make(key, size);
		if (!IS_ERR(segment))
			ipc_add(&segments, &segment->entry, key, flags);
	} else if (!IS_ERR(segment) && size > segment->size) {
		segment = ERR_PTR(-EINVAL);
	}
	result = IS_ERR(segment) ? PTR_ERR(segment) : ipc_id(&segment->entry);
	mutex_unlock(&ipc_lock);
	return result;
}

/* The segment with a count of its object. One whose last mapping is going is not there any more. */
static struct segment *segment_hold(s32 id, u32 access)
{
	struct segment *segment;

	mutex_lock(&ipc_lock);
	segment = segment_of(ipc_find(&segments, id));
	if (!IS_ERR(segment) && !ipc_permitted(&segment->entry.permission, access))
		segment = ERR_PTR(-EACCES);
	if (!IS_ERR(segment) && !atomic32_inc_not_zero(&segment->object.references))
		segment = ERR_PTR(-EIDRM);
	mutex_unlock(&ipc_lock);
	return segment;
}

static int choose_address(vaddr_t address, u32 flags, struct map_request *request)
{
	if (!address)
		return flags & SHM_REMAP ? -EINVAL : 0;
	if (address % PAGE_SIZE && !(flags & SHM_RND))
		return -EINVAL;
	request->address = ALIGN_DOWN(address, PAGE_SIZE);
	if (!request->address && flags & SHM_REMAP)
		return -EINVAL;
	request->fixed = true;
	request->no_replace = !(flags & SHM_REMAP);
	return 0;
}

static s64 attach(struct segment *segment, struct map_request *request)
{
	s64 result;

	request->length = segment->object.size;
	request->object = &segment->object;
	request->name = segment->name;
	result = space_map(space_current(), request);
	if (result < 0)
		return result == -EEXIST ? -EINVAL : result;
	mutex_lock(&ipc_lock);
	segment->attach_time = ipc_time();
	segment->last_pid = process_current()->id->number;
	mutex_unlock(&ipc_lock);
	return result;
}

s64 shm_attach(s32 id, vaddr_t address, u32 flags)
{
	bool write = !(flags & SHM_RDONLY), execute = flags & SHM_EXEC;
	struct map_request request = {
		.prot = PAGE_READ | (write ? PAGE_WRITE : 0) | (execute ? PAGE_EXEC : 0),
		.prot_max = PAGE_READ | PAGE_EXEC | (write ? PAGE_WRITE : 0),
		.flags = MAPPING_SHARED,
		.limit_pages = process_limit(RLIMIT_AS) / PAGE_SIZE,
	};
	struct segment *segment;
	s64 result = id < 0 ? -EINVAL : choose_address(address, flags, &request);

	if (result)
		return result;
	segment = segment_hold(id, IPC_READ | (write ? IPC_WRITE : 0) | execute);
	if (IS_ERR(segment))
		return PTR_ERR(segment);
	result = attach(segment, &request);
	object_put(&segment->object);
	return result;
}

int shm_detach(vaddr_t address)
{
	struct memory_object *object;
	struct segment *segment;
	int error;

	if (address % PAGE_SIZE)
		return -EINVAL;
	object = space_object_at(space_current(), address, &segment_operations);
	if (!object)
		return -EINVAL;
	segment = container_of(object, struct segment, object);
	error = space_detach(space_current(), address, object);
	mutex_lock(&ipc_lock);
	segment->detach_time = ipc_time();
	segment->last_pid = process_current()->id->number;
	mutex_unlock(&ipc_lock);
	object_put(object);
	return error;
}

/* [ipc] */
static void fill_status(struct segment *segment, struct shm_status *status)
{
	*status = (struct shm_status){ .permission = segment->entry.permission,
				       .size = segment->size,
				       .attach_time = segment->attach_time,
				       .detach_time = segment->detach_time,
				       .change_time = segment->change_time,
				       .creator_pid = segment->creator_pid,
				       .last_pid = segment->last_pid };
	mutex_lock(&segment->object.lock);
	status->attached = list_length(&segment->object.mappings);
	mutex_unlock(&segment->object.lock);
}

s64 shm_status(s32 number, bool by_index, bool any, struct shm_status *status)
{
	struct segment *segment;
	s64 result;

	mutex_lock(&ipc_lock);
	segment = segment_of(ipc_find_stat(&segments, number, by_index, any));
	if (IS_ERR(segment)) {
		result = PTR_ERR(segment);
	} else {
		fill_status(segment, status);
		result = by_index ? ipc_id(&segment->entry) : 0;
	}
	mutex_unlock(&ipc_lock);
	return result;
}

int shm_set(s32 id, const struct ipc_permission *wanted)
{
	struct segment *segment;
	int error = 0;

	mutex_lock(&ipc_lock);
	segment = segment_of(ipc_find_owned(&segments, id));
	if (IS_ERR(segment)) {
		error = (int)PTR_ERR(segment);
	} else {
		ipc_set(&segment->entry.permission, wanted);
		segment->change_time = ipc_time();
	}
	mutex_unlock(&ipc_lock);
	return error;
}

/* A second removal has nothing to give up. The key is free at once for a new segment. */
int shm_remove(s32 id)
{
	struct segment *segment;
	bool first = false;
	int error = 0;

	mutex_lock(&ipc_lock);
	segment = segment_of(ipc_find_owned(&segments, id));
	if (IS_ERR(segment)) {
		error = (int)PTR_ERR(segment);
	} else {
		first = !(segment->entry.permission.mode & SHM_DEST);
		segment->entry.permission.mode |= SHM_DEST;
		segment->entry.permission.key = IPC_PRIVATE;
	}
	mutex_unlock(&ipc_lock);
	if (first)
		object_put(&segment->object);
	return error;
}

int shm_lock(s32 id, bool lock)
{
	struct segment *segment;
	int error = 0;

	mutex_lock(&ipc_lock);
	segment = segment_of(ipc_find(&segments, id));
	if (IS_ERR(segment))
		error = (int)PTR_ERR(segment);
	else if (!ipc_is_owner(&segment->entry.permission) && !credentials_capable(CAP_IPC_LOCK))
		error = -EPERM;
	else if (lock) /* nothing is ever swapped out */
		segment->entry.permission.mode |= SHM_LOCKED;
	else
		segment->entry.permission.mode &= ~(u32)SHM_LOCKED;
	mutex_unlock(&ipc_lock);
	return error;
}

struct shm_totals shm_totals(void)
{
	struct shm_totals totals = { 0 };
	struct ipc_entry *entry;

	mutex_lock(&ipc_lock);
	list_for_each_entry(entry, &segments.entries, link) {
		struct segment *segment = segment_of(entry);

		totals.pages += segment->object.size / PAGE_SIZE;
		totals.resident += READ_ONCE(segment->object.page_count);
	}
	totals.segments = segments.count;
	totals.last_index = ipc_last_index(&segments);
	mutex_unlock(&ipc_lock);
	return totals;
}

bool shm_next(u32 index, s32 *id, struct shm_status *status, u64 *resident_pages)
{
	struct segment *segment;

	mutex_lock(&ipc_lock);
	segment = segment_of(ipc_from(&segments, index));
	if (segment) {
		*id = ipc_id(&segment->entry);
		*resident_pages = READ_ONCE(segment->object.page_count);
		fill_status(segment, status);
	}
	mutex_unlock(&ipc_lock);
	return segment != NULL;
}
