/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gnumach_peer.c - what we are compared with, run by GNU Mach 1.8 (Debian's, i386) as its one boot module: calls,
 * faults, tasks and threads. Freestanding; speaks Mach 3's typed messages by hand. Its command line is
 *
 *   peer N HOST-PORT DEVICE-PORT    (two port names of this task, decimal)
 *
 * Results go to the kernel's console device, one line `BENCH {json}` each, then BENCH-DONE. A result is the median
 * and the 99th percentile; time is the TSC, calibrated against the host's clock over the whole run.
 *
 * References: Debian's gnumach-dev (<mach/message.h>, <mach/syscall_sw.h>, mach.defs, mach_port.defs, mach_host.defs,
 *   device.defs) for layouts and numbers; the message ids are their routines' positions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WARM_UP 100
#define PAGE 4096u
#define ROUNDS_MAX 20000
#define PAGES 512
#define CHILD_PORT 0x2003 /* what another task calls its port */

/* ---- typed messages ---- */

typedef uint32_t name_t;

struct header {
	uint32_t bits, size;
	name_t remote, local;
	uint32_t seqno;
	int32_t id;
};

enum { INTEGER = 2, BOOLEAN = 0, CHAR = 8, STRING = 12, PORT_NAME = 15, MOVE_RECEIVE = 16, MOVE_SEND_ONCE = 18,
       COPY_SEND = 19, MAKE_SEND = 20, MAKE_SEND_ONCE = 21 };
enum { SEND = 1, RECEIVE = 2 };
#define COMPLEX 0x80000000u
#define TYPE(name, bits, number) ((uint32_t)(name) | (uint32_t)(bits) << 8 | (uint32_t)(number) << 16 | 1u << 28)
#define LONGFORM (1u << 29)

/* Words of a body: an item is its type and its value. */
#define INT(value) TYPE(INTEGER, 32, 1), (uint32_t)(value)
#define BOOL(value) TYPE(BOOLEAN, 32, 1), (uint32_t)(value)
#define NAME(value) TYPE(PORT_NAME, 32, 1), (uint32_t)(value)

struct message {
	struct header h;
	uint32_t body[PAGE / 4];
};

#define TRAP(name, number)                                                                                     \
	__asm__(".globl " #name "\n" #name ":\n\tmovl $" #number ", %eax\n\tlcall $7, $0\n\tret\n")
TRAP(mach_msg_trap, -25);
TRAP(mach_reply_port, -26);
TRAP(mach_task_self, -28);
TRAP(mach_host_self, -29);
TRAP(swtch, -60);
int mach_msg_trap(struct header *, int option, uint32_t send_size, uint32_t room, name_t from, uint32_t timeout,
		  name_t notify);
name_t mach_reply_port(void);
name_t mach_task_self(void);
name_t mach_host_self(void);
int swtch(void);

static name_t self, console, reply_port;

void *memset(void *to, int value, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);

void *memset(void *to, int value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((volatile char *)to)[i] = (char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

/* ---- calls on the kernel ---- */

/* Send what m holds, words of body, to port; its answer comes back in m. Returns the answer's result code. */
static int rpc(struct message *m, name_t port, int32_t id, uint32_t words, bool complex)
{
	int result;

	m->h = (struct header){ .bits = COPY_SEND | MAKE_SEND_ONCE << 8 | (complex ? COMPLEX : 0),
				.size = (uint32_t)sizeof m->h + 4 * words,
				.remote = port,
				.local = reply_port,
				.id = id };
	result = mach_msg_trap(&m->h, SEND | RECEIVE, m->h.size, sizeof *m, reply_port, 0, 0);
	return result != 0 ? result : (int)m->body[1];
}

#define CALL(m, port, id, complex, ...)                                                                        \
	({                                                                                                     \
		const uint32_t words_[] = { __VA_ARGS__ };                                                     \
		memcpy((m)->body, words_, sizeof words_);                                                      \
		rpc(m, port, id, sizeof words_ / 4, complex);                                                  \
	})

static void say(const char *text)
{
	while (*text != '\0') {
		struct message m;
		uint32_t n = 0;
		char *data = (char *)&m.body[5];

		memset(data, 0, 128);
		while (text[n] != '\0' && n < 128) {
			data[n] = text[n];
			n++;
		}
		m.body[0] = TYPE(INTEGER, 32, 1);
		m.body[1] = 0;
		m.body[2] = TYPE(INTEGER, 32, 1);
		m.body[3] = 0;
		m.body[4] = TYPE(CHAR, 8, n);
		(void)rpc(&m, console, 2803, 5 + (n + 3) / 4, false);
		text += n;
	}
}

static void open_console(name_t master)
{
	struct message m;

	memset(&m, 0, sizeof m);
	m.body[0] = TYPE(INTEGER, 32, 1);
	m.body[1] = 3; /* read, write */
	m.body[2] = 1u << 28 | LONGFORM;
	m.body[3] = STRING | 8 * 128 << 16;
	m.body[4] = 1;
	memcpy(&m.body[5], "console", 7);
	if (rpc(&m, master, 2800, 5 + 128 / 4, false) == 0)
		console = m.body[3];
}

static char *put_number(char *to, uint32_t value)
{
	char digits[10];
	int n = 0;

	do
		digits[n++] = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	while (n > 0)
		*to++ = digits[--n];
	return to;
}

static char *put_text(char *to, const char *text)
{
	while (*text != '\0')
		*to++ = *text++;
	return to;
}

static void park(void)
{
	struct message m;

	for (;;)
		(void)mach_msg_trap(&m.h, RECEIVE, 0, sizeof m, mach_reply_port(), 0, 0);
}

static void check(int result, const char *what)
{
	char text[160], *end = text;

	if (result == 0)
		return;
	end = put_text(put_text(put_text(end, "BENCH-ERROR "), what), ": ");
	*put_text(put_number(end, (uint32_t)result), "\n") = '\0';
	say(text);
	park();
}

static name_t new_port(void)
{
	struct message m;

	check(CALL(&m, self, 3204, false, INT(1)), "mach_port_allocate");
	return m.body[3];
}

static int destroy_port(name_t port)
{
	struct message m;

	return CALL(&m, self, 3205, false, NAME(port));
}

static int release(name_t right)
{
	struct message m;

	return CALL(&m, self, 3206, false, NAME(right));
}

static int insert(name_t task, name_t name, name_t port, uint32_t disposition)
{
	struct message m;

	return CALL(&m, task, 3215, true, NAME(name), TYPE(disposition, 32, 1), port);
}

static uint32_t allocate(uint32_t bytes)
{
	struct message m;

	check(CALL(&m, self, 2021, false, INT(0), INT(bytes), BOOL(1)), "vm_allocate");
	return m.body[3];
}

static int deallocate(uint32_t address, uint32_t bytes)
{
	struct message m;

	return CALL(&m, self, 2023, false, INT(address), INT(bytes));
}

static name_t create_task(bool inherit)
{
	struct message m;

	check(CALL(&m, self, 2007, false, BOOL(inherit)), "task_create");
	return m.body[3];
}

static int terminate_task(name_t task)
{
	struct message m;
	int result = rpc(&m, task, 2008, 0, false);

	return result != 0 ? result : release(task);
}

static name_t create_thread(name_t task)
{
	struct message m;

	check(rpc(&m, task, 2061, 0, false), "thread_create");
	return m.body[3];
}

static int terminate_thread(name_t thread)
{
	struct message m;
	int result = rpc(&m, thread, 2016, 0, false);

	return result != 0 ? result : release(thread);
}

/* Run entry on a stack whose top is given; entry never returns. */
static void run_thread(name_t thread, void (*entry)(void), char *stack_top)
{
	struct message m;
	uint32_t state[17] = { [12] = (uint32_t)entry, [14] = 0x202, [15] = (uint32_t)stack_top - 4 };

	m.body[0] = TYPE(INTEGER, 32, 1);
	m.body[1] = 1; /* i386_THREAD_STATE */
	m.body[2] = TYPE(INTEGER, 32, 17);
	memcpy(&m.body[3], state, sizeof state);
	check(rpc(&m, thread, 2018, 3 + 17, false), "thread_set_state");
	check(rpc(&m, thread, 2063, 0, false), "thread_resume");
}

/* ---- measuring ---- */

struct found {
	const char *name;
	uint32_t count, p50, p99; /* ticks, of each unit */
};

static struct found all_found[24];
static unsigned found_count;
static uint32_t ticks[ROUNDS_MAX];
static unsigned ticks_count;

static inline uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static void add(uint64_t since)
{
	uint64_t took = tsc() - since;

	if (ticks_count < ROUNDS_MAX)
		ticks[ticks_count++] = (uint32_t)took;
}

static void sift(unsigned at, unsigned count)
{
	for (unsigned child; (child = 2 * at + 1) < count; at = child) {
		uint32_t value;

		if (child + 1 < count && ticks[child + 1] > ticks[child])
			child++;
		if (ticks[at] >= ticks[child])
			return;
		value = ticks[at];
		ticks[at] = ticks[child];
		ticks[child] = value;
	}
}

/* A row of what was added. */
static void row(const char *name)
{
	struct found *f = &all_found[found_count++];

	for (unsigned i = ticks_count; i-- > 0;)
		sift(i, ticks_count);
	for (unsigned n = ticks_count; n-- > 1;) {
		uint32_t largest = ticks[0];

		ticks[0] = ticks[n];
		ticks[n] = largest;
		sift(0, n);
	}
	*f = (struct found){ name, ticks_count, ticks[ticks_count / 2], ticks[ticks_count * 99 / 100] };
	ticks_count = 0;
}

static double now_us(void)
{
	struct message m;

	check(rpc(&m, mach_host_self(), 2634, 0, false), "host_get_time");
	return (double)m.body[3] * 1e6 + (double)m.body[4];
}

static char *put_us(char *to, double us)
{
	uint32_t hundredths = (uint32_t)(us * 100 + 0.5);

	to = put_number(to, hundredths / 100);
	*to++ = '.';
	*to++ = (char)('0' + hundredths / 10 % 10);
	*to++ = (char)('0' + hundredths % 10);
	return to;
}

static void print_rows(double us_per_tick)
{
	for (unsigned i = 0; i < found_count; i++) {
		char text[200], *end = text;

		end = put_text(put_text(end, "BENCH {\"name\": \"gnumach "), all_found[i].name);
		end = put_number(put_text(end, "\", \"n\": "), all_found[i].count);
		end = put_us(put_text(end, ", \"p50_us\": "), all_found[i].p50 * us_per_tick);
		end = put_us(put_text(end, ", \"p99_us\": "), all_found[i].p99 * us_per_tick);
		*put_text(end, "}\n") = '\0';
		say(text);
	}
}

#define MEASURE(name, rounds, call)                                                                            \
	do {                                                                                                   \
		for (unsigned i_ = 0; i_ < WARM_UP; i_++)                                                      \
			call;                                                                                  \
		for (unsigned i_ = 0; i_ < (rounds); i_++) {                                                   \
			uint64_t start_ = tsc();                                                               \
                                                                                                               \
			call;                                                                                  \
			add(start_);                                                                           \
		}                                                                                              \
		row(name);                                                                                     \
	} while (0)

/* ---- the server ---- */

static name_t serve_port;
static char thread_stack[32 * 1024] __attribute__((aligned(16)));
static char task_stack[32 * 1024] __attribute__((aligned(16)));

/* Answer what comes to port, a reply and the next request in one trap. */
static void serve(name_t port)
{
	static struct message m;
	int result = mach_msg_trap(&m.h, RECEIVE, 0, sizeof m, port, 0, 0);

	for (;;) {
		if (result != 0)
			park();
		m.h = (struct header){ .bits = MOVE_SEND_ONCE, .size = sizeof m.h + 8, .remote = m.h.remote,
				       .id = m.h.id + 100 };
		m.body[0] = TYPE(INTEGER, 32, 1);
		m.body[1] = 0;
		result = mach_msg_trap(&m.h, SEND | RECEIVE, m.h.size, sizeof m, port, 0, 0);
	}
}

static void thread_entry(void)
{
	serve(serve_port);
}

static void task_entry(void)
{
	serve(CHILD_PORT);
}

static name_t other_task(name_t *port)
{
	name_t task;

	*port = new_port();
	check(insert(self, *port, *port, MAKE_SEND), "a send right");
	task = create_task(true);
	check(insert(task, CHILD_PORT, *port, MOVE_RECEIVE), "a receive right");
	run_thread(create_thread(task), task_entry, task_stack + sizeof task_stack);
	return task;
}

/* ---- the rows ---- */

static void call_server(name_t port, uint32_t words)
{
	static struct message m;

	if (words != 0)
		m.body[0] = TYPE(CHAR, 8, 4 * (words - 1));
	check(rpc(&m, port, 1000, words, false), "a call");
}

static void allocate_and_destroy_port(void)
{
	check(destroy_port(new_port()), "mach_port_destroy");
}

static void get_refs(name_t port)
{
	struct message m;

	check(CALL(&m, self, 3207, false, NAME(port), INT(1)), "mach_port_get_refs");
}

static void faults(unsigned rounds)
{
	for (unsigned done = 0; done < rounds; done += PAGES) {
		volatile char *memory = (volatile char *)allocate(PAGES * PAGE);

		for (unsigned i = 0; i < PAGES; i++) {
			uint64_t start = tsc();

			memory[i * PAGE] = 1;
			add(start);
		}
		check(deallocate((uint32_t)memory, PAGES * PAGE), "vm_deallocate");
	}
	row("zero fill fault");
}

static void copy_faults(unsigned rounds)
{
	volatile char *memory = (volatile char *)allocate(PAGES * PAGE);

	for (unsigned i = 0; i < PAGES; i++)
		memory[i * PAGE] = 1;
	for (unsigned done = 0; done < rounds; done += PAGES) {
		name_t task = create_task(true);

		for (unsigned i = 0; i < PAGES; i++) {
			uint64_t start = tsc();

			memory[i * PAGE] = 2;
			add(start);
		}
		check(terminate_task(task), "task_terminate");
	}
	check(deallocate((uint32_t)memory, PAGES * PAGE), "vm_deallocate");
	row("cow fault");
}


static void measure_all(unsigned n)
{
	name_t port, task;

	MEASURE("trap", n, (void)swtch());
	MEASURE("mach_task_self", n, (void)mach_task_self());
	port = new_port();
	MEASURE("kernel rpc", n, get_refs(port));
	MEASURE("port allocate+destroy", n, allocate_and_destroy_port());
	serve_port = new_port();
	check(insert(self, serve_port, serve_port, MAKE_SEND), "a send right");
	run_thread(create_thread(self), thread_entry, thread_stack + sizeof thread_stack);
	MEASURE("null rpc same task", n, call_server(serve_port, 0));
	task = other_task(&port);
	MEASURE("null rpc separate task", n, call_server(port, 0));
	MEASURE("128 bytes inline", n, call_server(port, 1 + 128 / 4));
	MEASURE("1024 bytes inline", n, call_server(port, 1 + 1024 / 4));
	check(terminate_task(task), "task_terminate");
	faults(n);
	copy_faults(n);
	MEASURE("task create+terminate", n / 4, check(terminate_task(create_task(false)), "task_terminate"));
	MEASURE("thread create+terminate", n / 4, check(terminate_thread(create_thread(self)), "thread_terminate"));
}

static uint32_t number(const char *text)
{
	uint32_t value = 0;

	while (*text >= '0' && *text <= '9')
		value = value * 10 + (uint32_t)(*text++ - '0');
	return value;
}

__attribute__((noreturn, used)) static void peer_main(int argc, char **argv)
{
	double start_us, us;
	uint64_t start;
	unsigned n;

	self = mach_task_self();
	reply_port = mach_reply_port();
	if (argc < 4)
		park();
	open_console(number(argv[3]));
	say("\n"); /* the kernel's own line is not ended */
	n = number(argv[1]);
	start_us = now_us();
	start = tsc();
	measure_all(n < ROUNDS_MAX ? n : ROUNDS_MAX);
	do
		us = now_us() - start_us;
	while (us < 3e6); /* the clock ticks in hundredths of a second */
	print_rows(us / (double)(tsc() - start));
	say("BENCH-DONE\n");
	park();
	__builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\tmovl %esp, %eax\n\tandl $-16, %esp\n\tsubl $8, %esp\n"
	"\tleal 4(%eax), %edx\n\tpushl %edx\n\tpushl (%eax)\n\tcall peer_main\n");
