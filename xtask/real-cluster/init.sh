#!/bin/sh
# First process of a cluster's room: a file system, network, process and host name space of its own.
# Arguments: the Debian file system, the folder that keeps state, the file that tells this process's id to the outside.
set -eu
root=$1 state=$2 pid_file=$3

mount --make-rprivate /
# The inherited /proc is still the computer's, so it shows this process under the id by which others can enter.
read -r pid _ </proc/self/stat

mount --bind "$root" "$root"
mkdir -p "$root/srv/cluster" "$root/.outside"
mount --bind "$state" "$root/srv/cluster"
mount --rbind /dev "$root/dev"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
printf '%s\n' "$pid" >"$pid_file.new"
mount -t proc proc "$root/proc"

# Docker wants a real root and refuses a mere chroot.
cd "$root"
pivot_root . .outside
cd /
hostname backend-ai
ip link set lo up
mv "/.outside$pid_file.new" "/.outside$pid_file"
umount -l /.outside
exec </dev/null
exec tini -s -- sleep infinity
