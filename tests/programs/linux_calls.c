/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the Linux personality's fallback without any manager: mmap and its family, files of memory and of the boot
 * archive, descriptors, and poll, select and epoll on events and on Mach ports. Also runs, but for the ports and the
 * archive, on Linux itself, where the same cases must hold.
 *
 * The archive has this program as bin/test.
 */
#define _GNU_SOURCE
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define LNX_MANY 1100
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* A call that must fail with this errno. */
#define FAILS(call, error) ({ errno = 0; long r_ = (long)(call); r_ == -1 && errno == (error); })

static int memory_file(size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
		perror("memfd_create");
		exit(1);
	}
	return fd;
}

static void mappings(void)
{
	char *a = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0), *b;
	unsigned char in[4] = { 9, 9, 9, 9 };
	int fd = memory_file(PAGE);

	tap(a != MAP_FAILED && a[0] == 0 && a[4 * PAGE - 1] == 0, "LNX0001 anonymous memory is zero");
	tap(FAILS(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL) && FAILS(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL) &&
		    FAILS(mmap((void *)(a + 1), PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL),
	    "LNX0002 no length, no kind, a crooked address: EINVAL");
	tap(FAILS(mmap(NULL, 1UL << 60, RW, ANON, -1, 0), ENOMEM), "LNX0003 more than there is of addresses: ENOMEM");
	tap(FAILS(mmap(a, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST), "LNX0004 MAP_FIXED_NOREPLACE replaces nothing: EEXIST");
	a[PAGE] = 7;
	b = mmap(a + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	tap(b == a + PAGE && b[0] == 0, "LNX0005 MAP_FIXED replaces what was there");
	tap(FAILS(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), EOPNOTSUPP),
	    "LNX0006 MAP_SHARED_VALIDATE refuses a flag that it cannot keep");
	close(fd);
	b = mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);
	tap(b != MAP_FAILED && (uintptr_t)b + PAGE <= 1UL << 31, "LNX0007 MAP_32BIT is below 2 GiB");
	munmap(b, PAGE);
	b = mmap(NULL, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
	tap(b != MAP_FAILED && mincore(b, 4 * PAGE, in) == 0 && (in[0] & in[1] & in[2] & in[3] & 1) == 1,
	    "LNX0008 MAP_POPULATE makes every page resident");
	tap(munmap(b + PAGE, PAGE) == 0 && FAILS(mincore(b, 4 * PAGE, in), ENOMEM) && FAILS(msync(b, 4 * PAGE, MS_SYNC), ENOMEM) &&
		    FAILS(mlock(b, 4 * PAGE), ENOMEM) && FAILS(madvise(b, 4 * PAGE, MADV_NORMAL), ENOMEM) &&
		    FAILS(mprotect(b, 4 * PAGE, PROT_READ), ENOMEM),
	    "LNX0009 a hole: ENOMEM of mincore, msync, mlock, madvise and mprotect");
	munmap(b, 4 * PAGE);
	memset(a, 5, 4 * PAGE);
	tap(madvise(a, PAGE, MADV_DONTNEED) == 0 && a[0] == 0 && a[PAGE] == 5, "LNX0010 MADV_DONTNEED: zeros again, and only there");
	tap(FAILS(madvise(a, PAGE, 1000), EINVAL) && FAILS(madvise(a + 1, PAGE, MADV_NORMAL), EINVAL),
	    "LNX0011 unknown advice and a crooked address: EINVAL");
	tap(mlock(a, 2 * PAGE) == 0 && munlock(a, 2 * PAGE) == 0 && syscall(SYS_mlock2, a, PAGE, 1) == 0 &&
		    FAILS(syscall(SYS_mlock2, a, PAGE, 8), EINVAL) && munlock(a, PAGE) == 0,
	    "LNX0012 mlock, mlock2, munlock");
	tap(FAILS(msync(a, PAGE, MS_SYNC | MS_ASYNC), EINVAL) && FAILS(msync(a + 1, PAGE, MS_SYNC), EINVAL) &&
		    msync(a, PAGE, MS_SYNC) == 0,
	    "LNX0013 msync");
	munmap(a, 4 * PAGE);
}

static void remappings(void)
{
	char *a = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0), *b, *c;
	int fd = memory_file(2 * PAGE);

	for (int i = 0; i < 8; i++)
		a[i * PAGE] = (char)('a' + i);
	b = mremap(a, 8 * PAGE, 4 * PAGE, 0);
	tap(b == a && a[3 * PAGE] == 'd', "LNX0020 mremap shrinks in place");
	b = mremap(a, 4 * PAGE, 6 * PAGE, 0);
	tap(b == a && a[3 * PAGE] == 'd' && a[4 * PAGE] == 0, "LNX0021 mremap grows in place with zeros where there is room");
	c = mmap(a + 6 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	tap(c == a + 6 * PAGE && FAILS(mremap(a, 6 * PAGE, 9 * PAGE, 0), ENOMEM), "LNX0022 no room and may not move: ENOMEM");
	b = mremap(a, 6 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
	tap(b != MAP_FAILED && b != a && b[0] == 'a' && b[3 * PAGE] == 'd' && b[8 * PAGE] == 0 && FAILS(mincore(a, PAGE, (void *)&fd), ENOMEM),
	    "LNX0023 MREMAP_MAYMOVE moves the pages and leaves nothing");
	a = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
	c = mremap(b, 9 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a);
	tap(c == a && c[0] == 'a' && c[PAGE] == 'b', "LNX0024 MREMAP_FIXED goes where it is told");
	tap(FAILS(mremap(a, 2 * PAGE, 2 * PAGE, MREMAP_FIXED, b), EINVAL) && FAILS(mremap(a, 2 * PAGE, 0, 0), EINVAL) &&
		    FAILS(mremap(a, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + PAGE), EINVAL),
	    "LNX0025 MREMAP_FIXED alone, no length, places that overlap: EINVAL");
	b = mremap(a, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	tap(b != MAP_FAILED && b[0] == 'a' && a[0] == 0, "LNX0026 MREMAP_DONTUNMAP leaves zeros behind");
	munmap(b, 2 * PAGE);
	munmap(a, 4 * PAGE);
	a = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	a[0] = 's';
	b = mremap(a, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	tap(b != MAP_FAILED && b[0] == 's' && (b[1] = 't') && pread(fd, &fd + 1, 0, 0) == 0, "LNX0027 a shared mapping moves and stays the file's");
	close(fd);
	munmap(b, 64 * PAGE);
}

static void memory_files(void)
{
	int fd = memory_file(3 * PAGE);
	char *shared = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), *again = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
	char *private = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0), buf[8] = "";
	struct stat st;

	tap(shared != MAP_FAILED && again != MAP_FAILED && private != MAP_FAILED, "LNX0030 a file of memory is mapped shared, twice, and privately");
	shared[PAGE] = 'x';
	tap(again[0] == 'x' && pread(fd, buf, 1, PAGE) == 1 && buf[0] == 'x', "LNX0031 shared mappings and read see each other's bytes");
	tap(pwrite(fd, "hello", 5, PAGE + 10) == 5 && memcmp(again + 10, "hello", 5) == 0, "LNX0032 and they see what is written");
	private[2 * PAGE] = 'p';
	tap(shared[2 * PAGE] == 0 && pread(fd, buf, 1, 2 * PAGE) == 1 && buf[0] == 0, "LNX0033 a private mapping keeps its writes to itself");
	tap(lseek(fd, -2, SEEK_END) == 3 * (off_t)PAGE - 2 && write(fd, "1234", 4) == 4 && fstat(fd, &st) == 0 &&
		    st.st_size == 3 * (off_t)PAGE + 2 && S_ISREG(st.st_mode),
	    "LNX0034 a write past the end makes it longer");
	tap(ftruncate(fd, 10) == 0 && ftruncate(fd, 2 * (off_t)PAGE) == 0 && pread(fd, buf, 1, PAGE + 10) == 1 && buf[0] == 0,
	    "LNX0035 what was cut off reads as zeros when it grows again");
	tap(lseek(fd, 0, SEEK_SET) == 0 && read(fd, buf, 0) == 0 && lseek(fd, 5, SEEK_CUR) == 5 && FAILS(lseek(fd, -6, SEEK_CUR), EINVAL) &&
		    FAILS(lseek(fd, 0, 77), EINVAL) && FAILS(lseek(-1, 0, SEEK_SET), EBADF),
	    "LNX0036 lseek and its errors");
	tap(FAILS(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 1), EINVAL) && FAILS(mmap(NULL, PAGE, RW, MAP_SHARED, 999, 0), EBADF),
	    "LNX0037 a crooked offset: EINVAL; no such descriptor: EBADF");
	close(fd);
	tap(again[11] == 0 && (again[11] = 1), "LNX0038 a mapping outlives its descriptor");
	munmap(shared, 3 * PAGE);
	munmap(again, PAGE);
	munmap(private, 3 * PAGE);
	fd = memory_file(0);
	tap(lseek(fd, 32L << 30, SEEK_SET) > 0 && write(fd, "far", 3) == 3 && pread(fd, buf, 3, 32L << 30) == 3 && memcmp(buf, "far", 3) == 0 &&
		    pread(fd, buf, 1, 1L << 30) == 1 && buf[0] == 0,
	    "LNX0039 a file with a hole of 32 GiB takes the memory of what was written");
	close(fd);
	tap(FAILS(memfd_create("x", 0x100), EINVAL) && FAILS(memfd_create((char *)8, 0), EFAULT), "LNX0040 memfd_create's errors");
}

static void descriptors(void)
{
	int fd = memory_file(100), a = dup(fd), b, many[LNX_MANY];
	char buf[16] = "", line[3000];
	struct iovec v[2] = { { "ab", 2 }, { "cdef", 4 } };
	unsigned n = 0;

	tap(a > fd && write(fd, "xy", 2) == 2 && lseek(a, 0, SEEK_CUR) == 2, "LNX0050 dup shares the offset");
	tap(dup2(fd, 40) == 40 && fcntl(40, F_GETFD) == 0 && dup3(fd, 41, O_CLOEXEC) == 41 && fcntl(41, F_GETFD) == FD_CLOEXEC &&
		    dup2(40, 40) == 40,
	    "LNX0051 dup2 and dup3 put it where they are told");
	tap(FAILS(dup3(fd, fd, 0), EINVAL) && FAILS(dup2(fd, 5000), EBADF) && FAILS(dup(777), EBADF) && FAILS(close(777), EBADF),
	    "LNX0052 their errors");
	b = fcntl(fd, F_DUPFD_CLOEXEC, 60);
	tap(b == 60 && fcntl(b, F_GETFD) == FD_CLOEXEC && fcntl(b, F_SETFD, 0) == 0 && fcntl(b, F_GETFD) == 0, "LNX0053 fcntl: F_DUPFD_CLOEXEC, F_SETFD");
	tap((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR && fcntl(fd, F_SETFL, O_APPEND) == 0 && (fcntl(a, F_GETFL) & O_APPEND) != 0 &&
		    FAILS(fcntl(fd, 999), EINVAL),
	    "LNX0054 fcntl: the flags are the open file's");
	tap(write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 103 && fcntl(fd, F_SETFL, 0) == 0, "LNX0055 O_APPEND writes at the end");
	tap(lseek(fd, 10, SEEK_SET) == 10 && writev(fd, v, 2) == 6 && preadv(fd, &(struct iovec){ buf, 6 }, 1, 10) == 6 &&
		    memcmp(buf, "abcdef", 6) == 0 && pwritev(fd, v + 1, 1, 0) == 4,
	    "LNX0056 vectors of bytes");
	memset(line, ' ', sizeof(line));
	line[0] = '#';
	line[sizeof(line) - 1] = '\n';
	fflush(stdout);
	tap(writev(1, (struct iovec[]){ { line, 1 }, { (void *)8, 0 }, { line + 1, sizeof(line) - 2 }, { line + sizeof(line) - 1, 1 } }, 4) ==
			    (ssize_t)sizeof(line) &&
		    FAILS(writev(1, (struct iovec[]){ { (void *)8, 4 } }, 1), EFAULT) && FAILS(writev(1, (struct iovec *)8, 1), EFAULT),
	    "LNX0059 a line in pieces goes to a stream whole");
	close(40), close(41), close(a), close(b);
	while (n < LNX_MANY && (many[n] = dup(fd)) >= 0)
		n++;
	tap(errno == EMFILE && n > 900, "LNX0057 more descriptors than there are: EMFILE (%u were had)", n);
	while (n > 0)
		close(many[--n]);
	tap(dup(fd) == fd + 1 && close(fd + 1) == 0, "LNX0058 the lowest free number is taken");
	close(fd);
	fd = eventfd(1, 0);
	tap(FAILS(read(1000, buf, 1), EBADF) && FAILS(pread(fd, buf, 8, 0), ESPIPE), "LNX0059 EBADF, and ESPIPE of what has no offset");
	close(fd);
}

static void archive(void)
{
	int fd = open("/bin/test", O_RDONLY);
	char head[4] = "", *all;
	struct stat st, by_name;

	tap(fd >= 0 && read(fd, head, 4) == 4 && memcmp(head, "\177ELF", 4) == 0, "LNX0070 a file of the boot archive is read");
	tap(fstat(fd, &st) == 0 && st.st_size > 1000 && stat("bin/test", &by_name) == 0 && by_name.st_ino == st.st_ino && by_name.st_size == st.st_size,
	    "LNX0071 stat and fstat agree");
	all = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	tap(all != MAP_FAILED && memcmp(all, "\177ELF", 4) == 0, "LNX0072 it is mapped");
	tap(FAILS(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES) && FAILS(mprotect(all, PAGE, RW), EACCES),
	    "LNX0073 a shared view of it is never writable: EACCES");
	munmap(all, (size_t)st.st_size);
	all = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	all[0] = 'x';
	tap(pread(fd, head, 1, 0) == 1 && head[0] == '\177', "LNX0074 a private one is, and the file stays");
	munmap(all, PAGE);
	tap(FAILS(write(fd, "x", 1), EBADF) && FAILS(ftruncate(fd, 0), EINVAL), "LNX0075 it is not written to");
	close(fd);
	tap(FAILS(open("/none", O_RDONLY), ENOENT) && FAILS(open("/none", O_RDWR | O_CREAT, 0600), EROFS) && FAILS(open("/bin/test", O_RDWR), EROFS) &&
		    FAILS(open("/bin/test", O_RDONLY | O_DIRECTORY), ENOTDIR) && FAILS(open((char *)8, O_RDONLY), EFAULT) &&
		    FAILS(stat("/none", &st), ENOENT),
	    "LNX0076 ENOENT, EROFS, ENOTDIR, EFAULT");
	tap(access("/bin/test", R_OK | X_OK) == 0 && FAILS(access("/bin/test", W_OK), EROFS) && FAILS(access("/none", F_OK), ENOENT),
	    "LNX0077 access");
}

struct later {
	int fd;
	mach_port_t port;
	unsigned ms;
};

static void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static void send_empty(mach_port_t port)
{
	mach_msg_header_t h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0), .msgh_size = sizeof h, .msgh_remote_port = port };

	(void)mach_msg(&h, MACH_SEND_MSG, sizeof h, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void receive_empty(mach_port_t port)
{
	struct {
		mach_msg_header_t h;
		mach_msg_max_trailer_t trailer;
	} m;

	(void)mach_msg(&m.h, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, port, 0, MACH_PORT_NULL);
}

static void *ring(void *arg)
{
	struct later *l = arg;
	uint64_t one = 1;

	pause_ms(l->ms);
	if (l->port != MACH_PORT_NULL)
		send_empty(l->port);
	else if (write(l->fd, &one, 8) != 8)
		perror("write");
	return NULL;
}

/* The descriptor or port becomes ready while the caller waits in fn. */
static bool while_waiting(struct later l, int (*fn)(int fd), int fd, int wanted)
{
	pthread_t t;
	int got;

	l.ms = 50;
	pthread_create(&t, NULL, ring, &l);
	got = fn(fd);
	pthread_join(t, NULL);
	return got == wanted;
}

static int poll_in(int fd)
{
	struct pollfd p[2] = { { .fd = -1, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

	return poll(p, 2, 10000) == 1 && p[0].revents == 0 ? p[1].revents : -1;
}

static int poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static int select_in(int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &(struct timeval){ 10, 0 }) == 1 && FD_ISSET(fd, &set);
}

static int epoll_in(int ep)
{
	struct epoll_event e = { 0 };

	return epoll_wait(ep, &e, 1, 10000) == 1 ? (int)e.events : -1;
}

static int epoll_now(int ep, struct epoll_event *e, int max)
{
	return epoll_wait(ep, e, max, 0);
}

static void polling(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t v = 3;
	struct pollfd bad = { .fd = 900, .events = POLLIN };
	struct timespec zero = { 0, 0 };

	tap(poll_now(fd, POLLIN | POLLOUT) == POLLOUT, "LNX0090 an event at zero can be written only");
	tap(while_waiting((struct later){ .fd = fd }, poll_in, fd, POLLIN), "LNX0091 poll wakes when it is written");
	tap(write(fd, &v, 8) == 8 && read(fd, &v, 8) == 8 && v == 4, "LNX0092 a read takes the whole count");
	tap(while_waiting((struct later){ .fd = fd }, select_in, fd, 1), "LNX0093 select wakes, too");
	tap(poll(&bad, 1, 100) == 1 && bad.revents == POLLNVAL && poll(NULL, 0, 1) == 0 && ppoll(NULL, 0, &zero, NULL) == 0 &&
		    FAILS(poll((struct pollfd *)8, 1, 0), EFAULT) && FAILS(ppoll(NULL, 0, &(struct timespec){ 0, -1 }, NULL), EINVAL),
	    "LNX0094 POLLNVAL; nothing to wait for is a sleep; EFAULT; EINVAL");
	tap(poll_now(1, POLLOUT) == POLLOUT, "LNX0095 a stream can always be written");
	close(fd);
	fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	tap(read(fd, &v, 8) == 8 && v == 1 && read(fd, &v, 8) == 8 && v == 1 && FAILS(read(fd, &v, 8), EAGAIN) && FAILS(read(fd, &v, 4), EINVAL) &&
		    (v = UINT64_MAX, FAILS(write(fd, &v, 8), EINVAL)) && (v = UINT64_MAX - 1, write(fd, &v, 8) == 8) &&
		    (v = 1, FAILS(write(fd, &v, 8), EAGAIN)) && poll_now(fd, POLLIN | POLLOUT) == POLLIN,
	    "LNX0096 a semaphore counts down by one; EAGAIN; EINVAL; a full one");
	close(fd);
}

static void epolling(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), a = eventfd(0, 0), b = eventfd(0, 0), other = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = 0xaabbccddeeffULL }, out[4];
	uint64_t v = 1;

	tap(epoll_ctl(ep, EPOLL_CTL_ADD, a, &e) == 0 && epoll_now(ep, out, 4) == 0, "LNX0100 nothing is ready");
	tap(while_waiting((struct later){ .fd = a }, epoll_in, ep, EPOLLIN), "LNX0101 epoll_wait wakes when an event is written");
	tap(epoll_now(ep, out, 4) == 1 && out[0].data.u64 == 0xaabbccddeeffULL && epoll_now(ep, out, 4) == 1, "LNX0102 level-triggered: reported as long as it is so");
	tap(poll_now(ep, POLLIN) == POLLIN, "LNX0103 an epoll can be polled");
	tap(read(a, &v, 8) == 8 && epoll_now(ep, out, 4) == 0 && poll_now(ep, POLLIN) == 0, "LNX0104 and no longer");
	e.events = EPOLLIN | EPOLLET;
	tap(epoll_ctl(ep, EPOLL_CTL_ADD, b, &e) == 0 && write(b, &v, 8) == 8 && epoll_now(ep, out, 4) == 1 && epoll_now(ep, out, 4) == 0 &&
		    write(b, &v, 8) == 8 && epoll_now(ep, out, 4) == 1,
	    "LNX0105 edge-triggered: reported once a change");
	e.events = EPOLLIN | EPOLLONESHOT;
	tap(epoll_ctl(ep, EPOLL_CTL_MOD, b, &e) == 0 && epoll_now(ep, out, 4) == 1 && write(b, &v, 8) == 8 && epoll_now(ep, out, 4) == 0 &&
		    epoll_ctl(ep, EPOLL_CTL_MOD, b, &e) == 0 && epoll_now(ep, out, 4) == 1,
	    "LNX0106 one-shot: silent until it is armed again");
	e.events = EPOLLIN;
	tap(write(a, &v, 8) == 8 && epoll_ctl(ep, EPOLL_CTL_MOD, b, &e) == 0 && epoll_now(ep, out, 1) == 1 && epoll_now(ep, out + 1, 1) == 1 &&
		    epoll_now(ep, out, 4) == 2,
	    "LNX0107 with room for one, ready ones take turns");
	tap(FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, a, &e), EEXIST) && FAILS(epoll_ctl(ep, EPOLL_CTL_MOD, 1000, &e), EBADF) &&
		    FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL) && FAILS(epoll_ctl(a, EPOLL_CTL_ADD, b, &e), EINVAL) &&
		    FAILS(epoll_ctl(ep, 9, a, &e), EINVAL) && FAILS(epoll_wait(ep, out, 0, 0), EINVAL) && FAILS(epoll_create1(3), EINVAL),
	    "LNX0108 EEXIST, EBADF, EINVAL");
	tap(epoll_ctl(ep, EPOLL_CTL_DEL, a, NULL) == 0 && FAILS(epoll_ctl(ep, EPOLL_CTL_DEL, a, NULL), ENOENT) && epoll_now(ep, out, 4) == 1,
	    "LNX0109 a removed one is not reported");
	close(b);
	tap(epoll_now(ep, out, 4) == 0, "LNX0110 a closed file leaves the epoll");
	close(a), close(ep), close(other);
}

static void ports(void)
{
	mach_port_t port, other, set;
	int fd, set_fd, ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 5 }, out[4];

	mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &other);
	mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set);
	fd = mach_port_descriptor(port, O_CLOEXEC);
	tap(fd >= 3 && poll_now(fd, POLLIN | POLLOUT) == 0, "POLL0001 a port has a descriptor; an empty one is not readable");
	tap(while_waiting((struct later){ .port = port }, poll_in, fd, POLLIN), "POLL0002 poll wakes when a message comes to the port");
	tap(poll_now(fd, POLLIN) == POLLIN && (receive_empty(port), poll_now(fd, POLLIN) == 0), "POLL0003 readable until the message is received");
	tap(while_waiting((struct later){ .port = port }, select_in, fd, 1) && (receive_empty(port), true), "POLL0004 select wakes, too");
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	tap(while_waiting((struct later){ .port = port }, epoll_in, ep, EPOLLIN) && epoll_now(ep, out, 4) == 1 && out[0].data.u32 == 5 &&
		    (receive_empty(port), epoll_now(ep, out, 4) == 0),
	    "POLL0005 epoll_wait wakes when a message comes to the port");
	mach_port_insert_member(mach_task_self(), other, set);
	set_fd = mach_port_descriptor(set, 0);
	e.data.u32 = 6;
	epoll_ctl(ep, EPOLL_CTL_ADD, set_fd, &e);
	tap(while_waiting((struct later){ .port = other }, epoll_in, ep, EPOLLIN) && epoll_now(ep, out, 4) == 1 && out[0].data.u32 == 6,
	    "POLL0006 a port set is readable when one of its ports has a message");
	receive_empty(other); /* from the port: the set learns */
	tap(poll_now(set_fd, POLLIN) == 0 && (send_empty(other), poll_now(set_fd, POLLIN) == POLLIN) && (receive_empty(set), poll_now(set_fd, POLLIN) == 0),
	    "POLL0007 however the message is taken");
	tap(FAILS(read(fd, out, 4), EINVAL) && mach_port_descriptor(0, 0) == -EBADF && mach_port_descriptor(mach_task_self(), 0) == -EBADF &&
		    mach_port_descriptor(port, 1) == -EINVAL,
	    "POLL0008 it is not read; no receive right: EBADF; unknown flags: EINVAL");
	send_empty(port);
	mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	tap(poll_now(fd, POLLIN) == POLLHUP && epoll_now(ep, out, 4) == 1 && out[0].events == EPOLLHUP, "POLL0009 when the receive right dies it hangs up");
	mach_port_mod_refs(mach_task_self(), set, MACH_PORT_RIGHT_PORT_SET, -1);
	tap(poll_now(set_fd, POLLIN) == POLLHUP, "POLL0010 and so does a set");
	close(fd), close(set_fd), close(ep);
	mach_port_mod_refs(mach_task_self(), other, MACH_PORT_RIGHT_RECEIVE, -1);
}

#define FLOOD 2000

static void *flood(void *arg)
{
	mach_port_t *port = arg;

	for (int i = 0; i < FLOOD; i++)
		send_empty(port[i % 4]);
	return NULL;
}

/* Every message to four ports is found through epoll, none is lost and nobody sleeps on one. */
static void many_messages(void)
{
	mach_port_t port[4];
	int fd[4], ep = epoll_create1(0), got = 0;
	struct epoll_event out[2];
	pthread_t t;

	for (uint32_t i = 0; i < 4; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };

		mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port[i]);
		fd[i] = mach_port_descriptor(port[i], 0);
		epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &e);
	}
	pthread_create(&t, NULL, flood, port);
	while (got < FLOOD) {
		int n = epoll_wait(ep, out, 2, 10000);

		if (n <= 0)
			break;
		for (int i = 0; i < n; i++, got++)
			receive_empty(port[out[i].data.u32]);
	}
	tap(got == FLOOD, "POLL0011 %d messages to four ports are all found through epoll (%d)", FLOOD, got);
	pthread_join(t, NULL);
	for (int i = 0; i < 4; i++) {
		close(fd[i]);
		mach_port_mod_refs(mach_task_self(), port[i], MACH_PORT_RIGHT_RECEIVE, -1);
	}
	close(ep);
}

int main(void)
{
	unsigned names;

	if (getenv("LINUX") != NULL)
		(void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	mappings();
	remappings();
	memory_files();
	descriptors();
	polling();
	epolling();
	if (getenv("LINUX") != NULL)
		return tap_done();
	archive();
	names = tap_names();
	ports();
	many_messages();
	tap(tap_names() == names, "POLL0012 no name is left behind");
	return tap_done();
}
