/** uPlot in a box that follows its width; the figures stand in a table beside it for whoever cannot
 * see a curve. */
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import uPlot, { type AlignedData, type Options } from "uplot";

import { locale } from "../format";

export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const DAY_S = 86_400;

/** What stands below a tick, by how far the ticks are apart. */
function timeWords(step: number): (at: number) => string {
  const written = new Intl.DateTimeFormat(locale(), step >= DAY_S ? { day: "numeric", month: "short" } : { weekday: "short", hour: "2-digit", minute: "2-digit" });
  return (at) => written.format(at * 1000);
}

export function axes(format: (value: number) => string): uPlot.Axis[] {
  const ink = token("--ink-2");
  const line = token("--line");
  const font = `12px ${token("--font")}`;
  const common = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
  return [{ ...common, values: (_: uPlot, ticks: number[], _axis: number, _space: number, step: number) => ticks.map(timeWords(step)) }, { ...common, size: 72, values: (_: uPlot, ticks: number[]) => ticks.map(format) }];
}

export function Plot({ data, options, label }: { data: AlignedData; options: Omit<Options, "width" | "height">; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const plot = new uPlot({ ...options, width: element.clientWidth, height: 220 }, data, element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 220 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [data, options]);
  return <div ref={box} className="chart" role="img" aria-label={label} />;
}
