/** The API's types are those of the document that the node serves. */

import { readFileSync } from "node:fs";

import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";
import { expect, it } from "vitest";

it("schema.d.ts was made from docs/openapi.json", async () => {
  const made = COMMENT_HEADER + astToString(await openapiTS(new URL("../../docs/openapi.json", import.meta.url)));
  const kept = readFileSync(new URL("../src/lib/api/schema.d.ts", import.meta.url), "utf8");
  expect(kept === made, "it is out of date: npm run schema").toBe(true);
});
