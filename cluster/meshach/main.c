/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the meshach command: options, and which file does what.
 *
 * Options come before or after the command's name, up to the first word that is neither (run's
 * program and its arguments).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meshach.h"

static const char usage[] =
	"usage: meshach up [--nodes N] [--cpus K] [--memory MIB] [--swap MIB] [--fabric dgram|vhost]\n"
	"                  [--lend NODE:MIB] [--add FILE]... [--gdb NODE]\n"
	"                  [--accel kvm|tcg] [--append OPTIONS] [--timeout S] [--foreground]\n"
	"       meshach status | down\n"
	"       meshach run --on NODE PROGRAM [ARGUMENT]...\n"
	"       meshach console NODE                 (leave with Ctrl-])\n"
	"       meshach capture FILE.pcap | capture stop\n"
	"       meshach fault [drop=P] [dup=P] [reorder=P] [port=NODE] [seed=S]\n"
	"       meshach link NODE up|down            meshach kill NODE            meshach start "
	"NODE\n"
	"       meshach bench [ARGUMENT]...\n"
	"every command: [--dir DIRECTORY] [--json]\n";

static const struct {
	const char *name;
	int (*run)(const struct options *o);
} commands[] = {
	{"up", command_up},       {"status", command_status},   {"down", command_down},
	{"run", command_run},     {"console", command_console}, {"capture", command_capture},
	{"fault", command_fault}, {"link", command_link},       {"kill", command_kill},
	{"start", command_start}, {"bench", command_bench},
};

static void vcomplain(const char *format, va_list arguments)
{
	fflush(stdout);
	fputs("meshach: ", stderr);
	vfprintf(stderr, format, arguments);
	putc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vcomplain(format, arguments);
	va_end(arguments);
}

_Noreturn void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vcomplain(format, arguments);
	va_end(arguments);
	exit(1);
}

static uint32_t number(const char *option, const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || value < least || value > most)
		die("%s wants a number from %u to %u, not '%s'", option, least, most, text);
	return (uint32_t)value;
}

static const char *one_of(const char *option, const char *text, const char *a, const char *b)
{
	if (strcmp(text, a) != 0 && strcmp(text, b) != 0)
		die("%s is %s or %s, not '%s'", option, a, b, text);
	return text;
}

/* NODE:MIB */
static void take_lend(struct options *o, const char *word, const char *value)
{
	const char *colon = strchr(value, ':');
	char node[8] = "";

	if (colon == NULL || (size_t)(colon - value) >= sizeof node)
		die("%s wants NODE:MIB, not '%s'", word, value);
	memcpy(node, value, (size_t)(colon - value));
	o->lender = number(word, node, 1, MAX_NODES);
	o->lent = number(word, colon + 1, 1, 65536);
}

/* Take one option with its value; returns false if the word is not one. */
static bool take_option(struct options *o, const char *word, const char *value)
{
	static const char *const with_value[] = {
		"--nodes",  "--cpus",    "--memory", "--fabric", "--add",   "--gdb", "--accel",
		"--append", "--timeout", "--dir",    "--on",     "--image", "--swap",
		"--lend",   NULL};
	bool known = false;

	for (int i = 0; with_value[i] != NULL; i++)
		known |= strcmp(word, with_value[i]) == 0;
	if (!known)
		return false;
	if (value == NULL)
		die("%s wants a value", word);
	if (strcmp(word, "--nodes") == 0)
		o->nodes = number(word, value, 1, MAX_NODES);
	else if (strcmp(word, "--cpus") == 0)
		o->cpus = number(word, value, 1, 64);
	else if (strcmp(word, "--memory") == 0)
		o->memory = number(word, value, 32, 1u << 20);
	else if (strcmp(word, "--swap") == 0)
		o->swap = number(word, value, 1, 65536);
	else if (strcmp(word, "--lend") == 0)
		take_lend(o, word, value);
	else if (strcmp(word, "--gdb") == 0)
		o->gdb = number(word, value, 1, MAX_NODES);
	else if (strcmp(word, "--timeout") == 0)
		o->timeout = number(word, value, 1, 3600);
	else if (strcmp(word, "--on") == 0)
		o->on = number(word, value, 1, MAX_NODES);
	else if (strcmp(word, "--fabric") == 0)
		o->fabric = one_of(word, value, "dgram", "vhost");
	else if (strcmp(word, "--accel") == 0)
		o->accel = one_of(word, value, "kvm", "tcg");
	else if (strcmp(word, "--append") == 0)
		o->append = value;
	else if (strcmp(word, "--add") == 0 && o->add_count == MAX_ADDS)
		die("at most %u files can be added", MAX_ADDS);
	else if (strcmp(word, "--add") == 0)
		o->adds[o->add_count++] = value;
	else if ((size_t)snprintf(strcmp(word, "--dir") == 0 ? o->directory : o->image, PATH_BYTES,
				  "%s", value) >= PATH_BYTES)
		die("the path after %s is too long", word);
	return true;
}

/* The folder of this program: the build's. */
static void default_image(char path[PATH_BYTES])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_BYTES - 1);

	if (length <= 0)
		die("cannot find this program's own folder: %s", strerror(errno));
	path[length] = '\0';
	*strrchr(path, '/') = '\0';
}

static void make_absolute(char path[PATH_BYTES])
{
	char whole[PATH_BYTES * 2];

	if (path[0] == '/')
		return;
	if (getcwd(whole, PATH_BYTES) == NULL)
		die("cannot find the current folder: %s", strerror(errno));
	strcat(strcat(whole, "/"), path);
	if (strlen(whole) >= PATH_BYTES)
		die("the path %s is too long", whole);
	strcpy(path, whole);
}

int main(int argc, char **argv)
{
	struct options o = {.nodes = 3,
			    .cpus = 1,
			    .memory = 256,
			    .timeout = 90,
			    .fabric = "dgram",
			    .append = ""};
	const char *command = NULL;
	int i;

	default_directory(o.directory);
	default_image(o.image);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			return 0;
		} else if (strcmp(argv[i], "--json") == 0) {
			o.json = true;
		} else if (strcmp(argv[i], "--foreground") == 0) {
			o.foreground = true;
		} else if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		} else if (take_option(&o, argv[i], argv[i + 1])) {
			i++;
		} else if (argv[i][0] == '-') {
			complain("there is no option '%s'", argv[i]);
			return 2;
		} else if (command == NULL) {
			command = argv[i];
			if (strcmp(command, "bench") == 0) { /* all that follows is its own */
				i++;
				break;
			}
		} else {
			/* What follows belongs to run's program; other commands take options here too. */
			if (strcmp(command, "run") == 0)
				break;
			if (o.rest == NULL)
				o.rest = calloc((size_t)argc + 1, sizeof o.rest[0]);
			if (o.rest == NULL)
				die("out of memory");
			o.rest[o.rest_count++] = argv[i];
		}
	}
	if (o.rest == NULL) {
		o.rest = argv + i;
		o.rest_count = argc - i;
	}
	if (command == NULL) {
		fputs(usage, stderr);
		return 2;
	}
	make_absolute(o.directory);
	make_absolute(o.image);
	for (size_t c = 0; c < sizeof commands / sizeof commands[0]; c++) {
		if (strcmp(command, commands[c].name) == 0)
			return commands[c].run(&o);
	}
	complain("there is no command '%s' (meshach --help lists them)", command);
	return 2;
}
