/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf.c - formatted output to the console and to buffers.
 *
 * Interface: <kern/printf.h>; printf_force() for panic.
 * Conversions: %d %i %u %x %X %o %c %s %p %%, flags - 0 + space #, width and precision (numbers or *),
 *   lengths hh h l ll z j t.
 * Locking: console_lock, a leaf, so that lines of several CPUs do not mix.
 */
#include <base/string.h>
#include <kern/lock.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <machine/console.h>

static struct spinlock console_lock = SPINLOCK_INIT("console");
static bool lock_broken; /* a panic prints whoever holds the lock */

/* Where formatted characters go: a buffer, or the console when buf is NULL and to_console. */
struct sink {
	char *buf;
	size_t size;
	size_t length; /* of all that was put, stored or not */
	bool to_console;
};

static void put(struct sink *s, char c)
{
	if (s->to_console)
		console_putc(c);
	else if (s->length + 1 < s->size)
		s->buf[s->length] = c;
	s->length++;
}

static void put_padding(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put(s, c);
}

struct spec {
	bool left, zero, plus, space, alternate, has_precision;
	int width, precision;
};

static void put_text(struct sink *s, const struct spec *f, const char *text)
{
	size_t n;

	if (text == NULL)
		text = "(null)";
	n = f->has_precision ? strnlen(text, (size_t)f->precision) : strlen(text);
	if (!f->left)
		put_padding(s, ' ', f->width - (int)n);
	for (size_t i = 0; i < n; i++)
		put(s, text[i]);
	if (f->left)
		put_padding(s, ' ', f->width - (int)n);
}

/* prefix: sign or 0x. */
static void put_number(struct sink *s, const struct spec *f, uint64_t value, unsigned base, bool upper,
		       const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	int n = 0, zeros, prefix_length = (int)strlen(prefix), padding;

	while (value != 0) {
		text[n++] = digits[value % base];
		value /= base;
	}
	zeros = (f->has_precision ? f->precision : 1) - n;
	zeros = zeros < 0 ? 0 : zeros;
	padding = f->width - prefix_length - zeros - n;
	if (f->zero && !f->left && !f->has_precision && padding > 0) {
		zeros += padding;
		padding = 0;
	}
	if (!f->left)
		put_padding(s, ' ', padding);
	for (int i = 0; i < prefix_length; i++)
		put(s, prefix[i]);
	put_padding(s, '0', zeros);
	while (n > 0)
		put(s, text[--n]);
	if (f->left)
		put_padding(s, ' ', padding);
}

static const char *parse_number(const char *p, int *value)
{
	*value = 0;
	while (*p >= '0' && *p <= '9')
		*value = *value * 10 + (*p++ - '0');
	return p;
}

/* Flags, width and precision after '%'. */
static const char *parse_spec(const char *p, struct spec *f, va_list *ap)
{
	memset(f, 0, sizeof(*f));
	for (;; p++) {
		if (*p == '-')
			f->left = true;
		else if (*p == '0')
			f->zero = true;
		else if (*p == '+')
			f->plus = true;
		else if (*p == ' ')
			f->space = true;
		else if (*p == '#')
			f->alternate = true;
		else
			break;
	}
	if (*p == '*') {
		f->width = va_arg(*ap, int);
		p++;
		if (f->width < 0) {
			f->left = true;
			f->width = -f->width;
		}
	} else {
		p = parse_number(p, &f->width);
	}
	if (*p != '.')
		return p;
	f->has_precision = true;
	if (*++p == '*') {
		f->precision = va_arg(*ap, int);
		f->has_precision = f->precision >= 0;
		return p + 1;
	}
	return parse_number(p, &f->precision);
}

/* Length modifier as a size in bytes: 1, 2, 4 or 8. */
static const char *parse_length(const char *p, unsigned *bytes)
{
	*bytes = 4;
	if (*p == 'h') {
		*bytes = 2;
		if (*++p == 'h') {
			*bytes = 1;
			p++;
		}
	} else if (*p == 'l' || *p == 'z' || *p == 'j' || *p == 't') {
		*bytes = 8;
		if (*p++ == 'l' && *p == 'l')
			p++;
	}
	return p;
}

static int64_t signed_argument(va_list *ap, unsigned bytes)
{
	int64_t v = bytes == 8 ? va_arg(*ap, int64_t) : va_arg(*ap, int);

	return bytes == 2 ? (int16_t)v : bytes == 1 ? (int8_t)v : v;
}

static uint64_t unsigned_argument(va_list *ap, unsigned bytes)
{
	uint64_t v = bytes == 8 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned);

	return bytes == 2 ? (uint16_t)v : bytes == 1 ? (uint8_t)v : v;
}

static void put_signed(struct sink *s, const struct spec *f, int64_t v)
{
	const char *sign = v < 0 ? "-" : f->plus ? "+" : f->space ? " " : "";

	put_number(s, f, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, false, sign);
}

static void format_to(struct sink *s, const char *p, va_list *ap)
{
	for (; *p != '\0'; p++) {
		struct spec f;
		unsigned bytes;
		uint64_t v;

		if (*p != '%') {
			put(s, *p);
			continue;
		}
		p = parse_length(parse_spec(p + 1, &f, ap), &bytes);
		switch (*p) {
		case 'd':
		case 'i':
			put_signed(s, &f, signed_argument(ap, bytes));
			break;
		case 'u':
			put_number(s, &f, unsigned_argument(ap, bytes), 10, false, "");
			break;
		case 'o':
			put_number(s, &f, unsigned_argument(ap, bytes), 8, false, "");
			break;
		case 'x':
		case 'X':
			v = unsigned_argument(ap, bytes);
			put_number(s, &f, v, 16, *p == 'X', f.alternate && v != 0 ? "0x" : "");
			break;
		case 'p':
			put_number(s, &f, (uint64_t)va_arg(*ap, void *), 16, false, "0x");
			break;
		case 'c':
			put_text(s, &f, (char[]){ (char)va_arg(*ap, int), '\0' });
			break;
		case 's':
			put_text(s, &f, va_arg(*ap, const char *));
			break;
		case '%':
			put(s, '%');
			break;
		case '\0':
			return;
		default: /* not known: shown as it is */
			put(s, '%');
			put(s, *p);
		}
	}
}

int kvsnprintf(char *buf, size_t size, const char *format, va_list ap)
{
	struct sink s = { .buf = buf, .size = size };
	va_list copy;

	va_copy(copy, ap);
	format_to(&s, format, &copy);
	va_end(copy);
	if (size > 0)
		buf[s.length < size ? s.length : size - 1] = '\0';
	return (int)s.length;
}

int ksnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = kvsnprintf(buf, size, format, ap);
	va_end(ap);
	return n;
}

static int print(const char *prefix, const char *format, va_list *ap)
{
	struct sink s = { .to_console = true };
	bool locked = !lock_broken;

	if (locked)
		spin_lock(&console_lock);
	while (*prefix != '\0')
		put(&s, *prefix++);
	format_to(&s, format, ap);
	if (locked)
		spin_unlock(&console_lock);
	return (int)s.length;
}

int kprintf(const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = print("", format, &ap);
	va_end(ap);
	return n;
}

void kwarn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print("WARN: ", format, &ap);
	va_end(ap);
}

void kprint_bytes(const char *bytes, size_t n)
{
	spin_lock(&console_lock);
	for (size_t i = 0; i < n; i++)
		console_putc(bytes[i]);
	spin_unlock(&console_lock);
}

void printf_force(bool force)
{
	lock_broken = force;
}
