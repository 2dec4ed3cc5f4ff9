/**
 * The radiograph viewer: window, zoom, pan by mouse, touch and keyboard; a heatmap above it.
 * Dark by default, whatever the page around it is.
 */
import { Contrast, Maximize2, Minus, Plus, RotateCcw } from "lucide-react";
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useRef, useState } from "react";

import { IconButton, Skeleton } from "../components/basics";
import { Problem } from "../components/problem";
import { number, percent } from "../format";
import { useT } from "../i18n";
import { type Frame, paint, readFrame } from "./frame";

interface Place {
  zoom: number;
  x: number;
  y: number;
}

const HOME: Place = { zoom: 1, x: 0, y: 0 };
const STEP = 40;

interface Props {
  bytes: Uint8Array;
  /** What a screen reader says about the picture. */
  label: string;
  /** A PNG of the size of the picture or smaller, with transparency. */
  heatmap?: Uint8Array | undefined;
}

interface Read {
  bytes: Uint8Array;
  frame: Frame | null;
  error: unknown;
}

export default function Viewer({ bytes, label, heatmap }: Props) {
  const [read, setRead] = useState<Read | null>(null);
  useEffect(() => {
    let gone = false;
    const keep = (frame: Frame | null, error: unknown) => {
      if (!gone) setRead({ bytes, frame, error });
    };
    readFrame(bytes).then(
      (frame) => keep(frame, null),
      (error: unknown) => keep(null, error),
    );
    return () => {
      gone = true;
    };
  }, [bytes]);
  // What was read of other bytes is not shown for these.
  if (read?.bytes !== bytes) return <Skeleton lines={2} />;
  if (!read.frame) return <Problem error={read.error} />;
  return <Stage key={label} frame={read.frame} label={label} heatmap={heatmap} />;
}

function useHeat(heatmap: Uint8Array | undefined): ImageBitmap | null {
  const [bitmap, setBitmap] = useState<ImageBitmap | null>(null);
  useEffect(() => {
    if (!heatmap) return;
    let gone = false;
    createImageBitmap(new Blob([heatmap as BlobPart], { type: "image/png" })).then(
      (made) => {
        if (!gone) setBitmap(made);
      },
      // A heatmap that cannot be drawn leaves the picture as it is.
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [heatmap]);
  return bitmap;
}

function Stage({ frame, label, heatmap }: { frame: Frame; label: string; heatmap: Uint8Array | undefined }) {
  const t = useT();
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const heat = useHeat(heatmap);
  const [place, setPlace] = useState(HOME);
  const [fit, setFit] = useState(1);
  const [low, setLow] = useState(frame.low);
  const [high, setHigh] = useState(frame.high);
  const [inverted, setInverted] = useState(false);
  const [opacity, setOpacity] = useState(0.45);
  const pointers = useRef(new Map<number, { x: number; y: number }>());

  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    pen?.putImageData(paint(frame, low, high, inverted), 0, 0);
  }, [frame, low, high, inverted]);

  useEffect(() => {
    const pen = above.current?.getContext("2d");
    if (!pen || !heat) return;
    pen.clearRect(0, 0, frame.width, frame.height);
    pen.drawImage(heat, 0, 0, frame.width, frame.height);
  }, [heat, frame]);

  const reset = useCallback(() => {
    const box = stage.current?.getBoundingClientRect();
    if (!box) return;
    const scale = Math.min(box.width / frame.width, box.height / frame.height);
    setFit(scale);
    setPlace({ zoom: 1, x: (box.width - frame.width * scale) / 2, y: (box.height - frame.height * scale) / 2 });
  }, [frame]);

  useEffect(() => {
    reset();
    const observer = new ResizeObserver(reset);
    if (stage.current) observer.observe(stage.current);
    return () => observer.disconnect();
  }, [reset]);

  const zoomAt = useCallback((factor: number, x: number, y: number) => {
    setPlace((from) => {
      const zoom = Math.min(Math.max(from.zoom * factor, 0.5), 20);
      const ratio = zoom / from.zoom;
      return { zoom, x: x - (x - from.x) * ratio, y: y - (y - from.y) * ratio };
    });
  }, []);
  const zoomMiddle = (factor: number) => {
    const box = stage.current?.getBoundingClientRect();
    if (box) zoomAt(factor, box.width / 2, box.height / 2);
  };

  useEffect(() => {
    const element = stage.current;
    if (!element) return;
    // React's own wheel listener is passive and could not keep the page from scrolling.
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      zoomAt(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [zoomAt]);

  const range = Math.max(frame.most - frame.least, 1);
  const shiftWindow = (dx: number, dy: number) => {
    const width = Math.max(high - low + (dx * range) / 500, range / 500);
    const centre = (high + low) / 2 + (dy * range) / 500;
    setLow(centre - width / 2);
    setHigh(centre + width / 2);
  };

  const onMove = (event: PointerEvent<HTMLDivElement>) => {
    const before = pointers.current.get(event.pointerId);
    if (!before) return;
    const dx = event.clientX - before.x;
    const dy = event.clientY - before.y;
    const others = [...pointers.current].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    const other = others[0];
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (other) {
      const was = Math.hypot(before.x - other.x, before.y - other.y);
      const is = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      const box = event.currentTarget.getBoundingClientRect();
      if (was > 0) zoomAt(is / was, (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
    } else if (event.buttons === 2 || event.shiftKey) shiftWindow(dx, dy);
    else setPlace((from) => ({ ...from, x: from.x + dx, y: from.y + dy }));
  };
  const drop = (event: PointerEvent) => pointers.current.delete(event.pointerId);

  const onKey = (event: KeyboardEvent) => {
    const move = (x: number, y: number) => setPlace((from) => ({ ...from, x: from.x + x, y: from.y + y }));
    const keys: Record<string, () => void> = {
      ArrowLeft: () => move(STEP, 0),
      ArrowRight: () => move(-STEP, 0),
      ArrowUp: () => move(0, STEP),
      ArrowDown: () => move(0, -STEP),
      "+": () => zoomMiddle(1.25),
      "=": () => zoomMiddle(1.25),
      "-": () => zoomMiddle(0.8),
      "0": reset,
      i: () => setInverted((on) => !on),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  const transform = `translate(${String(place.x)}px, ${String(place.y)}px) scale(${String(fit * place.zoom)})`;
  return (
    <div className="viewer around-image">
      <div
        ref={stage}
        className="viewer-stage"
        role="application"
        aria-label={t("{{label}}. Arrow keys move, plus and minus zoom, 0 shows all, i inverts.", { label })}
        tabIndex={0}
        onKeyDown={onKey}
        onContextMenu={(event) => event.preventDefault()}
        onDoubleClick={reset}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
        }}
        onPointerMove={onMove}
        onPointerUp={drop}
        onPointerCancel={drop}
      >
        <canvas ref={canvas} width={frame.width} height={frame.height} style={{ transform }} role="img" aria-label={label} />
        {heatmap ? <canvas ref={above} width={frame.width} height={frame.height} style={{ transform, opacity }} aria-hidden /> : null}
      </div>
      <div className="viewer-bar">
        <IconButton label={t("Larger")} small onClick={() => zoomMiddle(1.25)}>
          <Plus size={18} aria-hidden />
        </IconButton>
        <IconButton label={t("Smaller")} small onClick={() => zoomMiddle(0.8)}>
          <Minus size={18} aria-hidden />
        </IconButton>
        <IconButton label={t("Show all of it")} small onClick={reset}>
          <Maximize2 size={18} aria-hidden />
        </IconButton>
        <IconButton label={t("Invert")} small aria-pressed={inverted} onClick={() => setInverted((on) => !on)}>
          <Contrast size={18} aria-hidden />
        </IconButton>
        <IconButton
          label={t("As it was")}
          small
          onClick={() => {
            setLow(frame.low);
            setHigh(frame.high);
            setInverted(false);
            reset();
          }}
        >
          <RotateCcw size={18} aria-hidden />
        </IconButton>
        <label>
          {t("Brightness")}
          <input type="range" min={frame.least} max={frame.most} step={range / 200} value={frame.most + frame.least - (high + low) / 2} onChange={(event) => shiftWindow(0, ((frame.most + frame.least - Number(event.target.value) - (high + low) / 2) * 500) / range)} />
        </label>
        <label>
          {t("Contrast")}
          <input
            type="range"
            min={1}
            max={100}
            value={Math.min(100, Math.round(100 - ((high - low) / range) * 50))}
            onChange={(event) => {
              const width = ((100 - Number(event.target.value)) / 50) * range;
              const centre = (high + low) / 2;
              setLow(centre - Math.max(width, range / 500) / 2);
              setHigh(centre + Math.max(width, range / 500) / 2);
            }}
          />
        </label>
        {heatmap ? (
          <label>
            {t("Heatmap")}
            <input type="range" min={0} max={1} step={0.05} value={opacity} onChange={(event) => setOpacity(Number(event.target.value))} />
            <span className="numeric">{percent(opacity)}</span>
          </label>
        ) : null}
        <span className="small muted numeric">
          {number(frame.width)} × {number(frame.height)}
        </span>
      </div>
    </div>
  );
}
