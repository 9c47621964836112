/* Made by mig from sample.defs; do not edit. */
#pragma once

#include <mach/mig.h>
#include <mach/message.h>
#include "sample_types.h"

extern const struct mig_subsystem sample_subsystem;

/*
 * Adds two numbers.
 * @errors KERN_INVALID_ARGUMENT the sum overflows
 */
#define MIG_ID_sample_add 90000
kern_return_t sample_add(mach_port_t server, int a, int b, int *sum);

#define MIG_ID_sample_mixed 90001
kern_return_t sample_mixed(mach_port_t server, uint8_t small, uint64_t big, sample_pair_t *pair,
				uint16_t *word, uint8_t *tail);

#define MIG_ID_sample_strings 90002
kern_return_t sample_strings(mach_port_t server, const char *name, const char *label, char *full,
				char *tag);

#define MIG_ID_sample_arrays 90003
kern_return_t sample_arrays(mach_port_t server, sample_words_t words,
				mach_msg_type_number_t wordsCnt, sample_bytes_t bytes,
				mach_msg_type_number_t bytesCnt, sample_four_t four,
				sample_words_t reversed, mach_msg_type_number_t *reversedCnt,
				sample_bytes_t copy, mach_msg_type_number_t *copyCnt,
				sample_four_t fours);

#define MIG_ID_sample_rights 90005
kern_return_t sample_rights(mach_port_t server, mach_port_t moved, mach_port_t copied,
				mach_port_t made, mach_port_t once, mach_port_t *back);

#define MIG_ID_sample_receive 90006
kern_return_t sample_receive(mach_port_t server, mach_port_t right, mach_port_t poly,
				mach_msg_type_name_t polyPoly, mach_port_t *same,
				mach_msg_type_name_t *samePoly);

#define MIG_ID_sample_memory 90007
kern_return_t sample_memory(mach_port_t server, sample_memory_t data,
				mach_msg_type_number_t dataCnt, sample_bounded_t bounded,
				mach_msg_type_number_t boundedCnt, sample_memory_t *result,
				mach_msg_type_number_t *resultCnt);

#define MIG_ID_sample_ports 90008
kern_return_t sample_ports(mach_port_t server, sample_send_array_t rights,
				mach_msg_type_number_t rightsCnt, natural_t *number,
				sample_send_array_t *others, mach_msg_type_number_t *othersCnt);

#define MIG_ID_sample_note 90009
kern_return_t sample_note(mach_port_t server, mach_port_t right, int value);

#define MIG_ID_sample_later 90010
kern_return_t sample_later(mach_port_t server, int value, int *twice);

#define MIG_ID_sample_timed 90011
kern_return_t sample_timed(mach_port_t server, mach_msg_timeout_t milliseconds, int *value);

#define MIG_ID_sample_typed 90012
kern_return_t sample_typed(mach_port_t server, mach_port_t observer, sample_words_t words,
				mach_msg_type_number_t wordsCnt);

#define MIG_ID_sample_inout 90013
kern_return_t sample_inout(mach_port_t server, const char *prefix, sample_words_t words,
				mach_msg_type_number_t *wordsCnt, sample_bytes_t bytes,
				mach_msg_type_number_t *bytesCnt);
