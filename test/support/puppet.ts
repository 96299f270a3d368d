import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';

/** One life of a puppet: the process in the container that does as the test says. */
export type Puppet = {
  readonly name: string;
  /** As it sees itself, inside its pid namespace. */
  readonly guestPid: number;
  /** Sends a command and returns the answer; see programs/puppet.c for the words. */
  readonly say: (command: string) => Promise<string>;
  /** Sends a command that is expected to be done: the answer must be "ok". */
  readonly do: (command: string) => Promise<void>;
  /** Sends a command to which no answer comes, because it ends or blocks the puppet. */
  readonly tell: (command: string) => void;
  readonly print: (text: string, stream?: 'out' | 'err') => Promise<void>;
  /** Resolves when the process at the other end is gone. */
  readonly gone: Promise<void>;
};

export type Strings = {
  /** The next life of the puppet called `name`, past ones that nobody asked for included. */
  readonly next: (name: string, withinMs?: number) => Promise<Puppet>;
  readonly close: () => Promise<void>;
};

/** Listens at `path` for puppets to call. */
export async function holdStrings(path: string): Promise<Strings> {
  const waiting = new Map<string, Puppet[]>();
  const asking = new Map<string, ((puppet: Puppet) => void)[]>();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    void greet(socket).then((puppet) => {
      if (puppet === null) return;
      const asker = asking.get(puppet.name)?.shift();
      if (asker) asker(puppet);
      else waiting.set(puppet.name, [...(waiting.get(puppet.name) ?? []), puppet]);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  const next = async (name: string, withinMs = 15_000): Promise<Puppet> => {
    const here = waiting.get(name)?.shift();
    if (here) return here;
    return new Promise((resolve, reject) => {
      const answer = (puppet: Puppet) => {
        clearTimeout(timer);
        resolve(puppet);
      };
      // Who has given up asks no more: the puppet that comes late is for the next one.
      const giveUp = () => {
        asking.set(name, asking.get(name)?.filter((asker) => asker !== answer) ?? []);
        reject(new Error(`no puppet called ${name} within ${withinMs} ms`));
      };
      const timer = setTimeout(giveUp, withinMs);
      asking.set(name, [...(asking.get(name) ?? []), answer]);
    });
  };
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { next, close };
}

/** Null for one that was killed before it had said its name. */
async function greet(socket: Socket): Promise<Puppet | null> {
  const answers: string[] = [];
  const wanted: ((line: string) => void)[] = [];
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const lines = createInterface({ input: socket }).on('line', (line) => {
    const asker = wanted.shift();
    if (asker) asker(line);
    else answers.push(line);
  });
  // An error of the socket is one of its reader too: a puppet that is killed with a command unread resets the connection.
  lines.on('error', () => {});
  const nextLine = async (): Promise<string | null> => {
    const line = answers.shift();
    if (line !== undefined) return line;
    return Promise.race([new Promise<string>((resolve) => wanted.push(resolve)), gone.then(() => null)]);
  };
  const greeting = await nextLine();
  if (greeting === null) return null;
  const [, name = '', pid = ''] = greeting.split(' ');
  const tell = (command: string) => void socket.write(`${command}\n`);
  const say = async (command: string) => {
    tell(command);
    const answer = await nextLine();
    if (answer === null) throw new Error(`the puppet is gone: ${name} did not answer ${command}`);
    return answer;
  };
  const obey = async (command: string) => expect(await say(command), command).toBe('ok');
  const print = (text: string, stream: 'out' | 'err' = 'out') => obey(`${stream} ${Buffer.from(text).toString('hex')}`);
  return { name, guestPid: Number(pid), say, do: obey, tell, print, gone };
}
