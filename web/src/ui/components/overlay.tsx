/** Dialogs and menus: Ariakit's behaviour, our looks. */
import * as Ariakit from "@ariakit/react";
import { X } from "lucide-react";
import type { ReactNode } from "react";

import { useT } from "../i18n";
import { IconButton } from "./basics";

export function Dialog({ open, onClose, title, wide, children }: { open: boolean; onClose: () => void; title: string; wide?: boolean; children: ReactNode }) {
  const t = useT();
  return (
    <Ariakit.Dialog open={open} onClose={onClose} unmountOnHide className={wide ? "dialog wide" : "dialog"} backdrop={<div className="backdrop" />}>
      <div className="row between">
        <Ariakit.DialogHeading className="grow" render={<h2 />}>
          {title}
        </Ariakit.DialogHeading>
        <IconButton label={t("Close")} kind="quiet" small onClick={onClose}>
          <X size={18} aria-hidden />
        </IconButton>
      </div>
      {children}
    </Ariakit.Dialog>
  );
}

export interface MenuEntry {
  label: ReactNode;
  onPick: () => void;
}

export function Menu({ label, button, entries }: { label: string; button: ReactNode; entries: readonly MenuEntry[] }) {
  return (
    <Ariakit.MenuProvider placement="bottom-end">
      <Ariakit.MenuButton className="button quiet small" aria-label={label}>
        {button}
      </Ariakit.MenuButton>
      <Ariakit.Menu gutter={6} className="menu">
        {entries.map((entry, i) => (
          <Ariakit.MenuItem key={i} className="menu-item" onClick={entry.onPick}>
            {entry.label}
          </Ariakit.MenuItem>
        ))}
      </Ariakit.Menu>
    </Ariakit.MenuProvider>
  );
}
