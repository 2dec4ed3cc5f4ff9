import "./ui/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/components.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./ui/app";
import { startWords } from "./ui/i18n";
import { applyTheme } from "./ui/theme";

applyTheme();
await startWords();
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no root element");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
