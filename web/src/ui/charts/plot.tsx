/** uPlot in a box that follows its width; the figures stand in a table beside it for whoever cannot
 * see a curve. */
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import uPlot, { type AlignedData, type Options } from "uplot";

export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function axes(format: (value: number) => string): uPlot.Axis[] {
  const ink = token("--ink-2");
  const line = token("--line");
  const font = `12px ${token("--font")}`;
  const common = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
  return [common, { ...common, size: 72, values: (_: uPlot, ticks: number[]) => ticks.map(format) }];
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
