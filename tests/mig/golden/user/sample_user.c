/* Made by mig from sample.defs; do not edit. */
#include "sample.h"
#include <stddef.h>

struct sample_add_request {
	mach_msg_header_t head;
	int a;
	int b;
};
_Static_assert(offsetof(struct sample_add_request, a) == 24, "sample_add_request.a");
_Static_assert(offsetof(struct sample_add_request, b) == 28, "sample_add_request.b");
_Static_assert(sizeof(struct sample_add_request) == 32, "sample_add_request");
struct sample_add_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	int sum;
};
_Static_assert(offsetof(struct sample_add_reply, sum) == 28, "sample_add_reply.sum");
_Static_assert(sizeof(struct sample_add_reply) == 32, "sample_add_reply");

kern_return_t sample_add(mach_port_t server, int a, int b, int *sum)
{
	union {
		struct sample_add_request in;
		struct {
			struct sample_add_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_add_request *in = &message_.in;
	struct sample_add_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, 0);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90000;
	in->head.msgh_size = 32;
	in->a = a;
	in->b = b;
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[0],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	*sum = out->sum;
	return KERN_SUCCESS;
}

struct sample_mixed_request {
	mach_msg_header_t head;
	uint8_t small;
	uint8_t pad_25[7];
	uint64_t big;
	sample_pair_t pair;
	uint16_t word;
	uint8_t pad_58[6];
};
_Static_assert(offsetof(struct sample_mixed_request, small) == 24, "sample_mixed_request.small");
_Static_assert(offsetof(struct sample_mixed_request, big) == 32, "sample_mixed_request.big");
_Static_assert(offsetof(struct sample_mixed_request, pair) == 40, "sample_mixed_request.pair");
_Static_assert(offsetof(struct sample_mixed_request, word) == 56, "sample_mixed_request.word");
_Static_assert(sizeof(struct sample_mixed_request) == 64, "sample_mixed_request");
struct sample_mixed_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	uint8_t pad_28[4];
	sample_pair_t pair;
	uint16_t word;
	uint8_t tail;
	uint8_t pad_51[5];
};
_Static_assert(offsetof(struct sample_mixed_reply, pair) == 32, "sample_mixed_reply.pair");
_Static_assert(offsetof(struct sample_mixed_reply, word) == 48, "sample_mixed_reply.word");
_Static_assert(offsetof(struct sample_mixed_reply, tail) == 50, "sample_mixed_reply.tail");
_Static_assert(sizeof(struct sample_mixed_reply) == 56, "sample_mixed_reply");

kern_return_t sample_mixed(mach_port_t server, uint8_t small, uint64_t big, sample_pair_t *pair,
				uint16_t *word, uint8_t *tail)
{
	union {
		struct sample_mixed_request in;
		struct {
			struct sample_mixed_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_mixed_request *in = &message_.in;
	struct sample_mixed_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, 0);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90001;
	in->head.msgh_size = 64;
	in->small = small;
	__builtin_memset(in->pad_25, 0, 7);
	in->big = big;
	in->pair = *pair;
	in->word = *word;
	__builtin_memset(in->pad_58, 0, 6);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[1],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	*pair = out->pair;
	*word = out->word;
	*tail = out->tail;
	return KERN_SUCCESS;
}

struct sample_strings_request {
	mach_msg_header_t head;
	uint32_t nameCnt;
	char label[16];
	uint8_t pad_44[4];
	uint8_t variable[32] __attribute__((aligned(8)));
};
_Static_assert(offsetof(struct sample_strings_request, nameCnt) == 24, "sample_strings_request.nameCnt");
_Static_assert(offsetof(struct sample_strings_request, label) == 28, "sample_strings_request.label");
_Static_assert(sizeof(struct sample_strings_request) == 80, "sample_strings_request");
struct sample_strings_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	uint32_t fullCnt;
	char tag[16];
	uint8_t variable[32] __attribute__((aligned(8)));
};
_Static_assert(offsetof(struct sample_strings_reply, fullCnt) == 28, "sample_strings_reply.fullCnt");
_Static_assert(offsetof(struct sample_strings_reply, tag) == 32, "sample_strings_reply.tag");
_Static_assert(sizeof(struct sample_strings_reply) == 80, "sample_strings_reply");

kern_return_t sample_strings(mach_port_t server, const char *name, const char *label, char *full,
				char *tag)
{
	union {
		struct sample_strings_request in;
		struct {
			struct sample_strings_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_strings_request *in = &message_.in;
	struct sample_strings_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, 0);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90002;
	in->head.msgh_size = 48;
	if (!mig_put_fixed_string(in->label, 16, label))
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	__builtin_memset(in->pad_44, 0, 4);
	in->nameCnt = mig_string_bytes(name, 32);
	if (in->nameCnt > 32)
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	mig_put(&in->head, name, in->nameCnt * 1u);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[2],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	uint32_t at = 48;
	__builtin_memcpy(tag, out->tag, 16);
	mig_get(&out->head, &at, full, out->fullCnt * 1u);
	return KERN_SUCCESS;
}

struct sample_arrays_request {
	mach_msg_header_t head;
	uint32_t wordsCnt;
	uint32_t bytesCnt;
	uint16_t four[4];
	uint32_t copyCnt;
	uint8_t pad_44[4];
	uint8_t variable[144] __attribute__((aligned(8)));
};
_Static_assert(offsetof(struct sample_arrays_request, wordsCnt) == 24, "sample_arrays_request.wordsCnt");
_Static_assert(offsetof(struct sample_arrays_request, bytesCnt) == 28, "sample_arrays_request.bytesCnt");
_Static_assert(offsetof(struct sample_arrays_request, four) == 32, "sample_arrays_request.four");
_Static_assert(offsetof(struct sample_arrays_request, copyCnt) == 40, "sample_arrays_request.copyCnt");
_Static_assert(sizeof(*(sample_words_t){ 0 }) == 4, "sample_arrays_request.words[0]");
_Static_assert(sizeof(*(sample_bytes_t){ 0 }) == 1, "sample_arrays_request.bytes[0]");
_Static_assert(sizeof(struct sample_arrays_request) == 192, "sample_arrays_request");
struct sample_arrays_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	uint32_t reversedCnt;
	uint32_t copyCnt;
	uint16_t fours[4];
	uint8_t pad_44[4];
	uint8_t variable[144] __attribute__((aligned(8)));
};
_Static_assert(offsetof(struct sample_arrays_reply, reversedCnt) == 28, "sample_arrays_reply.reversedCnt");
_Static_assert(offsetof(struct sample_arrays_reply, copyCnt) == 32, "sample_arrays_reply.copyCnt");
_Static_assert(offsetof(struct sample_arrays_reply, fours) == 36, "sample_arrays_reply.fours");
_Static_assert(sizeof(*(sample_words_t){ 0 }) == 4, "sample_arrays_reply.reversed[0]");
_Static_assert(sizeof(*(sample_bytes_t){ 0 }) == 1, "sample_arrays_reply.copy[0]");
_Static_assert(sizeof(struct sample_arrays_reply) == 192, "sample_arrays_reply");

kern_return_t sample_arrays(mach_port_t server, sample_words_t words,
				mach_msg_type_number_t wordsCnt, sample_bytes_t bytes,
				mach_msg_type_number_t bytesCnt, sample_four_t four,
				sample_words_t reversed, mach_msg_type_number_t *reversedCnt,
				sample_bytes_t copy, mach_msg_type_number_t *copyCnt,
				sample_four_t fours)
{
	union {
		struct sample_arrays_request in;
		struct {
			struct sample_arrays_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_arrays_request *in = &message_.in;
	struct sample_arrays_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, 0);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90003;
	in->head.msgh_size = 48;
	__builtin_memcpy(in->four, four, 8);
	in->copyCnt = *copyCnt < 100 ? *copyCnt : 100;
	__builtin_memset(in->pad_44, 0, 4);
	in->wordsCnt = wordsCnt;
	if (in->wordsCnt > 10)
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	mig_put(&in->head, words, in->wordsCnt * 4u);
	in->bytesCnt = bytesCnt;
	if (in->bytesCnt > 100)
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	mig_put(&in->head, bytes, in->bytesCnt * 1u);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[3],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	uint32_t at = 48;
	if (out->copyCnt > *copyCnt) {
		*copyCnt = out->copyCnt;
		mach_msg_destroy(&out->head);
		return MIG_ARRAY_TOO_LARGE;
	}
	__builtin_memcpy(fours, out->fours, 8);
	mig_get(&out->head, &at, reversed, out->reversedCnt * 4u);
	*reversedCnt = out->reversedCnt;
	mig_get(&out->head, &at, copy, out->copyCnt * 1u);
	*copyCnt = out->copyCnt;
	return KERN_SUCCESS;
}

struct sample_rights_request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t moved;
	mach_msg_port_descriptor_t copied;
	mach_msg_port_descriptor_t made;
	mach_msg_port_descriptor_t once;
};
_Static_assert(sizeof(struct sample_rights_request) == 96, "sample_rights_request");
struct sample_rights_reply {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t back;
};
_Static_assert(sizeof(struct sample_rights_reply) == 48, "sample_rights_reply");

kern_return_t sample_rights(mach_port_t server, mach_port_t moved, mach_port_t copied,
				mach_port_t made, mach_port_t once, mach_port_t *back)
{
	union {
		struct sample_rights_request in;
		struct {
			struct sample_rights_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_rights_request *in = &message_.in;
	struct sample_rights_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90005;
	in->head.msgh_size = 96;
	in->body = (mach_msg_body_t){ 4, 0 };
	in->moved = mig_port_descriptor(moved, 17);
	in->copied = mig_port_descriptor(copied, 19);
	in->made = mig_port_descriptor(made, 20);
	in->once = mig_port_descriptor(once, 21);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[5],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	*back = out->back.name;
	return KERN_SUCCESS;
}

struct sample_receive_request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t right;
	mach_msg_port_descriptor_t poly;
};
_Static_assert(sizeof(struct sample_receive_request) == 64, "sample_receive_request");
struct sample_receive_reply {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t same;
};
_Static_assert(sizeof(struct sample_receive_reply) == 48, "sample_receive_reply");

kern_return_t sample_receive(mach_port_t server, mach_port_t right, mach_port_t poly,
				mach_msg_type_name_t polyPoly, mach_port_t *same,
				mach_msg_type_name_t *samePoly)
{
	union {
		struct sample_receive_request in;
		struct {
			struct sample_receive_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_receive_request *in = &message_.in;
	struct sample_receive_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90006;
	in->head.msgh_size = 64;
	in->body = (mach_msg_body_t){ 2, 0 };
	in->right = mig_port_descriptor(right, 16);
	in->poly = mig_port_descriptor(poly, polyPoly);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[6],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	*same = out->same.name;
	*samePoly = out->same.disposition;
	return KERN_SUCCESS;
}

struct sample_memory_request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t data;
	mach_msg_ool_descriptor_t bounded;
};
_Static_assert(sizeof(struct sample_memory_request) == 80, "sample_memory_request");
struct sample_memory_reply {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t result;
};
_Static_assert(sizeof(struct sample_memory_reply) == 56, "sample_memory_reply");

kern_return_t sample_memory(mach_port_t server, sample_memory_t data,
				mach_msg_type_number_t dataCnt, sample_bounded_t bounded,
				mach_msg_type_number_t boundedCnt, sample_memory_t *result,
				mach_msg_type_number_t *resultCnt)
{
	union {
		struct sample_memory_request in;
		struct {
			struct sample_memory_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_memory_request *in = &message_.in;
	struct sample_memory_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90007;
	in->head.msgh_size = 80;
	in->body = (mach_msg_body_t){ 2, 0 };
	in->data = mig_memory_descriptor((const void *)(uintptr_t)data, (mach_vm_size_t)dataCnt * 4, 0);
	in->bounded = mig_memory_descriptor((const void *)(uintptr_t)bounded, (mach_vm_size_t)boundedCnt * 1, 1);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[7],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	*result = (sample_memory_t)(uintptr_t)out->result.address;
	*resultCnt = (mach_msg_type_number_t)(out->result.size / 4);
	return KERN_SUCCESS;
}

struct sample_ports_request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_ports_descriptor_t rights;
};
_Static_assert(sizeof(struct sample_ports_request) == 48, "sample_ports_request");
struct sample_ports_reply {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_ports_descriptor_t others;
	natural_t number;
	uint8_t pad_52[4];
};
_Static_assert(offsetof(struct sample_ports_reply, number) == 48, "sample_ports_reply.number");
_Static_assert(sizeof(struct sample_ports_reply) == 56, "sample_ports_reply");

kern_return_t sample_ports(mach_port_t server, sample_send_array_t rights,
				mach_msg_type_number_t rightsCnt, natural_t *number,
				sample_send_array_t *others, mach_msg_type_number_t *othersCnt)
{
	union {
		struct sample_ports_request in;
		struct {
			struct sample_ports_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_ports_request *in = &message_.in;
	struct sample_ports_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90008;
	in->head.msgh_size = 48;
	in->body = (mach_msg_body_t){ 1, 0 };
	in->rights = mig_ports_descriptor((const void *)(uintptr_t)rights, rightsCnt, 17, 0);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[8],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	*others = (sample_send_array_t)(uintptr_t)out->others.address;
	*othersCnt = out->others.count;
	*number = out->number;
	return KERN_SUCCESS;
}

struct sample_note_request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t right;
	int value;
	uint8_t pad_52[4];
};
_Static_assert(offsetof(struct sample_note_request, value) == 48, "sample_note_request.value");
_Static_assert(sizeof(struct sample_note_request) == 56, "sample_note_request");

kern_return_t sample_note(mach_port_t server, mach_port_t right, int value)
{
	struct sample_note_request request_, *in = &request_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90009;
	in->head.msgh_size = 56;
	in->body = (mach_msg_body_t){ 1, 0 };
	in->right = mig_port_descriptor(right, 17);
	in->value = value;
	__builtin_memset(in->pad_52, 0, 4);
	return mig_send(&in->head, MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
}

struct sample_later_request {
	mach_msg_header_t head;
	int value;
};
_Static_assert(offsetof(struct sample_later_request, value) == 24, "sample_later_request.value");
_Static_assert(sizeof(struct sample_later_request) == 28, "sample_later_request");
struct sample_later_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	int twice;
};
_Static_assert(offsetof(struct sample_later_reply, twice) == 28, "sample_later_reply.twice");
_Static_assert(sizeof(struct sample_later_reply) == 32, "sample_later_reply");

kern_return_t sample_later(mach_port_t server, int value, int *twice)
{
	union {
		struct sample_later_request in;
		struct {
			struct sample_later_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_later_request *in = &message_.in;
	struct sample_later_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, 0);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90010;
	in->head.msgh_size = 28;
	in->value = value;
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[10],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	*twice = out->twice;
	return KERN_SUCCESS;
}

struct sample_timed_request {
	mach_msg_header_t head;
};
_Static_assert(sizeof(struct sample_timed_request) == 24, "sample_timed_request");
struct sample_timed_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	int value;
};
_Static_assert(offsetof(struct sample_timed_reply, value) == 28, "sample_timed_reply.value");
_Static_assert(sizeof(struct sample_timed_reply) == 32, "sample_timed_reply");

kern_return_t sample_timed(mach_port_t server, mach_msg_timeout_t milliseconds, int *value)
{
	union {
		struct sample_timed_request in;
		struct {
			struct sample_timed_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_timed_request *in = &message_.in;
	struct sample_timed_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, 0);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90011;
	in->head.msgh_size = 24;
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[11],
			   MACH_RCV_TIMEOUT, milliseconds);
	if (result_ != KERN_SUCCESS)
		return result_;
	*value = out->value;
	return KERN_SUCCESS;
}

struct sample_typed_request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t observer;
	uint32_t wordsCnt;
	uint8_t pad_52[4];
	uint8_t variable[40] __attribute__((aligned(8)));
};
_Static_assert(offsetof(struct sample_typed_request, wordsCnt) == 48, "sample_typed_request.wordsCnt");
_Static_assert(sizeof(*(sample_words_t){ 0 }) == 4, "sample_typed_request.words[0]");
_Static_assert(sizeof(struct sample_typed_request) == 96, "sample_typed_request");

kern_return_t sample_typed(mach_port_t server, mach_port_t observer, sample_words_t words,
				mach_msg_type_number_t wordsCnt)
{
	struct sample_typed_request request_, *in = &request_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90012;
	in->head.msgh_size = 56;
	in->body = (mach_msg_body_t){ 1, 0 };
	in->observer = mig_port_descriptor(observer, 20);
	__builtin_memset(in->pad_52, 0, 4);
	in->wordsCnt = wordsCnt;
	if (in->wordsCnt > 10)
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	mig_put(&in->head, words, in->wordsCnt * 4u);
	return mig_send(&in->head, MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
}

struct sample_inout_request {
	mach_msg_header_t head;
	uint32_t prefixCnt;
	uint32_t wordsCnt;
	uint32_t bytesCnt;
	uint8_t pad_36[4];
	uint8_t variable[176] __attribute__((aligned(8)));
};
_Static_assert(offsetof(struct sample_inout_request, prefixCnt) == 24, "sample_inout_request.prefixCnt");
_Static_assert(offsetof(struct sample_inout_request, wordsCnt) == 28, "sample_inout_request.wordsCnt");
_Static_assert(offsetof(struct sample_inout_request, bytesCnt) == 32, "sample_inout_request.bytesCnt");
_Static_assert(sizeof(*(sample_words_t){ 0 }) == 4, "sample_inout_request.words[0]");
_Static_assert(sizeof(*(sample_bytes_t){ 0 }) == 1, "sample_inout_request.bytes[0]");
_Static_assert(sizeof(struct sample_inout_request) == 216, "sample_inout_request");
struct sample_inout_reply {
	mach_msg_header_t head;
	kern_return_t RetCode;
	uint32_t wordsCnt;
	uint32_t bytesCnt;
	uint8_t pad_36[4];
	uint8_t variable[144] __attribute__((aligned(8)));
};
_Static_assert(offsetof(struct sample_inout_reply, wordsCnt) == 28, "sample_inout_reply.wordsCnt");
_Static_assert(offsetof(struct sample_inout_reply, bytesCnt) == 32, "sample_inout_reply.bytesCnt");
_Static_assert(sizeof(*(sample_words_t){ 0 }) == 4, "sample_inout_reply.words[0]");
_Static_assert(sizeof(*(sample_bytes_t){ 0 }) == 1, "sample_inout_reply.bytes[0]");
_Static_assert(sizeof(struct sample_inout_reply) == 184, "sample_inout_reply");

kern_return_t sample_inout(mach_port_t server, const char *prefix, sample_words_t words,
				mach_msg_type_number_t *wordsCnt, sample_bytes_t bytes,
				mach_msg_type_number_t *bytesCnt)
{
	union {
		struct sample_inout_request in;
		struct {
			struct sample_inout_reply reply;
			mach_msg_max_trailer_t trailer;
		} out;
	} message_;
	struct sample_inout_request *in = &message_.in;
	struct sample_inout_reply *out = &message_.out.reply;
	kern_return_t result_;

	in->head.msgh_bits = MACH_MSGH_BITS_SET(19, 0, 0, 0);
	in->head.msgh_remote_port = server;
	in->head.msgh_local_port = MACH_PORT_NULL;
	in->head.msgh_voucher_port = MACH_PORT_NULL;
	in->head.msgh_id = 90013;
	in->head.msgh_size = 40;
	__builtin_memset(in->pad_36, 0, 4);
	in->prefixCnt = mig_string_bytes(prefix, 32);
	if (in->prefixCnt > 32)
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	mig_put(&in->head, prefix, in->prefixCnt * 1u);
	in->wordsCnt = *wordsCnt;
	if (in->wordsCnt > 10)
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	mig_put(&in->head, words, in->wordsCnt * 4u);
	in->bytesCnt = *bytesCnt;
	if (in->bytesCnt > 100)
		return mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);
	mig_put(&in->head, bytes, in->bytesCnt * 1u);
	result_ = mig_call(&in->head, sizeof(message_.out), &sample_subsystem.routines[13],
			   MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
	if (result_ != KERN_SUCCESS)
		return result_;
	uint32_t at = 40;
	if (out->wordsCnt > *wordsCnt) {
		*wordsCnt = out->wordsCnt;
		mach_msg_destroy(&out->head);
		return MIG_ARRAY_TOO_LARGE;
	}
	if (out->bytesCnt > *bytesCnt) {
		*bytesCnt = out->bytesCnt;
		mach_msg_destroy(&out->head);
		return MIG_ARRAY_TOO_LARGE;
	}
	mig_get(&out->head, &at, words, out->wordsCnt * 4u);
	*wordsCnt = out->wordsCnt;
	mig_get(&out->head, &at, bytes, out->bytesCnt * 1u);
	*bytesCnt = out->bytesCnt;
	return KERN_SUCCESS;
}
