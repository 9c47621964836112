# SPDX-License-Identifier: BSD-2-Clause
"""gdb helpers for a Meshach node: `gdb -x tools/gdb/meshach.py build/meshach.elf64`, then `target remote ...`
(`meshach up --gdb NODE` says where).

  meshach-tasks            all tasks
  meshach-threads [TASK]   all threads, or those of a task by id
  meshach-bt TID           the calls that led a thread to where it is
  meshach-ports TASK       the names of a task
  meshach-port ADDRESS     a port: its queue and who waits
  meshach-map TASK         the entries of a task's map
  meshach-object ADDRESS   a memory object and its shadows
  meshach-zones            the kernel's own memory
  meshach-trace [COUNT]    the last events of all CPUs (ddb/trace.h)

The machine must stand still, as it does at gdb's prompt. All is read from the debugging information: nothing here repeats a layout.
"""

from __future__ import annotations

import gdb

RIGHTS = ((1 << 16, "send"), (1 << 17, "receive"), (1 << 18, "send-once"), (1 << 19, "set"), (1 << 20, "dead"))
CHUNK = 128  # entries of a port space's chunk, ipc_entry.h


def pointer(kind: str) -> gdb.Type:
    return gdb.lookup_type(kind).pointer()


def container(link: gdb.Value, kind: str, member: str) -> gdb.Value:
    """The object of struct `kind` whose field `member` is at link."""
    target = gdb.lookup_type(f"struct {kind}")
    offset = 0
    for part in member.split("."):
        field = next(f for f in target.fields() if f.name == part)
        offset += field.bitpos // 8
        target = field.type
    return gdb.Value(int(link) - offset).cast(pointer(f"struct {kind}"))


def walk(head: gdb.Value, kind: str, member: str):
    """The objects of a struct list."""
    link = head["next"]
    while int(link) != int(head.address):
        yield container(link, kind, member)
        link = link["next"]


def plain(value: gdb.Value) -> int:
    """An integer, atomic or not."""
    return int(value.cast(value.type.unqualified()) if value.type.code == gdb.TYPE_CODE_INT else value)


def name_of(value: gdb.Value) -> str:
    return value.string(errors="replace")


def tasks():
    head = gdb.parse_and_eval("task_list.tasks")
    return walk(head, "task", "all_link")


def threads():
    for task in tasks():
        yield from ((task, thread) for thread in walk(task["threads"], "thread", "task_link"))


def find_task(text: str) -> gdb.Value:
    wanted = int(text, 0)
    for task in tasks():
        if plain(task["id"]) == wanted or int(task) == wanted:
            return task
    raise gdb.GdbError(f"there is no task {text}")


def find_thread(text: str) -> gdb.Value:
    wanted = int(text, 0)
    for _, thread in threads():
        if plain(thread["tid"]) == wanted or int(thread) == wanted:
            return thread
    raise gdb.GdbError(f"there is no thread {text}")


def run_state(thread: gdb.Value) -> str:
    names = {field.enumval: field.name for field in gdb.lookup_type("enum thread_run_state").fields()}
    return names.get(plain(thread["run_state"]), "?").removeprefix("THREAD_").lower()


def words(text: str) -> list[str]:
    return gdb.string_to_argv(text)


class Command(gdb.Command):
    """A command NAME whose run(words) prints."""

    name = ""
    arguments = (0, 0)

    def __init__(self) -> None:
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, text: str, from_tty: bool) -> None:
        given = words(text)
        if not self.arguments[0] <= len(given) <= self.arguments[1]:
            raise gdb.GdbError(f"{self.name}: {self.__doc__}")
        self.run(given)

    def run(self, given: list[str]) -> None:
        raise NotImplementedError


class Tasks(Command):
    """All tasks."""

    name = "meshach-tasks"

    def run(self, given: list[str]) -> None:
        print(f"{'task':18} {'id':>5} threads names {'memory':>8} name")
        for t in tasks():
            size = plain(t["map"]["size"]) // 1024 if int(t["map"]) else 0
            print(f"{int(t):#018x} {plain(t['id']):5} {plain(t['thread_count']):7} {plain(t['ipc']['space']['is_names']):5} "
                  f"{size:6}KB {name_of(t['name'])}{'' if t['active'] else ' (ended)'}")


class Threads(Command):
    """meshach-threads [TASK]: all threads, or those of a task by id."""

    name = "meshach-threads"
    arguments = (0, 1)

    def run(self, given: list[str]) -> None:
        only = find_task(given[0]) if given else None
        print(f"{'thread':18} {'tid':>5} task state    pri cpu name")
        for task, t in threads():
            if only is None or int(task) == int(only):
                print(f"{int(t):#018x} {plain(t['tid']):5} {plain(task['id']):4} {run_state(t):8} {plain(t['priority']):3} "
                      f"{plain(t['cpu']):3} {name_of(t['name'])}")


class Backtrace(Command):
    """meshach-bt TID: the calls that led a thread to where it waits (switch_stacks left its registers on its stack)."""

    name = "meshach-bt"
    arguments = (1, 1)

    def run(self, given: list[str]) -> None:
        thread = find_thread(given[0])
        if plain(thread["on_cpu"]):
            print("it is on a CPU: use gdb's `thread N` and `bt`")
            return
        if plain(thread["machine"]["kernel_rsp"]) == int(thread["machine"]["empty"].address):
            print("it keeps no stack: it waits in the short way of a call, and goes on in thread_continue (mach_msg_fast.c)")
            return
        saved = gdb.Value(plain(thread["machine"]["kernel_rsp"])).cast(pointer("unsigned long"))
        pc, frame = int(saved[6]), int(saved[5])
        for number in range(40):
            where = gdb.find_pc_line(pc - 1)
            function = gdb.block_for_pc(pc - 1)
            while function is not None and function.function is None:
                function = function.superblock
            called = function.function.name if function is not None else "?"
            print(f"#{number:<2} {pc:#018x} {called} ({where.symtab.filename if where.symtab else '?'}:{where.line})")
            if frame == 0:
                break
            try:
                at = gdb.Value(frame).cast(pointer("unsigned long"))
                frame, pc = int(at[0]), int(at[1])
            except gdb.MemoryError:
                break
            if pc == 0:
                break


def entries(space: gdb.Value):
    """(index, entry) of the names in use."""
    for index in range(1, CHUNK):
        yield index, space["is_chunk0"][index]
    for chunk in range(1, plain(space["is_chunks_size"]) if int(space["is_chunks"]) else 0):
        table = space["is_chunks"][chunk]
        if int(table):
            for index in range(CHUNK):
                yield chunk * CHUNK + index, table[index]


class Ports(Command):
    """meshach-ports TASK: the names of a task by id."""

    name = "meshach-ports"
    arguments = (1, 1)

    def run(self, given: list[str]) -> None:
        space = find_task(given[0])["ipc"]["space"]
        for index, entry in entries(space):
            bits = plain(entry["ie_bits"])
            kinds = [kind for bit, kind in RIGHTS if bits & bit]
            if kinds:
                print(f"{index << 8 | bits >> 24:#10x} {'+'.join(kinds):12} refs {bits & 0xffff:<5} {int(entry['ie_object']):#x}")


def waiters(queue: gdb.Value, what: str) -> None:
    for thread in walk(queue["threads"], "thread", "wait_link"):
        print(f"  {what}: thread {plain(thread['tid'])} {name_of(thread['name'])}")


class Port(Command):
    """meshach-port ADDRESS: its rights, its queue, who waits."""

    name = "meshach-port"
    arguments = (1, 1)

    def run(self, given: list[str]) -> None:
        p = gdb.Value(int(given[0], 0)).cast(pointer("struct ipc_port"))
        print(f"references {plain(p['ip_object']['io_references'])} send {plain(p['ip_srights'])} send-once {plain(p['ip_sorights'])} "
              f"queue {plain(p['ip_msgcount'])}/{plain(p['ip_qlimit'])} kernel object {int(p['ip_kobject']):#x}")
        for kmsg in walk(p["ip_messages"], "ipc_kmsg", "ikm_link"):
            print(f"  message {int(kmsg):#x} id {plain(kmsg['ikm_header']['msgh_id'])} size {plain(kmsg['ikm_header']['msgh_size'])}")
        waiters(p["ip_receivers"], "receives")
        waiters(p["ip_senders"], "waits to send")


def protection(value: gdb.Value) -> str:
    bits = plain(value)
    return "".join(letter if bits & bit else "-" for bit, letter in ((1, "r"), (2, "w"), (4, "x")))


class Map(Command):
    """meshach-map TASK: the entries of a task's map."""

    name = "meshach-map"
    arguments = (1, 1)

    def run(self, given: list[str]) -> None:
        for e in walk(find_task(given[0])["map"]["entries"], "vm_map_entry", "link"):
            print(f"{plain(e['start']):012x}-{plain(e['end']):012x} {protection(e['protection'])} max {protection(e['max_protection'])}"
                  f"{' copy-on-write' if e['needs_copy'] else ''}{' wired' if plain(e['wired_count']) else ''}"
                  f" object {int(e['object']):#x} + {plain(e['offset']):#x}")


class Object(Command):
    """meshach-object ADDRESS: a memory object and its shadows."""

    name = "meshach-object"
    arguments = (1, 1)

    def run(self, given: list[str]) -> None:
        o = gdb.Value(int(given[0], 0)).cast(pointer("struct vm_object"))
        while int(o):
            print(f"{int(o):#x}: {plain(o['size']) // 1024} KB, {plain(o['resident'])} pages resident, references "
                  f"{plain(o['references'])}, pager {int(o['pager']):#x}")
            o = o["shadow"]


class Zones(Command):
    """The kernel's own memory."""

    name = "meshach-zones"

    def run(self, given: list[str]) -> None:
        table = gdb.parse_and_eval("zones")
        for index in range(plain(gdb.parse_and_eval("zone_count"))):
            z = table[index]
            if plain(z["in_use"]) or plain(z["pages"]):
                print(f"{z['name'].string():24} {plain(z['size']):6} bytes {plain(z['in_use']):8} in use {plain(z['pages']):6} pages")


class Trace(Command):
    """meshach-trace [COUNT]: the last events of all CPUs, oldest first."""

    name = "meshach-trace"
    arguments = (0, 1)

    def run(self, given: list[str]) -> None:
        rings, texts, found = gdb.parse_and_eval("trace_rings"), gdb.parse_and_eval("texts"), []
        low, high = rings.type.range()
        for cpu in range(low, high + 1):
            ring = rings[cpu]
            following = plain(ring["next"])
            size = ring["records"].type.range()[1] + 1
            for n in range(max(0, following - size), following):
                record = ring["records"][n % size]
                found.append((plain(record["when_ns"]), cpu, record))
        found.sort(key=lambda event: event[0])
        for when, cpu, record in found[-int(given[0], 0) if given else -40:]:
            text = texts[plain(record["event"])].string().replace("%lu", "{}").replace("%lx", "{:#x}")
            numbers = [plain(record[letter]) for letter in "abc"]
            print(f"{when / 1e9:12.6f} cpu {cpu} thread {plain(record['thread'])}: {text.format(*numbers)}")


for command in (Tasks, Threads, Backtrace, Ports, Port, Map, Object, Zones, Trace):
    command()
