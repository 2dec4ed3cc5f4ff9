/** Light, dark, or as the system says. */
export type Theme = "system" | "light" | "dark";
const CHOICE = "stele.theme";

export function theme(): Theme {
  const chosen = localStorage.getItem(CHOICE);
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

export function chooseTheme(chosen: Theme): void {
  localStorage.setItem(CHOICE, chosen);
  applyTheme();
}
