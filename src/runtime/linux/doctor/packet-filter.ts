import { type Check, fine, lacks } from './finding.ts';

/** The number of the hook that packets pass which are for somebody else. */
const NF_FORWARD = 2;

export const packetFilter: Check = ({ probes }) => {
  if (probes === undefined) return [];
  const base = { id: 'nftables', title: 'nftables' };
  const { packetFilter: seen } = probes;
  if (seen.kind === 'seen') return [fine(base.id, base.title, 'there')];
  const effect = 'no networks: only network_mode none or host';
  const remedy =
    'modprobe -a nf_tables nft_masq nft_ct, or use a kernel with CONFIG_NF_TABLES=y and CONFIG_NF_TABLES_INET=y';
  return [lacks('limited', { ...base, found: `the kernel says ${seen.errno}`, effect, remedy })];
};

/**
 * Traffic between services never meets the host's rules, since it stays in a network namespace of its own; what leaves
 * for other machines is forwarded by the host, where Docker and firewalls like to drop.
 */
export const forwarding: Check = ({ probes, text }) => {
  const base = { id: 'firewall', title: "the host's firewall" };
  const legacy = ['ip', 'ip6'].filter((family) =>
    (text(`/proc/net/${family}_tables_names`) ?? '').split('\n').includes('filter'),
  );
  if (legacy.length > 0) {
    const lack = {
      effect:
        'what services send to other machines may be dropped there: such rules cannot be seen or amended from here',
      remedy: `update-alternatives --set iptables /usr/sbin/iptables-nft, or: ${legacy.map((family) => `${family}tables-legacy -P FORWARD ACCEPT`).join('; ')}`,
    };
    return [lacks('limited', { ...base, found: 'rules of iptables-legacy are loaded', ...lack })];
  }
  const bridged = text('/proc/sys/net/bridge/bridge-nf-call-iptables')?.trim() === '1';
  const between = bridged ? 'br_netfilter is on, which does not reach traffic between services' : 'nothing in the way';
  if (probes?.packetFilter.kind !== 'seen') return [fine(base.id, base.title, between)];
  const { chains } = probes.packetFilter;
  const foreign = chains.filter(
    ({ family, hook, policy }) => family === 'inet' && hook === NF_FORWARD && policy === 'drop',
  );
  if (foreign.length > 0) {
    const tables = [...new Set(foreign.map(({ table, name }) => `inet ${table} ${name}`))];
    const lack = {
      effect: 'what services send to other machines is dropped there, unless a rule lets it through',
      remedy: tables.map((chain) => `nft insert rule ${chain} iifname "tsc*" accept`).join('; '),
    };
    return [lacks('limited', { ...base, found: `${tables.join(', ')} drops what is forwarded`, ...lack })];
  }
  const filter = chains.filter(({ table }) => table === 'filter');
  if (filter.some(({ name }) => name === 'DOCKER-USER'))
    return [
      fine(base.id, base.title, "Docker's: while a project runs, DOCKER-USER has a rule that lets its packets through"),
    ];
  if (filter.some(({ hook, policy }) => hook === NF_FORWARD && policy === 'drop'))
    return [fine(base.id, base.title, 'FORWARD drops: while a project runs, a rule in it lets its packets through')];
  return [fine(base.id, base.title, between)];
};
