/**
 * Shell lines of a machine with a unit called tscompose-vm: a root for its services, and words for what is asked
 * of it, with a `t` that runs tscompose.
 */
export const vmShell = `
mkdir -p root/bin root/data root/kept root/tmp root/proc root/sys root/dev root/etc
cp /bin/busybox root/bin/busybox
for applet in sh sleep; do ln -s busybox root/bin/$applet; done
property() { systemctl show --property=$1 --value tscompose-vm; }
unit() { echo "$1: $(property ActiveState) $(property SubState), $(property StatusText), $(property Result)"; }
row() { echo "$1 $(t ps -a --json $2)"; }
`;
