/* Names: bind(2), getsockname(2), and who is meant by one. A name stays with its socket for good. */
#include <fs/file.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <net/unix_internal.h>

enum { BUCKETS = 256, FAMILY_SIZE = 2, AUTOBIND_SIZE = FAMILY_SIZE + 6, AUTOBIND_MAX = 1 << 20 };

/* Outside of the names' spinlock and all that finds files: one bind at a time. */
static struct mutex bind_lock = MUTEX_INIT(bind_lock);
static struct spinlock names_lock = SPINLOCK_INIT(RANK_SIGNAL);
static struct unix_socket *buckets[BUCKETS]; /* [names_lock] by abstract name, or by vnode */

void unix_address_get(struct unix_address *address)
{
	atomic32_inc(&address->references);
}

void unix_address_put(struct unix_address *address)
{
	if (atomic32_dec_and_test(&address->references))
		kfree(address);
}

/* FNV-1a over what the name is, and the type: each type has names of its own. */
static u32 hash_abstract(const char *path, u32 size, enum socket_type type)
{
	u32 hash = 2166136261u ^ type;

	for (u32 i = 0; i < size; i++)
		hash = (hash ^ (u8)path[i]) * 16777619u;
	return hash;
}

static u32 hash_vnode(const struct vnode *vnode)
{
	return (u32)((uintptr_t)vnode >> 6) * 2654435761u >> 8;
}

static struct unix_socket **bucket_of(u32 hash)
{
	return &buckets[hash % BUCKETS];
}

static struct vnode *bound_vnode(const struct unix_socket *socket)
{
	return socket->path.dentry ? path_vnode(&socket->path) : NULL;
}

static struct unix_socket **bucket_of_socket(struct unix_socket *socket)
{
	struct vnode *vnode = bound_vnode(socket);

	return bucket_of(vnode ? hash_vnode(vnode) : socket->address->hash);
}

/* [names_lock] */
static void hash_socket(struct unix_socket *socket)
{
	struct unix_socket **bucket = bucket_of_socket(socket);

	socket->hash_next = *bucket;
	*bucket = socket;
	socket->hashed = true;
}

void unix_unbind(struct unix_socket *socket)
{
	spin_lock(&names_lock);
	if (socket->hashed) {
		struct unix_socket **at = bucket_of_socket(socket);

		while (*at != socket)
			at = &(*at)->hash_next;
		*at = socket->hash_next;
		socket->hashed = false;
	}
	spin_unlock(&names_lock);
}

/* [names_lock] */
static struct unix_socket *find_abstract(const char *path, u32 size, u32 hash,
					 enum socket_type type)
{
	struct unix_socket *socket = *bucket_of(hash);

	for (; socket; socket = socket->hash_next) {
		if (!bound_vnode(socket) && socket->type == type &&
		    socket->address->size == size + FAMILY_SIZE &&
		    memcmp(socket->address->path, path, size) == 0)
			return socket;
	}
	return NULL;
}

/* [names_lock] */
static struct unix_socket *find_vnode(const struct vnode *vnode)
{
	struct unix_socket *socket = *bucket_of(hash_vnode(vnode));

	while (socket && bound_vnode(socket) != vnode)
		socket = socket->hash_next;
	return socket;
}

/* [names_lock] */
static struct unix_socket *counted(struct unix_socket *socket)
{
	return socket && atomic32_inc_not_zero(&socket->references) ? socket : NULL;
}

static struct unix_socket *find_by_path(const char *name, enum socket_type type)
{
	struct unix_socket *socket = NULL;
	struct path place;
	int error = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &place);

	if (error)
		return ERR_PTR(error);
	error = vnode_permission(path_vnode(&place), 2);
	if (!error && !S_ISSOCK(path_vnode(&place)->mode))
		error = -ECONNREFUSED;
	if (!error) {
		spin_lock(&names_lock);
		socket = counted(find_vnode(path_vnode(&place)));
		spin_unlock(&names_lock);
		error = socket ? 0 : -ECONNREFUSED;
	}
	path_put(&place);
	if (error)
		return ERR_PTR(error);
	if (socket->type != type) {
		unix_put(socket);
		return ERR_PTR(-EPROTOTYPE);
	}
	return socket;
}

int unix_check_name(const struct socket_name *name)
{
	return name->size <= FAMILY_SIZE || name->size > FAMILY_SIZE + UNIX_PATH_MAX ||
			       name->family != AF_UNIX
		       ? -EINVAL
		       : 0;
}

/* A path need not end in a NUL; what follows one does not count. */
static void path_of(const struct socket_name *name, char path[UNIX_PATH_MAX + 1])
{
	u32 length = name->size - FAMILY_SIZE;

	memcpy(path, name->path, length);
	path[length] = '\0';
}

struct unix_socket *unix_find(const struct socket_name *name, enum socket_type type)
{
	u32 size = name->size - FAMILY_SIZE;
	struct unix_socket *socket;
	char path[UNIX_PATH_MAX + 1];

	if (name->path[0]) {
		path_of(name, path);
		return find_by_path(path, type);
	}
	spin_lock(&names_lock);
	socket = counted(
		find_abstract(name->path, size, hash_abstract(name->path, size, type), type));
	spin_unlock(&names_lock);
	return socket ? socket : ERR_PTR(-ECONNREFUSED);
}

static struct unix_address *address_create(const char *path, u32 size, enum socket_type type)
{
	struct unix_address *address = kmalloc(sizeof(*address) + size);

	if (!address)
		return NULL;
	atomic32_set(&address->references, 1);
	address->size = size + FAMILY_SIZE;
	address->hash = hash_abstract(path, size, type);
	memcpy(address->path, path, size);
	return address;
}

/* [bind_lock] */
static int bind_abstract(struct unix_socket *socket, const char *path, u32 size)
{
	struct unix_address *address = address_create(path, size, socket->type);
	int error = 0;

	if (!address)
		return -ENOMEM;
	spin_lock(&names_lock);
	if (find_abstract(path, size, address->hash, socket->type)) {
		error = -EADDRINUSE;
	} else {
		store_release(&socket->address, address);
		hash_socket(socket);
	}
	spin_unlock(&names_lock);
	if (error)
		unix_address_put(address);
	return error;
}

/* [bind_lock] */
static int bind_path(struct unix_socket *socket, const char *path)
{
	struct unix_address *address = address_create(path, strlen(path) + 1, socket->type);
	struct path place;
	int error;

	if (!address)
		return -ENOMEM;
	error = path_make_socket(path, 0777, &place);
	if (error) {
		unix_address_put(address);
		return error == -EEXIST ? -EADDRINUSE : error;
	}
	spin_lock(&names_lock);
	socket->path = place;
	store_release(&socket->address, address);
	hash_socket(socket);
	spin_unlock(&names_lock);
	return 0;
}

/* [bind_lock] A number of five hexadecimal digits that nobody has. */
static int bind_any(struct unix_socket *socket)
{
	static u32 next;
	char path[8] = "";
	int error = -EADDRINUSE;

	for (u32 tries = 0; tries < AUTOBIND_MAX && error == -EADDRINUSE; tries++) {
		snprintf(path + 1, sizeof(path) - 1, "%05x", next++ % AUTOBIND_MAX);
		error = bind_abstract(socket, path, AUTOBIND_SIZE - FAMILY_SIZE);
	}
	return error == -EADDRINUSE ? -ENOSPC : error;
}

int unix_autobind(struct unix_socket *socket)
{
	int error = 0;

	if (!unix_wants_identity(socket) || read_acquire(&socket->address))
		return 0;
	mutex_lock(&bind_lock);
	if (!socket->address)
		error = bind_any(socket);
	mutex_unlock(&bind_lock);
	return error;
}

/* [bind_lock] It has a name. On Linux that is noticed only after the file was made. */
static int refuse_second(const struct socket_name *name)
{
	char text[UNIX_PATH_MAX + 1];
	struct path place;

	if (!name->path[0])
		return -EINVAL;
	path_of(name, text);
	if (path_lookup(AT_FDCWD, text, 0, &place))
		return -EINVAL;
	path_put(&place);
	return -EADDRINUSE;
}

int unix_bind(struct file *file, const struct socket_name *name)
{
	struct unix_socket *socket = unix_of(file);
	bool any = name->size == FAMILY_SIZE && name->family == AF_UNIX;
	char path[UNIX_PATH_MAX + 1];
	int error = any ? 0 : unix_check_name(name);

	if (error)
		return error;
	mutex_lock(&bind_lock);
	/* To ask for any name is to be content with the one there is. */
	if (socket->address) {
		error = any ? 0 : refuse_second(name);
	} else if (any) {
		error = bind_any(socket);
	} else if (name->path[0]) {
		path_of(name, path);
		error = bind_path(socket, path);
	} else {
		error = bind_abstract(socket, name->path, name->size - FAMILY_SIZE);
	}
	mutex_unlock(&bind_lock);
	return error;
}

void unix_copy_name(struct unix_socket *socket, struct socket_name *name)
{
	const struct unix_address *address = read_acquire(&socket->address);

	name->family = AF_UNIX;
	name->size = FAMILY_SIZE;
	if (!address)
		return;
	name->size = address->size;
	memcpy(name->path, address->path, address->size - FAMILY_SIZE);
}

int unix_get_name(struct file *file, bool peer, struct socket_name *name)
{
	struct unix_socket *socket = unix_of(file), *named = socket;

	if (peer) {
		spin_lock(&socket->lock);
		named = socket->peer;
		if (named)
			unix_get(named);
		spin_unlock(&socket->lock);
		if (!named)
			return -ENOTCONN;
	}
	unix_copy_name(named, name);
	if (peer)
		unix_put(named);
	return 0;
}
