/** Record versions and grants, opened and checked: the node is believed nothing. */

import { SteleError, Wrong } from "../errors";
import { fromHex, text, toHex } from "../formats/bytes";
import { checkCid } from "../formats/cid";
import { grantCodec, grantId } from "../formats/consent";
import type { GrantDocument } from "../formats/consent";
import { partKey } from "../formats/derive";
import { disclosureCodec, partKeysCodec, verifyDisclosure } from "../formats/disclosure";
import type { Disclosure, PartKeys } from "../formats/disclosure";
import { checkAuthor, commitmentOf, manifestCodec, partOf, recordsDomain } from "../formats/manifest";
import type { Manifest, Part } from "../formats/manifest";
import { openFile } from "../formats/sealed-file";
import type { Deployment, GrantLine, GrantStanding, Hex, OnProgress, OpenedGrant, OpenedRecord, PartInfo, VersionView } from "../types";
import { engineOf } from "../worker";
import type { Schemas } from "../api/wire";
import { at } from "./context";
import type { Context } from "./context";
import { readDocument } from "./document";
import { manifestKey, openSecrets, toGrantee, toOwner } from "./secrets";
import type { VersionSecrets } from "./secrets";

/** The part that holds the FHIR document. */
export const DOCUMENT = "document";

const infoOf = ({ name, media_type, size, cid }: Part): PartInfo => ({ name, mediaType: media_type, size, cid });

/** Opens parts by name; each document once. */
abstract class Parts {
  #document: ReturnType<typeof readDocument> | null = null;

  protected abstract partNamed(name: string): Part;
  protected abstract keyOf(name: string): Uint8Array;
  protected abstract fetchSealed(cid: string, onProgress?: OnProgress): Promise<Blob>;

  async part(name: string, onProgress?: OnProgress): Promise<Blob> {
    const part = this.partNamed(name);
    const sealed = await this.fetchSealed(part.cid, onProgress);
    const engine = await engineOf();
    const plain = await engine.open(sealed, this.keyOf(name), part.cid, part.size, onProgress);
    return plain.slice(0, plain.size, part.media_type);
  }

  document(): ReturnType<typeof readDocument> {
    this.#document ??= this.part(DOCUMENT).then(readDocument);
    return this.#document;
  }
}

/** A version of the caller's own record. */
export class OwnRecord extends Parts implements OpenedRecord {
  readonly view: VersionView;
  readonly manifest: Manifest;
  readonly commitment: Hex;
  readonly #context: Context;
  readonly #secrets: VersionSecrets;

  private constructor(context: Context, view: VersionView, secrets: VersionSecrets, manifest: Manifest, commitment: Hex) {
    super();
    this.#context = context;
    this.view = view;
    this.#secrets = secrets;
    this.manifest = manifest;
    this.commitment = commitment;
  }

  /** Open the envelope, fetch the manifest, check everything. */
  static async open(context: Context, view: VersionView, onProgress?: OnProgress): Promise<OwnRecord> {
    if (view.envelope === null) {
      throw new SteleError("no_envelope", "This version cannot be opened any more.", "It was refused or erased.");
    }
    const secrets = await openSecrets(context.keys, at(context), view.commitment, view.envelope);
    const sealed = await fetchOwn(context, view.record, view.manifest, onProgress);
    const bytes = new Uint8Array(await sealed.arrayBuffer());
    checkCid(secrets.manifest, bytes);
    const manifest = manifestCodec.decode(openFile(manifestKey(secrets.key), bytes));
    const commitment = checkVersion(at(context), view, secrets, manifest);
    return new OwnRecord(context, view, secrets, manifest, commitment);
  }

  get author(): Hex { return this.manifest.header.author; }
  get institution(): Hex { return this.manifest.header.institution; }
  get createdAt(): number { return this.manifest.header.created_at; }
  get version(): number { return this.manifest.header.version; }
  get parts(): readonly PartInfo[] { return this.manifest.parts.map(infoOf); }
  /** For flows of this library; pages have no use for it. */
  get secrets(): VersionSecrets { return this.#secrets; }

  protected partNamed(name: string): Part { return partOf(this.manifest.parts, name); }
  protected keyOf(name: string): Uint8Array { return partKey(this.#secrets.key, name); }
  protected fetchSealed(cid: string, onProgress?: OnProgress): Promise<Blob> {
    return fetchOwn(this.#context, this.view.record, cid, onProgress);
  }
}

const fetchOwn = (context: Context, record: Hex, cid: string, onProgress?: OnProgress): Promise<Blob> =>
  context.http.blob("GET", `/api/v1/records/${record}/sealed/${cid}`, undefined, onProgress);

function checkVersion(where: Deployment, view: VersionView, secrets: VersionSecrets, manifest: Manifest): Hex {
  const { header, root } = manifest;
  checkAuthor(header, root, toHex(manifest.author_signature), recordsDomain(where));
  const commitment = commitmentOf(secrets.salt, root, secrets.manifest);
  if (commitment !== view.commitment) throw new Wrong("record", "it is another than was committed", "mismatch");
  const same =
    header.author === view.author && header.institution === view.institution && header.patient === view.patient &&
    header.version === view.version && header.previous === view.previous;
  if (!same) throw new Wrong("record", "the node describes another record than was signed", "mismatch");
  return commitment;
}

/** A grant of somebody else's record. */
export class GrantedRecord extends Parts implements OpenedGrant {
  readonly grant: GrantLine;
  readonly leaf: number;
  readonly #context: Context;
  readonly #disclosure: Disclosure;
  readonly #keys: PartKeys;
  readonly hidden: number;

  private constructor(context: Context, grant: GrantLine, leaf: number, disclosure: Disclosure, keys: PartKeys, hidden: number) {
    super();
    this.#context = context;
    this.grant = grant;
    this.leaf = leaf;
    this.#disclosure = disclosure;
    this.#keys = keys;
    this.hidden = hidden;
  }

  /** Open what a node served for a grant. */
  static async open(context: Context, grant: Hex, served: Schemas["Served"]): Promise<GrantedRecord> {
    const document = grantCodec.decode(fromHex(served.document, "grant"));
    if (served.grant.toLowerCase() !== grant || grantId(document) !== grant) {
      throw new Wrong("grant", "its document is not the one that its id names");
    }
    const { keys } = context;
    const bound = toGrantee(at(context), document.commitment, grant, keys.address);
    const partKeys = partKeysCodec.decode(await keys.open("part-keys", bound, fromHex(served.envelope.keys, "keys")));
    const sealed = fromHex(served.envelope.disclosure, "disclosure");
    const disclosure = disclosureCodec.decode(await keys.open("disclosure", bound, sealed));
    const { hidden } = verifyDisclosure(disclosure, document.commitment, recordsDomain(at(context)));
    return new GrantedRecord(context, lineOf(grant, document), served.leaf, disclosure, partKeys, hidden);
  }

  get author(): Hex { return this.#disclosure.header.author; }
  get institution(): Hex { return this.#disclosure.header.institution; }
  get patient(): Hex { return this.#disclosure.header.patient; }
  get createdAt(): number { return this.#disclosure.header.created_at; }
  get version(): number { return this.#disclosure.header.version; }
  get parts(): readonly PartInfo[] { return this.#disclosure.parts.map((shown) => infoOf(shown.part)); }

  async standing(): Promise<GrantStanding> {
    const { ChainReader } = await import("../chain/reader");
    const { http, card } = this.#context;
    const chain = new ChainReader(http, card.deployment);
    const { controller, grant, commitment } = this.grant;
    const [live, version] = await Promise.all([
      chain.isLive(controller, grant), chain.versionOf(controller, commitment, card.firstBlock),
    ]);
    return { live, version };
  }

  protected partNamed(name: string): Part {
    return partOf(this.#disclosure.parts.map((shown) => shown.part), name);
  }
  protected keyOf(name: string): Uint8Array {
    const found = this.#keys.find(([known]) => known === name);
    if (found === undefined) throw new SteleError("other_part", "This part was not shared.", "Ask the patient for it.");
    return found[1];
  }
  protected fetchSealed(cid: string, onProgress?: OnProgress): Promise<Blob> {
    return this.#context.http.blob("GET", `/api/v1/grants/${this.grant.grant}/sealed/${cid}`, undefined, onProgress);
  }
}

function lineOf(grant: Hex, document: GrantDocument): GrantLine {
  const { recipient, controller, commitment, parts, purpose, from, until, request } = document;
  const rest = { recipient, controller, commitment, parts, purpose, from, until, request };
  return { grant, ...rest, home: "0x", stage: "given", act: null, revocation: null, patient: null };
}

/** Why a patient refused: the author's side. */
export async function readReason(context: Context, view: VersionView): Promise<string> {
  if (view.reason === null) throw new SteleError("no_reason", "No reason was given.");
  const { keys } = context;
  const bound = toOwner(at(context), view.commitment, keys.address);
  return text(await keys.open("reason", bound, fromHex(view.reason, "reason")), "reason");
}
