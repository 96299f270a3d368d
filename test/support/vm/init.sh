#!/bin/busybox sh
# PID 1 of the test machine: sets it up as a distribution would, runs /vm/run as a script, and turns the power off.
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /var/lib /root /newroot
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
# pivot_root(2) refuses to leave the initramfs itself; a bind mount of it moved over it is a root like any other.
if [ ! -e /newroot/moved ] && [ "$1" != moved ]; then
  /bin/busybox mount --bind / /newroot
  cd /newroot
  /bin/busybox mount --move . /
  exec /bin/busybox chroot . /init moved
fi
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
for applet in $(/bin/busybox --list); do
  [ -e "/bin/$applet" ] || /bin/busybox ln -s /bin/busybox "/bin/$applet"
done
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in /vm/modules/*.ko; do insmod "$module" || echo "vm: cannot load $module"; done
if [ -b /dev/vda ]; then
  mount -t ext4 /dev/vda /var/lib || echo "vm: cannot mount the disk"
  mkdir -p /var/lib/units /etc/systemd/system
  cp /etc/systemd/system/* /var/lib/units/
  mount --bind /var/lib/units /etc/systemd/system
else
  mount -t tmpfs tmpfs /var/lib
fi
ip link set lo up
if [ -e /lib/systemd/systemd ]; then
  : > /etc/machine-id
  exec /lib/systemd/systemd --unit=vm.service --show-status=no --log-level=warning --log-target=console
fi
cd /vm
echo VM-READY
sh /vm/run.sh 2>&1
echo "VM-EXIT $?"
poweroff -f
