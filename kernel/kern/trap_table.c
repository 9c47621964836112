/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap_table.c - the Mach traps: number (negated) -> function. Numbers are XNU's (osfmk/mach/syscall_sw.h).
 *
 * All but mach_msg and the self ports are shortcuts of calls that exist as messages too (design D4).
 */
#include <ipc/ipc_tt.h>
#include <ipc/mach_msg.h>
#include <ipc/mach_port.h>
#include <kern/emulation.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/sync_traps.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <machine/trap.h>
#include <personality/linux.h>
#include <kernel/mach_vm_server.h>
#include <mach/thread_switch.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>
#include <vm/vm_map.h>

#define KERN_INVALID_TRAP KERN_INVALID_ARGUMENT
#define TRAP_REPLY_PORT 26
#define TRAP_MACH_MSG_REGISTERS 30 /* ours: none of XNU's */
#define TRAP_MACH_MSG 31
#define TRAP_MACH_MSG_OVERWRITE 32
#define TRAP_LONG_AGAIN 40 /* calls on maps and spaces: below TRAP_REPLY_PORT, and from here on but for the switches */
#define TRAP_SWITCHES 59
#define TRAP_SWITCHES_END 61

typedef uint64_t (*trap_t)(struct trap_frame *);

static uint64_t trap_reply_port(struct trap_frame *f)
{
	return mach_reply_port();
}

static uint64_t trap_thread_self(struct trap_frame *f)
{
	return mach_thread_self();
}

static uint64_t trap_task_self(struct trap_frame *f)
{
	return mach_task_self();
}

static uint64_t trap_host_self(struct trap_frame *f)
{
	return mach_host_self();
}

static uint64_t trap_mach_msg(struct trap_frame *f)
{
	return (uint64_t)mach_msg_trap(f->rdi, (mach_msg_option_t)f->rsi, (mach_msg_size_t)f->rdx,
				       (mach_msg_size_t)f->r10, (mach_port_name_t)f->r8, (mach_msg_timeout_t)f->r9,
				       (mach_port_name_t)f->rbx);
}

/* The registers are in the frame as the message is in memory. */
static uint64_t trap_mach_msg_registers(struct trap_frame *f)
{
	return mach_msg_registers_trap(f->rdi, (mach_msg_option_t)f->rsi, (mach_msg_size_t)f->rdx, (mach_msg_size_t)f->r10,
				       (mach_port_name_t)f->r8, (mach_msg_timeout_t)f->r9, (mach_port_name_t)f->rbx, &f->r15 /* and on */);
}
_Static_assert(offsetof(struct trap_frame, r12) == offsetof(struct trap_frame, r15) + (MACH_MSG_REGISTERS - 1) * 8, "r15 r14 r13 r12");

static __attribute__((noinline)) uint64_t trap_mach_msg_overwrite(struct trap_frame *f)
{
	return (uint64_t)mach_msg_overwrite_trap(f->rdi, (mach_msg_option_t)f->rsi, (mach_msg_size_t)f->rdx,
						 (mach_msg_size_t)f->r10, (mach_port_name_t)f->r8,
						 (mach_msg_timeout_t)f->r9, (mach_port_name_t)f->rbx, f->r12,
						 (mach_msg_size_t)f->r13);
}

static uint64_t trap_port_allocate(struct trap_frame *f)
{
	return (uint64_t)mach_port_allocate_trap((mach_port_name_t)f->rdi, (mach_port_right_t)f->rsi, f->rdx);
}

static uint64_t trap_port_destroy(struct trap_frame *f)
{
	return (uint64_t)mach_port_destroy_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi);
}

static uint64_t trap_port_deallocate(struct trap_frame *f)
{
	return (uint64_t)mach_port_deallocate_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi);
}

static uint64_t trap_port_mod_refs(struct trap_frame *f)
{
	return (uint64_t)mach_port_mod_refs_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
						 (mach_port_right_t)f->rdx, (mach_port_delta_t)f->r10);
}

static uint64_t trap_port_move_member(struct trap_frame *f)
{
	return (uint64_t)mach_port_move_member_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
						    (mach_port_name_t)f->rdx);
}

static uint64_t trap_port_insert_right(struct trap_frame *f)
{
	return (uint64_t)mach_port_insert_right_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
						     (mach_port_name_t)f->rdx, (mach_msg_type_name_t)f->r10);
}

static uint64_t trap_port_insert_member(struct trap_frame *f)
{
	return (uint64_t)mach_port_insert_member_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
						      (mach_port_name_t)f->rdx);
}

static uint64_t trap_port_extract_member(struct trap_frame *f)
{
	return (uint64_t)mach_port_extract_member_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
						       (mach_port_name_t)f->rdx);
}

static uint64_t trap_port_type(struct trap_frame *f)
{
	return (uint64_t)mach_port_type_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi, f->rdx);
}

static uint64_t trap_port_construct(struct trap_frame *f)
{
	return (uint64_t)mach_port_construct_trap((mach_port_name_t)f->rdi, f->rsi, f->rdx, f->r10);
}

static uint64_t trap_port_destruct(struct trap_frame *f)
{
	return (uint64_t)mach_port_destruct_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
						 (mach_port_delta_t)f->rdx, f->r10);
}

static uint64_t trap_port_guard(struct trap_frame *f)
{
	return (uint64_t)mach_port_guard_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi, f->rdx,
					      (boolean_t)f->r10);
}

static uint64_t trap_port_unguard(struct trap_frame *f)
{
	return (uint64_t)mach_port_unguard_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi, f->rdx);
}

static uint64_t trap_port_get_attributes(struct trap_frame *f)
{
	return (uint64_t)mach_port_get_attributes_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
						       (mach_port_flavor_t)f->rdx, f->r10, f->r8);
}

static uint64_t trap_port_request_notification(struct trap_frame *f)
{
	return (uint64_t)mach_port_request_notification_trap((mach_port_name_t)f->rdi, (mach_port_name_t)f->rsi,
							     (mach_msg_id_t)f->rdx, (mach_port_mscount_t)f->r10,
							     (mach_port_name_t)f->r8, f->r9);
}

/* The calling task's map if name is its own task port: it lives as long as the call. */
static struct vm_map *own_map(mach_port_name_t name)
{
	struct task *task = port_name_to_task(name);
	struct vm_map *map = NULL;

	if (task == NULL)
		return NULL;
	if (task == current_task())
		map = task->map;
	task_deallocate(task);
	return map;
}

/* These three are the message's call, done here. vm_allocate(target, &address, size, flags) */
static uint64_t trap_vm_allocate(struct trap_frame *f)
{
	struct vm_map *map = own_map((mach_port_name_t)f->rdi);
	mach_vm_address_t at;
	kern_return_t kr;

	if (map == NULL)
		return MACH_SEND_INVALID_DEST;
	if (copyin(f->rsi, &at, sizeof(at)) != KERN_SUCCESS)
		return KERN_MEMORY_FAILURE;
	kr = mach_vm_calls.mach_vm_allocate(map, &at, f->rdx, (int)f->r10);
	if (kr == KERN_SUCCESS && copyout(&at, f->rsi, sizeof(at)) != KERN_SUCCESS) {
		(void)mach_vm_calls.mach_vm_deallocate(map, at, f->rdx);
		kr = KERN_MEMORY_FAILURE;
	}
	return (uint64_t)kr;
}

static uint64_t trap_vm_deallocate(struct trap_frame *f)
{
	struct vm_map *map = own_map((mach_port_name_t)f->rdi);

	return map == NULL ? MACH_SEND_INVALID_DEST : (uint64_t)mach_vm_calls.mach_vm_deallocate(map, f->rsi, f->rdx);
}

static uint64_t trap_vm_protect(struct trap_frame *f)
{
	struct vm_map *map = own_map((mach_port_name_t)f->rdi);

	return map == NULL ? MACH_SEND_INVALID_DEST
			   : (uint64_t)mach_vm_calls.mach_vm_protect(map, f->rsi, f->rdx, f->r10 != 0, (vm_prot_t)f->r8);
}

static uint64_t trap_swtch(struct trap_frame *f)
{
	return sched_yield();
}

/* swtch_pri(priority): the priority is of Mach 2.5 and not looked at. */
static uint64_t trap_swtch_pri(struct trap_frame *f)
{
	bool others;

	sched_depress(current_thread(), SCHED_QUANTUM_NS);
	others = sched_yield();
	(void)sched_depress_end(current_thread());
	return others;
}

/* To the thread of that name, if it is one that waits for a CPU; else to anybody. */
static void yield_to_name(mach_port_name_t name)
{
	struct thread *to = MACH_PORT_VALID(name) ? port_name_to_thread(name) : NULL;

	if (to != NULL)
		(void)sched_yield_to(to);
	else
		(void)sched_yield();
	if (to != NULL)
		thread_deallocate(to);
}

/* thread_switch(thread name, option, milliseconds) */
static uint64_t trap_thread_switch(struct trap_frame *f)
{
	const uint64_t ns = (uint32_t)f->rdx * NSEC_PER_MSEC;

	switch ((int)f->rsi) {
	case SWITCH_OPTION_NONE:
		yield_to_name((mach_port_name_t)f->rdi);
		return KERN_SUCCESS;
	case SWITCH_OPTION_DEPRESS:
	case SWITCH_OPTION_OSLOCK_DEPRESS:
		sched_depress(current_thread(), ns);
		yield_to_name((mach_port_name_t)f->rdi);
		(void)sched_depress_end(current_thread());
		return KERN_SUCCESS;
	case SWITCH_OPTION_WAIT:
	case SWITCH_OPTION_DISPATCH_CONTENTION:
	case SWITCH_OPTION_OSLOCK_WAIT:
		(void)thread_sleep_abortable(ns);
		return KERN_SUCCESS;
	default:
		return KERN_INVALID_ARGUMENT;
	}
}

/* A descriptor of the Linux personality for a port or set: a small number, or a negative errno. */
static uint64_t trap_port_descriptor(struct trap_frame *f)
{
	return (uint64_t)linux_port_descriptor((mach_port_name_t)f->rdi, f->rsi);
}

static const trap_t traps[] = {
	[10] = trap_vm_allocate,
	[12] = trap_vm_deallocate,
	[14] = trap_vm_protect,
	[16] = trap_port_allocate,
	[17] = trap_port_destroy,
	[18] = trap_port_deallocate,
	[19] = trap_port_mod_refs,
	[20] = trap_port_move_member,
	[21] = trap_port_insert_right,
	[22] = trap_port_insert_member,
	[23] = trap_port_extract_member,
	[24] = trap_port_construct,
	[25] = trap_port_destruct,
	[TRAP_REPLY_PORT] = trap_reply_port,
	[27] = trap_thread_self,
	[28] = trap_task_self,
	[29] = trap_host_self,
	[TRAP_MACH_MSG_REGISTERS] = trap_mach_msg_registers,
	[TRAP_MACH_MSG] = trap_mach_msg,
	[TRAP_MACH_MSG_OVERWRITE] = trap_mach_msg_overwrite,
	[33] = trap_semaphore_signal,
	[34] = trap_semaphore_signal_all,
	[35] = trap_semaphore_signal_thread,
	[36] = trap_semaphore_wait,
	[37] = trap_semaphore_wait_signal,
	[38] = trap_semaphore_timedwait,
	[39] = trap_semaphore_timedwait_signal,
	[40] = trap_port_get_attributes,
	[41] = trap_port_guard,
	[42] = trap_port_unguard,
	[59] = trap_swtch_pri,
	[60] = trap_swtch,
	[61] = trap_thread_switch,
	[62] = trap_clock_sleep,
	[76] = trap_port_type,
	[77] = trap_port_request_notification,
	[98] = trap_port_descriptor,
	[89] = trap_timebase_info,
	[90] = trap_wait_until,
	[91] = trap_mk_timer_create,
	[92] = trap_mk_timer_destroy,
	[93] = trap_mk_timer_arm,
	[94] = trap_mk_timer_cancel,
};

static __attribute__((noinline)) void other_trap(struct trap_frame *frame, uint64_t number)
{
	trap_t trap = NULL;

	if (number < sizeof(traps) / sizeof(traps[0]))
		trap = traps[number];
	if (number < TRAP_REPLY_PORT || (number >= TRAP_LONG_AGAIN && number < TRAP_SWITCHES) || number > TRAP_SWITCHES_END)
		cpu_irq_enable(); /* calls on maps and spaces may be long; message traps are not */
	if (trap != NULL)
		frame->rax = trap(frame);
	else if (!emulation_redirect(frame))
		frame->rax = KERN_INVALID_TRAP;
}

/* flatten: what is between here and the two ways of a message (mach_msg.c, mach_msg_fast.c) is no call. */
__attribute__((flatten)) void mach_trap(struct trap_frame *frame)
{
	uint64_t number = -frame->rax;

	if (number == TRAP_MACH_MSG_REGISTERS) /* by far the most: no table is touched */
		frame->rax = trap_mach_msg_registers(frame);
	else if (number == TRAP_MACH_MSG_OVERWRITE) /* servers' */
		frame->rax = trap_mach_msg_overwrite(frame);
	else
		other_trap(frame, number);
}
