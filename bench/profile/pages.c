/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages.c - a QEMU TCG plugin: what a piece of guest code costs an emulator whose TLB is flushed at every
 * address-space switch. Counts instructions, translation blocks, writes to CR3, the distinct pages of
 * code and of data that are touched between two of them (each is one refill of the software TLB), and look-ups: blocks
 * that were not reached by a direct jump within a page, of which the first of each between two writes of CR3 (a miss) costs most.
 *
 *   gcc -O2 -shared -fPIC -o pages.so pages.c
 *   qemu-system-x86_64 ... -plugin ./pages.so,from=1000,windows=200 -d plugin -D OUT
 *
 * The guest marks the beginning of each piece with the instruction `nopl 0x4853454d(%rax)`; windows are counted from
 * mark `from` on; bench/profile/functions.py sums the blocks up by function. One vCPU. Debian's QEMU has plugins but not their header: what is used is declared here
 * (QEMU 7.2, docs/devel/tcg-plugins.rst).
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { CB_NO_REGS = 0, MEM_RW = 3 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, void (*)(unsigned, uint32_t, uint64_t, void *),
					     int, int, void *);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern void qemu_plugin_outs(const char *);

int qemu_plugin_version = 1;

static const uint8_t MARK[] = { 0x0f, 0x1f, 0x80, 0x4d, 0x45, 0x53, 0x48 };
static const uint8_t CR3_WRITE[] = { 0x0f, 0x22 }; /* then a modrm with reg = 3 */

#define TABLE 16384
struct touched {
	uint64_t page;          /* | 1: data */
	uint64_t generation;    /* of the last CR3 interval that touched it */
	uint64_t times, blocks; /* intervals; executions of blocks in it */
};
static struct touched table[TABLE];

struct block {
	uint64_t address, instructions, times, misses;
	uint64_t generation; /* in which it was looked up last */
	bool direct;         /* its end jumps, if it does, to a fixed place */
	struct block *next;
};
static struct block *blocks;

static struct {
	uint64_t marks, generation, instructions, blocks, cr3_writes, code_pages, data_pages, lookups, misses;
	const struct block *last;
	uint64_t from, windows;
} count = { .generation = 1, .from = 1000, .windows = 200 };

static bool
counting(void)
{
	return count.marks > count.from && count.marks <= count.from + count.windows;
}

static void
touch(uint64_t address, bool data)
{
	uint64_t page = (address & ~4095ULL) | data;
	uint64_t at = (page >> 12) * 0x9e3779b97f4a7c15ULL >> 50;
	struct touched *t;

	for (unsigned i = 0;; i++) {
		if (i == TABLE)
			abort();
		t = &table[(at + i + data * 77) % TABLE];
		if (t->page == 0)
			t->page = page;
		if (t->page == page)
			break;
	}
	t->blocks++;
	if (t->generation == count.generation)
		return;
	t->generation = count.generation;
	t->times++;
	*(data ? &count.data_pages : &count.code_pages) += 1;
}

static void
on_block(unsigned cpu, void *data)
{
	struct block *b = data;
	const struct block *from = count.last;

	count.last = b;
	if (!counting())
		return;
	if (from == NULL || !from->direct || (from->address ^ b->address) >> 12 != 0) {
		count.lookups++;
		count.misses += b->generation != count.generation;
		b->misses += b->generation != count.generation;
		b->generation = count.generation;
	}
	b->times++;
	count.blocks++;
	count.instructions += b->instructions;
	touch(b->address, false);
}

/* Words of the kernel's image that were touched, to tell its variables. */
#define IMAGE 0xffffffff80000000ULL
#define IMAGE_WORDS (1u << 20) /* 8 MiB */
static uint32_t image_words[IMAGE_WORDS];

static void
on_memory(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	if (!counting())
		return;
	touch(address, true);
	if (address >= IMAGE && (address - IMAGE) / 8 < IMAGE_WORDS)
		image_words[(address - IMAGE) / 8]++;
}

static void
on_mark(unsigned cpu, void *data)
{
	count.marks++;
}

static void
on_cr3(unsigned cpu, void *data)
{
	count.generation++;
	count.cr3_writes += counting();
}

/* Does the emulator go on from this instruction, a block's last, without looking up where? */
static bool
is_direct(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at + 1 < size && (bytes[at] == 0x66 || bytes[at] == 0xf2 || bytes[at] == 0xf3 || (bytes[at] & 0xf0) == 0x40))
		at++;
	switch (bytes[at]) {
	case 0xc2: case 0xc3: case 0xcf: case 0xfb: case 0x9d: case 0xf4: /* ret, iret, sti, popf, hlt */
		return false;
	case 0xff: /* call, jmp by register or memory */
		return ((bytes[at + 1] >> 3) & 6) != 2 && ((bytes[at + 1] >> 3) & 6) != 4;
	case 0x0f: /* syscall, clts, sysret, clac and stac, mov to a control register, wrmsr */
		return bytes[at + 1] != 0x05 && bytes[at + 1] != 0x06 && bytes[at + 1] != 0x07 && bytes[at + 1] != 0x01 &&
		       bytes[at + 1] != 0x22 && bytes[at + 1] != 0x30;
	default:
		return true;
	}
}

static void
translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = malloc(sizeof *b);
	size_t n = qemu_plugin_tb_n_insns(tb);

	struct qemu_plugin_insn *end = qemu_plugin_tb_get_insn(tb, n - 1);

	*b = (struct block){ .address = qemu_plugin_tb_vaddr(tb), .instructions = n, .next = blocks,
			     .direct = is_direct(qemu_plugin_insn_data(end), qemu_plugin_insn_size(end)) };
	blocks = b; /* one translating thread at a time */
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, CB_NO_REGS, b);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *bytes = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);

		qemu_plugin_register_vcpu_mem_cb(insn, on_memory, CB_NO_REGS, MEM_RW, NULL);
		if (size == sizeof MARK && memcmp(bytes, MARK, sizeof MARK) == 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS, NULL);
		if (size == 3 && memcmp(bytes, CR3_WRITE, 2) == 0 && (bytes[2] >> 3 & 7) == 3)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_cr3, CB_NO_REGS, NULL);
	}
}

static void
say(const char *format, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	qemu_plugin_outs(line);
}

static int
by_times(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;

	return (y->times > x->times) - (y->times < x->times);
}

static void
at_exit(qemu_plugin_id_t id, void *data)
{
	double w = (double)(count.marks < count.from + count.windows ? count.marks - count.from : count.windows);

	if (count.marks <= count.from) {
		say("pages: only %llu marks\n", (unsigned long long)count.marks);
		return;
	}
	say("pages: per window: %.1f instructions, %.1f blocks, %.2f CR3 writes, %.1f code pages, %.1f data pages, "
	    "%.1f look-ups, %.1f misses\n",
	    (double)count.instructions / w, (double)count.blocks / w, (double)count.cr3_writes / w,
	    (double)count.code_pages / w, (double)count.data_pages / w, (double)count.lookups / w, (double)count.misses / w);
	qsort(table, TABLE, sizeof table[0], by_times);
	for (unsigned i = 0; i < TABLE && (double)table[i].times > w / 10; i++)
		say("%s %016llx %.2f touches %.1f\n", table[i].page & 1 ? "data" : "code",
		    (unsigned long long)(table[i].page & ~1ULL), (double)table[i].times / w,
		    (double)table[i].blocks / w);
	for (unsigned i = 0; i < IMAGE_WORDS; i++)
		if (image_words[i] > w / 10)
			say("word %016llx %.2f\n", (unsigned long long)(IMAGE + i * 8ull), (double)image_words[i] / w);
	for (const struct block *b = blocks; b != NULL; b = b->next)
		if ((double)b->times > w / 10)
			say("block %016llx %.2f instructions %llu misses %.2f\n", (unsigned long long)b->address,
			    (double)b->times / w, (unsigned long long)b->instructions, (double)b->misses / w);
}

int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "from=", 5) == 0)
			count.from = strtoull(argv[i] + 5, NULL, 0);
		else if (strncmp(argv[i], "windows=", 8) == 0)
			count.windows = strtoull(argv[i] + 8, NULL, 0);
		else
			return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
