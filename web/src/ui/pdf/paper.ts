/**
 * Pages of a PDF, written from top to bottom. The standard fonts know Latin letters only; other
 * scripts are drawn by the browser, which has the fonts and knows how to join and order them.
 */
import { PDFDocument, type PDFFont, type PDFPage, rgb, StandardFonts } from "@cantoo/pdf-lib";
import { encode } from "uqr";

const WIDTH = 595.28;
const HEIGHT = 841.89;
const MARGIN = 56;
const INK = rgb(0.12, 0.11, 0.1);
const SOFT = rgb(0.35, 0.33, 0.3);
const DRAWN_SCALE = 3;

export interface Style {
  size?: number;
  bold?: boolean;
  soft?: boolean;
  gap?: number;
}

export class Paper {
  readonly #pdf: PDFDocument;
  readonly #plain: PDFFont;
  readonly #bold: PDFFont;
  #page: PDFPage;
  #y = HEIGHT - MARGIN;

  private constructor(pdf: PDFDocument, plain: PDFFont, bold: PDFFont) {
    this.#pdf = pdf;
    this.#plain = plain;
    this.#bold = bold;
    this.#page = pdf.addPage([WIDTH, HEIGHT]);
  }

  static async begin(title: string, author: string): Promise<Paper> {
    const pdf = await PDFDocument.create();
    pdf.setTitle(title, { showInWindowTitleBar: true });
    pdf.setAuthor(author);
    pdf.setCreator("Stele");
    pdf.setProducer("Stele");
    return new Paper(pdf, await pdf.embedFont(StandardFonts.Helvetica), await pdf.embedFont(StandardFonts.HelveticaBold));
  }

  #room(height: number): void {
    if (this.#y - height >= MARGIN) return;
    this.#page = this.#pdf.addPage([WIDTH, HEIGHT]);
    this.#y = HEIGHT - MARGIN;
  }

  space(height: number): void {
    this.#y -= height;
  }

  rule(): void {
    this.#room(12);
    this.#page.drawLine({ start: { x: MARGIN, y: this.#y - 4 }, end: { x: WIDTH - MARGIN, y: this.#y - 4 }, thickness: 0.7, color: SOFT });
    this.#y -= 14;
  }

  /** A paragraph, wrapped. */
  async text(value: string, { size = 10.5, bold = false, soft = false, gap = 3 }: Style = {}): Promise<void> {
    const font = bold ? this.#bold : this.#plain;
    for (const paragraph of value.split("\n")) {
      if (isLatin(font, paragraph)) this.#latin(paragraph, font, size, soft);
      else await this.#drawn(paragraph, size, bold, soft);
    }
    this.#y -= gap;
  }

  #latin(value: string, font: PDFFont, size: number, soft: boolean): void {
    for (const line of wrap(value, (text) => font.widthOfTextAtSize(text, size), WIDTH - 2 * MARGIN)) {
      this.#room(size * 1.4);
      this.#y -= size * 1.4;
      this.#page.drawText(line, { x: MARGIN, y: this.#y, size, font, color: soft ? SOFT : INK });
    }
  }

  async #drawn(value: string, size: number, bold: boolean, soft: boolean): Promise<void> {
    const style = `${bold ? "600 " : ""}${String(size * DRAWN_SCALE)}px system-ui, sans-serif`;
    const measure = new OffscreenCanvas(1, 1).getContext("2d");
    if (!measure) return;
    measure.font = style;
    const limit = (WIDTH - 2 * MARGIN) * DRAWN_SCALE;
    for (const line of wrap(value, (text) => measure.measureText(text).width, limit)) {
      const canvas = new OffscreenCanvas(limit, Math.ceil(size * 1.6 * DRAWN_SCALE));
      const pen = canvas.getContext("2d");
      if (!pen) return;
      pen.font = style;
      pen.fillStyle = soft ? "#595550" : "#1e1d1a";
      pen.textBaseline = "middle";
      const rtl = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.test(line);
      pen.direction = rtl ? "rtl" : "ltr";
      pen.textAlign = "start";
      pen.fillText(line, rtl ? limit : 0, canvas.height / 2);
      const image = await this.#pdf.embedPng(new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer()));
      const height = canvas.height / DRAWN_SCALE;
      this.#room(height);
      this.#y -= height;
      this.#page.drawImage(image, { x: MARGIN, y: this.#y, width: limit / DRAWN_SCALE, height });
    }
  }

  /** A QR code with a caption beside it, at the foot of the last page. */
  qr(text: string, caption: readonly string[]): void {
    const side = 92;
    this.#room(side + 10);
    this.#y -= side + 6;
    const { data, size } = encode(text, { ecc: "M", border: 0 });
    const cell = side / size;
    data.forEach((row, y) => {
      row.forEach((dark, x) => {
        if (dark) this.#page.drawRectangle({ x: MARGIN + x * cell, y: this.#y + side - (y + 1) * cell, width: cell, height: cell, color: rgb(0, 0, 0) });
      });
    });
    caption.forEach((line, i) => {
      if (isLatin(this.#plain, line)) this.#page.drawText(line, { x: MARGIN + side + 14, y: this.#y + side - 14 - i * 13, size: 9, font: this.#plain, color: SOFT });
    });
  }

  async finish(): Promise<Blob> {
    const pages = this.#pdf.getPages();
    pages.forEach((page, i) => {
      page.drawText(`${String(i + 1)} / ${String(pages.length)}`, { x: WIDTH - MARGIN - 24, y: 28, size: 8, font: this.#plain, color: SOFT });
    });
    const bytes = await this.#pdf.save();
    return new Blob([bytes], { type: "application/pdf" });
  }
}

function isLatin(font: PDFFont, value: string): boolean {
  try {
    font.encodeText(value);
    return true;
  } catch {
    return false;
  }
}

function wrap(value: string, width: (text: string) => number, limit: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of value.split(/\s+/).flatMap((one) => one.match(/.{1,80}/gu) ?? [""])) {
    const longer = line ? `${line} ${word}` : word;
    if (line && width(longer) > limit) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  return lines;
}
