/** Talking to a node: errors with their codes, limits, progress. */

import createClient from "openapi-fetch";
import type { Client } from "openapi-fetch";

import { NodeError, Unreachable } from "../errors";
import type { OnProgress } from "../types";
import type { paths } from "./schema";

/** The largest JSON answer that is read: an index of 16 MiB in hex, and room. */
const LARGEST_JSON = 48 * 1024 * 1024;
/** The largest answer of bytes. */
const LARGEST_BODY = 1024 * 1024 * 1024;

export type Api = Client<paths>;
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** What openapi-fetch answers. */
interface Answer<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/** A node, for one person or nobody. */
export class Http {
  /** Empty where the node itself serves the page. */
  readonly base: string;
  readonly api: Api;
  #token: string | null = null;
  /** Told when the node does not know the session any more. */
  onForgotten: (() => void) | null = null;

  constructor(base: string) {
    this.base = base.replace(/\/+$/, "");
    // A relative address is not one for `Request` outside of a page.
    this.api = createClient<paths>({ baseUrl: this.base, fetch: (request) => this.#fetch(request) });
  }

  set token(token: string | null) {
    this.#token = token;
  }

  async #fetch(request: Request | URL | string, init?: RequestInit): Promise<Response> {
    const headers = new Headers(init?.headers ?? (request instanceof Request ? request.headers : undefined));
    if (this.#token !== null) headers.set("authorization", `Bearer ${this.#token}`);
    let response: Response;
    try {
      // The token is the session; a cookie of another session must not speak for this one.
      response = await fetch(request, { ...init, headers, credentials: "omit", redirect: "error", cache: "no-store" });
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw new Unreachable("The hospital's server does not answer.", { cause });
    }
    this.#noticeEnd(response.status, response.url);
    return response;
  }

  /** 401 by the API means that the session is gone; elsewhere it means other things. */
  #noticeEnd(status: number, url: string): void {
    if (status === 401 && this.#token !== null && url.startsWith("/api/", originEnd(url))) this.onForgotten?.();
  }

  /** Any route: JSON in and out. */
  async json<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const init: RequestInit = { method, signal: signal ?? null };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { "content-type": "application/json" };
    }
    const response = await this.#fetch(this.base + path, init);
    if (!response.ok) throw await refusal(response);
    if (response.status === 204) return undefined as T;
    return (await jsonOf(response)) as T;
  }

  /** Any route that answers with bytes. */
  async blob(method: "GET" | "POST", path: string, body?: Blob, onProgress?: OnProgress): Promise<Blob> {
    const response = await this.#fetch(this.base + path, { method, body: body ?? null });
    if (!response.ok) throw await refusal(response);
    const type = response.headers.get("content-type") ?? "";
    return new Blob(await chunksOf(response, LARGEST_BODY, onProgress), { type });
  }

  /** Any route that answers with text. */
  async text(path: string): Promise<string> {
    return (await this.blob("GET", path)).text();
  }

  /** Send a form, with progress where the browser tells it. */
  async form<T>(path: string, form: FormData, headers: Readonly<Record<string, string>>, onProgress?: OnProgress): Promise<T> {
    const response =
      onProgress !== undefined && typeof XMLHttpRequest !== "undefined"
        ? await this.#formWithProgress(path, form, headers, onProgress)
        : await this.#fetch(this.base + path, { method: "POST", body: form, headers });
    if (!response.ok) throw await refusal(response);
    return (await jsonOf(response)) as T;
  }

  #formWithProgress(
    path: string,
    form: FormData,
    headers: Readonly<Record<string, string>>,
    onProgress: OnProgress,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", this.base + path);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      if (this.#token !== null) request.setRequestHeader("authorization", `Bearer ${this.#token}`);
      request.upload.onprogress = (event) =>
        onProgress({ stage: "sending", done: event.loaded, total: event.total });
      request.onerror = () => reject(new Unreachable("The hospital's server does not answer."));
      request.onload = () => {
        this.#noticeEnd(request.status, request.responseURL);
        const answer = { status: request.status, headers: { "content-type": "application/json" } };
        resolve(new Response(request.responseText, answer));
      };
      request.send(form);
    });
  }
}

/** Where the path of an absolute address begins. */
function originEnd(url: string): number {
  const start = url.indexOf("://");
  return Math.max(0, url.indexOf("/", start + 3));
}

/** The data of an answer of `Http.api`, or the node's error. */
export async function ok<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok) throw errorOf(response, error);
  return data as T;
}

async function refusal(response: Response): Promise<NodeError> {
  const body: unknown = await response.json().catch(() => null);
  return errorOf(response, body);
}

function errorOf(response: Response, body: unknown): NodeError {
  const said = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (key: string): string | null => {
    const value = said[key];
    return typeof value === "string" ? value : null;
  };
  const after = Number(response.headers.get("retry-after"));
  return new NodeError(
    response.status,
    text("error") ?? "http",
    text("message") ?? `The server answered with ${response.status}.`,
    text("hint") ?? "",
    Number.isFinite(after) && after > 0 ? after : null,
  );
}

async function jsonOf(response: Response): Promise<unknown> {
  const bytes = new Blob(await chunksOf(response, LARGEST_JSON));
  try {
    return JSON.parse(await bytes.text());
  } catch (cause) {
    throw new Unreachable("The server's answer cannot be read.", { cause });
  }
}

async function chunksOf(response: Response, most: number, onProgress?: OnProgress): Promise<Uint8Array<ArrayBuffer>[]> {
  const total = Number(response.headers.get("content-length") ?? 0);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  if (response.body === null) return chunks;
  const reader = response.body.getReader();
  let done = 0;
  for (;;) {
    const next = await reader.read().catch((cause: unknown) => {
      throw new Unreachable("The connection was cut.", { cause });
    });
    if (next.done) return chunks;
    done += next.value.length;
    if (done > most) {
      await reader.cancel();
      throw new Unreachable("The server's answer is too large.");
    }
    chunks.push(next.value);
    onProgress?.({ stage: "fetching", done, total: Math.max(total, done) });
  }
}
