/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - the boot command line: words of the form name=value, separated by blanks.
 *
 * Portable; unit-tested on the host. Every word must be a known option with a good value, so that a
 * misspelt one stops the boot instead of being ignored.
 */
#include <base/string.h>
#include <kern/fault.h>
#include <kern/options.h>
#include <kern/printf.h>
#include <stddef.h>

struct boot_options boot_options = {
	.node_mask = 0xffffff00u,
	.init = "servers/bootstrap",
	.poll_us = 300,
	.pager_timeout_ms = 30000,
	.log_level = 1,
};

static bool parse_u32(const char *s, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > max)
			return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* SEED[,RATE] */
static bool parse_fault(char *s, struct boot_options *o)
{
	char *rate = strchr(s, ',');

	if (rate != NULL)
		*rate++ = '\0';
	o->fault_rate = FAULT_RATE_DEFAULT;
	return parse_u32(s, UINT32_MAX, &o->fault_seed) && (rate == NULL || (parse_u32(rate, 1000000, &o->fault_rate) && o->fault_rate != 0));
}

static bool parse_ipv4(const char *s, uint32_t *out)
{
	uint32_t ip = 0;

	for (int part = 0; part < 4; part++) {
		uint32_t v = 0;
		int digits = 0;

		for (; *s >= '0' && *s <= '9' && digits < 4; s++, digits++)
			v = v * 10 + (uint32_t)(*s - '0');
		if (digits == 0 || v > 255 || *s != (part < 3 ? '.' : '\0'))
			return false;
		s++;
		ip = ip << 8 | v;
	}
	*out = ip;
	return true;
}

static bool parse_string(const char *s, char *out, size_t size)
{
	size_t n = strlen(s);

	if (n == 0 || n >= size)
		return false;
	memcpy(out, s, n + 1);
	return true;
}

static bool parse_hex(const char *s, char *out, size_t size)
{
	for (const char *p = s; *p != '\0'; p++)
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
			return false;
	return strlen(s) % 2 == 0 && parse_string(s, out, size);
}

static bool parse_flag(const char *s, bool *out)
{
	uint32_t flag;

	if (!parse_u32(s, 1, &flag))
		return false;
	*out = flag != 0;
	return true;
}

/* True if word (name=value, NUL-terminated) is a known option with a good value. */
static bool parse_word(char *word)
{
	struct boot_options *o = &boot_options;
	char *value = strchr(word, '=');

	if (value == NULL)
		return false;
	*value++ = '\0';
	if (strcmp(word, "node.ip") == 0)
		return parse_ipv4(value, &o->node_ip) && o->node_ip != 0 && o->node_ip != 0xffffffffu;
	if (strcmp(word, "node.mask") == 0)
		return parse_ipv4(value, &o->node_mask);
	if (strcmp(word, "net.mtu") == 0)
		return parse_u32(value, 9000, &o->mtu) && (o->mtu == 0 || o->mtu >= 576);
	if (strcmp(word, "net.poll_us") == 0)
		return parse_u32(value, 1000000, &o->poll_us);
	if (strcmp(word, "pager.timeout_ms") == 0)
		return parse_u32(value, 24 * 3600 * 1000, &o->pager_timeout_ms) && o->pager_timeout_ms != 0;
	if (strcmp(word, "cluster.key") == 0)
		return parse_hex(value, o->cluster_key, sizeof(o->cluster_key));
	if (strcmp(word, "console") == 0)
		return strcmp(value, "com1") == 0;
	if (strcmp(word, "init") == 0)
		return parse_string(value, o->init, sizeof(o->init));
	if (strcmp(word, "test") == 0)
		return parse_string(value, o->test, sizeof(o->test));
	if (strcmp(word, "loglevel") == 0)
		return parse_u32(value, 9, &o->log_level);
	if (strcmp(word, "ipc.fast") == 0) {
		bool fast;

		if (!parse_flag(value, &fast))
			return false;
		o->ipc_slow = !fast;
		return true;
	}
	if (strcmp(word, "fault.alloc") == 0)
		return parse_fault(value, o);
	if (strcmp(word, "fault.task") == 0)
		return parse_string(value, o->fault_task, sizeof(o->fault_task));
	if (strcmp(word, "exit") == 0)
		return parse_flag(value, &o->exit_when_done);
	if (strcmp(word, "ddb") == 0)
		return parse_flag(value, &o->ddb);
	if (strcmp(word, "trace") == 0)
		return parse_flag(value, &o->trace);
	return false;
}

const char *boot_options_parse(const char *cmdline)
{
	static char word[256], shown[256];

	while (*cmdline != '\0') {
		size_t n = 0;

		while (*cmdline == ' ' || *cmdline == '\t')
			cmdline++;
		while (cmdline[n] != '\0' && cmdline[n] != ' ' && cmdline[n] != '\t')
			n++;
		if (n == 0)
			break;
		ksnprintf(shown, sizeof(shown), "%.*s", (int)(n < 200 ? n : 200), cmdline);
		if (n >= sizeof(word))
			return shown;
		memcpy(word, cmdline, n);
		word[n] = '\0';
		if (!parse_word(word))
			return shown;
		cmdline += n;
	}
	return NULL;
}
