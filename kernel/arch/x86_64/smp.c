/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.c - the machine's set-up after memory management, and starting the other CPUs.
 *
 * Interface: machine_init(), machine_start_cpus() of <machine/boot.h>.
 * CPUs are started one after the other. Each gets its struct cpu's page, IST stacks and an idle stack, runs
 * through the trampoline in low memory with a root table that also maps it in place, and reports by
 * raising cpu_count; from then on it is the scheduler's.
 *
 * Invariants: M1 CPU numbers are dense: a CPU that does not come leaves its number to the next; M2 the kernel's own
 *   root never maps anything below the kernel half.
 * Reference: SDM vol. 3A 9.4 (INIT-SIPI-SIPI).
 */
#include "acpi.h"
#include "apic.h"
#include "boot_private.h"
#include "clock_private.h"
#include "cpu_private.h"
#include "fpu.h"
#include "instructions.h"
#include "pmap_private.h"
#include <base/string.h>
#include <kern/assert.h>
#include <kern/limits.h>
#include <kern/printf.h>
#include <machine/clock.h>
#include <vm/vm_page.h>

#define TRAMPOLINE_PHYS 0x8000UL /* AP_TRAMPOLINE_PHYS */
#define START_TIMEOUT_NS 2000000000ULL
#define IST_ORDER 3              /* 2^3 frames, aligned to their size: the stacks of IST 1 to 4 */
_Static_assert((PAGE_SIZE << IST_ORDER) == (IST_COUNT - 1) * IST_STACK_BYTES, "IST_ORDER");

struct trampoline_data {
	uint64_t root, stack;
	struct cpu *cpu;
	void (*entry)(struct cpu *);
};

extern const char ap_trampoline[], ap_trampoline_end[], ap_trampoline_data[];

/* The root for the trampoline: the kernel's half, and the first 2 MiB in place. Below 4 GiB as the image is. */
static pte_t trampoline_root[TABLE_ENTRIES] __attribute__((aligned(4096)));
static pte_t trampoline_pdpt[TABLE_ENTRIES] __attribute__((aligned(4096)));
static pte_t trampoline_pd[TABLE_ENTRIES] __attribute__((aligned(4096)));

void machine_init(void)
{
	acpi_init();
	pmap_init();
	fpu_init();
	apic_init();
	ioapic_init();
	clock_calibrate();
	kprintf("cpu: %s, TSC %lu MHz, %s%s%s%s%s%s%s\n", cpu_features.vendor, clock_tsc_hz() / 1000000,
		cpu_features.x2apic ? "x2APIC" : "xAPIC", cpu_features.smep ? " SMEP" : "",
		cpu_features.smap ? " SMAP" : "", cpu_features.umip ? " UMIP" : "",
		cpu_features.xsave ? " XSAVE" : "", cpu_features.pages_1g ? " 1G-pages" : "", cpu_features.pcid ? " PCID" : "");
}

/* A CPU begins its life in C here, on its idle stack, with the trampoline's root. */
_Noreturn static void ap_main(struct cpu *cpu)
{
	write_cr3(kernel_pmap->root_phys); /* M2 */
	cpu->pmap = kernel_pmap;
	cpu_load(cpu);
	apic_init_cpu();
	__atomic_store_n(&cpu_count, cpu->id + 1, __ATOMIC_RELEASE); /* M1 */
	kernel_secondary_main();
}

static struct trampoline_data *trampoline_prepare(void)
{
	char *place = phys_to_virt(TRAMPOLINE_PHYS);
	struct trampoline_data *data = (void *)(place + (ap_trampoline_data - ap_trampoline));

	memcpy(trampoline_root + KERNEL_FIRST_SLOT, kernel_pmap->root + KERNEL_FIRST_SLOT,
	       (TABLE_ENTRIES - KERNEL_FIRST_SLOT) * sizeof(pte_t));
	trampoline_root[0] = virt_to_phys(trampoline_pdpt) | PTE_PRESENT | PTE_WRITE;
	trampoline_pdpt[0] = virt_to_phys(trampoline_pd) | PTE_PRESENT | PTE_WRITE;
	trampoline_pd[0] = PTE_PRESENT | PTE_LARGE; /* read and execute */
	memcpy(place, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	data->root = virt_to_phys(trampoline_root);
	data->entry = ap_main;
	return data;
}

/* Memory of a CPU to be: NULL if there is not enough. */
static struct cpu *cpu_make(uint32_t id)
{
	struct vm_page *page, *ist;
	char *stack;
	struct cpu *cpu;

	if (id < MAX_CPUS && cpus[id] != NULL)
		return cpus[id]; /* the number's last owner did not come */
	page = vm_page_grab();
	ist = vm_page_grab_contiguous(IST_ORDER);
	stack = kernel_stack_alloc(KERNEL_STACK_BYTES);
	if (id >= MAX_CPUS || page == NULL || ist == NULL || stack == NULL)
		return NULL;
	cpu = cpu_page_init(vm_page_virt(page), id, (uint64_t)stack + KERNEL_STACK_BYTES);
	cpu_ist_init(cpu, (char *)vm_page_virt(ist) - IST_STACK_BYTES); /* stack 0 (IST_NONE) is left out */
	return cpu;
}

static bool wait_for_cpu(uint32_t id, uint64_t timeout_ns)
{
	uint64_t until = machine_now_ns() + timeout_ns;

	while (__atomic_load_n(&cpu_count, __ATOMIC_ACQUIRE) <= id)
		if (machine_now_ns() > until)
			return false;
		else
			cpu_relax();
	return true;
}

static bool cpu_start(struct trampoline_data *data, uint32_t id, uint32_t to)
{
	struct cpu *cpu = cpu_make(id);

	if (cpu == NULL)
		return false;
	data->cpu = cpu;
	data->stack = cpu->kernel_stack_top;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	apic_send_init(to);
	clock_delay_us(10000);
	apic_send_startup(to, TRAMPOLINE_PHYS >> PAGE_SHIFT);
	if (wait_for_cpu(id, 200000))
		return true;
	apic_send_startup(to, TRAMPOLINE_PHYS >> PAGE_SHIFT);
	if (wait_for_cpu(id, START_TIMEOUT_NS))
		return true;
	apic_send_init(to); /* if it came now, it would come in another's place */
	return false;
}

void machine_start_cpus(void)
{
	struct trampoline_data *data = trampoline_prepare();

	if (acpi_info.cpu_count > 1) {
		fpu_prepare_smp();
		pmap_prepare_smp();
	}
	for (uint32_t i = 0; i < acpi_info.cpu_count; i++) {
		uint32_t to = acpi_info.cpu_apic_ids[i];

		if (to != cpu_by_id(0)->apic_id && !cpu_start(data, cpu_count, to))
			kwarn("the CPU with APIC id %u does not start\n", to);
	}
	if (acpi_info.cpus_left_out > 0)
		kprintf("cpu: %u CPUs above the kernel's limit of %u are not used\n", acpi_info.cpus_left_out,
			MAX_CPUS);
}
