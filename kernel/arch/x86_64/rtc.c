/* SPDX-License-Identifier: BSD-2-Clause */
/* rtc.c - the battery clock (MC146818): the wall clock's seconds, read once at boot. */
#include <machine/boot.h>
#include <machine/clock.h>
#include <machine/io.h>
#include <stdbool.h>

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
enum { RTC_SECOND = 0, RTC_MINUTE = 2, RTC_HOUR = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9,
       RTC_STATUS_A = 10, RTC_STATUS_B = 11 };

static uint8_t rtc_read(uint8_t index)
{
	io_out8(RTC_INDEX, index);
	return io_in8(RTC_DATA);
}

static uint32_t from_bcd(uint32_t value, bool binary)
{
	return binary ? value : (value >> 4) * 10 + (value & 15);
}

/* Days from 1970-01-01 to the first of a month; the year begins in March. */
static uint64_t days_before(uint32_t year, uint32_t month)
{
	uint32_t y = month < 3 ? year - 1 : year, m = month < 3 ? month + 9 : month - 3;

	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 - 719468;
}

uint64_t machine_wall_seconds(void)
{
	bool binary = rtc_read(RTC_STATUS_B) & 4;
	uint32_t v[6], second;
	static const uint8_t index[6] = { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR };

	/* Until two looks agree on the second: no update went on in between. */
	for (unsigned tries = 0; tries < 1000; tries++) {
		for (unsigned i = 0; i < 6; i++)
			v[i] = from_bcd(rtc_read(index[i]), binary);
		second = from_bcd(rtc_read(RTC_SECOND), binary);
		if (second == v[0] && !(rtc_read(RTC_STATUS_A) & 0x80))
			break;
	}
	return ((days_before(2000 + v[5], v[4]) + v[3] - 1) * 24 + v[2]) * 3600 + v[1] * 60 + v[0];
}

/* No machine boots twice in a second. */
uint64_t machine_boot_stamp(void)
{
	return machine_wall_seconds() << 32 | (uint32_t)machine_random64();
}
