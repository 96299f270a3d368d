/**
 * What programs need and no ELF header tells: files they open by name, programs they start, users they become. One row a
 * fact; adding support for a program means adding a row. Missing files are no error: each distribution has its own.
 */
export type Companion = {
  /** Shown to whoever wonders why something is in a root filesystem. */
  readonly why: string;
  /**
   * `program`: the whole path of an executable, links resolved; its groups are `$1`, `$2` … below.
   * `library`: the name under which a library was found. Neither: every root has it.
   */
  readonly program?: RegExp;
  readonly library?: RegExp;
  /** Single files and links; `*` stands for anything within one component. */
  readonly files?: readonly string[];
  readonly trees?: readonly { readonly path: string; readonly exclude?: RegExp; readonly bulk?: boolean }[];
  readonly programs?: readonly string[];
  /** Opened with dlopen(3); searched as any library is. */
  readonly libraries?: readonly string[];
  readonly directories?: readonly { readonly path: string; readonly mode: number; readonly owner?: string }[];
  readonly users?: readonly string[];
};

export const companions: readonly Companion[] = [
  {
    why: 'names of protocols, ports and file types, the local time',
    files: ['/etc/protocols', '/etc/services', '/etc/mime.types', '/etc/localtime', '/etc/timezone'],
  },
  {
    why: 'time zones; right/ and posix/ are the same zones over again',
    trees: [{ path: '/usr/share/zoneinfo', exclude: /^(right|posix)$/, bulk: true }],
  },
  {
    why: 'certificate authorities, as one file, which is what most programs read',
    files: [
      '/etc/ssl/certs/ca-certificates.crt',
      '/etc/ssl/cert.pem',
      '/etc/ssl/ca-bundle.pem',
      '/etc/pki/tls/certs/ca-bundle.crt',
      '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
    ],
  },
  {
    why: 'OpenSSL: its configuration, where it looks for authorities, providers and engines',
    library: /^lib(ssl|crypto)\.so/,
    files: ['/etc/ssl/openssl.cnf', '/etc/pki/tls/openssl.cnf', '/usr/lib/ssl/cert.pem', '/usr/lib/ssl/openssl.cnf'],
    trees: [
      { path: '/usr/lib/*/ossl-modules' },
      { path: '/usr/lib64/ossl-modules' },
      { path: '/etc/crypto-policies/back-ends' },
    ],
  },
  {
    why: 'glibc: pthread_cancel and C++ unwinding, name look-ups before 2.34, the C.UTF-8 locale',
    library: /^libc\.so\.6$/,
    libraries: ['libgcc_s.so.1', 'libnss_files.so.2', 'libnss_dns.so.2'],
    trees: [{ path: '/usr/lib/locale/C.utf8', bulk: true }],
  },
  {
    why: 'musl: the directories its loader searches',
    program: /^.*$/,
    files: ['/etc/ld-musl-*.path'],
  },
  {
    why: 'descriptions of the usual terminals',
    library: /^lib(tinfo|ncurses)w?\.so/,
    files: ['x/xterm*', 's/screen*', 't/tmux*', 'l/linux', 'v/vt100', 'v/vt220', 'd/dumb', 'a/ansi', 'r/rxvt*'].flatMap(
      (name) => [`/lib/terminfo/${name}`, `/usr/share/terminfo/${name}`, `/etc/terminfo/${name}`],
    ),
  },
  {
    why: 'Python: its standard library is found beside the executable; packages of the host are not wanted',
    program: /^(.*)\/bin\/python(\d\.\d+)$/,
    trees: [
      { path: '$1/lib/python$2', exclude: pythonLeftOut(), bulk: true },
      { path: '$1/lib64/python$2', exclude: pythonLeftOut(), bulk: true },
      { path: '/etc/python$2' },
    ],
    files: ['$1/bin/python3'],
  },
  {
    why: 'Perl: its own modules',
    program: /^(.*)\/bin\/perl[\d.]*$/,
    trees: [
      { path: '$1/lib/*/perl-base', bulk: true },
      { path: '$1/lib/*/perl/5.*', bulk: true },
      { path: '$1/share/perl/5.*', bulk: true },
      { path: '$1/lib/perl5', bulk: true },
      { path: '$1/lib64/perl5', bulk: true },
    ],
  },
  {
    why: 'Node packages: a command of a package needs the package',
    program: /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\/.*$/,
    trees: [{ path: '$1', bulk: true }],
  },
  {
    why: 'nginx: the configuration that the distribution ships, without the sites and keys of this host',
    program: /^.*\/nginx$/,
    files: [
      '/etc/nginx/nginx.conf',
      '/etc/nginx/mime.types',
      '/etc/nginx/*_params',
      '/etc/nginx/fastcgi.conf',
      '/etc/nginx/koi-*',
      '/etc/nginx/win-utf',
    ],
    trees: [
      { path: '/etc/nginx/modules-enabled' },
      { path: '/usr/share/nginx', exclude: /^html$/ },
      { path: '/usr/lib/nginx' },
      { path: '/usr/lib64/nginx' },
    ],
    directories: [
      { path: '/etc/nginx/conf.d', mode: 0o755 },
      { path: '/etc/nginx/sites-enabled', mode: 0o755 },
      { path: '/var/log/nginx', mode: 0o755, owner: 'www-data' },
      { path: '/var/lib/nginx', mode: 0o755 },
      { path: '/var/cache/nginx', mode: 0o755 },
      { path: '/var/www/html', mode: 0o755 },
    ],
    users: ['www-data', 'nginx', 'http'],
  },
  {
    why: 'Redis and its forks: where they keep their data',
    program: /^.*\/(redis|valkey)-(server|check-rdb|check-aof|sentinel)$/,
    directories: [
      { path: '/var/lib/redis', mode: 0o750, owner: 'redis' },
      { path: '/var/log/redis', mode: 0o750, owner: 'redis' },
      { path: '/run/redis', mode: 0o755, owner: 'redis' },
      { path: '/var/lib/valkey', mode: 0o750, owner: 'valkey' },
      { path: '/run/valkey', mode: 0o755, owner: 'valkey' },
    ],
    users: ['redis', 'valkey'],
  },
  {
    why: 'PostgreSQL as Debian lays it out; the JIT is left out, since it brings all of LLVM, and is optional at run time',
    program: /^(.*)\/lib\/postgresql\/([\d.]+)\/bin\/(?:postgres|initdb|pg_ctl)$/,
    trees: [
      { path: '$1/lib/postgresql/$2/lib', exclude: /^(bitcode|pgxs|llvmjit.*)$/, bulk: true },
      { path: '$1/share/postgresql/$2', exclude: /^man$/, bulk: true },
    ],
    programs: ['postgres', 'initdb', 'pg_ctl', 'psql', 'pg_isready', 'pg_dump', 'createdb', 'createuser'].map(
      (name) => `$1/lib/postgresql/$2/bin/${name}`,
    ),
  },
  {
    why: 'PostgreSQL as others lay it out',
    program: /^(.*\/pgsql-[\d.]+|\/usr\/local\/pgsql)\/bin\/(?:postgres|initdb|pg_ctl)$/,
    trees: [
      { path: '$1/lib', exclude: /^(bitcode|pgxs|llvmjit.*)$/, bulk: true },
      { path: '$1/share', exclude: /^(doc|man)$/, bulk: true },
    ],
    programs: ['postgres', 'initdb', 'pg_ctl', 'psql', 'pg_isready'].map((name) => `$1/bin/${name}`),
  },
  {
    why: 'PostgreSQL: initdb asks its neighbours for their version through a shell; the server refuses to run as root',
    program: /^.*\/(postgres|initdb|pg_ctl)$/,
    programs: ['sh'],
    trees: [{ path: '/usr/lib/locale', bulk: true }],
    directories: [
      { path: '/var/lib/postgresql', mode: 0o755, owner: 'postgres' },
      { path: '/run/postgresql', mode: 0o2775, owner: 'postgres' },
    ],
    users: ['postgres'],
  },
];

function pythonLeftOut(): RegExp {
  return /^(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3\/tests|config-.*|dist-packages|site-packages)$|\/tests?$/;
}

/** Directories that are searched after those of PATH; the last of a glob's matches is the newest. */
export const furtherProgramDirectories: readonly string[] = [
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
];
