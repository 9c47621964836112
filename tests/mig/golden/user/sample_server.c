/* Made by mig from sample.defs; do not edit. */
#include "sample_server.h"
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

static kern_return_t serve_sample_add(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_add_request *in __attribute__((unused)) = (void *)in_;
	struct sample_add_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_add == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 32 - sizeof(out->head));
	result_ = ops->sample_add(request_port_, in->a, in->b, &out->sum);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_size = 32;
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

static kern_return_t serve_sample_mixed(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_mixed_request *in __attribute__((unused)) = (void *)in_;
	struct sample_mixed_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_mixed == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 56 - sizeof(out->head));
	out->pair = in->pair;
	out->word = in->word;
	result_ = ops->sample_mixed(request_port_, in->small, in->big, &out->pair, &out->word,
		&out->tail);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_size = 56;
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

static kern_return_t serve_sample_strings(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_strings_request *in __attribute__((unused)) = (void *)in_;
	struct sample_strings_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_strings == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 48 - sizeof(out->head));
	uint32_t at_ = 48;
	void *name = mig_next(&in->head, &at_, in->nameCnt * 1u);
	void *full = (char *)out + 48;
	((char *)full)[0] = 0;
	result_ = ops->sample_strings(request_port_, name, in->label, full, out->tag);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_size = 48;
	out->fullCnt = mig_end_string(full, 32);
	mig_put(&out->head, full, out->fullCnt * 1u);
	out->tag[15] = 0;
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

static kern_return_t serve_sample_arrays(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_arrays_request *in __attribute__((unused)) = (void *)in_;
	struct sample_arrays_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_arrays == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 48 - sizeof(out->head));
	uint32_t at_ = 48;
	void *words = mig_next(&in->head, &at_, in->wordsCnt * 4u);
	void *bytes = mig_next(&in->head, &at_, in->bytesCnt * 1u);
	void *reversed = (char *)out + 48;
	mach_msg_type_number_t reversedCnt = 10;
	void *copy = (char *)out + 88;
	mach_msg_type_number_t copyCnt = in->copyCnt < 100 ? in->copyCnt : 100;
	result_ = ops->sample_arrays(request_port_, words, in->wordsCnt, bytes, in->bytesCnt,
		(void *)in->four, reversed, &reversedCnt, copy, &copyCnt, (void *)out->fours);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_size = 48;
	if (reversedCnt > 10)
		mig_overrun("sample_arrays");
	out->reversedCnt = reversedCnt;
	mig_put(&out->head, reversed, out->reversedCnt * 4u);
	if (copyCnt > 100)
		mig_overrun("sample_arrays");
	out->copyCnt = copyCnt;
	mig_put(&out->head, copy, out->copyCnt * 1u);
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

static kern_return_t serve_sample_rights(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_rights_request *in __attribute__((unused)) = (void *)in_;
	struct sample_rights_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_rights == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 48 - sizeof(out->head));
	mach_port_t back = 0;
	result_ = ops->sample_rights(request_port_, mig_port_of(&in->moved),
		mig_port_of(&in->copied), mig_port_of(&in->made), mig_port_of(&in->once), &back);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	out->body.msgh_descriptor_count = 1;
	out->head.msgh_size = 48;
	out->back = mig_port_descriptor(back, 17);
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

static kern_return_t serve_sample_receive(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_receive_request *in __attribute__((unused)) = (void *)in_;
	struct sample_receive_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_receive == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 48 - sizeof(out->head));
	mach_port_t same = 0;
	mach_msg_type_name_t samePoly = 0;
	result_ = ops->sample_receive(request_port_, mig_port_of(&in->right),
		mig_port_of(&in->poly), in->poly.disposition, &same, &samePoly);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	out->body.msgh_descriptor_count = 1;
	out->head.msgh_size = 48;
	out->same = mig_port_descriptor(same, samePoly);
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

static kern_return_t serve_sample_memory(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_memory_request *in __attribute__((unused)) = (void *)in_;
	struct sample_memory_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_memory == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 56 - sizeof(out->head));
	sample_memory_t result = 0;
	mach_msg_type_number_t resultCnt = 0;
	result_ = ops->sample_memory(request_port_, (sample_memory_t)(uintptr_t)in->data.address,
		(mach_msg_type_number_t)(in->data.size / 4),
		(sample_bounded_t)(uintptr_t)in->bounded.address,
		(mach_msg_type_number_t)(in->bounded.size / 1), &result, &resultCnt);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	out->body.msgh_descriptor_count = 1;
	out->head.msgh_size = 56;
	out->result = mig_memory_descriptor((const void *)(uintptr_t)result, (mach_vm_size_t)resultCnt * 4, 1);
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

static kern_return_t serve_sample_ports(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_ports_request *in __attribute__((unused)) = (void *)in_;
	struct sample_ports_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_ports == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 56 - sizeof(out->head));
	sample_send_array_t others = 0;
	mach_msg_type_number_t othersCnt = 0;
	result_ = ops->sample_ports(request_port_, mig_ports_of(&in->rights), in->rights.count,
		&out->number, &others, &othersCnt);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	out->body.msgh_descriptor_count = 1;
	out->head.msgh_size = 56;
	out->others = mig_ports_descriptor((const void *)(uintptr_t)others, othersCnt, 17, 1);
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

static kern_return_t serve_sample_note(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_note_request *in __attribute__((unused)) = (void *)in_;
	kern_return_t result_;

	(void)out_;
	(void)reply_port_;
	if (ops->sample_note == NULL)
		return MIG_BAD_ID;
	result_ = ops->sample_note(request_port_, mig_port_of(&in->right), in->value);
	return result_;
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

static kern_return_t serve_sample_later(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_later_request *in __attribute__((unused)) = (void *)in_;
	struct sample_later_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_later == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 32 - sizeof(out->head));
	result_ = ops->sample_later(request_port_, reply_port_, in->value, &out->twice);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_size = 32;
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

static kern_return_t serve_sample_timed(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_timed_request *in __attribute__((unused)) = (void *)in_;
	struct sample_timed_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_timed == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 32 - sizeof(out->head));
	result_ = ops->sample_timed(request_port_, &out->value);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_size = 32;
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

static kern_return_t serve_sample_typed(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_typed_request *in __attribute__((unused)) = (void *)in_;
	kern_return_t result_;

	(void)out_;
	(void)reply_port_;
	if (ops->sample_typed == NULL)
		return MIG_BAD_ID;
	uint32_t at_ = 56;
	void *words = mig_next(&in->head, &at_, in->wordsCnt * 4u);
	result_ = ops->sample_typed(request_port_, mig_port_of(&in->observer), words, in->wordsCnt);
	return result_;
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

static kern_return_t serve_sample_inout(const void *ops_, mach_port_t request_port_, mach_port_t reply_port_,
				mach_msg_header_t *in_, mach_msg_header_t *out_)
{
	const struct sample_ops *ops = ops_;
	struct sample_inout_request *in __attribute__((unused)) = (void *)in_;
	struct sample_inout_reply *out = (void *)out_;
	kern_return_t result_;

	(void)request_port_;
	(void)reply_port_;
	if (ops->sample_inout == NULL)
		return MIG_BAD_ID;
	__builtin_memset((char *)out + sizeof(out->head), 0, 40 - sizeof(out->head));
	uint32_t at_ = 40;
	void *prefix = mig_next(&in->head, &at_, in->prefixCnt * 1u);
	void *words = (char *)out + 40;
	const void *wordsIn = mig_next(&in->head, &at_, in->wordsCnt * 4u);
	mach_msg_type_number_t wordsCnt = in->wordsCnt;
	void *bytes = (char *)out + 80;
	const void *bytesIn = mig_next(&in->head, &at_, in->bytesCnt * 1u);
	mach_msg_type_number_t bytesCnt = in->bytesCnt;
	__builtin_memcpy(words, wordsIn, in->wordsCnt * 4u);
	__builtin_memcpy(bytes, bytesIn, in->bytesCnt * 1u);
	result_ = ops->sample_inout(request_port_, prefix, words, &wordsCnt, bytes, &bytesCnt);
	if (result_ != KERN_SUCCESS)
		return result_;
	out->head.msgh_size = 40;
	if (wordsCnt > 10)
		mig_overrun("sample_inout");
	out->wordsCnt = wordsCnt;
	mig_put(&out->head, words, out->wordsCnt * 4u);
	if (bytesCnt > 100)
		mig_overrun("sample_inout");
	out->bytesCnt = bytesCnt;
	mig_put(&out->head, bytes, out->bytesCnt * 1u);
	return KERN_SUCCESS;
}

static const mig_stub_t stubs[14] = {
	[0] = serve_sample_add,
	[1] = serve_sample_mixed,
	[2] = serve_sample_strings,
	[3] = serve_sample_arrays,
	[5] = serve_sample_rights,
	[6] = serve_sample_receive,
	[7] = serve_sample_memory,
	[8] = serve_sample_ports,
	[9] = serve_sample_note,
	[10] = serve_sample_later,
	[11] = serve_sample_timed,
	[12] = serve_sample_typed,
	[13] = serve_sample_inout,
};

const struct mig_server sample_mig_server = { &sample_subsystem, stubs };

boolean_t sample_demux(const struct sample_ops *ops, mach_msg_header_t *in, mach_msg_header_t *out)
{
	return mig_dispatch(&sample_mig_server, ops, in, out);
}

boolean_t sample_server(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct sample_ops ops = {
		.sample_add = sample_add,
		.sample_mixed = sample_mixed,
		.sample_strings = sample_strings,
		.sample_arrays = sample_arrays,
		.sample_rights = sample_rights,
		.sample_receive = sample_receive,
		.sample_memory = sample_memory,
		.sample_ports = sample_ports,
		.sample_note = sample_note,
		.sample_later = sample_later,
		.sample_timed = sample_timed,
		.sample_typed = sample_typed,
		.sample_inout = sample_inout,
	};

	return sample_demux(&ops, in, out);
}
