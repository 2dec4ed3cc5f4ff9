/** Everything that goes between one browser profile and the nodes, byte by byte: a proxy that writes it down.
 *
 * A page cannot be asked what it sends: the browser hides bodies that hold files, and a worker has requests
 * of its own. What passes here is what passes in the hospital's network.
 */
import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** The request's line and headers. */
  readonly head: Buffer;
  readonly sent: Buffer;
  status: number;
  got: Buffer;
}

async function all(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function headOf(asked: IncomingMessage): Buffer {
  const lines = asked.rawHeaders.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`));
  return Buffer.from(`${asked.method ?? ""} ${asked.url ?? ""}\r\n${lines.join("")}`);
}

function without(headers: IncomingHttpHeaders, ...names: string[]): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

export class Tap {
  readonly exchanges: Exchange[] = [];
  /** Connections that were not plain HTTP; nothing of the app makes any. */
  readonly tunnels: string[] = [];
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  #open = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Tap> {
    const server = createServer();
    const tap = new Tap(server);
    server.on("request", (asked, answer) => void tap.#pass(asked, answer));
    for (const event of ["connect", "upgrade"]) {
      server.on(event, (asked: IncomingMessage, socket: { end: (text: string) => void }) => {
        tap.tunnels.push(`${event} ${asked.url ?? ""}`);
        socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      });
    }
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return tap;
  }

  /** What a browser profile is told to go through, loopback included. */
  get proxy(): { server: string; bypass: string } {
    return { server: `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`, bypass: "<-loopback>" };
  }

  get idle(): boolean {
    return this.#open === 0;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.#open += 1;
    const stop = new AbortController();
    answer.on("close", () => stop.abort());
    try {
      const sent = await all(asked);
      const exchange: Exchange = { method: asked.method ?? "", url: asked.url ?? "", head: headOf(asked), sent, status: 0, got: Buffer.alloc(0) };
      this.exchanges.push(exchange);
      // Packed answers could not be searched.
      const headers = without(asked.headers, "proxy-connection", "accept-encoding");
      const got = await this.#ask(exchange, headers, stop.signal);
      const body = await all(got);
      exchange.status = got.statusCode ?? 0;
      exchange.got = body;
      answer.writeHead(exchange.status, without(got.headers, "transfer-encoding", "connection")).end(body);
    } catch {
      // The page went away, or the node did; the page sees what it would see without a proxy.
      answer.destroy();
    } finally {
      this.#open -= 1;
    }
  }

  #ask({ method, url, sent }: Exchange, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((done, fail) => {
      const out = request(url, { method, headers, agent: this.#agent, signal }, done);
      out.on("error", fail);
      out.end(sent);
    });
  }
}

/** The forms in which a run of bytes may be written: as it is, in hex, and in base64 at each of its alignments. */
export function forms(needle: Buffer): Buffer[] {
  const hex = needle.toString("hex");
  const shifted = [0, 1, 2].map((by) => needle.subarray(by, by + Math.floor((needle.length - by) / 3) * 3));
  return [needle, Buffer.from(hex), Buffer.from(hex.toUpperCase()), ...shifted.flatMap((bytes) => [Buffer.from(bytes.toString("base64")), Buffer.from(bytes.toString("base64url"))])];
}

/** Which exchanges hold one of the needles, in whatever form and part. */
export function holding(exchanges: readonly Exchange[], needles: readonly Buffer[]): Exchange[] {
  const wanted = needles.flatMap(forms);
  return exchanges.filter(({ head, sent, got }) => [head, sent, got].some((bytes) => wanted.some((needle) => bytes.includes(needle))));
}
