#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# vhost_switch.sh OUT SOURCE... - build the switch with DPDK, linked static; where libdpdk-dev is absent, do nothing.
set -eu
out=$1
shift
command -v pkg-config >/dev/null && pkg-config --exists libdpdk || exit 0
whole="-l:librte_net_vhost.a -l:librte_bus_vdev.a -l:librte_mempool_ring.a"
rest=
for library in vhost ethdev cryptodev dmadev hash rcu net mbuf mempool ring pci meter kvargs telemetry eal; do
	rest="$rest -l:librte_$library.a"
done
# shellcheck disable=SC2046,SC2086
gcc -std=gnu17 -D_GNU_SOURCE -DSW_FABRIC=sw_fabric_vhost -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -Icluster \
	$(pkg-config --cflags libdpdk) "$@" -o "$out" \
	-Wl,--whole-archive $whole -Wl,--no-whole-archive -Wl,--start-group $rest -Wl,--end-group -lnuma -lbsd -lm -ldl -lpthread
