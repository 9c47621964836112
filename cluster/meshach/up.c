/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * up.c - `meshach up`: make the state directory, start the supervisor, show progress until the
 * nodes are up.
 *
 * While it waits, up owns the cluster (supervisor.c, S2): Ctrl-C, a kill, or a node that does not
 * boot takes it down.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "meshach.h"

#define POLL_NS 100000000

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	interrupted = 1;
}

static void make_directories(char *path)
{
	for (char *at = path + 1;; at++) {
		char kept = *at;

		if (kept != '/' && kept != '\0')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			die("cannot make the directory %s: %s", path, strerror(errno));
		*at = kept;
		if (kept == '\0')
			return;
	}
}

/* Remove the files of the last cluster here: only names that we make. */
static void clean_directory(const struct options *o)
{
	static const char *const ours[] = {"node", "switch", "supervisor", "control", NULL};
	DIR *d = opendir(o->directory);
	char path[PATH_BYTES];
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		for (int i = 0; ours[i] != NULL; i++) {
			if (strncmp(entry->d_name, ours[i], strlen(ours[i])) == 0)
				unlink(state_path(o, path, "%.200s", entry->d_name));
		}
	}
	if (d != NULL)
		closedir(d);
}

/* The lock that a supervisor holds for its life; it is inherited by fork. */
static int take_lock(const struct options *o)
{
	char path[PATH_BYTES];
	int fd = open(state_path(o, path, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		die("cannot write in %s: %s", o->directory, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		die("a cluster is up in %s already (meshach down ends it, --dir chooses another "
		    "place)",
		    o->directory);
	return fd;
}

static void copy_file(const struct options *o, const char *name)
{
	char from[PATH_BYTES * 2], to[PATH_BYTES];

	snprintf(from, sizeof from, "%s/%s", o->image, name);
	if (access(from, R_OK) != 0)
		die("%s is not there: run ninja first", from);
	unlink(state_path(o, to, "boot/%s", name));
	if (symlink(from, to) != 0)
		die("cannot write in %s: %s", o->directory, strerror(errno));
}

/* Lines for the start list, or NULL: who lends memory, and that the others page to it, to equal parts. */
static const char *lending(const struct options *o, char *text, size_t size)
{
	if (o->lender == 0)
		return NULL;
	snprintf(text, size,
		 "%u control servers/memory-server %u\n"
		 "all control servers/swap-on memory/%u %u\n",
		 o->lender, o->lent, o->lender, o->lent / (o->nodes - 1));
	return text;
}

static void prepare_boot_files(const struct options *o)
{
	char start[256];
	char from[PATH_BYTES * 2], to[PATH_BYTES];
	const char *error;

	copy_file(o, "meshach.elf");
	copy_file(o, "boot.ipxe");
	copy_file(o, "boot.cpio");
	if (o->add_count == 0 && o->lender == 0)
		return;
	snprintf(from, sizeof from, "%s/boot.cpio", o->image);
	unlink(state_path(o, to, "boot/boot.cpio"));
	if ((error = archive_add(from, to, o->adds, o->add_count,
				 lending(o, start, sizeof start))) != NULL)
		die("the boot archive: %s", error);
}

static void start_supervisor(const struct options *o, const struct acceleration *acceleration)
{
	char path[PATH_BYTES], why[256];
	int ready[2], log;
	ssize_t got;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0)
		die("pipe: %s", strerror(errno));
	log = open(state_path(o, path, "supervisor.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		   0600);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		setsid();
		dup2(null, 0);
		dup2(null, 1);
		dup2(log, 2);
		setvbuf(stderr, NULL, _IOLBF, 0);
		supervise(o, acceleration, ready[1]);
	}
	close(ready[1]);
	got = read(ready[0], why, sizeof why - 1);
	why[got > 0 ? got : 0] = '\0';
	why[strcspn(why, "\n")] = '\0';
	if (got <= 0)
		die("the supervisor did not start; %s says why", path);
	if (why[0] != '\0')
		die("%s", why);
	close(ready[0]);
}

struct progress {
	char states[MAX_NODES + 1][16];
	uint32_t up;
	uint32_t ended; /* a node that ended; 0: none */
	int ended_status;
};

static void read_progress(const struct options *o, char *status, struct progress *p)
{
	char *at = status;

	p->up = p->ended = 0;
	for (uint32_t i = 1; i <= o->nodes && (at = strstr(at, "{\"node\"")) != NULL; i++, at++) {
		int64_t code = 0;

		if (!json_get_string(at, "state", p->states[i], sizeof p->states[i]))
			continue;
		p->up += strcmp(p->states[i], "up") == 0;
		if (strcmp(p->states[i], "ended") == 0) {
			json_get_number(at, "status", &code);
			p->ended = i;
			p->ended_status = (int)code;
		}
	}
}

static void show_progress(const struct options *o, const struct progress *p,
			  const struct progress *last, double seconds)
{
	if (o->json)
		return;
	if (!isatty(1)) {
		for (uint32_t i = 1; i <= o->nodes; i++) {
			if (strcmp(p->states[i], last->states[i]) != 0)
				printf("%5.1f s  node %u: %s\n", seconds, i, p->states[i]);
		}
		fflush(stdout);
		return;
	}
	printf("\r\033[K%5.1f s ", seconds);
	for (uint32_t i = 1; i <= o->nodes; i++) {
		if (o->nodes <= 6)
			printf(" node %u: %s", i, p->states[i]);
		else
			putchar(p->states[i][0] == 'u' ? '#' : p->states[i][0] == 'f' ? '.' : '+');
	}
	fflush(stdout);
}

/* Take the half-started cluster down and wait until it is. */
static void take_down(const struct options *o, int fd)
{
	char answer[64], path[PATH_BYTES];
	int lock = open(state_path(o, path, "lock"), O_RDWR | O_CLOEXEC);

	control_ask(fd, "down", answer, sizeof answer);
	flock(lock, LOCK_EX); /* the supervisor held it until its end */
	close(lock);
	close(fd);
}

static _Noreturn void not_booted(const struct options *o, int fd, uint32_t node, const char *what)
{
	char log[PATH_BYTES], qemu[PATH_BYTES];

	take_down(o, fd);
	complain("node %u did not boot: %s; its last lines (%s):", node, what,
		 state_path(o, log, "node%u.log", node));
	state_path(o, qemu, "node%u.qemu.log", node);
	if (!print_last_lines(log, LAST_LINES, stderr) &&
	    !print_last_lines(qemu, LAST_LINES, stderr))
		fputs("  | (it wrote nothing)\n", stderr);
	exit(1);
}

/* Wait for all nodes; the answer of the last status is in status. */
static void wait_for_nodes(const struct options *o, int fd, char *status, size_t size)
{
	static struct progress p, last;
	struct timespec nap = {.tv_nsec = POLL_NS}, start, now;
	char why[80];

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		double seconds;

		if (interrupted) {
			take_down(o, fd);
			if (isatty(1) && !o->json)
				putchar('\n');
			complain("interrupted: the cluster is down again");
			exit(130);
		}
		if (!control_ask(fd, "status", status, size)) {
			if (interrupted)
				continue;
			die("the supervisor ended; %s/supervisor.log says why", o->directory);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		seconds = (double)(now.tv_sec - start.tv_sec) +
			  (double)(now.tv_nsec - start.tv_nsec) / 1e9;
		last = p;
		read_progress(o, status, &p);
		show_progress(o, &p, &last, seconds);
		if (isatty(1) && !o->json &&
		    (p.ended != 0 || p.up == o->nodes || seconds > o->timeout))
			putchar('\n');
		if (p.ended != 0) {
			snprintf(why, sizeof why, "its machine ended with status %d",
				 p.ended_status);
			not_booted(o, fd, p.ended, why);
		}
		if (p.up == o->nodes)
			return;
		if (seconds > o->timeout) {
			uint32_t node = 1;

			while (strcmp(p.states[node], "up") == 0)
				node++;
			snprintf(why, sizeof why, "it was '%s' after %u s", p.states[node],
				 o->timeout);
			not_booted(o, fd, node, why);
		}
		nanosleep(&nap, NULL);
	}
}

int command_up(const struct options *o)
{
	static char status[ANSWER_BYTES], answer[64];
	struct options copy = *o;
	struct acceleration acceleration;
	struct sigaction action = {.sa_handler = on_interrupt};
	char path[PATH_BYTES];
	int lock, fd;

	if (o->rest_count > 0)
		die("up takes no '%s'", o->rest[0]);
	if (o->gdb > o->nodes)
		die("--gdb %u: there are only %u nodes", o->gdb, o->nodes);
	if (o->lender > o->nodes || (o->lender != 0 && o->nodes < 2))
		die("--lend %u: there are only %u nodes", o->lender, o->nodes);
	if (o->lender != 0 && (o->lent < o->nodes - 1 || o->lent >= o->memory))
		die("--lend: %u MiB of %u for %u nodes", o->lent, o->memory, o->nodes - 1);
	if (!have_program("qemu-system-x86_64"))
		die("there is no QEMU: apt-get install qemu-system-x86 ipxe-qemu");
	make_directories(copy.directory);
	lock = take_lock(o);
	clean_directory(o);
	make_directories((char *)state_path(o, path, "fabric"));
	make_directories((char *)state_path(o, path, "boot"));
	prepare_boot_files(o);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (!o->json && o->accel == NULL) {
		printf("looking for a way to run guests ...");
		fflush(stdout);
	}
	choose_acceleration(o, &acceleration);
	if (!o->json)
		printf("%susing %s: %s\n", o->accel == NULL ? (isatty(1) ? "\r\033[K" : "\n") : "",
		       acceleration.name, acceleration.why);
	start_supervisor(o, &acceleration);
	close(lock);
	fd = control_connect(o, "control");
	if (fd < 0 || !control_ask(fd, "own", answer, sizeof answer))
		die("the supervisor does not answer; %s/supervisor.log says why", o->directory);
	wait_for_nodes(o, fd, status, sizeof status);
	if (o->json)
		puts(status);
	else
		printf("%u node%s up; logs in %s\n", o->nodes, o->nodes == 1 ? " is" : "s are",
		       o->directory);
	if (!o->json && o->gdb != 0)
		printf("gdb %s/meshach.elf64 -ex 'target remote %s/node%u.gdb'\n", o->image,
		       o->directory, o->gdb);
	fflush(stdout);
	if (!o->foreground) {
		control_ask(fd, "release", answer, sizeof answer);
		return 0;
	}
	while (!interrupted && read(fd, answer, sizeof answer) > 0)
		continue;
	take_down(o, fd);
	if (!o->json)
		puts("the cluster is down");
	return 0;
}
