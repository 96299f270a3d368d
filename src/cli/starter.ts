/** The stack file that `init` writes: it runs as it is, and shows what is there to be changed. */
export const starter = ({ name, schema }: { readonly name: string; readonly schema: string }): string =>
  `# yaml-language-server: $schema=${schema}
#
#   tscompose up           run it in the foreground; Ctrl-C stops it
#   tscompose up -d        in the background; then: tscompose ps, tscompose logs -f, tscompose down
#   tscompose config       check this file and print it with everything written out
name: ${name}

services:
  web:
    # Where the files of the service come from: programs of this machine with all they link to, as here,
    # a directory (./rootfs) or a tarball (./alpine-minirootfs.tar.gz).
    rootfs: { host: [node] }
    command:
      - node
      - -e
      - require('node:http').createServer((_, reply) => reply.end(process.env.GREETING + '\\n')).listen(8080)
    environment:
      GREETING: hello
    ports:
      # PORT comes from the shell or from a file .env beside this one; else it is what stands after ":-".
      - "127.0.0.1:\${PORT:-8080}:8080"
    mem_limit: 256m
    cpus: 1
    # volumes:
    #   - ./src:/src:ro            a directory of this machine
    #   - data:/var/lib/web        a volume that is kept, declared below

  visitor:
    rootfs: { host: [node] }
    # Services find each other by name.
    command:
      - node
      - -e
      - setInterval(() => fetch('http://web:8080').then((r) => r.text()).then(console.log, console.error), 2000)
    depends_on: [web]

# volumes:
#   data:
`;
