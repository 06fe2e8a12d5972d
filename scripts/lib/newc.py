"""A root directory in memory, and cpio "newc" archives of it (man 5 cpio, "New ASCII Format").

No file of the host is touched and no root rights are needed; equal roots give equal bytes.
"""
import io
import lzma
import os
import stat
import subprocess
import tarfile

DIRECTORY, REGULAR, LINK = stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK
LINKS_MAX = 40

# What a slim Debian leaves out as well: nothing reads it to run.
DOCUMENTATION = ('usr/share/doc/', 'usr/share/man/', 'usr/share/info/', 'usr/share/locale/',
                 'usr/share/lintian/', 'usr/share/bug/')


class Node:
    """One file: type and permissions, content (or link target), owner, device number."""

    def __init__(self, mode, data=b'', uid=0, gid=0, device=(0, 0)):
        self.mode, self.data, self.uid, self.gid, self.device = mode, data, uid, gid, device


class Root:
    """Maps paths without a leading slash to nodes. A later file takes an earlier one's place."""

    def __init__(self):
        self.nodes = {}

    def resolve(self, path):
        """The path with every link in its directories followed, as the guest would."""
        todo = [part for part in path.split('/') if part not in ('', '.')]
        done, followed = [], 0
        while todo:
            part = todo.pop(0)
            if part == '..':
                done = done[:-1]
                continue
            node = self.nodes.get('/'.join(done + [part]))
            if node and todo and stat.S_ISLNK(node.mode) and followed < LINKS_MAX:
                followed += 1
                target = node.data.decode()
                if target.startswith('/'):
                    done = []
                todo = [name for name in target.split('/') if name not in ('', '.')] + todo
            else:
                done.append(part)
        return '/'.join(done)

    def add(self, path, node):
        """Put a node at a path; directories on the way are made (0755)."""
        path = self.resolve(path)
        if not path:
            return
        parts = path.split('/')
        for depth in range(1, len(parts)):
            self.nodes.setdefault('/'.join(parts[:depth]), Node(DIRECTORY | 0o755))
        old = self.nodes.get(path)
        if old and stat.S_ISDIR(node.mode):
            # A directory over a link to one, or over itself, changes at most its permissions.
            if stat.S_ISDIR(old.mode):
                self.nodes[path] = node
            return
        self.nodes[path] = node

    def directory(self, path, permissions=0o755):
        self.add(path, Node(DIRECTORY | permissions))

    def file(self, path, data, permissions=0o644):
        self.add(path, Node(REGULAR | permissions, data))

    def link(self, path, target):
        self.add(path, Node(LINK | 0o777, target.encode()))

    def device(self, path, kind, major, minor, permissions):
        self.add(path, Node(kind | permissions, device=(major, minor)))

    def add_host(self, source, path):
        """Copy a file or folder of the host; owners become root, links stay links."""
        status = os.lstat(source)
        if stat.S_ISLNK(status.st_mode) and not os.path.isdir(source):
            status = os.stat(source)
        permissions = stat.S_IMODE(status.st_mode)
        if os.path.isdir(source):
            self.directory(path, permissions)
            for name in sorted(os.listdir(source)):
                inner = os.path.join(source, name)
                if os.path.islink(inner):
                    self.link(path + '/' + name, os.readlink(inner))
                else:
                    self.add_host(inner, path + '/' + name)
        elif stat.S_ISREG(status.st_mode):
            with open(source, 'rb') as stream:
                self.file(path, stream.read(), permissions)
        else:
            raise OSError(f'{source}: neither a file nor a folder')

    def add_package(self, archive):
        """Unpack a .deb, with its owners and permissions, without its documentation."""
        tar = subprocess.run(['dpkg-deb', '--fsys-tarfile', archive], check=True,
                             stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(tar)) as members:
            for member in members:
                self.add_member(members, member)

    def add_member(self, members, member):
        name = member.name.lstrip('./')
        if not name or (name + '/').startswith(DOCUMENTATION):
            return
        owner = {'uid': member.uid, 'gid': member.gid}
        if member.isdir():
            self.add(name, Node(DIRECTORY | member.mode, **owner))
        elif member.issym():
            self.add(name, Node(LINK | 0o777, member.linkname.encode(), **owner))
        elif member.islnk():
            self.add(name, self.nodes[self.resolve(member.linkname.lstrip('./'))])
        elif member.isreg():
            self.add(name, Node(REGULAR | member.mode, members.extractfile(member).read(), **owner))
        elif member.ischr() or member.isblk():
            kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
            self.add(name, Node(kind | member.mode, device=(member.devmajor, member.devminor),
                                **owner))

    def archive(self):
        """The newc archive of everything, parents before children."""
        parts = []
        for number, path in enumerate(sorted(self.nodes), 1):
            append_record(parts, number, path, self.nodes[path])
        append_record(parts, 0, 'TRAILER!!!', Node(0))
        return b''.join(parts)


def append_record(parts, inode, path, node):
    name = path.encode() + b'\0'
    links = 2 if stat.S_ISDIR(node.mode) else 1
    fields = (inode, node.mode, node.uid, node.gid, links, 0, len(node.data), 0, 0,
              node.device[0], node.device[1], len(name), 0)
    parts.append(b'070701' + b''.join(b'%08x' % field for field in fields) + name)
    parts.append(bytes(-(110 + len(name)) % 4))
    parts.append(node.data)
    parts.append(bytes(-len(node.data) % 4))


def read_archive(data):
    """The Root that an uncompressed newc archive holds."""
    root, offset = Root(), 0
    while data[offset:offset + 6] == b'070701':
        field = [int(data[at:at + 8], 16) for at in range(offset + 6, offset + 110, 8)]
        mode, uid, gid, size, name_size = field[1], field[2], field[3], field[6], field[11]
        name = data[offset + 110:offset + 110 + name_size - 1].decode()
        offset += 110 + name_size + -(110 + name_size) % 4
        if name == 'TRAILER!!!':
            break
        root.add(name, Node(mode, data[offset:offset + size], uid, gid, (field[9], field[10])))
        offset += size + -size % 4
    return root


def expand(data):
    """The content of a kernel module that is stored as it is or xz-compressed."""
    return lzma.decompress(data) if data[:6] == b'\xfd7zXZ\0' else data
