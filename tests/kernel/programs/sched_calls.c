/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_calls.c - a program for a node: each scheduling call and each of its errors, and what the policies do to threads. It is
 * the first task of its boot (tests/kernel/sched.t), so that its host port is the control port. Prints TAP.
 *
 * Order, not time, is what is looked at: threads that compete are bound to one processor.
 */
#include <mach/mach.h>
#include <mach/mach_traps.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../programs/tap.h"

#define MS 1000000ULL
#define TRIES 4000

static mach_port_t host, processors[64];
static natural_t cpus;
static mach_port_t default_set; /* control port */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(mach_port_t thread)
{
	thread_basic_info_data_t info;
	mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;

	if (thread_info(thread, THREAD_BASIC_INFO, (thread_info_t)&info, &count) != KERN_SUCCESS)
		return 0;
	return (uint64_t)(info.user_time.seconds + info.system_time.seconds) * 1000000000ULL +
	       (uint64_t)(info.user_time.microseconds + info.system_time.microseconds) * 1000ULL;
}

/* Use so much CPU. */
static void work(mach_port_t self, unsigned ms)
{
	uint64_t end = cpu_ns(self) + ms * MS;

	while (cpu_ns(self) < end)
		for (volatile int i = 0; i < 3000; i++)
			;
}

/* --- threads that do as they are told ------------------------------------------------------ */

struct worker {
	pthread_t pthread;
	mach_port_t thread;
	void (*fn)(struct worker *);
	volatile int go, stop;
	volatile uint64_t rounds;
	unsigned ms;
	mach_port_t port;
	int order;
};

static _Atomic int order;

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	__atomic_store_n(&w->thread, mach_thread_self(), __ATOMIC_RELEASE);
	while (!w->go)
		thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1);
	w->fn(w);
	return NULL;
}

static void begin(struct worker *w, void (*fn)(struct worker *))
{
	memset(w, 0, sizeof(*w));
	w->fn = fn;
	if (pthread_create(&w->pthread, NULL, worker_main, w) != 0)
		abort();
	while (__atomic_load_n(&w->thread, __ATOMIC_ACQUIRE) == MACH_PORT_NULL)
		usleep(100);
}

static void finish(struct worker *w)
{
	w->stop = 1;
	w->go = 1;
	pthread_join(w->pthread, NULL);
	mach_port_deallocate(mach_task_self(), w->thread);
}

static void spin(struct worker *w)
{
	while (!w->stop)
		w->rounds++;
}

static void nothing(struct worker *w)
{
	(void)w;
}

static void spin_ms(struct worker *w)
{
	work(w->thread, w->ms);
	w->order = ++order;
}

static bool advances(struct worker *w, unsigned ms)
{
	uint64_t before = w->rounds, limit = now_ns() + ms * MS;

	while (now_ns() < limit) {
		usleep(2000);
		if (w->rounds != before)
			return true;
	}
	return false;
}

/* --- the host's processors ----------------------------------------------------------------- */

struct load {
	uint64_t busy, idle; /* hundredths of seconds of all processors */
	bool whole;
};

static struct load load_now(void)
{
	struct load load = { 0 };
	processor_info_array_t info;
	mach_msg_type_number_t count;
	natural_t n;

	if (host_processor_info(host, PROCESSOR_CPU_LOAD_INFO, &n, &info, &count) != KERN_SUCCESS)
		return load;
	load.whole = n == cpus && count == n * CPU_STATE_MAX;
	for (natural_t i = 0; load.whole && i < n; i++) {
		const processor_cpu_load_info_t one = (processor_cpu_load_info_t)info + i;

		load.busy += one->cpu_ticks[CPU_STATE_USER] + one->cpu_ticks[CPU_STATE_SYSTEM];
		load.idle += one->cpu_ticks[CPU_STATE_IDLE];
	}
	mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)info, count * sizeof(*info));
	return load;
}

/* Work that is nearly all the kernel's is the processors' too, and not called idle; a processor's part of a tick is not seen. */
static void account(void)
{
	const uint64_t work_ms = 200, tick_ms = 10;
	struct load before = load_now(), after;
	uint64_t began = now_ns(), end = cpu_ns(mach_thread_self()) + work_ms * MS, most_idle;

	while (cpu_ns(mach_thread_self()) < end)
		;
	after = load_now();
	most_idle = (cpus * (now_ns() - began) / MS - work_ms) / tick_ms + 2 * cpus;
	tap(before.whole && after.whole && after.busy - before.busy + 2 * cpus >= work_ms / tick_ms && after.idle - before.idle <= most_idle,
	    "SCHD0204 and how its time was used: by who worked, or idle (%lu and %lu in %lu ms)", (unsigned long)(after.busy - before.busy),
	    (unsigned long)(after.idle - before.idle), (unsigned long)work_ms);
}

static void host_calls(void)
{
	processor_array_t list;
	mach_msg_type_number_t count, info_count;
	processor_set_name_array_t sets;
	processor_info_array_t info;
	mach_port_t name = MACH_PORT_NULL, host_again;
	natural_t n;
	kern_return_t kr;

	tap_result(host_processors(host, &list, &count), KERN_SUCCESS, "SCHD0201 host_processors gives the processors");
	cpus = count;
	memcpy(processors, list, count * sizeof(*list));
	mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)list, count * sizeof(*list));
	tap_result(host_processors(mach_task_self(), &list, &count), KERN_INVALID_ARGUMENT, "SCHD0202 but only by the control port");

	kr = host_processor_info(host, PROCESSOR_BASIC_INFO, &n, &info, &info_count);
	tap(kr == KERN_SUCCESS && n == cpus && info_count == n * PROCESSOR_BASIC_INFO_COUNT &&
		    ((processor_basic_info_t)info)[n - 1].slot_num == (int)n - 1 && ((processor_basic_info_t)info)->is_master,
	    "SCHD0203 host_processor_info tells of each processor (%u)", n);
	mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)info, info_count * sizeof(*info));
	account();
	tap_result(host_processor_info(host, 99, &n, &info, &info_count), KERN_INVALID_VALUE, "SCHD0205 no flavor 99");
	tap_result(host_processor_info(mach_task_self(), PROCESSOR_BASIC_INFO, &n, &info, &info_count), KERN_INVALID_ARGUMENT,
		   "SCHD0206 host_processor_info of what is no host");

	tap_result(processor_set_default(host, &name), KERN_SUCCESS, "SCHD0207 the default set's name");
	tap_result(processor_set_default(mach_task_self(), &name), KERN_INVALID_ARGUMENT, "SCHD0208 of what is no host");
	tap_result(host_processor_set_priv(host, name, &default_set), KERN_SUCCESS, "SCHD0209 and its control port");
	tap_result(host_processor_set_priv(mach_task_self(), name, &host_again), KERN_INVALID_ARGUMENT, "SCHD0210 by the control port only");
	tap_result(host_processor_set_priv(host, mach_task_self(), &host_again), KERN_INVALID_ARGUMENT, "SCHD0211 of a set only");
	kr = host_processor_sets(host, &sets, &count);
	tap(kr == KERN_SUCCESS && count == 1 && sets[0] == name, "SCHD0212 host_processor_sets lists it");
	mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)sets, count * sizeof(*sets));
	tap_result(host_processor_sets(mach_task_self(), &sets, &count), KERN_INVALID_ARGUMENT, "SCHD0213 by the control port only");
}

static void processor_calls(void)
{
	processor_info_data_t info;
	mach_msg_type_number_t count = PROCESSOR_BASIC_INFO_COUNT;
	integer_t reset = PROCESSOR_CONTROL_RESET_LATENCY, wrong = 77;
	mach_port_t h, set, name;
	bool measured = false;

	tap_result(processor_info(processors[0], PROCESSOR_BASIC_INFO, &h, info, &count), KERN_SUCCESS, "SCHD0220 processor_info");
	count = 1;
	tap_result(processor_info(processors[0], PROCESSOR_BASIC_INFO, &h, info, &count), KERN_FAILURE, "SCHD0221 with too little room");
	count = PROCESSOR_INFO_MAX;
	tap_result(processor_info(processors[0], 99, &h, info, &count), KERN_INVALID_VALUE, "SCHD0222 no flavor 99");
	tap_result(processor_info(mach_task_self(), PROCESSOR_BASIC_INFO, &h, info, &count), KERN_INVALID_ARGUMENT,
		   "SCHD0223 of what is no processor");
	count = PROCESSOR_INFO_MAX;
	tap(processor_info(processors[0], PROCESSOR_SCHED_INFO, &h, info, &count) == KERN_SUCCESS &&
		    ((processor_sched_info_t)info)->switches != 0, "SCHD0224 what its scheduler did");
	tap_result(processor_control(processors[0], &reset, 1), KERN_SUCCESS, "SCHD0225 latencies begin anew");
	tap_result(processor_control(processors[0], &wrong, 1), KERN_INVALID_VALUE, "SCHD0226 no such command");
	tap_result(processor_control(mach_task_self(), &reset, 1), KERN_INVALID_ARGUMENT, "SCHD0227 of what is no processor");
	for (int i = 0; i < TRIES && !measured; i++) {
		count = PROCESSOR_INFO_MAX;
		usleep(500);
		measured = processor_info(processors[i % (int)cpus], PROCESSOR_INTERRUPTS_OFF_LATENCY, &h, info, &count) == KERN_SUCCESS &&
			   ((processor_latency_t)info)->count != 0 && ((processor_latency_t)info)->max_ns != 0;
	}
	tap(measured, "SCHD0228 the debug kernel measures the time with interrupts off");

	tap_result(processor_start(processors[0]), KERN_FAILURE, "SCHD0230 processor_start of one that runs");
	tap_result(processor_start(mach_task_self()), KERN_INVALID_ARGUMENT, "SCHD0231 of what is no processor");
	tap_result(processor_exit(processors[0]), KERN_FAILURE, "SCHD0232 the one that booted does not exit");
	tap_result(processor_exit(mach_task_self()), KERN_INVALID_ARGUMENT, "SCHD0233 nor what is no processor");
	if (cpus > 1) {
		tap_result(processor_exit(processors[1]), KERN_SUCCESS, "SCHD0234 another exits");
		tap_result(processor_exit(processors[1]), KERN_FAILURE, "SCHD0235 once");
		tap_result(processor_get_assignment(processors[1], &name), KERN_FAILURE, "SCHD0236 then it has no set");
		tap_result(processor_start(processors[1]), KERN_SUCCESS, "SCHD0237 and starts again");
	}
	tap_result(processor_get_assignment(processors[0], &name), KERN_SUCCESS, "SCHD0238 the set of a processor");
	tap_result(processor_get_assignment(mach_task_self(), &name), KERN_INVALID_ARGUMENT, "SCHD0239 of what is none");

	processor_set_create(host, &set, &name);
	tap_result(processor_assign(processors[0], set, TRUE), KERN_FAILURE, "SCHD0240 the one that booted stays in the default set");
	tap_result(processor_assign(processors[0], default_set, TRUE), KERN_SUCCESS, "SCHD0241 where it is it can be assigned to");
	tap_result(processor_assign(processors[0], mach_task_self(), TRUE), KERN_INVALID_ARGUMENT, "SCHD0242 not to what is no set");
	tap_result(processor_assign(mach_task_self(), set, TRUE), KERN_INVALID_ARGUMENT, "SCHD0243 nor what is no processor");
	processor_set_destroy(set);
}

/* --- processor sets ------------------------------------------------------------------------ */

static void set_infos(mach_port_t name)
{
	integer_t info[PROCESSOR_SET_INFO_MAX];
	mach_msg_type_number_t count = PROCESSOR_SET_INFO_MAX;
	mach_port_t h;

	tap(processor_set_info(name, PROCESSOR_SET_BASIC_INFO, &h, info, &count) == KERN_SUCCESS &&
		    ((processor_set_basic_info_t)info)->processor_count == 0, "SCHD0301 a new set has no processors");
	count = 1;
	tap_result(processor_set_info(name, PROCESSOR_SET_BASIC_INFO, &h, info, &count), KERN_FAILURE, "SCHD0302 with too little room");
	count = PROCESSOR_SET_INFO_MAX;
	tap_result(processor_set_info(name, 99, &h, info, &count), KERN_INVALID_VALUE, "SCHD0303 no flavor 99");
	tap_result(processor_set_info(mach_task_self(), PROCESSOR_SET_BASIC_INFO, &h, info, &count), KERN_INVALID_PROCESSOR_SET,
		   "SCHD0304 of what is no set");
	count = PROCESSOR_SET_INFO_MAX;
	tap(processor_set_statistics(default_set, PROCESSOR_SET_LOAD_INFO, info, &count) == KERN_SUCCESS &&
		    ((processor_set_load_info_t)info)->task_count >= 2 && ((processor_set_load_info_t)info)->thread_count >= 5,
	    "SCHD0305 processor_set_statistics counts tasks and threads");
	count = PROCESSOR_SET_INFO_MAX;
	tap_result(processor_set_statistics(name, 99, info, &count), KERN_INVALID_VALUE, "SCHD0306 no flavor 99");
	count = 1;
	tap_result(processor_set_statistics(name, PROCESSOR_SET_LOAD_INFO, info, &count), KERN_FAILURE, "SCHD0307 with too little room");
	tap_result(processor_set_statistics(mach_task_self(), PROCESSOR_SET_LOAD_INFO, info, &count), KERN_INVALID_PROCESSOR_SET,
		   "SCHD0308 of what is no set");
}

static void set_policies(mach_port_t set, mach_port_t name)
{
	integer_t info[PROCESSOR_SET_INFO_MAX];
	mach_msg_type_number_t count;
	policy_timeshare_limit_data_t limit = { 50 };
	policy_timeshare_base_data_t base = { 33 }, wrong = { 99 };
	mach_port_t h;

	tap_result(processor_set_policy_control(set, PROCESSOR_SET_TIMESHARE_LIMITS, (processor_set_info_t)&limit, 1, TRUE), KERN_SUCCESS,
		   "SCHD0310 a limit by processor_set_policy_control");
	count = PROCESSOR_SET_INFO_MAX;
	tap(processor_set_info(name, PROCESSOR_SET_RR_LIMITS, &h, info, &count) == KERN_SUCCESS && info[0] == 50, "SCHD0311 is there");
	tap_result(processor_set_policy_control(set, PROCESSOR_SET_FIFO_DEFAULT, (processor_set_info_t)&base, 1, FALSE), KERN_SUCCESS,
		   "SCHD0312 a default");
	tap_result(processor_set_policy_control(set, PROCESSOR_SET_FIFO_DEFAULT, (processor_set_info_t)&wrong, 1, FALSE), KERN_INVALID_VALUE,
		   "SCHD0313 that is no priority");
	tap_result(processor_set_policy_control(set, PROCESSOR_SET_RR_DEFAULT, (processor_set_info_t)&base, 1, FALSE), KERN_INVALID_ARGUMENT,
		   "SCHD0314 of a wrong count");
	tap_result(processor_set_policy_control(set, 99, (processor_set_info_t)&base, 1, FALSE), KERN_INVALID_VALUE, "SCHD0315 no flavor 99");
	tap_result(processor_set_policy_control(name, PROCESSOR_SET_FIFO_DEFAULT, (processor_set_info_t)&base, 1, FALSE),
		   KERN_INVALID_PROCESSOR_SET, "SCHD0316 not by the name");

	tap_result(processor_set_max_priority(set, 40, FALSE), KERN_SUCCESS, "SCHD0320 processor_set_max_priority");
	tap_result(processor_set_max_priority(set, 64, FALSE), KERN_INVALID_VALUE, "SCHD0321 64 is no priority");
	tap_result(processor_set_max_priority(name, 40, FALSE), KERN_INVALID_PROCESSOR_SET, "SCHD0322 not by the name");
	tap_result(processor_set_policy_disable(set, POLICY_FIFO, FALSE), KERN_SUCCESS, "SCHD0323 a policy is forbidden");
	tap_result(processor_set_policy_disable(set, POLICY_TIMESHARE, FALSE), KERN_INVALID_POLICY, "SCHD0324 timesharing cannot be");
	tap_result(processor_set_policy_disable(name, POLICY_RR, FALSE), KERN_INVALID_PROCESSOR_SET, "SCHD0325 not by the name");
	count = PROCESSOR_SET_INFO_MAX;
	tap(processor_set_info(name, PROCESSOR_SET_ENABLED_POLICIES, &h, info, &count) == KERN_SUCCESS &&
		    info[0] == (POLICY_TIMESHARE | POLICY_RR), "SCHD0326 which are allowed");
	tap_result(processor_set_policy_enable(set, POLICY_FIFO), KERN_SUCCESS, "SCHD0327 it is allowed again");
	tap_result(processor_set_policy_enable(set, 3), KERN_INVALID_POLICY, "SCHD0328 3 is no policy");
	tap_result(processor_set_policy_enable(name, POLICY_FIFO), KERN_INVALID_PROCESSOR_SET, "SCHD0329 not by the name");
	processor_set_max_priority(set, 63, FALSE);
}

static void set_info_calls(mach_port_t set, mach_port_t name)
{
	mach_msg_type_number_t n;
	unsigned total;
	vm_size_t space, resident, max_usage;
	vm_offset_t max_stack;
	task_array_t tasks;
	thread_act_array_t threads;

	set_infos(name);
	set_policies(set, name);
	tap(processor_set_stack_usage(default_set, &total, &space, &resident, &max_usage, &max_stack) == KERN_SUCCESS && total >= 5 &&
		    space >= total * 4096UL, "SCHD0330 processor_set_stack_usage");
	tap_result(processor_set_stack_usage(name, &total, &space, &resident, &max_usage, &max_stack), KERN_INVALID_PROCESSOR_SET,
		   "SCHD0331 not by the name");
	tap(processor_set_tasks(set, &tasks, &n) == KERN_SUCCESS && n == 0, "SCHD0332 a new set has no tasks");
	tap(processor_set_threads(set, &threads, &n) == KERN_SUCCESS && n == 0, "SCHD0333 and no threads");
	tap_result(processor_set_tasks(name, &tasks, &n), KERN_INVALID_PROCESSOR_SET, "SCHD0334 not by the name");
	tap_result(processor_set_threads(name, &threads, &n), KERN_INVALID_PROCESSOR_SET, "SCHD0335 nor the threads");
}

static void set_of_threads(mach_port_t set, mach_port_t name)
{
	struct worker w;
	thread_act_array_t threads;
	mach_msg_type_number_t n;
	mach_port_t got, set_of_task;
	bool moved;

	begin(&w, spin);
	w.go = 1;
	tap(advances(&w, 5000), "SCHD0340 a thread of the default set runs");
	tap_result(thread_assign(w.thread, set), KERN_SUCCESS, "SCHD0341 assigned to a set without processors");
	usleep(20000);
	tap(!advances(&w, 200), "SCHD0342 it does not run");
	tap(thread_get_assignment(w.thread, &got) == KERN_SUCCESS && got == name, "SCHD0343 thread_get_assignment tells its set's name");
	tap(processor_set_threads(set, &threads, &n) == KERN_SUCCESS && n == 1 && threads[0] == w.thread, "SCHD0344 the set lists it");
	if (cpus > 1) {
		tap_result(processor_assign(processors[1], set, TRUE), KERN_SUCCESS, "SCHD0345 a processor is assigned to the set");
		tap(advances(&w, 5000), "SCHD0346 and runs it");
		tap_result(thread_bind(w.thread, processors[0]), KERN_FAILURE, "SCHD0347 it cannot be bound to another set's processor");
		tap_result(processor_assign(processors[1], default_set, TRUE), KERN_SUCCESS, "SCHD0348 the processor goes back");
		usleep(20000);
		tap(!advances(&w, 200), "SCHD0349 and the thread stands still again");
	}
	tap_result(thread_assign_default(w.thread), KERN_SUCCESS, "SCHD0350 back in the default set");
	tap(advances(&w, 5000), "SCHD0351 it runs");
	tap_result(thread_assign(w.thread, name), KERN_INVALID_ARGUMENT, "SCHD0352 a thread is assigned by the control port only");
	tap_result(thread_assign(mach_task_self(), set), KERN_INVALID_ARGUMENT, "SCHD0353 a thread only");
	tap_result(thread_assign_default(mach_task_self()), KERN_INVALID_ARGUMENT, "SCHD0354 also to the default set");
	tap_result(thread_get_assignment(mach_task_self(), &got), KERN_INVALID_ARGUMENT, "SCHD0355 and has an assignment");

	tap_result(task_assign(mach_task_self(), set, FALSE), KERN_SUCCESS, "SCHD0360 a task is assigned without its threads");
	tap(task_get_assignment(mach_task_self(), &set_of_task) == KERN_SUCCESS && set_of_task == name, "SCHD0361 its set");
	moved = thread_get_assignment(w.thread, &got) == KERN_SUCCESS && got == name;
	tap(!moved && advances(&w, 5000), "SCHD0362 its threads stay where they were");
	tap_result(task_assign_default(mach_task_self(), TRUE), KERN_SUCCESS, "SCHD0363 and back");
	tap_result(task_assign(mach_task_self(), name, FALSE), KERN_INVALID_ARGUMENT, "SCHD0364 by the control port only");
	tap_result(task_assign(host, set, FALSE), KERN_INVALID_ARGUMENT, "SCHD0365 a task only");
	tap_result(task_assign_default(host, FALSE), KERN_INVALID_ARGUMENT, "SCHD0366 also to the default set");
	tap_result(task_get_assignment(host, &got), KERN_INVALID_ARGUMENT, "SCHD0367 and has an assignment");

	thread_assign(w.thread, set);
	usleep(20000);
	tap_result(processor_set_destroy(set), KERN_SUCCESS, "SCHD0370 a set with a thread is destroyed");
	tap(advances(&w, 5000), "SCHD0371 whose thread runs in the default set");
	tap_result(processor_set_destroy(default_set), KERN_FAILURE, "SCHD0372 the default set is not");
	tap_result(processor_set_destroy(set), MACH_SEND_INVALID_DEST, "SCHD0373 and one that was has no port any more");
	finish(&w);
}

static void thread_in_no_set_ends(void)
{
	mach_port_t set, name, task, thread;
	mach_msg_type_number_t n;
	task_array_t tasks;
	unsigned before, after;

	processor_set_create(host, &set, &name);
	processor_set_tasks(default_set, &tasks, &n);
	before = n;
	/* A task with a thread that is set going in a set without processors. */
	task_create(mach_task_self(), NULL, 0, TRUE, &task);
	task_assign(task, set, TRUE);
	thread_create(task, &thread);
	thread_resume(thread);
	usleep(20000);
	task_terminate(task);
	for (int i = 0; i < TRIES; i++) {
		processor_set_tasks(set, &tasks, &n);
		if (n == 0)
			break;
		usleep(1000);
	}
	processor_set_tasks(default_set, &tasks, &after);
	tap(n == 0 && after <= before, "SCHD0374 a task ends though its set has no processor");
	processor_set_destroy(set);
}

static void set_calls(void)
{
	mach_port_t set, name;

	tap_result(processor_set_create(mach_task_self(), &set, &name), KERN_INVALID_ARGUMENT, "SCHD0300 processor_set_create of what is no host");
	tap_result(processor_set_create(host, &set, &name), KERN_SUCCESS, "SCHD0300 processor_set_create");
	set_info_calls(set, name);
	set_of_threads(set, name);
	thread_in_no_set_ends();
}

/* --- policies ------------------------------------------------------------------------------ */

static policy_timeshare_info_data_t timeshare_info(mach_port_t thread)
{
	policy_timeshare_info_data_t info = { 0 };
	mach_msg_type_number_t count = POLICY_TIMESHARE_INFO_COUNT;

	(void)thread_info(thread, THREAD_SCHED_TIMESHARE_INFO, (thread_info_t)&info, &count);
	return info;
}

static void osf_policy_calls(void)
{
	policy_timeshare_base_data_t base = { 25 }, high = { 60 }, bad = { 64 };
	policy_rr_base_data_t rr = { 30, 10 };
	policy_timeshare_limit_data_t limit = { 55 };
	integer_t info[THREAD_INFO_MAX];
	mach_msg_type_number_t count = THREAD_INFO_MAX;
	thread_basic_info_data_t basic;
	struct worker w;

	begin(&w, nothing);
	tap_result(thread_policy(w.thread, POLICY_TIMESHARE, (policy_base_t)&base, 1, FALSE), KERN_SUCCESS, "SCHD0401 thread_policy");
	tap(timeshare_info(w.thread).base_priority == 25 && timeshare_info(w.thread).max_priority == 63, "SCHD0402 sets the base priority");
	tap_result(thread_policy(w.thread, POLICY_RR, (policy_base_t)&rr, POLICY_RR_BASE_COUNT, TRUE), KERN_SUCCESS, "SCHD0403 round robin, with the limit");
	tap(thread_info(w.thread, THREAD_SCHED_RR_INFO, info, &count) == KERN_SUCCESS && ((policy_rr_info_t)info)->base_priority == 30 &&
		    ((policy_rr_info_t)info)->max_priority == 30 && ((policy_rr_info_t)info)->quantum > 0, "SCHD0404 is told");
	count = THREAD_INFO_MAX;
	tap_result(thread_info(w.thread, THREAD_SCHED_TIMESHARE_INFO, info, &count), KERN_INVALID_POLICY, "SCHD0405 as another policy's it is not");
	count = THREAD_BASIC_INFO_COUNT;
	tap(thread_info(w.thread, THREAD_BASIC_INFO, (thread_info_t)&basic, &count) == KERN_SUCCESS && basic.policy == POLICY_RR,
	    "SCHD0406 nor in thread_basic_info");
	tap_result(thread_policy(w.thread, POLICY_TIMESHARE, (policy_base_t)&high, 1, FALSE), KERN_POLICY_LIMIT, "SCHD0407 above the limit");
	tap_result(thread_policy(w.thread, POLICY_TIMESHARE, (policy_base_t)&bad, 1, FALSE), KERN_INVALID_ARGUMENT, "SCHD0408 64 is no priority");
	tap_result(thread_policy(w.thread, 3, (policy_base_t)&base, 1, FALSE), KERN_INVALID_ARGUMENT, "SCHD0409 3 is no policy");
	tap_result(thread_policy(w.thread, POLICY_RR, (policy_base_t)&base, 1, FALSE), KERN_INVALID_ARGUMENT, "SCHD0410 a wrong count");
	tap_result(thread_policy(mach_task_self(), POLICY_TIMESHARE, (policy_base_t)&base, 1, FALSE), KERN_INVALID_ARGUMENT, "SCHD0411 no thread");
	tap_result(thread_set_policy(w.thread, default_set, POLICY_FIFO, (policy_base_t)&base, 1, (policy_limit_t)&limit, 1), KERN_SUCCESS,
		   "SCHD0412 thread_set_policy, by the set's control port");
	count = THREAD_INFO_MAX;
	tap(thread_info(w.thread, THREAD_SCHED_FIFO_INFO, info, &count) == KERN_SUCCESS && ((policy_fifo_info_t)info)->max_priority == 55,
	    "SCHD0413 may raise the limit");
	tap_result(thread_set_policy(w.thread, default_set, POLICY_FIFO, (policy_base_t)&high, 1, (policy_limit_t)&limit, 1), KERN_INVALID_ARGUMENT,
		   "SCHD0414 a base above its limit");
	processor_set_max_priority(default_set, 50, FALSE);
	tap_result(thread_set_policy(w.thread, default_set, POLICY_FIFO, (policy_base_t)&base, 1, (policy_limit_t)&limit, 1), KERN_POLICY_LIMIT,
		   "SCHD0415 a limit above the set's");
	processor_set_max_priority(default_set, 63, FALSE);
	tap_result(thread_set_policy(w.thread, mach_task_self(), POLICY_FIFO, (policy_base_t)&base, 1, (policy_limit_t)&limit, 1),
		   KERN_INVALID_ARGUMENT, "SCHD0416 not by anything else");
	processor_set_policy_disable(default_set, POLICY_FIFO, TRUE);
	tap(timeshare_info(w.thread).base_priority == 25, "SCHD0417 a policy that is forbidden is taken from its threads");
	tap_result(thread_policy(w.thread, POLICY_FIFO, (policy_base_t)&base, 1, FALSE), KERN_INVALID_POLICY, "SCHD0418 and not given");
	processor_set_policy_enable(default_set, POLICY_FIFO);
	tap_result(thread_priority(w.thread, 28, TRUE), KERN_SUCCESS, "SCHD0420 thread_priority");
	tap(timeshare_info(w.thread).base_priority == 28 && timeshare_info(w.thread).max_priority == 28, "SCHD0421 with the maximum");
	tap_result(thread_priority(w.thread, 29, FALSE), KERN_FAILURE, "SCHD0422 above the maximum");
	tap_result(thread_priority(w.thread, -1, FALSE), KERN_INVALID_ARGUMENT, "SCHD0423 -1 is no priority");
	tap_result(thread_priority(host, 20, FALSE), KERN_INVALID_ARGUMENT, "SCHD0424 no thread");
	tap_result(thread_max_priority(w.thread, default_set, 20), KERN_SUCCESS, "SCHD0425 thread_max_priority");
	tap(timeshare_info(w.thread).base_priority == 20, "SCHD0426 lowers what is above");
	tap_result(thread_max_priority(w.thread, default_set, 64), KERN_INVALID_ARGUMENT, "SCHD0427 64 is no priority");
	tap_result(thread_max_priority(w.thread, mach_task_self(), 20), KERN_INVALID_ARGUMENT, "SCHD0428 by the set only");
	processor_set_max_priority(default_set, 50, FALSE);
	tap_result(thread_max_priority(w.thread, default_set, 55), KERN_POLICY_LIMIT, "SCHD0429 above the set's");
	processor_set_max_priority(default_set, 63, TRUE);
	finish(&w);
}

static void task_policy_calls(void)
{
	policy_timeshare_base_data_t base = { 33 }, usual = { 31 };
	policy_timeshare_limit_data_t limit = { 63 }, low = { 20 };
	task_category_policy_data_t role = { TASK_FOREGROUND_APPLICATION }, none = { 99 };
	mach_msg_type_number_t count = TASK_CATEGORY_POLICY_COUNT;
	boolean_t get_default = FALSE;
	struct worker old, new;

	begin(&old, nothing);
	tap_result(task_policy(mach_task_self(), POLICY_TIMESHARE, (policy_base_t)&base, 1, FALSE, FALSE), KERN_SUCCESS, "SCHD0440 task_policy");
	begin(&new, nothing);
	tap(timeshare_info(new.thread).base_priority == 33 && timeshare_info(old.thread).base_priority == 31,
	    "SCHD0441 is for threads made later");
	tap_result(task_policy(mach_task_self(), POLICY_TIMESHARE, (policy_base_t)&base, 1, FALSE, TRUE), KERN_SUCCESS, "SCHD0442 with change");
	tap(timeshare_info(old.thread).base_priority == 33, "SCHD0443 for all");
	tap_result(task_policy(mach_task_self(), 3, (policy_base_t)&base, 1, FALSE, FALSE), KERN_INVALID_ARGUMENT, "SCHD0444 3 is no policy");
	tap_result(task_policy(host, POLICY_TIMESHARE, (policy_base_t)&base, 1, FALSE, FALSE), KERN_INVALID_ARGUMENT, "SCHD0445 no task");
	tap_result(task_set_policy(mach_task_self(), default_set, POLICY_TIMESHARE, (policy_base_t)&usual, 1, (policy_limit_t)&limit, 1, TRUE),
		   KERN_SUCCESS, "SCHD0446 task_set_policy");
	tap(timeshare_info(old.thread).base_priority == 31, "SCHD0447 the same by the set's control port");
	tap_result(task_set_policy(mach_task_self(), default_set, POLICY_TIMESHARE, (policy_base_t)&usual, 1, (policy_limit_t)&low, 1, TRUE),
		   KERN_INVALID_ARGUMENT, "SCHD0448 a base above its limit");
	tap_result(task_set_policy(mach_task_self(), host, POLICY_TIMESHARE, (policy_base_t)&usual, 1, (policy_limit_t)&limit, 1, TRUE),
		   KERN_INVALID_ARGUMENT, "SCHD0449 not by anything else");
	tap_result(task_priority(mach_task_self(), 30, TRUE), KERN_SUCCESS, "SCHD0450 task_priority");
	tap(timeshare_info(old.thread).base_priority == 30, "SCHD0451 with its threads");
	tap_result(task_priority(mach_task_self(), 64, TRUE), KERN_INVALID_ARGUMENT, "SCHD0452 64 is no priority");
	tap_result(task_priority(host, 30, TRUE), KERN_INVALID_ARGUMENT, "SCHD0453 no task");
	thread_priority(old.thread, 20, TRUE);
	tap_result(task_priority(mach_task_self(), 31, TRUE), KERN_FAILURE, "SCHD0454 above one thread's maximum");
	tap_result(task_policy_set(mach_task_self(), TASK_CATEGORY_POLICY, (task_policy_t)&role, 1), KERN_SUCCESS, "SCHD0455 task_policy_set: a role");
	tap(timeshare_info(new.thread).base_priority == 47, "SCHD0456 with its priority");
	role.role = 0;
	tap(task_policy_get(mach_task_self(), TASK_CATEGORY_POLICY, (task_policy_t)&role, &count, &get_default) == KERN_SUCCESS &&
		    role.role == TASK_FOREGROUND_APPLICATION, "SCHD0457 task_policy_get tells it");
	tap_result(task_policy_set(mach_task_self(), TASK_CATEGORY_POLICY, (task_policy_t)&none, 1), KERN_INVALID_ARGUMENT, "SCHD0458 no such role");
	tap_result(task_policy_set(mach_task_self(), 9, (task_policy_t)&none, 1), KERN_INVALID_ARGUMENT, "SCHD0459 no such flavor");
	tap_result(task_policy_set(host, TASK_CATEGORY_POLICY, (task_policy_t)&none, 1), KERN_INVALID_ARGUMENT, "SCHD0460 no task");
	tap_result(task_policy_get(mach_task_self(), 9, (task_policy_t)&role, &count, &get_default), KERN_INVALID_ARGUMENT, "SCHD0461 no such flavor");
	role.role = TASK_UNSPECIFIED;
	task_policy_set(mach_task_self(), TASK_CATEGORY_POLICY, (task_policy_t)&role, 1);
	finish(&old);
	finish(&new);
}

static kern_return_t realtime(mach_port_t thread, uint64_t period, uint64_t computation, uint64_t constraint)
{
	thread_time_constraint_policy_data_t p = { (uint32_t)period, (uint32_t)computation, (uint32_t)constraint, TRUE };

	return thread_policy_set(thread, THREAD_TIME_CONSTRAINT_POLICY, (thread_policy_t)&p, THREAD_TIME_CONSTRAINT_POLICY_COUNT);
}

static void xnu_policy_calls(void)
{
	thread_extended_policy_data_t fixed = { FALSE }, timeshare = { TRUE };
	thread_precedence_policy_data_t importance = { 5 };
	thread_affinity_policy_data_t affinity = { 1 };
	thread_time_constraint_policy_data_t rt;
	mach_msg_type_number_t count = 1;
	boolean_t get_default = FALSE;
	integer_t info[THREAD_POLICY_MAX];
	struct worker w;

	begin(&w, nothing);
	tap_result(thread_policy_set(w.thread, THREAD_EXTENDED_POLICY, (thread_policy_t)&fixed, 1), KERN_SUCCESS, "SCHD0501 a fixed priority");
	tap(thread_policy_get(w.thread, THREAD_EXTENDED_POLICY, info, &count, &get_default) == KERN_SUCCESS && info[0] == FALSE && count == 1,
	    "SCHD0502 is told");
	tap_result(thread_policy_set(w.thread, THREAD_STANDARD_POLICY, info, THREAD_STANDARD_POLICY_COUNT), KERN_SUCCESS, "SCHD0503 the standard policy");
	count = 1;
	tap(thread_policy_get(w.thread, THREAD_EXTENDED_POLICY, info, &count, &get_default) == KERN_SUCCESS && info[0] == TRUE,
	    "SCHD0504 is timesharing");
	tap_result(thread_policy_set(w.thread, THREAD_PRECEDENCE_POLICY, (thread_policy_t)&importance, 1), KERN_SUCCESS, "SCHD0505 importance");
	tap(timeshare_info(w.thread).base_priority == 36, "SCHD0506 is added to the task's priority (%d)", timeshare_info(w.thread).base_priority);
	count = 1;
	tap(thread_policy_get(w.thread, THREAD_PRECEDENCE_POLICY, info, &count, &get_default) == KERN_SUCCESS && info[0] == 5, "SCHD0507 and told");
	tap_result(thread_policy_set(w.thread, THREAD_PRECEDENCE_POLICY, info, 0), KERN_INVALID_ARGUMENT, "SCHD0508 a wrong count");
	tap_result(thread_policy_set(w.thread, THREAD_AFFINITY_POLICY, (thread_policy_t)&affinity, 1), KERN_SUCCESS, "SCHD0509 affinity");
	count = 1;
	tap(thread_policy_get(w.thread, THREAD_AFFINITY_POLICY, info, &count, &get_default) == KERN_SUCCESS && info[0] == 1, "SCHD0510 is told");
	tap_result(thread_policy_set(w.thread, THREAD_AFFINITY_POLICY, info, 0), KERN_INVALID_ARGUMENT, "SCHD0511 a wrong count");
	tap_result(thread_policy_set(w.thread, 99, info, 1), KERN_INVALID_ARGUMENT, "SCHD0512 no flavor 99");
	tap_result(thread_policy_set(host, THREAD_EXTENDED_POLICY, info, 1), KERN_INVALID_ARGUMENT, "SCHD0513 no thread");
	tap_result(thread_policy_get(w.thread, 99, info, &count, &get_default), KERN_INVALID_ARGUMENT, "SCHD0514 no flavor 99 to get");
	count = 0;
	tap_result(thread_policy_get(w.thread, THREAD_EXTENDED_POLICY, info, &count, &get_default), KERN_INVALID_ARGUMENT, "SCHD0515 too little room");

	count = THREAD_TIME_CONSTRAINT_POLICY_COUNT;
	get_default = FALSE;
	tap(thread_policy_get(w.thread, THREAD_TIME_CONSTRAINT_POLICY, (thread_policy_t)&rt, &count, &get_default) == KERN_SUCCESS && get_default,
	    "SCHD0516 a thread without a time constraint has the default one");
	tap_result(realtime(w.thread, 100 * MS, 10 * MS, 50 * MS), KERN_SUCCESS, "SCHD0517 a time constraint");
	get_default = FALSE;
	tap(thread_policy_get(w.thread, THREAD_TIME_CONSTRAINT_POLICY, (thread_policy_t)&rt, &count, &get_default) == KERN_SUCCESS &&
		    !get_default && rt.period == 100 * MS && rt.computation == 10 * MS && rt.constraint == 50 * MS, "SCHD0518 is told");
	tap_result(realtime(w.thread, 100 * MS, 30 * MS, 20 * MS), KERN_INVALID_ARGUMENT, "SCHD0519 a constraint below the computation");
	tap_result(realtime(w.thread, 10 * MS, 20 * MS, 30 * MS), KERN_INVALID_ARGUMENT, "SCHD0520 a period below the computation");
	tap_result(realtime(w.thread, 100 * MS, 1000, 50 * MS), KERN_INVALID_ARGUMENT, "SCHD0521 too little");
	tap_result(realtime(w.thread, 1000 * MS, 60 * MS, 500 * MS), KERN_INVALID_ARGUMENT, "SCHD0522 too much at a time");
	tap_result(thread_policy_set(w.thread, THREAD_TIME_CONSTRAINT_POLICY, info, 2), KERN_INVALID_ARGUMENT, "SCHD0523 a wrong count");
	processor_set_policy_disable(default_set, POLICY_RR, FALSE);
	tap_result(thread_policy_set(w.thread, THREAD_EXTENDED_POLICY, (thread_policy_t)&fixed, 1), KERN_INVALID_POLICY,
		   "SCHD0524 a set without round robin has no fixed priorities");
	processor_set_policy_disable(default_set, POLICY_FIFO, FALSE);
	tap_result(realtime(w.thread, 100 * MS, 10 * MS, 50 * MS), KERN_POLICY_LIMIT, "SCHD0525 and none without both is for real time");
	processor_set_policy_enable(default_set, POLICY_RR);
	processor_set_policy_enable(default_set, POLICY_FIFO);
	tap_result(thread_policy_set(w.thread, THREAD_EXTENDED_POLICY, (thread_policy_t)&timeshare, 1), KERN_SUCCESS, "SCHD0526 back to timesharing");
	finish(&w);
}

static void kernel_threads(void)
{
	task_array_t tasks;
	thread_act_array_t threads;
	mach_msg_type_number_t n, k;
	task_name_info_data_t info;
	bool found = false;

	processor_set_tasks(default_set, &tasks, &n);
	for (unsigned i = 0; i < n; i++) {
		mach_msg_type_number_t count = TASK_NAME_INFO_COUNT;

		if (task_info(tasks[i], TASK_NAME_INFO, (task_info_t)&info, &count) != KERN_SUCCESS || strcmp(info.name, "kernel") != 0)
			continue;
		found = true;
		tap_result(task_priority(tasks[i], 10, TRUE), KERN_POLICY_STATIC, "SCHD0530 the kernel task's priority stays");
		tap_result(task_assign_default(tasks[i], TRUE), KERN_POLICY_STATIC, "SCHD0531 and its set");
		task_threads(tasks[i], &threads, &k);
		tap_result(thread_priority(threads[0], 10, FALSE), KERN_INVALID_ARGUMENT, "SCHD0532 its threads are nobody's to change");
	}
	tap(found, "SCHD0536 the kernel task is in the default set");
}

static void admission(void)
{
	struct worker w[64];
	unsigned n = 0, admitted = 0;
	kern_return_t kr = KERN_SUCCESS;

	/* A quarter of a processor each: three fit on one. */
	for (; n < 4 * cpus && n < 60; n++) {
		begin(&w[n], nothing);
		kr = realtime(w[n].thread, 100 * MS, 25 * MS, 100 * MS);
		if (kr != KERN_SUCCESS) {
			n++;
			break;
		}
		admitted++;
	}
	tap(kr == KERN_RESOURCE_SHORTAGE && admitted == 3 * cpus, "SCHD0540 three quarters of each processor are given away (%u on %u)", admitted, cpus);
	tap_result(processor_exit(processors[cpus - 1]), KERN_FAILURE, "SCHD0541 such a processor does not exit");
	finish(&w[0]);
	kr = KERN_FAILURE;
	for (int i = 0; i < TRIES && kr != KERN_SUCCESS; i++) {
		kr = realtime(w[n - 1].thread, 100 * MS, 25 * MS, 100 * MS);
		usleep(500);
	}
	tap_result(kr, KERN_SUCCESS, "SCHD0542 who ends gives its share back");
	for (unsigned i = 1; i < n; i++)
		finish(&w[i]);
}

/* Room on all processors together: threads move for one that fits nowhere as they are. */
static void admission_of_all(void)
{
	struct worker w[66];
	kern_return_t kr = KERN_SUCCESS;
	unsigned n = 0;

	if (cpus < 2 || cpus > 64)
		return;
	for (; n < cpus && kr == KERN_SUCCESS; n++) { /* one on each */
		begin(&w[n], nothing);
		kr = realtime(w[n].thread, 100 * MS, 30 * MS, 100 * MS);
	}
	tap_result(kr, KERN_SUCCESS, "SCHD0543 three tenths of each processor are given away");
	begin(&w[n], nothing);
	tap_result(realtime(w[n++].thread, 50 * MS, 30 * MS, 50 * MS), KERN_SUCCESS, "SCHD0544 for six tenths of one, others move together");
	begin(&w[n], nothing);
	kr = realtime(w[n++].thread, 50 * MS, 30 * MS, 50 * MS);
	tap_result(kr, cpus == 2 ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS, "SCHD0545 as long as all find room");
	for (unsigned i = 0; i < n; i++)
		finish(&w[i]);
	kr = KERN_FAILURE;
	for (int i = 0; i < TRIES && kr != KERN_SUCCESS; i++) {
		kr = cpus > 1 ? processor_exit(processors[cpus - 1]) : KERN_SUCCESS;
		usleep(500);
	}
	tap_result(kr, KERN_SUCCESS, "SCHD0546 nothing of the shares is left: a processor may exit");
	(void)processor_start(processors[cpus - 1]);
}

/* --- what policies do ---------------------------------------------------------------------- */

static void bind_here(struct worker *w, policy_t policy, int priority)
{
	policy_timeshare_base_data_t base = { priority };
	policy_rr_base_data_t rr = { priority, 10 };

	if (thread_bind(w->thread, processors[0]) != KERN_SUCCESS ||
	    thread_policy(w->thread, policy, policy == POLICY_RR ? (policy_base_t)&rr : (policy_base_t)&base,
			  policy == POLICY_RR ? POLICY_RR_BASE_COUNT : 1, FALSE) != KERN_SUCCESS)
		tap(false, "a thread is bound");
}

static void fixed_priorities(void)
{
	struct worker a, b;

	begin(&a, spin_ms);
	begin(&b, spin_ms);
	a.ms = b.ms = 80;
	bind_here(&a, POLICY_FIFO, 30);
	bind_here(&b, POLICY_FIFO, 30);
	order = 0;
	a.go = 1;
	usleep(20000);
	b.go = 1;
	pthread_join(a.pthread, NULL);
	tap(a.order == 1 && b.order == 0, "SCHD0601 FIFO: who has the processor keeps it from its equals");
	pthread_join(b.pthread, NULL);

	begin(&a, spin);
	begin(&b, spin);
	bind_here(&a, POLICY_RR, 30);
	bind_here(&b, POLICY_RR, 30);
	a.go = b.go = 1;
	tap(advances(&a, 5000) && advances(&b, 5000) && advances(&a, 5000), "SCHD0602 round robin: equals take turns");
	thread_priority(a.thread, 20, FALSE);
	usleep(50000);
	tap(!advances(&a, 200) && advances(&b, 5000), "SCHD0603 a lower one waits");
	thread_priority(a.thread, 40, FALSE);
	usleep(50000);
	tap(advances(&a, 5000) && !advances(&b, 200), "SCHD0604 a higher one does not");
	a.stop = 1;
	finish(&a);
	finish(&b);
	tap(true, "SCHD0605 both end");
}

static void timesharing(void)
{
	struct worker hogs[3];
	policy_timeshare_info_data_t info = { 0 };
	thread_basic_info_data_t basic;
	mach_msg_type_number_t count;
	bool lowered = false, shared = true;

	for (unsigned i = 0; i < 3; i++) {
		begin(&hogs[i], spin);
		bind_here(&hogs[i], POLICY_TIMESHARE, 31);
		hogs[i].go = 1;
	}
	for (int i = 0; i < 400 && (!lowered || cpu_ns(hogs[0].thread) < 100 * MS); i++) {
		usleep(10000);
		info = timeshare_info(hogs[0].thread);
		/* With more processors than this, three threads are no more than there are processors. */
		lowered = info.cur_priority < info.base_priority - 4 || cpus > 2;
	}
	tap(lowered, "SCHD0610 who uses much CPU among others falls in priority (%d of %d)", info.cur_priority, info.base_priority);
	for (unsigned i = 0; i < 3; i++)
		shared = advances(&hogs[i], 5000) && shared;
	tap(shared, "SCHD0611 all of them run");
	count = THREAD_BASIC_INFO_COUNT;
	thread_info(hogs[0].thread, THREAD_BASIC_INFO, (thread_info_t)&basic, &count);
	tap(basic.cpu_usage > 50 && basic.cpu_usage <= TH_USAGE_SCALE, "SCHD0612 cpu_usage shows it (%d of %d)", basic.cpu_usage, TH_USAGE_SCALE);
	tap(basic.user_time.seconds * 1000000 + basic.user_time.microseconds > 50000, "SCHD0613 as user time (%d us, system %d us)",
	    basic.user_time.microseconds, basic.system_time.microseconds);
	for (unsigned i = 0; i < 3; i++)
		finish(&hogs[i]);
}

static void late_starter(struct worker *w)
{
	thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, w->ms);
	work(w->thread, 5);
	w->order = ++order;
}

static void steady_worker(struct worker *w)
{
	work(w->thread, w->ms);
	w->order = ++order;
}

/* A real-time thread that was woken has been measured on its way to the processor. */
static void dispatch_latency(void)
{
	integer_t info[PROCESSOR_INFO_MAX];
	mach_msg_type_number_t count = PROCESSOR_INFO_MAX;
	const struct processor_latency *l = (const void *)info;
	uint64_t sum = 0;
	mach_port_t h;
	kern_return_t kr = processor_info(processors[0], PROCESSOR_DISPATCH_LATENCY, &h, info, &count);

	for (unsigned i = 0; i < PROCESSOR_LATENCY_BUCKETS; i++)
		sum += l->buckets[i];
	tap(kr == KERN_SUCCESS && l->count > 0 && sum == l->count && l->max_ns > 0,
	    "SCHD0624 the time to dispatch a woken real-time thread is measured (%lu times, %lu ns at most)", (unsigned long)l->count,
	    (unsigned long)l->max_ns);
}

static void deadlines(void)
{
	struct worker late, early, hog;
	kern_return_t kr;

	order = 0;
	begin(&late, steady_worker);
	begin(&early, late_starter);
	begin(&hog, spin);
	bind_here(&hog, POLICY_FIFO, 61);
	thread_bind(late.thread, processors[0]);
	thread_bind(early.thread, processors[0]);
	late.ms = 40;
	early.ms = 10;
	kr = realtime(late.thread, 200 * MS, 48 * MS, 200 * MS);
	tap_result(kr, KERN_SUCCESS, "SCHD0620 real time with a late deadline");
	kr = realtime(early.thread, 50 * MS, 20 * MS, 50 * MS);
	tap_result(kr, KERN_SUCCESS, "SCHD0621 and with an early one");
	hog.go = 1;
	early.go = 1;
	late.go = 1;
	pthread_join(late.pthread, NULL);
	pthread_join(early.pthread, NULL);
	tap(early.order == 1 && late.order == 2, "SCHD0622 who wakes with the earlier deadline goes first");
	tap(hog.stop == 0, "SCHD0623 and both before a thread of a high fixed priority");
	finish(&hog);
	dispatch_latency();
	mach_port_deallocate(mach_task_self(), late.thread);
	mach_port_deallocate(mach_task_self(), early.thread);
}

static uint64_t overruns(void)
{
	integer_t info[PROCESSOR_INFO_MAX];
	uint64_t sum = 0;
	mach_port_t h;

	for (unsigned i = 0; i < cpus; i++) {
		mach_msg_type_number_t count = PROCESSOR_INFO_MAX;

		if (processor_info(processors[i], PROCESSOR_SCHED_INFO, &h, info, &count) == KERN_SUCCESS)
			sum += ((processor_sched_info_t)info)->overruns;
	}
	return sum;
}

static void overrun(void)
{
	struct worker greedy, hog;
	uint64_t before = overruns();

	begin(&greedy, spin);
	begin(&hog, spin);
	bind_here(&hog, POLICY_FIFO, 40);
	thread_bind(greedy.thread, processors[0]);
	tap_result(realtime(greedy.thread, 100 * MS, 10 * MS, 100 * MS), KERN_SUCCESS, "SCHD0630 a real-time thread that will take more than it asked for");
	hog.go = 1;
	greedy.go = 1;
	tap(advances(&hog, 5000) && advances(&greedy, 5000) && advances(&hog, 5000),
	    "SCHD0631 is a timesharing thread until its next period, and then real time again");
	for (int i = 0; i < TRIES && overruns() < before + 3; i++)
		usleep(1000);
	tap(overruns() >= before + 3, "SCHD0632 which is counted");
	finish(&greedy);
	finish(&hog);
}

/* Many threads, of which some like one processor, some are bound and some move: each gets its turns. */
static void nobody_starves(void)
{
	struct worker w[24];
	unsigned n = 3 * cpus < 24 ? 3 * cpus : 24;
	bool all = true;

	for (unsigned i = 0; i < n; i++) {
		thread_affinity_policy_data_t like = { (integer_t)(i % 3) };

		begin(&w[i], spin);
		(void)thread_policy_set(w[i].thread, THREAD_AFFINITY_POLICY, (thread_policy_t)&like, THREAD_AFFINITY_POLICY_COUNT);
		if (i % 4 == 3)
			(void)thread_bind(w[i].thread, processors[i % cpus]);
		w[i].go = 1;
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < n; i++) {
			all &= advances(&w[i], 20000);
			if (i % 4 == 3)
				(void)thread_bind(w[i].thread, processors[(i + round + 1) % cpus]);
		}
	}
	tap(all, "SCHD0640 of %u threads on %u processors, some bound or of one liking, each gets its turns", n, cpus);
	for (unsigned i = 0; i < n; i++)
		finish(&w[i]);
}

/* --- switches and depression --------------------------------------------------------------- */

static void switches(void)
{
	struct worker w;
	uint64_t before;

	tap_result(thread_switch(MACH_PORT_NULL, SWITCH_OPTION_NONE, 0), KERN_SUCCESS, "SCHD0701 thread_switch");
	tap_result(thread_switch(MACH_PORT_NULL, 6, 0), KERN_INVALID_ARGUMENT, "SCHD0702 with no such option");
	tap_result(thread_switch(MACH_PORT_NULL, SWITCH_OPTION_DEPRESS, 1), KERN_SUCCESS, "SCHD0703 depressed");
	tap_result(thread_switch(MACH_PORT_NULL, SWITCH_OPTION_OSLOCK_DEPRESS, 0), KERN_SUCCESS, "SCHD0704 for a lock");
	before = now_ns();
	tap_result(thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 20), KERN_SUCCESS, "SCHD0705 waiting");
	tap(now_ns() - before >= 20 * MS, "SCHD0706 as long as it was told");
	tap_result(thread_switch(MACH_PORT_NULL, SWITCH_OPTION_OSLOCK_WAIT, 1), KERN_SUCCESS, "SCHD0707 waiting for a lock");
	tap_result(thread_switch(MACH_PORT_NULL, SWITCH_OPTION_DISPATCH_CONTENTION, 1), KERN_SUCCESS, "SCHD0708 or for contention to end");
	(void)swtch();
	(void)swtch_pri(0);
	tap(!timeshare_info(mach_thread_self()).depressed, "SCHD0709 swtch_pri's depression ends with it");
	tap_result(thread_depress_abort(mach_thread_self()), KERN_NOT_DEPRESSED, "SCHD0710 thread_depress_abort of one that is not");
	tap_result(thread_depress_abort(host), KERN_INVALID_ARGUMENT, "SCHD0711 of no thread");

	begin(&w, spin);
	thread_bind(w.thread, processors[0]);
	tap_result(thread_bind(mach_thread_self(), processors[0]), KERN_SUCCESS, "SCHD0712 thread_bind");
	w.go = 1;
	usleep(5000);
	before = w.rounds;
	for (int i = 0; i < TRIES && w.rounds == before; i++)
		(void)thread_switch(w.thread, SWITCH_OPTION_NONE, 0);
	tap(w.rounds != before, "SCHD0713 thread_switch hands the processor to the named thread");
	tap_result(thread_bind(mach_thread_self(), MACH_PORT_NULL), KERN_SUCCESS, "SCHD0714 unbound");
	tap_result(thread_bind(host, processors[0]), KERN_INVALID_ARGUMENT, "SCHD0715 no thread is bound");
	finish(&w);
}

static void depress_forever(struct worker *w)
{
	(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_DEPRESS, 60000);
	w->order = ++order;
}

static void depression(void)
{
	struct worker depressed, hog;
	bool was = false;

	order = 0;
	begin(&depressed, depress_forever);
	begin(&hog, spin);
	bind_here(&hog, POLICY_RR, 20);
	bind_here(&depressed, POLICY_RR, 30);
	hog.go = 1;
	(void)advances(&hog, 5000);
	depressed.go = 1;
	for (int i = 0; i < TRIES && !was; i++) {
		policy_rr_info_data_t info;
		mach_msg_type_number_t count = POLICY_RR_INFO_COUNT;

		usleep(1000);
		was = thread_info(depressed.thread, THREAD_SCHED_RR_INFO, (thread_info_t)&info, &count) == KERN_SUCCESS && info.depressed;
	}
	tap(was && depressed.order == 0, "SCHD0720 a depressed thread waits for lower ones");
	tap_result(thread_depress_abort(depressed.thread), KERN_SUCCESS, "SCHD0721 until it is aborted");
	pthread_join(depressed.pthread, NULL);
	tap(depressed.order == 1, "SCHD0722 and then goes before them");
	finish(&hog);
	mach_port_deallocate(mach_task_self(), depressed.thread);
}

/* --- inversion along a call ---------------------------------------------------------------- */

struct call {
	mach_msg_header_t h;
	mach_msg_trailer_t trailer;
};

/* Serve one call, with 40 ms of work. */
static void serve(struct worker *w)
{
	struct call m;

	if (mach_msg(&m.h, MACH_RCV_MSG, 0, sizeof(m), w->port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return;
	w->rounds = 1;
	work(w->thread, 40);
	m.h.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(m.h.msgh_bits), 0);
	m.h.msgh_local_port = MACH_PORT_NULL;
	m.h.msgh_size = sizeof(m.h);
	(void)mach_msg(&m.h, MACH_SEND_MSG, sizeof(m.h), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void call(struct worker *w)
{
	mach_port_t reply = mach_reply_port();
	struct call m = { .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), .msgh_size = sizeof(m.h),
				 .msgh_remote_port = w->port, .msgh_local_port = reply, .msgh_id = 77 } };

	if (mach_msg(&m.h, MACH_SEND_MSG | MACH_RCV_MSG, sizeof(m.h), sizeof(m), reply, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS)
		w->order = ++order;
	mach_port_mod_refs(mach_task_self(), reply, MACH_PORT_RIGHT_RECEIVE, -1);
}

/* Work until something has happened, or for so long that a host's pause cannot be why it has not. */
static void spin_until_order(struct worker *w)
{
	for (int i = 0; i < 500 && order == 0; i++)
		work(w->thread, 20);
	w->order = ++order;
}

/* queued: the server is still to come to its receive when the call is made. */
static void inversion(bool queued)
{
	struct worker server, middle, client;
	mach_port_t port;

	mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	order = 0;
	begin(&server, serve);
	begin(&middle, spin_until_order);
	begin(&client, call);
	server.port = client.port = port;
	bind_here(&server, POLICY_FIFO, 20);
	bind_here(&middle, POLICY_FIFO, 40);
	bind_here(&client, POLICY_FIFO, 60);
	if (!queued) {
		server.go = 1;
		usleep(20000);
	}
	client.go = 1;
	usleep(20000);
	if (queued) {
		server.go = 1;
		while (server.rounds == 0)
			usleep(100);
	}
	middle.go = 1;
	pthread_join(client.pthread, NULL);
	pthread_join(middle.pthread, NULL);
	tap(client.order == 1 && middle.order == 2,
	    queued ? "SCHD0731 so is one that took the call from the queue" :
		     "SCHD0730 a server of low priority is not kept from a call of high priority by a thread between");
	pthread_join(server.pthread, NULL);
	mach_port_deallocate(mach_task_self(), server.thread);
	mach_port_deallocate(mach_task_self(), middle.thread);
	mach_port_deallocate(mach_task_self(), client.thread);
	mach_port_destroy(mach_task_self(), port);
}

/* Take one request and keep it, spinning, until told to answer. */
static void serve_slowly(struct worker *w)
{
	struct call m;

	if (mach_msg(&m.h, MACH_RCV_MSG, 0, sizeof(m), w->port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return;
	w->rounds = 1;
	while (!w->stop)
		;
	m.h.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(m.h.msgh_bits), 0);
	m.h.msgh_local_port = MACH_PORT_NULL;
	m.h.msgh_size = sizeof(m.h);
	(void)mach_msg(&m.h, MACH_SEND_MSG, sizeof(m.h), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	while (*(volatile unsigned *)&w->ms != 0)
		;
}

/* Take one request, and make a call of one's own before it is answered. */
static void serve_by_another(struct worker *w)
{
	struct call m, own = { .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
				      .msgh_size = sizeof(own.h), .msgh_remote_port = (mach_port_t)w->ms, .msgh_id = 78 } };

	if (mach_msg(&m.h, MACH_RCV_MSG, 0, sizeof(m), w->port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return;
	own.h.msgh_local_port = mach_reply_port();
	(void)mach_msg(&own.h, MACH_SEND_MSG | MACH_RCV_MSG, sizeof(own.h), sizeof(own), own.h.msgh_local_port, 0, MACH_PORT_NULL);
	m.h.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(m.h.msgh_bits), 0);
	m.h.msgh_local_port = MACH_PORT_NULL;
	m.h.msgh_size = sizeof(m.h);
	(void)mach_msg(&m.h, MACH_SEND_MSG, sizeof(m.h), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void call_with_timeout(struct worker *w)
{
	mach_port_t reply = mach_reply_port();
	struct call m = { .h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), .msgh_size = sizeof(m.h),
				 .msgh_remote_port = w->port, .msgh_local_port = reply, .msgh_id = 77 } };

	w->order = mach_msg(&m.h, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_INTERRUPT | (w->ms != 0 ? MACH_RCV_TIMEOUT : 0), sizeof(m.h), sizeof(m),
			    reply, w->ms, MACH_PORT_NULL) == MACH_MSG_SUCCESS ? 1 : 2;
	while (!w->stop)
		thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1);
}

static bool comes_to(mach_port_t thread, int low, int high)
{
	for (int i = 0; i < TRIES; i++) {
		int now = timeshare_info(thread).cur_priority;

		if (now >= low && now <= high)
			return true;
		usleep(1000);
	}
	return false;
}

static mach_port_t new_port(void)
{
	mach_port_t port;

	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS ||
	    mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS)
		abort();
	return port;
}

enum ending { BY_REPLY, BY_TIMEOUT, BY_ABORT, BY_DEATH };

/* A call's priority reaches the server, of a second one too if nested, and is given back however the wait ends. */
static void lending(enum ending ending, bool nested, const char *what)
{
	struct worker last, between, client;
	mach_port_t inner = new_port(), outer = nested ? new_port() : inner;
	policy_fifo_base_data_t base = { 60 };
	bool lent, returned;

	begin(&last, serve_slowly);
	begin(&between, serve_by_another);
	begin(&client, call_with_timeout);
	last.port = inner;
	last.ms = 1; /* it runs on after its answer */
	between.port = client.port = outer;
	between.ms = inner;
	client.ms = ending == BY_TIMEOUT ? 300 : 0;
	thread_priority(last.thread, 20, FALSE);
	thread_priority(between.thread, 25, FALSE);
	thread_policy(client.thread, POLICY_FIFO, (policy_base_t)&base, 1, FALSE);
	last.go = 1;
	between.go = nested;
	usleep(10000);
	client.go = 1;
	lent = comes_to(last.thread, 60, 60);
	if (ending == BY_ABORT)
		thread_abort(client.thread);
	else if (ending == BY_DEATH)
		thread_terminate(client.thread);
	else if (ending == BY_REPLY)
		last.stop = 1;
	returned = comes_to(last.thread, 0, nested && ending != BY_REPLY ? 25 : 20);
	tap(lent && returned, "%s", what);
	last.ms = 0;
	if (!nested)
		between.fn = nothing;
	finish(&last);
	finish(&between);
	if (ending == BY_DEATH) /* musl knows nothing of its end: nobody joins it */
		mach_port_deallocate(mach_task_self(), client.thread);
	else
		finish(&client);
	mach_port_destroy(mach_task_self(), inner);
	if (nested)
		mach_port_destroy(mach_task_self(), outer);
}

int main(void)
{
	host = mach_host_self();
	host_calls();
	processor_calls();
	set_calls();
	osf_policy_calls();
	task_policy_calls();
	xnu_policy_calls();
	kernel_threads();
	admission();
	admission_of_all();
	/* The judge runs above the judged. */
	(void)thread_priority(mach_thread_self(), 62, FALSE);
	fixed_priorities();
	timesharing();
	deadlines();
	overrun();
	nobody_starves();
	switches();
	depression();
	inversion(false);
	inversion(true);
	lending(BY_REPLY, false, "SCHD0740 what a call lends is given back by its reply");
	lending(BY_TIMEOUT, false, "SCHD0741 by its time-out");
	lending(BY_ABORT, false, "SCHD0742 by an abort");
	lending(BY_DEATH, false, "SCHD0743 and by the caller's end");
	lending(BY_REPLY, true, "SCHD0744 a nested call hands it on, and its reply gives it back");
	lending(BY_ABORT, true, "SCHD0745 or an abort of the first caller");
	lending(BY_TIMEOUT, true, "SCHD0746 or its time-out");
	return tap_done();
}
