import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The node that `npm run dev` works against; any node of `stele demo --scene`. */
const node = process.env["STELE_NODE"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2023",
    // The content security policy allows no data: scripts and no inline styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // scripts/size.mjs reads which file loads which.
    manifest: true,
  },
  worker: { format: "es" },
  server: {
    proxy: {
      // The node must see its own host name: what signs in names it.
      "/api": { target: node, changeOrigin: false },
    },
  },
  test: {
    include: ["tests/**/*.test.ts", "src/**/*.test.{ts,tsx}"],
    testTimeout: 30_000,
  },
});
