/**
 * Shell lines of a machine: a root for its services, `t`, which runs tscompose on `$stack`, and words for what is asked
 * of it and for what it may leave behind. What it says on stderr comes last: the serial line would mix it with the rest.
 */
export const vmShell = `
trap 'cat /vm/errors' EXIT
mkdir -p root/bin root/data root/kept root/tmp root/proc root/sys root/dev root/etc
cp /bin/busybox root/bin/busybox
for applet in sh sleep cat head wc mknod; do ln -s busybox root/bin/$applet; done
t() { node /vm/dist/tscompose.cjs -f /vm/$stack.yml --progress quiet "$@" 2>>/vm/errors; }
row() { echo "$1 $(t ps -a --json $2)"; }
left() {
  echo "left $(find /run/tscompose /var/lib/tscompose/projects /var/lib/tscompose/volumes /sys/fs/cgroup/tscompose -mindepth 1 2>/dev/null)"
}
`;

/** The same with words for a unit called tscompose-vm. */
export const unitShell = `${vmShell}
property() { systemctl show --property=$1 --value tscompose-vm; }
unit() { echo "$1: $(property ActiveState) $(property SubState), $(property StatusText), $(property Result)"; }
`;
