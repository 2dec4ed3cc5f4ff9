/** Hand a file to the browser's own "save". */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken the bytes by then; kept longer they would stay in memory.
  setTimeout(() => URL.revokeObjectURL(url), 30_000);
}
