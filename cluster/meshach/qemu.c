/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qemu.c - a node's virtual machine, and whether this machine's KVM runs one.
 *
 * That /dev/kvm opens says nothing (there are hosts where it does and every guest hangs), so KVM is
 * probed by running our kernel without a boot archive: it must say so and end QEMU with its own
 * status within a time limit. The answer is kept per boot of this machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../pager/default/swap_mark.h"
#include "meshach.h"

#define QEMU "qemu-system-x86_64"
#define PROBE_SECONDS 6
#define STATUS_KERNEL_STOPPED 3 /* isa-debug-exit: 2 * 1 + 1 */
#define MAX_ARGUMENTS 64

bool have_program(const char *name)
{
	char path[PATH_BYTES], all[4096], *save;
	const char *value = getenv("PATH");

	snprintf(all, sizeof all, "%s", value == NULL ? "/usr/bin:/bin" : value);
	for (char *d = strtok_r(all, ":", &save); d != NULL; d = strtok_r(NULL, ":", &save)) {
		if ((size_t)snprintf(path, sizeof path, "%s/%s", d, name) < sizeof path &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Returns the probe's exit status, -1: it did not end in time. */
static int run_probe(const char *kernel)
{
	struct timespec nap = {.tv_nsec = 20000000};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execlp(QEMU, QEMU, "-accel", "kvm", "-cpu", "host", "-m", "64", "-display", "none",
		       "-nodefaults", "-no-reboot", "-device",
		       "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", kernel, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; pid > 0 && i < PROBE_SECONDS * 50; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		nanosleep(&nap, NULL);
	}
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return -1;
}

/* The name of the file that keeps the probe's answer; "" if there is no place for it. */
static void answer_path(char path[PATH_BYTES])
{
	char boot[40] = "";
	FILE *id = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (id != NULL) {
		if (fgets(boot, sizeof boot, id) == NULL)
			boot[0] = '\0';
		fclose(id);
	}
	boot[strcspn(boot, "\n")] = '\0';
	snprintf(path, PATH_BYTES, "/tmp/meshach-%u", (unsigned int)getuid());
	mkdir(path, 0700);
	snprintf(path, PATH_BYTES, "/tmp/meshach-%u/kvm-probe-%s", (unsigned int)getuid(), boot);
}

/* Fills why if KVM cannot be used. */
static bool kvm_works(const struct options *o, char *why, size_t size)
{
	char path[PATH_BYTES], kernel[PATH_BYTES * 2];
	FILE *file;
	int status;

	if (access("/dev/kvm", F_OK) != 0) {
		snprintf(why, size, "this machine has no /dev/kvm");
		return false;
	}
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		snprintf(why, size,
			 "/dev/kvm may not be opened by this user (is it in group kvm?)");
		return false;
	}
	answer_path(path);
	file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(why, (int)size, file) == NULL)
			why[0] = '\0';
		fclose(file);
		return why[0] == '\0';
	}
	snprintf(kernel, sizeof kernel, "%s/meshach.elf", o->image);
	status = run_probe(kernel);
	if (status == -1)
		snprintf(why, size, "/dev/kvm is there, but a guest did not run in %d s",
			 PROBE_SECONDS);
	else if (status > 128)
		snprintf(why, size, "/dev/kvm is there, but QEMU died of signal %d with it",
			 status - 128);
	else if (status != STATUS_KERNEL_STOPPED)
		snprintf(why, size, "/dev/kvm is there, but a guest did not run (status %d)",
			 status);
	else
		why[0] = '\0';
	file = fopen(path, "we");
	if (file != NULL) {
		fputs(why, file);
		fclose(file);
	}
	return why[0] == '\0';
}

void choose_acceleration(const struct options *o, struct acceleration *chosen)
{
	if (o->accel != NULL) {
		snprintf(chosen->name, sizeof chosen->name, "%s", o->accel);
		snprintf(chosen->why, sizeof chosen->why, "as asked");
	} else if (kvm_works(o, chosen->why, sizeof chosen->why)) {
		strcpy(chosen->name, "kvm");
		strcpy(chosen->why, "a guest ran with it");
	} else {
		strcpy(chosen->name, "tcg");
	}
}

struct arguments {
	char *list[MAX_ARGUMENTS];
	int count;
};

static void __attribute__((format(printf, 2, 3))) add(struct arguments *a, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	if (a->count == MAX_ARGUMENTS - 1 || vasprintf(&a->list[a->count++], format, values) < 0)
		_exit(126);
	va_end(values);
}

static void add_fabric(struct arguments *a, const struct options *o, uint32_t node)
{
	const char *vectors = "";

	add(a, "-netdev");
	if (strcmp(o->fabric, "vhost") == 0) {
		add(a, "vhost-user,id=n0,chardev=fabric");
		add(a, "-chardev");
		add(a, "socket,id=fabric,path=%s/fabric/v%u", o->directory, node);
		add(a, "-object");
		add(a, "memory-backend-memfd,id=mem,size=%uM,share=on", o->memory);
		add(a, "-numa");
		add(a, "node,memdev=mem");
		/* QEMU 7.2 with TCG dies when a guest enables MSI-X on a vhost-user device. */
		vectors = ",vectors=0";
	} else {
		add(a,
		    "dgram,id=n0,local.type=unix,local.path=%s/fabric/"
		    "n%u,remote.type=unix,remote.path=%s/fabric/s%u",
		    o->directory, node, o->directory, node);
	}
	add(a, "-device");
	add(a, "virtio-net-pci,netdev=n0,bootindex=1,host_mtu=9000,mac=52:54:00:4d:00:%02x%s", node,
	    vectors);
}

/* A fresh disk, marked as the default pager's own (pager/default/store.h). */
static void add_swap(struct arguments *a, const struct options *o, uint32_t node)
{
	static const char mark[] = SWAP_MARK;
	char path[PATH_BYTES];
	int fd = open(state_path(o, path, "node%u.swap", node), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, mark, sizeof mark - 1) != (ssize_t)sizeof mark - 1 ||
	    ftruncate(fd, (off_t)o->swap << 20) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		_exit(126);
	}
	close(fd);
	add(a, "-drive");
	add(a, "if=none,id=swap,format=raw,cache=unsafe,file=%s", path);
	add(a, "-device");
	add(a, "virtio-blk-pci,drive=swap,disable-legacy=on");
}

_Noreturn void exec_node(const struct options *o, const char *accel, uint32_t node)
{
	struct arguments a = {.count = 0};

	add(&a, QEMU);
	add(&a, "-name");
	add(&a, "meshach-node-%u", node);
	add(&a, "-accel");
	add(&a, "%s", accel);
	add(&a, "-cpu");
	add(&a, "%s", strcmp(accel, "kvm") == 0 ? "host" : "max");
	add(&a, "-smp");
	/*
	 * A CPU that could be added and never is: for a machine that can have one alone, tcg of QEMU 7.2 leaves
	 * out the guest's memory barriers, though the devices run on other threads; then a bell or an interrupt of
	 * a virtio ring gets lost now and then, and the card stands still.
	 */
	add(&a, "cpus=%u,maxcpus=%u", o->cpus, o->cpus > 1 ? o->cpus : 2);
	add(&a, "-m");
	add(&a, "%uM", o->memory);
	add(&a, "-nodefaults");
	add(&a, "-display");
	add(&a, "none");
	add(&a, "-monitor");
	add(&a, "none");
	add(&a, "-no-reboot");
	add(&a, "-device");
	add(&a, "isa-debug-exit,iobase=0xf4,iosize=4");
	add(&a, "-chardev");
	add(&a,
	    "socket,id=console,path=%s/node%u.console,server=on,wait=off,logfile=%s/"
	    "node%u.log,logappend=on",
	    o->directory, node, o->directory, node);
	add(&a, "-serial");
	add(&a, "chardev:console");
	add_fabric(&a, o, node);
	if (o->swap != 0)
		add_swap(&a, o, node);
	if (o->gdb == node) {
		add(&a, "-gdb");
		add(&a, "unix:%s/node%u.gdb,server=on,wait=off", o->directory, node);
	}
	a.list[a.count] = NULL;
	execvp(QEMU, a.list);
	fprintf(stderr, "%s: %s\n", QEMU, strerror(errno));
	_exit(127);
}
