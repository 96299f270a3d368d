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
  const forwarders = chains.filter(({ hook }) => hook === NF_FORWARD);
  // What iptables-nft keeps gets a rule of ours; in these a verdict elsewhere counts for nothing.
  const foreign = forwarders.filter(
    ({ family, table, policy }) => policy === 'drop' && (family === 'inet' || table !== 'filter'),
  );
  if (foreign.length > 0) {
    const tables = [...new Set(foreign.map(({ family, table, name }) => `${family} ${table} ${name}`))];
    const lack = {
      effect: 'what services send to other machines is dropped there, unless a rule lets it through',
      remedy: tables
        .flatMap((chain) => ['iifname', 'oifname'].map((key) => `nft insert rule ${chain} ${key} "tsc*" accept`))
        .join('; '),
    };
    return [lacks('limited', { ...base, found: `${tables.join(', ')} drops what is forwarded`, ...lack })];
  }
  // Its chains reject by their last rule, not by policy. Those of a zone are there when the zone has an interface.
  const zones = forwarders.some(({ table }) => table === 'firewalld');
  if (zones && !chains.some(({ table, name }) => table === 'firewalld' && name === 'filter_FWD_trusted')) {
    const lack = {
      effect: 'what services send to other machines is rejected, unless a zone or policy of firewalld lets it through',
      remedy: 'firewall-cmd --permanent --zone=trusted --add-interface=tsc+; firewall-cmd --reload',
    };
    return [lacks('limited', { ...base, found: 'firewalld, to which our interfaces are unknown', ...lack })];
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
