/* SPDX-License-Identifier: BSD-2-Clause */
/* kernel.h - what the files of the kernel's half share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hosted_link;
struct nic;
struct task;

/* The process's task; made, with all of ipc, by the first call. */
struct task *hosted_task(void);
/* Make the card for a link and make it known (device/nic.h). NULL, or what is wrong. */
const char *hosted_nic_open(const struct hosted_link *link);
/* Start the thread that is the card's interrupt and the clock's. */
void hosted_interrupts_start(int socket, struct nic *nic);
