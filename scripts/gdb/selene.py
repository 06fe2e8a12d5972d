"""gdb commands for a Selene kernel under QEMU (make debug).

    gdb-multiarch -x scripts/gdb/selene.py build/selene.elf

    selene-threads                      every thread: where it is and what it waits for
    selene-spaces [-v]                  every address space; -v: with its mappings
    selene-pagetable ADDRESS [SPACE]    the walk to an address, in a space or in the current hart's
"""
import gdb

DIRECT_MAP_BASE = 0xffffffc000000000
STATES = ('borrowed', 'owned', 'shared', 'cow')
FLAGS = 'VRWXUGAD'
MODE_SV39 = 8
LEVELS, INDEX_BITS, PAGE_SHIFT = 3, 9, 12
FRAME_MASK = (1 << 44) - 1
STACK_SIZE = 16384
PROTECTIONS = ((1, 'r'), (2, 'w'), (4, 'x'))


def static_symbol(name):
    symbol = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
    if symbol is None:
        raise gdb.GdbError(f'{name} is not known: is this selene.elf, and has the kernel started?')
    return symbol.value()


def list_entries(head, kind, link):
    """The entries of a list_node ring, as pointers to `kind`."""
    pointer = gdb.lookup_type(kind).pointer()
    field = next(field for field in gdb.lookup_type(kind).fields() if field.name == link)
    node = head['next']
    while int(node) not in (int(head.address), 0):
        yield gdb.Value(int(node) - field.bitpos // 8).cast(pointer)
        node = node['next']


def tree_entries(node, kind, link):
    """The entries of an rb_node tree in order, as pointers to `kind`."""
    if int(node) == 0:
        return
    field = next(field for field in gdb.lookup_type(kind).fields() if field.name == link)
    yield from tree_entries(node['left'], kind, link)
    yield gdb.Value(int(node) - field.bitpos // 8).cast(gdb.lookup_type(kind).pointer())
    yield from tree_entries(node['right'], kind, link)


def text(pointer):
    return pointer.string() if int(pointer) else ''


def place(address):
    """`function+offset (file:line)` of a code address."""
    words = gdb.execute(f'info symbol {int(address):#x}', to_string=True).split(' in section')[0]
    line = gdb.find_pc_line(int(address))
    where = f' ({line.symtab.filename}:{line.line})' if line.symtab else ''
    return words.strip().replace(' + ', '+') + where


def waiting_place(thread):
    """Where a thread that does not run left for the scheduler: the first caller outside of it."""
    context = thread['arch']['context']
    pc, frame = int(context['ra']), int(context['s'][0])
    low = int(thread['stack'])
    while place_file(pc).startswith('kernel/sched/') and low <= frame - 16 < low + STACK_SIZE:
        memory = bytes(gdb.selected_inferior().read_memory(frame - 16, 16))
        frame, pc = (int.from_bytes(memory[at:at + 8], 'little') for at in (0, 8))
    return place(pc)


def place_file(pc):
    """The source file of the function at an address; inlined headers do not count."""
    name = place(pc).split('+')[0].split(' ')[0]
    symbol = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
    return symbol.symtab.filename.lstrip('./') if symbol else ''


def enum_name(value, prefix):
    return str(value).replace(prefix, '').lower()


class Threads(gdb.Command):
    """Every thread of the kernel: tid, process, hart, state, name, and where it is."""

    def __init__(self):
        super().__init__('selene-threads', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print(f'{"thread":>18} {"tid":>6} {"pid":>6} {"hart":>4} {"state":<9} {"name":<16} where')
        for thread in list_entries(static_symbol('all_threads'), 'struct thread', 'all_link'):
            process = thread['process']
            pid = int(process['id']['number']) if int(process) and int(process['id']) else 0
            cpu = int(thread['cpu']['index']) if int(thread['cpu']) else -1
            state = enum_name(thread['state'], 'THREAD_')
            where = text(thread['waiting_for'])
            if not int(thread['on_cpu']):
                where += ' ' + waiting_place(thread)
            print(f'{int(thread):#18x} {int(thread["tid"]):6} {pid:6} {cpu:4} {state:<9} '
                  f'{thread["name"].string():<16} {where.strip()}')


class Spaces(gdb.Command):
    """Every address space: harts that run it, size; with -v its mappings."""

    def __init__(self):
        super().__init__('selene-spaces', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for space in list_entries(static_symbol('all_spaces'), 'struct space', 'all_link'):
            print(f'{int(space):#x}: {int(space["mapping_count"])} mappings, '
                  f'{int(space["pages_mapped"])} pages, root {int(space["mmu"]["root"]):#x}, '
                  f'harts {space["mmu"]["cpus"]}')
            if '-v' not in argument.split():
                continue
            for mapping in tree_entries(space['mappings']['top'], 'struct mapping', 'node'):
                self.mapping_print(mapping)

    @staticmethod
    def mapping_print(mapping):
        prot = int(mapping['prot'])
        rights = ''.join(letter if prot & bit else '-' for bit, letter in PROTECTIONS)
        kind = 's' if int(mapping['flags']) & 1 else 'p'
        what = text(mapping['name']) or (f'object {int(mapping["object"]):#x}'
                                         if int(mapping['object']) else 'anonymous')
        print(f'    {int(mapping["start"]):#014x}-{int(mapping["end"]):#014x} {rights}{kind} {what}')


class PageTable(gdb.Command):
    """The walk to an address: selene-pagetable ADDRESS [SPACE] (SPACE: a struct space *)."""

    def __init__(self):
        super().__init__('selene-pagetable', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError('usage: selene-pagetable ADDRESS [SPACE]')
        address = int(gdb.parse_and_eval(words[0])) & ((1 << 64) - 1)
        if len(words) == 2:
            space = gdb.parse_and_eval(words[1]).cast(gdb.lookup_type('struct space').pointer())
            table = int(space['mmu']['root'])
        else:
            satp = int(gdb.parse_and_eval('$satp')) & ((1 << 64) - 1)
            if satp >> 60 != MODE_SV39:
                raise gdb.GdbError(f'no paging on this hart (satp {satp:#x})')
            table = DIRECT_MAP_BASE + ((satp & FRAME_MASK) << PAGE_SHIFT)
        self.walk(table, address)

    @staticmethod
    def walk(table, address):
        memory = gdb.selected_inferior()
        for level in reversed(range(LEVELS)):
            index = address >> (PAGE_SHIFT + INDEX_BITS * level) & ((1 << INDEX_BITS) - 1)
            place_of = table + 8 * index
            entry = int.from_bytes(bytes(memory.read_memory(place_of, 8)), 'little')
            flags = ''.join(name if entry >> bit & 1 else '-' for bit, name in enumerate(FLAGS))
            frame = entry >> 10 & FRAME_MASK
            print(f'level {level} [{index:3}] at {place_of:#x}: {entry:#018x} {flags}', end='')
            if entry == 0:
                print(' empty')
                return
            if not entry & 1:
                print(f' kept, frame {frame:#x}, {STATES[entry >> 8 & 3]}')
                return
            if entry & 0xe:
                span = (1 << (PAGE_SHIFT + INDEX_BITS * level)) - 1
                physical = (frame << PAGE_SHIFT) + (address & span)
                print(f' leaf, frame {frame:#x}, {STATES[entry >> 8 & 3]}: physical {physical:#x}')
                return
            print(' table')
            table = DIRECT_MAP_BASE + (frame << PAGE_SHIFT)


Threads()
Spaces()
PageTable()
gdb.execute('set confirm off')
gdb.execute('set pagination off')
print('Commands: selene-threads, selene-spaces [-v], selene-pagetable ADDRESS [SPACE]. '
      'First: target remote :1234')
