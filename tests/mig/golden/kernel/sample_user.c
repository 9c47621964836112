/* Made by mig from sample.defs; do not edit. */
#include "sample.h"
#include <ipc/mach_msg.h>
#include <kern/assert.h>
#include <stddef.h>
#include <vm/vm_map_copy.h>

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

kern_return_t sample_add(mach_port_t server, int a, int b, int *sum, uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(32);
	struct sample_add_request *in;
	struct sample_add_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_add_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, 0);
	in->head.msgh_size = 32;
	in->head.msgh_id = 90000;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->a = a;
	in->b = b;
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_add_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[0], reply_->ikm_header, 90000);
	if (result_ == KERN_SUCCESS) {
		*sum = out->sum;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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
				uint16_t *word, uint8_t *tail, uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(64);
	struct sample_mixed_request *in;
	struct sample_mixed_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_mixed_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, 0);
	in->head.msgh_size = 64;
	in->head.msgh_id = 90001;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->small = small;
	__builtin_memset(in->pad_25, 0, 7);
	in->big = big;
	in->pair = *pair;
	in->word = *word;
	__builtin_memset(in->pad_58, 0, 6);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_mixed_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[1], reply_->ikm_header, 90001);
	if (result_ == KERN_SUCCESS) {
		*pair = out->pair;
		*word = out->word;
		*tail = out->tail;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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
				char *tag, uint64_t deadline_ns)
{
	uint32_t nameBytes_ = (mig_string_bytes(name, 32)) * 1u;
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(48 + MIG_ALIGN(nameBytes_, 8u));
	struct sample_strings_request *in;
	struct sample_strings_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	KASSERT(nameBytes_ <= 32u);
	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_strings_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, 0);
	in->head.msgh_size = 48;
	in->head.msgh_id = 90002;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->nameCnt = nameBytes_ / 1u;
	(void)mig_put_fixed_string(in->label, 16, label);
	__builtin_memset(in->pad_44, 0, 4);
	mig_put(&in->head, name, nameBytes_);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_strings_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[2], reply_->ikm_header, 90002);
	if (result_ == KERN_SUCCESS) {
		uint32_t at_ = 48;
		__builtin_memcpy(tag, out->tag, 16);
		mig_get(&out->head, &at_, full, out->fullCnt * 1u);
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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
				sample_four_t fours, uint64_t deadline_ns)
{
	uint32_t wordsBytes_ = (wordsCnt) * 4u;
	uint32_t bytesBytes_ = (bytesCnt) * 1u;
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(48 + MIG_ALIGN(wordsBytes_, 8u) + MIG_ALIGN(bytesBytes_, 8u));
	struct sample_arrays_request *in;
	struct sample_arrays_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	KASSERT(wordsBytes_ <= 40u);
	KASSERT(bytesBytes_ <= 100u);
	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_arrays_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, 0);
	in->head.msgh_size = 48;
	in->head.msgh_id = 90003;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->wordsCnt = wordsBytes_ / 4u;
	in->bytesCnt = bytesBytes_ / 1u;
	__builtin_memcpy(in->four, four, 8);
	in->copyCnt = *copyCnt;
	__builtin_memset(in->pad_44, 0, 4);
	mig_put(&in->head, words, wordsBytes_);
	mig_put(&in->head, bytes, bytesBytes_);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_arrays_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[3], reply_->ikm_header, 90003);
	if (result_ == KERN_SUCCESS) {
		uint32_t at_ = 48;
		__builtin_memcpy(fours, out->fours, 8);
		if (out->reversedCnt > *reversedCnt)
			result_ = MIG_ARRAY_TOO_LARGE;
		else
			mig_get(&out->head, &at_, reversed, out->reversedCnt * 4u);
		*reversedCnt = out->reversedCnt;
		if (out->copyCnt > *copyCnt)
			result_ = MIG_ARRAY_TOO_LARGE;
		else
			mig_get(&out->head, &at_, copy, out->copyCnt * 1u);
		*copyCnt = out->copyCnt;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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
				mach_port_t made, mach_port_t once, mach_port_t *back,
				uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(96);
	struct sample_rights_request *in;
	struct sample_rights_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		mig_release_right(moved, 17);
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_rights_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_size = 96;
	in->head.msgh_id = 90005;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->body = (mach_msg_body_t){ 4, 0 };
	in->moved = mig_port_descriptor(moved, 17);
	in->copied = mig_port_descriptor(ipc_port_copy_send(copied), 17);
	in->made = mig_port_descriptor(ipc_port_make_send(made), 17);
	in->once = mig_port_descriptor(ipc_port_make_sonce(once), 18);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_rights_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[5], reply_->ikm_header, 90005);
	if (result_ == KERN_SUCCESS) {
		*back = mig_port_of(&out->back);
		out->back.kport = 0;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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
				mach_msg_type_name_t *samePoly, uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(64);
	struct sample_receive_request *in;
	struct sample_receive_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		mig_release_right(right, 16);
		mig_release_right(poly, polyPoly);
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_receive_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_size = 64;
	in->head.msgh_id = 90006;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->body = (mach_msg_body_t){ 2, 0 };
	in->right = mig_port_descriptor(right, 16);
	in->poly = mig_port_descriptor(poly, polyPoly);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_receive_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[6], reply_->ikm_header, 90006);
	if (result_ == KERN_SUCCESS) {
		*same = mig_port_of(&out->same);
		out->same.kport = 0;
		*samePoly = out->same.disposition;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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

kern_return_t sample_memory(mach_port_t server, struct vm_map_copy *data,
				mach_msg_type_number_t dataCnt, struct vm_map_copy *bounded,
				mach_msg_type_number_t boundedCnt, struct vm_map_copy **result,
				mach_msg_type_number_t *resultCnt, uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(80);
	struct sample_memory_request *in;
	struct sample_memory_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		if (data != NULL)
			vm_map_copy_discard(data);
		if (bounded != NULL)
			vm_map_copy_discard(bounded);
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_memory_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_size = 80;
	in->head.msgh_id = 90007;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->body = (mach_msg_body_t){ 2, 0 };
	in->data = mig_memory_descriptor(data, (mach_vm_size_t)dataCnt * 4, 1);
	in->bounded = mig_memory_descriptor(bounded, (mach_vm_size_t)boundedCnt * 1, 1);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_memory_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[7], reply_->ikm_header, 90007);
	if (result_ == KERN_SUCCESS) {
		*result = mig_memory_of(&out->result);
		*resultCnt = (mach_msg_type_number_t)(out->result.size / 4);
		out->result.kcopy = 0;
		out->result.size = 0;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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

kern_return_t sample_ports(mach_port_t server, mach_port_t *rights,
				mach_msg_type_number_t rightsCnt, natural_t *number,
				mach_port_t **others, mach_msg_type_number_t *othersCnt,
				uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(48);
	struct sample_ports_request *in;
	struct sample_ports_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		mig_release_rights(rights, rightsCnt, 17);
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_ports_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_size = 48;
	in->head.msgh_id = 90008;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->body = (mach_msg_body_t){ 1, 0 };
	in->rights = mig_ports_descriptor(rights, rightsCnt, 17, 1);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_ports_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[8], reply_->ikm_header, 90008);
	if (result_ == KERN_SUCCESS) {
		*others = mig_ports_of(&out->others);
		*othersCnt = out->others.count;
		out->others.kports = 0;
		out->others.count = 0;
		*number = out->number;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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

kern_return_t sample_note(mach_port_t server, mach_port_t right, int value,
				mach_msg_option_t option, uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(56);
	struct sample_note_request *in;

	if (kmsg_ == NULL) {
		mig_release_right(right, 17);
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_note_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_size = 56;
	in->head.msgh_id = 90009;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->body = (mach_msg_body_t){ 1, 0 };
	in->right = mig_port_descriptor(right, 17);
	in->value = value;
	__builtin_memset(in->pad_52, 0, 4);
	return mig_kernel_send(kmsg_, option, deadline_ns);
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

kern_return_t sample_later(mach_port_t server, int value, int *twice, uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(28);
	struct sample_later_request *in;
	struct sample_later_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_later_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, 0);
	in->head.msgh_size = 28;
	in->head.msgh_id = 90010;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->value = value;
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_later_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[10], reply_->ikm_header, 90010);
	if (result_ == KERN_SUCCESS) {
		*twice = out->twice;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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

kern_return_t sample_timed(mach_port_t server, int *value, uint64_t deadline_ns)
{
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(24);
	struct sample_timed_request *in;
	struct sample_timed_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_timed_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, 0);
	in->head.msgh_size = 24;
	in->head.msgh_id = 90011;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_timed_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[11], reply_->ikm_header, 90011);
	if (result_ == KERN_SUCCESS) {
		*value = out->value;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
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
				mach_msg_type_number_t wordsCnt, mach_msg_option_t option,
				uint64_t deadline_ns)
{
	uint32_t wordsBytes_ = (wordsCnt) * 4u;
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(56 + MIG_ALIGN(wordsBytes_, 8u));
	struct sample_typed_request *in;

	KASSERT(wordsBytes_ <= 40u);
	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_typed_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, MACH_MSGH_BITS_COMPLEX);
	in->head.msgh_size = 56;
	in->head.msgh_id = 90012;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->body = (mach_msg_body_t){ 1, 0 };
	in->observer = mig_port_descriptor(ipc_port_make_send(observer), 17);
	in->wordsCnt = wordsBytes_ / 4u;
	__builtin_memset(in->pad_52, 0, 4);
	mig_put(&in->head, words, wordsBytes_);
	return mig_kernel_send(kmsg_, option, deadline_ns);
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
				mach_msg_type_number_t *bytesCnt, uint64_t deadline_ns)
{
	uint32_t prefixBytes_ = (mig_string_bytes(prefix, 32)) * 1u;
	uint32_t wordsBytes_ = (*wordsCnt) * 4u;
	uint32_t bytesBytes_ = (*bytesCnt) * 1u;
	struct ipc_kmsg *kmsg_ = ipc_kmsg_alloc(40 + MIG_ALIGN(prefixBytes_, 8u) + MIG_ALIGN(wordsBytes_, 8u) + MIG_ALIGN(bytesBytes_, 8u));
	struct sample_inout_request *in;
	struct sample_inout_reply *out __attribute__((unused));
	struct ipc_kmsg *reply_;
	kern_return_t result_;

	KASSERT(prefixBytes_ <= 32u);
	KASSERT(wordsBytes_ <= 40u);
	KASSERT(bytesBytes_ <= 100u);
	if (kmsg_ == NULL) {
		return KERN_RESOURCE_SHORTAGE;
	}
	in = (struct sample_inout_request *)kmsg_->ikm_header;
	in->head.msgh_bits = MACH_MSGH_BITS_SET(17, 0, 0, 0);
	in->head.msgh_size = 40;
	in->head.msgh_id = 90013;
	kmsg_->ikm_remote_port = ipc_port_copy_send(server);
	in->prefixCnt = prefixBytes_ / 1u;
	in->wordsCnt = wordsBytes_ / 4u;
	in->bytesCnt = bytesBytes_ / 1u;
	__builtin_memset(in->pad_36, 0, 4);
	mig_put(&in->head, prefix, prefixBytes_);
	mig_put(&in->head, words, wordsBytes_);
	mig_put(&in->head, bytes, bytesBytes_);
	result_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);
	if (result_ != KERN_SUCCESS)
		return result_;
	out = (struct sample_inout_reply *)reply_->ikm_header;
	result_ = mig_check_reply_id(&sample_subsystem.routines[13], reply_->ikm_header, 90013);
	if (result_ == KERN_SUCCESS) {
		uint32_t at_ = 40;
		if (out->wordsCnt > *wordsCnt)
			result_ = MIG_ARRAY_TOO_LARGE;
		else
			mig_get(&out->head, &at_, words, out->wordsCnt * 4u);
		*wordsCnt = out->wordsCnt;
		if (out->bytesCnt > *bytesCnt)
			result_ = MIG_ARRAY_TOO_LARGE;
		else
			mig_get(&out->head, &at_, bytes, out->bytesCnt * 1u);
		*bytesCnt = out->bytesCnt;
	}
	ipc_kmsg_destroy(reply_);
	return result_;
}
