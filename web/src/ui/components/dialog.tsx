/** A dialog: Ariakit's behaviour, our looks. Loaded by the first click that needs one. */
import * as Ariakit from "@ariakit/react";
import { X } from "lucide-react";

import { useT } from "../i18n";
import { IconButton } from "./basics";
import type { DialogProps } from "./overlay";

export default function Dialog({ open, onClose, title, wide, children }: DialogProps) {
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
