/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_tt.h - the ports of tasks and threads: their kernel ports, special ports, exception ports.
 *
 * Life of a task's or thread's ports: init (made, naming nothing yet) -> enable (the kernel port names
 *   the object) -> disable (it names nothing: calls fail) -> terminate (all rights dropped, the
 *   port dead, the space destroyed).
 * References: the kernel port does not hold its object; converting a port to an object takes a reference
 *   under the port lock, where disable takes the name away.
 */
#pragma once

#include <ipc/ipc_port.h>
#include <kern/task.h>

struct ipc_space;
struct vm_map;

#define TASK_KERNEL_PORT 1
#define TASK_HOST_PORT 2
#define TASK_NAME_PORT 3
#define TASK_BOOTSTRAP_PORT 4
#define THREAD_KERNEL_PORT 1

/* The kernel task's ports: the first task. Panics without memory. */
void ipc_task_init_kernel(struct task *task);
/* Space, ports, and what a task inherits of parent (may be NULL). KERN_RESOURCE_SHORTAGE: nothing made. */
kern_return_t ipc_task_init(struct task *task, struct task *parent);
void ipc_task_enable(struct task *task);
void ipc_task_disable(struct task *task);
void ipc_task_terminate(struct task *task);
/* t->task need not be set. KERN_RESOURCE_SHORTAGE: nothing made. */
kern_return_t ipc_thread_init(struct thread *thread);
void ipc_thread_enable(struct thread *thread);
void ipc_thread_disable(struct thread *thread);
void ipc_thread_terminate(struct thread *thread);

/* The task's tokens, and setting them: of what it sends from now on. Nothing locked. */
struct ipc_tokens ipc_task_tokens(const struct task *task);
void ipc_task_set_tokens(struct task *task, const struct ipc_tokens *tokens);

/* The object that port names, with a reference; NULL if it is none. Nothing locked; port is not consumed. */
struct task *convert_port_to_task(struct ipc_port *port);
struct thread *convert_port_to_thread(struct ipc_port *port);
/* Also of a task's name port. */
struct task *convert_port_to_task_name(struct ipc_port *port);
struct ipc_space *convert_port_to_space(struct ipc_port *port);
struct vm_map *convert_port_to_map(struct ipc_port *port);
/* A send right to the object's kernel port, consuming a reference to the object; IP_NULL if it has ended. */
struct ipc_port *convert_task_to_port(struct task *task);
struct ipc_port *convert_thread_to_port(struct thread *thread);
/* The task or thread that name denotes in the calling task, with a reference; NULL. */
struct task *port_name_to_task(mach_port_name_t name);
struct thread *port_name_to_thread(mach_port_name_t name);

/* What task_create() gives a child as its host port instead of its parent's; consumes port, a send right. */
void ipc_task_set_host(struct task *task, struct ipc_port *port);
/* mach_ports_register(), mach_ports_lookup(): ports has TASK_PORT_REGISTER_MAX send rights, set consumes them on success. */
kern_return_t ipc_task_set_registered(struct task *task, struct ipc_port **ports);
kern_return_t ipc_task_get_registered(struct task *task, struct ipc_port **ports);

/* Send rights made for the caller: the task's own port as it appears to itself. IP_NULL. */
struct ipc_port *retrieve_task_self(struct task *task);
struct ipc_port *retrieve_thread_self(struct thread *thread);

/*
 * task_{get,set}_special_port, thread_{get,set}_special_port, mach_ports_{register,lookup}. get gives a
 * send right; set consumes one on success. KERN_INVALID_ARGUMENT, KERN_FAILURE (it has ended).
 */
kern_return_t ipc_task_get_special_port(struct task *task, int which, struct ipc_port **port);
kern_return_t ipc_task_set_special_port(struct task *task, int which, struct ipc_port *port);
kern_return_t ipc_thread_get_special_port(struct thread *thread, int which, struct ipc_port **port);
kern_return_t ipc_thread_set_special_port(struct thread *thread, int which, struct ipc_port *port);

/* ---- traps ---- */
mach_port_name_t mach_reply_port(void);
mach_port_name_t mach_thread_self(void);
mach_port_name_t mach_task_self(void);
mach_port_name_t mach_host_self(void);

/* The host's ports (send rights are made of them): made by ipc_init, given meaning by kern/host. */
extern struct ipc_port *ipc_host_port, *ipc_host_priv_port, *ipc_host_security_port;
