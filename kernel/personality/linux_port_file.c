/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_port_file.c - a port or a port set as a descriptor, for poll, select and epoll: readable when a message waits.
 *
 * The descriptor of a port has a port set of its own that the port is a member of, so that a port that nobody polls pays
 * nothing. Messages are received with mach_msg, from the port, as ever. When the receive right leaves the task
 * or dies, the port leaves the set, and the descriptor hangs up (POLLHUP).
 * References: the file holds the set.
 */
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_pset.h>
#include <ipc/ipc_space.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <personality/linux_descriptor.h>

struct port_file {
	struct linux_file file;
	struct ipc_pset *pset; /* [I] +1 */
	bool own;              /* [I] the set is this file's, not the user's */
};

static struct port_file *port_file(struct linux_file *f)
{
	return container_of(f, struct port_file, file);
}

static uint32_t port_poll(struct linux_file *f)
{
	struct port_file *p = port_file(f);
	bool gone;

	if (ipc_pset_has_message(p->pset))
		return LINUX_POLLIN | LINUX_POLLRDNORM;
	ips_lock(p->pset);
	gone = !ips_active(p->pset) || (p->own && list_empty(&p->pset->ips_members));
	ips_unlock(p->pset);
	return gone ? LINUX_POLLHUP : 0;
}

static struct poll_source *port_source(struct linux_file *f, struct spinlock **lock)
{
	*lock = &port_file(f)->pset->ips_object.io_lock;
	return &port_file(f)->pset->ips_poll;
}

static void port_stat(struct linux_file *f, struct linux_stat *st)
{
	st->mode = 0600;
	st->nlink = 1;
}

static void port_release(struct linux_file *f)
{
	struct port_file *p = port_file(f);

	if (p->own)
		ipc_pset_destroy(p->pset);
	else
		ips_release(p->pset);
	kfree(p, sizeof(*p));
}

static const struct linux_file_ops port_ops = {
	.stat = port_stat,
	.poll = port_poll,
	.source = port_source,
	.release = port_release,
};

/* A set of which port, a receive right of the calling task, is the only member; NULL and *err. */
static struct ipc_pset *set_of(struct ipc_port *port, int64_t *err)
{
	struct ipc_pset *pset = ipc_pset_alloc(MACH_PORT_NULL);
	kern_return_t kr = KERN_INVALID_RIGHT;

	*err = -LINUX_ENOMEM;
	if (pset == NULL)
		return NULL;
	ip_lock(port);
	if (ip_active(port) && port->ip_receiver == current_task()->ipc.space)
		kr = ipc_pset_add(pset, port);
	ip_unlock(port);
	if (kr == KERN_SUCCESS)
		return pset;
	if (kr == KERN_NO_SPACE)
		*err = -LINUX_ENOSPC;
	if (kr == KERN_INVALID_RIGHT)
		*err = -LINUX_EBADF;
	ipc_pset_destroy(pset);
	return NULL;
}

int64_t linux_port_descriptor(mach_port_name_t name, uint64_t flags)
{
	struct ipc_object *object;
	struct port_file *p;
	int64_t err = -LINUX_ENOMEM;

	if ((flags & ~(uint64_t)LINUX_O_CLOEXEC) != 0)
		return -LINUX_EINVAL;
	if (ipc_mqueue_copyin(current_task()->ipc.space, name, &object) != MACH_MSG_SUCCESS)
		return -LINUX_EBADF;
	p = kalloc_zeroed(sizeof(*p));
	if (p == NULL) {
		io_release(object);
		return err;
	}
	p->own = object->io_kind == IOT_PORT;
	p->pset = p->own ? set_of((struct ipc_port *)object, &err) : (struct ipc_pset *)object;
	if (p->own)
		io_release(object); /* the set's member is not referenced: a dying port leaves its sets */
	if (p->pset == NULL) {
		kfree(p, sizeof(*p));
		return err;
	}
	linux_file_init(&p->file, &port_ops, 0);
	return linux_descriptor_install(&p->file, (flags & LINUX_O_CLOEXEC) != 0, 0);
}
