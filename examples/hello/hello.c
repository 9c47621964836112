/* SPDX-License-Identifier: BSD-2-Clause */
/* hello.c - a program for a node: it says where it runs. */
#include <mach/mach.h>
#include <stdio.h>

int main(void)
{
	mach_port_t host = mach_host_self();
	host_node_info_data_t node;
	mach_msg_type_number_t count = HOST_NODE_INFO_COUNT;
	kern_return_t result;

	result = host_info(host, HOST_NODE_INFO, (host_info_t)&node, &count);
	if (result != KERN_SUCCESS) {
		mach_error("hello: host_info", result);
		return 1;
	}
	printf("Hello from node %u.%u.%u.%u: %u CPUs, %llu MiB of memory.\n", node.address >> 24, node.address >> 16 & 255,
	       node.address >> 8 & 255, node.address & 255, node.cpus, (unsigned long long)node.memory_bytes >> 20);
	return 0;
}
