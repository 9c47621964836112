/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_peer.c - what we are compared with, run inside Debian guests: 64-byte round trips, all blocking.
 *
 *   linux_peer serve                 answer UDP and TCP on PORT until told to stop
 *   linux_peer net ADDRESS N         udp and tcp round trips to a serving guest, then tell it to stop
 *   linux_peer local N               pipe and unix-socket round trips between two processes here
 *   linux_peer memory N              faults, mappings, processes
 *   linux_peer threads N             a system call, threads, futexes, signals
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../programs/measure.h"

#define PORT 7007
#define BYTES 64
#define WARM_UP 200
#define FUTEX_WAIT_PRIVATE 128 /* futex(2) */
#define FUTEX_WAKE_PRIVATE 129
#define HELLO 'h'
#define ECHO 'e'
#define STOP 's'

static void
die(const char *what)
{
	printf("BENCH-ERROR %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
send_all(int fd, const void *data, size_t bytes)
{
	if (write(fd, data, bytes) != (ssize_t)bytes)
		die("write");
}

static void
receive_all(int fd, void *data, size_t bytes)
{
	for (size_t got = 0; got < bytes;) {
		ssize_t n = read(fd, (char *)data + got, bytes - got);

		if (n <= 0)
			die("read");
		got += (size_t)n;
	}
}

/* n round trips of BYTES over out and in, then one line of result. */
static void
measure(const char *name, int out, int in, unsigned n)
{
	struct measure m;
	char data[BYTES] = { ECHO };

	for (unsigned i = 0; i < WARM_UP; i++) {
		send_all(out, data, sizeof data);
		receive_all(in, data, sizeof data);
	}
	m = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();

		send_all(out, data, sizeof data);
		receive_all(in, data, sizeof data);
		measure_add(&m, measure_tsc() - start);
	}
	measure_end(&m, 1);
	measure_print(name, NULL, n, m.p50_us, m.p99_us);
}

/* Answer what arrives on fd until its other end is closed. */
static void
echo_stream(int in, int out)
{
	char data[BYTES];
	ssize_t n;

	while ((n = read(in, data, sizeof data)) > 0)
		send_all(out, data, (size_t)n);
}

static void
serve(void)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (bind(udp, (struct sockaddr *)&self, sizeof self) != 0 ||
	    bind(tcp, (struct sockaddr *)&self, sizeof self) != 0 || listen(tcp, 1) != 0)
		die("bind");
	printf("BENCH-SERVING\n");
	if (fork() == 0) {
		int peer = accept(tcp, NULL, NULL);

		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		echo_stream(peer, peer);
		exit(0);
	}
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof from;
		char data[BYTES];
		ssize_t n = recvfrom(udp, data, sizeof data, 0, (struct sockaddr *)&from, &length);

		if (n < 1 || sendto(udp, data, (size_t)n, 0, (struct sockaddr *)&from, length) != n)
			die("udp echo");
		if (data[0] == STOP)
			return;
	}
}

static int
dial(int type, struct sockaddr_in *to)
{
	int fd = socket(AF_INET, type, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)to, sizeof *to) != 0)
		die("connect");
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void
net(const char *address, unsigned n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct timeval patience = { .tv_usec = 100000 }, forever = { 0 };
	char data[BYTES] = { HELLO };
	int udp, tcp, tries = 0;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die("address");
	udp = dial(SOCK_DGRAM, &to);
	setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	do { /* until the other guest is up */
		if (tries++ > 300)
			die("no answer");
		if (write(udp, data, sizeof data) < 0)
			usleep(100000);
	} while (read(udp, data, sizeof data) != sizeof data);
	while (read(udp, data, sizeof data) > 0)
		; /* answers to earlier tries */
	setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
	measure("linux udp 64", udp, udp, n);
	tcp = dial(SOCK_STREAM, &to);
	measure("linux tcp 64", tcp, tcp, n);
	data[0] = STOP;
	send_all(udp, data, sizeof data);
}

static void
local(unsigned n)
{
	int there[2], back[2], both[2];
	pid_t child;

	if (pipe(there) != 0 || pipe(back) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, both) != 0)
		die("pipe");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		close(there[1]);
		close(both[0]);
		echo_stream(there[0], back[1]);
		echo_stream(both[1], both[1]);
		exit(0);
	}
	measure("linux pipe", there[1], back[0], n);
	close(there[1]);
	measure("linux unix socket", both[0], both[0], n);
	close(both[0]);
	waitpid(child, NULL, 0);
}

/* ---- memory and processes ---- */

#define PAGE 4096UL
#define FAULT_PAGES 10000UL /* and their order: as bench/programs/vm_perf.c */

static char *
map_pages(unsigned long pages)
{
	char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void
report(const char *name, struct measure *m)
{
	unsigned n = m->count;

	measure_end(m, 1);
	measure_print(name, NULL, n, m->p50_us, m->p99_us);
}

static void
touch_all(const char *name, char *base, unsigned n)
{
	struct measure m = measure_begin(n);

	for (unsigned i = 0; i < n; i++) {
		volatile char *at = base + (i * 7919UL % FAULT_PAGES) * PAGE;
		uint64_t start = measure_tsc();

		*at = 1;
		measure_add(&m, measure_tsc() - start);
	}
	report(name, &m);
}

static void
faults(unsigned n)
{
	char *base = map_pages(FAULT_PAGES);
	pid_t child;

	(void)madvise(base, FAULT_PAGES * PAGE, MADV_NOHUGEPAGE); /* page by page, as its peer does */

	touch_all("linux zero fill fault", base, n);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	touch_all("linux cow fault", base, n);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap(base, FAULT_PAGES * PAGE);
}

static void
mappings(unsigned n)
{
	struct measure m = measure_begin(n), u = measure_begin(n), p = measure_begin(n);
	char *fixed = map_pages(1);

	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc(), mapped, unmapped;
		char *at = map_pages(1);

		mapped = measure_tsc();
		munmap(at, PAGE);
		unmapped = measure_tsc();
		measure_add(&m, mapped - start);
		measure_add(&u, unmapped - mapped);
		*fixed = 1;
		start = measure_tsc();
		mprotect(fixed, PAGE, PROT_READ);
		measure_add(&p, measure_tsc() - start);
		mprotect(fixed, PAGE, PROT_READ | PROT_WRITE);
	}
	report("linux mmap", &m);
	report("linux munmap", &u);
	report("linux mprotect", &p);
}

static void
processes(unsigned n)
{
	struct measure m = measure_begin(n);

	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		waitpid(child, NULL, 0);
		measure_add(&m, measure_tsc() - start);
	}
	report("linux fork+exit+wait", &m);
}

static void
memory(unsigned n)
{
	if (n > FAULT_PAGES)
		n = FAULT_PAGES;
	faults(n);
	mappings(n);
	processes(n / 4 + 1);
}

/* ---- threads ---- */

static void *
end_at_once(void *unused)
{
	return NULL;
}

static void
ask_parent(void)
{
	(void)syscall(SYS_getppid);
}

static void
create_and_join(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_at_once, NULL) != 0)
		die("pthread_create");
	pthread_join(thread, NULL);
}

static void
take_signal(int unused)
{
}

static void
signal_self(void)
{
	(void)raise(SIGUSR1);
}

static volatile uint32_t turn; /* 0: the first thread's */

/* Give the turn to whose it will be, and wait until it is mine. */
static void
pass_turn(uint32_t mine, uint32_t whose)
{
	__atomic_store_n(&turn, whose, __ATOMIC_SEQ_CST);
	(void)syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != mine)
		(void)syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, whose, NULL, NULL, 0);
}

static void *
pass_back(void *unused)
{
	while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != 1)
		(void)syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	for (;;)
		pass_turn(1, 0);
	return NULL;
}

static void
pass_there_and_back(void)
{
	pass_turn(0, 1);
}

static void
repeat(const char *name, void (*round)(void), unsigned n)
{
	struct measure m;

	for (unsigned i = 0; i < WARM_UP; i++)
		round();
	m = measure_begin(n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = measure_tsc();

		round();
		measure_add(&m, measure_tsc() - start);
	}
	report(name, &m);
}

static void
threads(unsigned n)
{
	pthread_t other;

	repeat("linux getppid", ask_parent, n);
	signal(SIGUSR1, take_signal);
	repeat("linux signal delivery", signal_self, n);
	repeat("linux thread create+join", create_and_join, n);
	if (pthread_create(&other, NULL, pass_back, NULL) != 0)
		die("pthread_create");
	repeat("linux futex, to a thread and back", pass_there_and_back, n);
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		serve();
	else if (argc == 4 && strcmp(argv[1], "net") == 0)
		net(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	else if (argc == 3 && strcmp(argv[1], "threads") == 0)
		threads((unsigned)strtoul(argv[2], NULL, 10));
	else if (argc == 3 && strcmp(argv[1], "local") == 0)
		local((unsigned)strtoul(argv[2], NULL, 10));
	else if (argc == 3 && strcmp(argv[1], "memory") == 0)
		memory((unsigned)strtoul(argv[2], NULL, 10));
	else
		return 2;
	printf("BENCH-DONE\n");
	return 0;
}
