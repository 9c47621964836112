/* Made by mig from sample.defs; do not edit. */
#pragma once

#include <mach/mig.h>
#include <mach/message.h>
#include "sample_types.h"

struct vm_map_copy;

extern const struct mig_subsystem sample_subsystem;

/*
 * Calls by the kernel: deadline_ns as for mach_msg_rpc_from_kernel(); option MACH_SEND_ALWAYS goes past
 * the queue limit and never waits.
 */

/*
 * Adds two numbers.
 * @errors KERN_INVALID_ARGUMENT the sum overflows
 */
kern_return_t sample_add(mach_port_t server, int a, int b, int *sum, uint64_t deadline_ns);

kern_return_t sample_mixed(mach_port_t server, uint8_t small, uint64_t big, sample_pair_t *pair,
				uint16_t *word, uint8_t *tail, uint64_t deadline_ns);

kern_return_t sample_strings(mach_port_t server, const char *name, const char *label, char *full,
				char *tag, uint64_t deadline_ns);

kern_return_t sample_arrays(mach_port_t server, sample_words_t words,
				mach_msg_type_number_t wordsCnt, sample_bytes_t bytes,
				mach_msg_type_number_t bytesCnt, sample_four_t four,
				sample_words_t reversed, mach_msg_type_number_t *reversedCnt,
				sample_bytes_t copy, mach_msg_type_number_t *copyCnt,
				sample_four_t fours, uint64_t deadline_ns);

kern_return_t sample_rights(mach_port_t server, mach_port_t moved, mach_port_t copied,
				mach_port_t made, mach_port_t once, mach_port_t *back,
				uint64_t deadline_ns);

kern_return_t sample_receive(mach_port_t server, mach_port_t right, mach_port_t poly,
				mach_msg_type_name_t polyPoly, mach_port_t *same,
				mach_msg_type_name_t *samePoly, uint64_t deadline_ns);

kern_return_t sample_memory(mach_port_t server, struct vm_map_copy *data,
				mach_msg_type_number_t dataCnt, struct vm_map_copy *bounded,
				mach_msg_type_number_t boundedCnt, struct vm_map_copy **result,
				mach_msg_type_number_t *resultCnt, uint64_t deadline_ns);

kern_return_t sample_ports(mach_port_t server, mach_port_t *rights,
				mach_msg_type_number_t rightsCnt, natural_t *number,
				mach_port_t **others, mach_msg_type_number_t *othersCnt,
				uint64_t deadline_ns);

kern_return_t sample_note(mach_port_t server, mach_port_t right, int value,
				mach_msg_option_t option, uint64_t deadline_ns);

kern_return_t sample_later(mach_port_t server, int value, int *twice, uint64_t deadline_ns);

kern_return_t sample_timed(mach_port_t server, int *value, uint64_t deadline_ns);

kern_return_t sample_typed(mach_port_t server, mach_port_t observer, sample_words_t words,
				mach_msg_type_number_t wordsCnt, mach_msg_option_t option,
				uint64_t deadline_ns);

kern_return_t sample_inout(mach_port_t server, const char *prefix, sample_words_t words,
				mach_msg_type_number_t *wordsCnt, sample_bytes_t bytes,
				mach_msg_type_number_t *bytesCnt, uint64_t deadline_ns);
