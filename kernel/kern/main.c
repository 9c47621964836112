/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the boot order, readable top to bottom.
 *
 * kernel_main() runs on the boot CPU's first stack with interrupts off and sets up what needs no thread; it
 * becomes that CPU's idle thread. What may sleep runs in the startup thread.
 */
#include <base/string.h>
#include <ddb/ddb.h>
#include <ddb/trace.h>
#include <device/device.h>
#include <device/nic.h>
#include <ipc/ipc_init.h>
#include <ipc/mach_msg_private.h>
#include <ipc/ipc_net.h>
#include <kern/assert.h>
#include <kern/bootstrap.h>
#include <kern/clock.h>
#include <kern/clock_service.h>
#include <kern/fault.h>
#include <kern/host.h>
#include <kern/ipc_kobject.h>
#include <kern/kworker.h>
#include <kern/lock_set.h>
#include <kern/main.h>
#include <kern/mk_timer.h>
#include <kern/options.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/task_suspension.h>
#include <kern/thread.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <personality/linux.h>
#include <sched/latency.h>
#include <sched/processor.h>
#include <sched/processor_set.h>
#include <sched/donate.h>
#include <sched/sched.h>
#include <sched/sched_policy.h>
#include <vm/memory_object.h>
#include <vm/vm_map.h>
#include <vm/vm_device_pager.h>
#include <vm/vm_named_entry.h>
#include <vm/vm_page.h>
#include <vm/vm_pageout.h>

__attribute__((weak)) void ktest_run(const char *name); /* kern/ktest.c */

static struct thread idle_threads[MAX_CPUS];

void boot_stop(const char *format, ...)
{
	char sentence[256];
	va_list ap;

	va_start(ap, format);
	(void)kvsnprintf(sentence, sizeof(sentence), format, ap);
	va_end(ap);
	kprintf("meshach: boot stopped: %s\n", sentence);
	machine_exit(BOOT_STOP_STATUS);
}

/* What runs on this CPU now becomes its idle thread. */
static void adopt_idle_thread(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *t = &idle_threads[cpu->id];

	ksnprintf(t->name, sizeof(t->name), "idle%u", cpu->id);
	t->task = kernel_task;
	sched_init_thread(t);
	t->priority = t->lend_priority = t->sched.base_priority = SCHED_PRIORITY_IDLE;
	t->sched.mode = SCHED_FIFO;
	t->bound_cpu = (int32_t)cpu->id;
	t->cpu_mask = 1U << cpu->id;
	t->cpu = cpu->id;
	t->start = (void (*)(void *))sched_idle_loop;
	t->active = true;
	atomic_store(&t->references, 1);
	atomic_store(&t->run_state, THREAD_RUNNING);
	atomic_store(&t->on_cpu, 1);
	spin_init(&t->lock, "thread");
	waitq_init(&t->stop_wait);
	list_init(&t->task_link);
	thread_wait_init(t);
	cpu->idle = t;
	cpu->current = t;
}

/* Do allocations of the current thread fail (fault.task)? */
static bool fault_applies(void)
{
	const struct task *task = current_thread()->task;

	if (task == NULL || task == kernel_task)
		return false;
	return boot_options.fault_task[0] == '\0' || strcmp(task->name, boot_options.fault_task) == 0;
}

/* The first thread: everything that may sleep. */
static void startup(void *unused)
{
	thread_start_reaper();
	kworker_init();
	nic_probe();
	machine_start_cpus();
	processor_init();
	device_start();
	vm_pageout_start();
	ddb_init();
	kprintf("meshach: %u CPU%s, %lu MiB free\n", cpu_count, cpu_count == 1 ? "" : "s",
		vm_page_free_count() * PAGE_SIZE >> 20);
	if (boot_options.test[0] != '\0' && ktest_run != NULL)
		ktest_run(boot_options.test);
	if (boot_options.fault_rate != 0 && !fault_start(boot_options.fault_seed, boot_options.fault_rate, fault_applies))
		boot_stop("fault.alloc: this kernel cannot; the debug kernel can");
	latency_reset(); /* of the boot nothing is to be said */
	ipc_net_start();
	bootstrap_start();
}

void kernel_main(void)
{
	const char *wrong;

	adopt_idle_thread();
	kprintf("Meshach %s\n", MESHACH_VERSION);
	wrong = boot_options_parse(boot_info.cmdline);
	if (wrong != NULL)
		boot_stop("unknown or bad option '%s' on the kernel command line", wrong);
	trace_on |= boot_options.trace;
	sched_poll_ns = boot_options.poll_us * 1000ULL;
	mach_msg_fast_off = boot_options.ipc_slow;
	if (boot_info.memory_bytes < MIN_MEMORY_BYTES)
		boot_stop("%lu MiB of memory is too little: at least %lu MiB are needed",
			  boot_info.memory_bytes >> 20, MIN_MEMORY_BYTES >> 20);
	vm_page_bootstrap();
	machine_init();
	clock_init_cpu();
	sched_init_cpu();
	vm_init();
	ipc_init();
	thread_init();
	pset_init();
	sched_policy_init();
	task_init();
	this_cpu()->idle->task = kernel_task;
	host_init();
	clock_service_init();
	mk_timer_init();
	ipc_kobject_init();
	memory_object_init_module();
	vm_pager_timeout_ns = boot_options.pager_timeout_ms * 1000000ULL;
	device_init();
	vm_named_entry_init();
	task_suspension_init();
	pc_sample_init();
	lock_remote_init();
	vm_device_pager_init();
	linux_init();
	thread_deallocate(kernel_thread_start("startup", SCHED_PRIORITY_KERNEL, startup, NULL));
	sched_idle_loop();
}

void kernel_secondary_main(void)
{
	adopt_idle_thread();
	clock_init_cpu();
	sched_init_cpu();
	sched_idle_loop();
}
