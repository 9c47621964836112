/* SPDX-License-Identifier: BSD-2-Clause */
/* opcode.c - what each opcode of a reliable connection is made of (IBTA tables 38 and 39). */
#include "roce/roce_impl.h"

#define RETH_BYTES sizeof(struct wire_reth)
#define AETH_BYTES sizeof(struct wire_aeth)
#define IMM_BYTES sizeof(struct wire_immediate)

#define SEND_PART(more, bytes) { OP_KNOWN | OP_REQUEST | OP_PAYLOAD | (more), KIND_SEND, (bytes) }
#define WRITE_PART(more, bytes) { OP_KNOWN | OP_REQUEST | OP_PAYLOAD | (more), KIND_WRITE, (bytes) }
#define RESPONSE(more, bytes) { OP_KNOWN | OP_PAYLOAD | (more), KIND_READ_RESPONSE, (bytes) }

const struct roce_opcode roce_opcodes[32] = {
	[WIRE_SEND_FIRST] = SEND_PART(OP_START, 0),
	[WIRE_SEND_MIDDLE] = SEND_PART(0, 0),
	[WIRE_SEND_LAST] = SEND_PART(OP_END, 0),
	[WIRE_SEND_LAST_IMM] = SEND_PART(OP_END | OP_IMM, IMM_BYTES),
	[WIRE_SEND_ONLY] = SEND_PART(OP_START | OP_END, 0),
	[WIRE_SEND_ONLY_IMM] = SEND_PART(OP_START | OP_END | OP_IMM, IMM_BYTES),
	[WIRE_WRITE_FIRST] = WRITE_PART(OP_START | OP_RETH, RETH_BYTES),
	[WIRE_WRITE_MIDDLE] = WRITE_PART(0, 0),
	[WIRE_WRITE_LAST] = WRITE_PART(OP_END, 0),
	[WIRE_WRITE_LAST_IMM] = WRITE_PART(OP_END | OP_IMM, IMM_BYTES),
	[WIRE_WRITE_ONLY] = WRITE_PART(OP_START | OP_END | OP_RETH, RETH_BYTES),
	[WIRE_WRITE_ONLY_IMM] = WRITE_PART(OP_START | OP_END | OP_RETH | OP_IMM, RETH_BYTES + IMM_BYTES),
	[WIRE_READ_REQUEST] = { OP_KNOWN | OP_REQUEST | OP_START | OP_END | OP_RETH, KIND_READ_REQUEST,
				RETH_BYTES },
	[WIRE_READ_FIRST] = RESPONSE(OP_START | OP_AETH, AETH_BYTES),
	[WIRE_READ_MIDDLE] = RESPONSE(0, 0),
	[WIRE_READ_LAST] = RESPONSE(OP_END | OP_AETH, AETH_BYTES),
	[WIRE_READ_ONLY] = RESPONSE(OP_START | OP_END | OP_AETH, AETH_BYTES),
	[WIRE_ACKNOWLEDGE] = { OP_KNOWN | OP_START | OP_END | OP_AETH, KIND_ACK, AETH_BYTES },
};

uint8_t roce_opcode_of(enum roce_op op, bool start, bool end)
{
	static const uint8_t parts[4][4] = { /* by op, then middle, start, end, only */
		[ROCE_SEND] = { WIRE_SEND_MIDDLE, WIRE_SEND_FIRST, WIRE_SEND_LAST, WIRE_SEND_ONLY },
		[ROCE_READ] = { WIRE_READ_REQUEST, WIRE_READ_REQUEST, WIRE_READ_REQUEST,
				WIRE_READ_REQUEST },
		[ROCE_WRITE] = { WIRE_WRITE_MIDDLE, WIRE_WRITE_FIRST, WIRE_WRITE_LAST,
				 WIRE_WRITE_ONLY },
		[ROCE_WRITE_IMM] = { WIRE_WRITE_MIDDLE, WIRE_WRITE_FIRST, WIRE_WRITE_LAST_IMM,
				     WIRE_WRITE_ONLY_IMM },
	};

	return parts[op][start + 2 * end];
}

uint8_t roce_opcode_of_response(bool start, bool end)
{
	static const uint8_t parts[4] = { WIRE_READ_MIDDLE, WIRE_READ_FIRST, WIRE_READ_LAST,
					  WIRE_READ_ONLY };

	return parts[start + 2 * end];
}
